"""Unfinished input: kept for its user, replaced, discarded."""

import pytest

from balancer.choices import DraftKind
from balancer.exceptions import NotFound
from balancer.models import Draft
from balancer.rights import Role
from balancer.services.drafts import discard_draft, get_draft, save_draft


@pytest.fixture
def owner(user_of):
    return user_of(Role.OPERATOR)


@pytest.fixture
def draft(owner) -> Draft:
    return save_draft(
        user=owner, kind=DraftKind.SERVER_PANEL, subject_id="rsp-1", content={"weight": "80"}
    )


def test_input_is_found_again(owner, draft):
    """E1.13: what was typed survives a login."""
    found = get_draft(owner, draft.public_id)
    assert (found.subject_id, found.content) == ("rsp-1", {"weight": "80"})


def test_later_input_replaces_it(owner, draft):
    save_draft(
        user=owner,
        kind=DraftKind.SERVER_PANEL,
        subject_id="rsp-1",
        content={"weight": "90"},
        draft=draft,
    )
    assert get_draft(owner, draft.public_id).content == {"weight": "90"}
    assert Draft.objects.count() == 1


def test_nobody_else_sees_it(user_of, draft):
    with pytest.raises(NotFound):
        get_draft(user_of(Role.ADMIN), draft.public_id)


def test_discarded_input_is_gone(owner, draft):
    public_id = draft.public_id
    discard_draft(draft)
    with pytest.raises(NotFound):
        get_draft(owner, public_id)


def test_input_survives_that_another_tab_discarded_it(owner, draft):
    discard_draft(get_draft(owner, draft.public_id))
    save_draft(
        user=owner, kind=draft.kind, subject_id="rsp-1", content={"weight": "70"}, draft=draft
    )
    assert get_draft(owner, draft.public_id).content == {"weight": "70"}
