"""Unfinished input of panels and wizards; expires a day after the last change."""

from typing import Any

from balancer.exceptions import NotFound
from balancer.models import Draft


def save_draft(
    *, user: Any, kind: str, subject_id: str, content: dict[str, Any], draft: Draft | None = None
) -> Draft:
    """Keep the content in a new draft or in the given one."""
    if draft is None:
        return Draft.objects.create(user=user, kind=kind, subject_id=subject_id, content=content)
    draft.content = content
    draft.save()  # every column: the same panel in another tab may have discarded it meanwhile
    return draft


def get_draft(user: Any, draft_id: str) -> Draft:
    """Return the user's own draft; raise NotFound for any other."""
    draft = Draft.objects.filter(user=user, public_id=draft_id).first()
    if draft is None:
        raise NotFound(
            "draft_not_found", "This unfinished input has expired or belongs to someone else."
        )
    return draft


def discard_draft(draft: Draft) -> None:
    """Forget the content."""
    draft.delete()
