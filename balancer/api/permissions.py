"""What a role may do through the API, asked before the body is read; selectors ask again."""

from typing import Any

from django.http import Http404
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from balancer.rights import Right, check_right, has_right


class RoleRights(BasePermission):
    """Reading needs the right to view; anything else needs the view's ``write_right``."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return False for nobody (401), raise NotAllowed for a role without the right (403).

        What an address names must be seen before anything is refused: else it is not there (404).
        """
        if not (request.user and request.user.is_authenticated):
            return False
        writes = request.method not in SAFE_METHODS
        right = view.write_right if writes else Right.VIEW
        if not has_right(request.user, right):
            if view.kwargs and not has_right(request.user, Right.VIEW):
                raise Http404
            view.check_seen()
            check_right(request.user, right)
        return True
