"""The door of the Django admin: staff with a role; what they find inside is the role's."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from balancer.rights import Right, has_right


class RoleAdminSite(AdminSite):
    """An admin that nobody enters without the right to view."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may enter."""
        user: Any = request.user
        return super().has_permission(request) and has_right(user, Right.VIEW)
