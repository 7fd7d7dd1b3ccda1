"""What a role may do through the API, asked before the body is read; selectors ask again."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from balancer.rights import Right, check_right


class RoleRights(BasePermission):
    """Reading needs the right to view; anything else needs the view's ``write_right``."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return False for nobody (401), raise NotAllowed for a role without the right (403)."""
        if not (request.user and request.user.is_authenticated):
            return False
        writes = request.method not in SAFE_METHODS
        check_right(request.user, view.write_right if writes else Right.VIEW)
        return True
