"""What each role may do in the Django admin: model permissions of the role's group.

Set after every migration and not once in one, for new models bring new permissions. The services
and selectors ask ``rights.py``; these permissions only open the same doors in the admin.
"""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.contrib.auth.management import create_permissions

from balancer.rights import Role

OWN_APP = "balancer"
ADMINISTERED_APPS = frozenset({OWN_APP, "auth", "admin", "axes", "otp_static", "otp_totp"})

ADMINISTERED_MODELS = frozenset({"accesskey", "apitoken"})
"""Credentials of all users: operators manage their own through the API."""


def grant_role_permissions(
    app_config: AppConfig, using: str = "default", apps: Any = global_apps, **kwargs: Any
) -> None:
    """Receiver of post_migrate: give the groups the permissions of one app's models."""
    if app_config.label not in ADMINISTERED_APPS:
        return
    create_permissions(app_config, verbosity=0, using=using, apps=apps)
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:
        return  # migrated back to before the users' app
    permissions = permission_model.objects.using(using).filter(
        content_type__app_label=app_config.label
    )
    for role in Role:
        group, _ = group_model.objects.using(using).get_or_create(name=role.value)
        granted = [each for each in permissions if _is_granted(role, app_config.label, each)]
        group.permissions.add(*granted)


def _is_granted(role: Role, app_label: str, permission: Any) -> bool:
    act, _, model = permission.codename.partition("_")
    if role is Role.ADMIN:
        return True
    if app_label != OWN_APP:
        return False
    return act == "view" or (role is Role.OPERATOR and model not in ADMINISTERED_MODELS)
