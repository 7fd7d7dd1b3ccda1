"""The users of a fresh installation and the file that tells its owner their passwords."""

import json
import os
import secrets
from pathlib import Path

from django.contrib.auth.models import Group, User
from django.db import transaction

from balancer.actors import Actor
from balancer.rights import Role
from balancer.services.credentials import create_access_key, create_api_token

_PASSWORD_BYTES = 15


@transaction.atomic
def create_first_users(credentials_file: Path, console_url: str) -> bool:
    """Create one user of each role with random secrets, unless there are users already.

    The file (mode 0600, shape in contract.md) is written before the commit: a crash in between
    leaves no user whose password nobody knows. Returns whether users were created.
    """
    if User.objects.exists():
        return False
    actor = Actor.system("first start")
    content: dict[str, object] = {"console": console_url}
    users: dict[str, dict[str, str]] = {}
    access_keys: dict[str, dict[str, str]] = {}
    api_tokens: dict[str, str] = {}
    for role in Role:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        user = User.objects.create_user(
            role.value, password=password, is_staff=True, is_superuser=role is Role.ADMIN
        )
        user.groups.add(Group.objects.get(name=role.value))
        key, secret = create_access_key(actor=actor, user=user)
        _, token = create_api_token(actor=actor, user=user, name="first start")
        users[role.value] = {"username": role.value, "password": password}
        access_keys[role.value] = {"id": key.key_id, "secret": secret}
        api_tokens[role.value] = token
    content |= {"users": users, "access_keys": access_keys, "api_tokens": api_tokens}
    _write_private(credentials_file, content)
    return True


def refresh_console_url(credentials_file: Path, console_url: str) -> None:
    """Keep the file's address true when the installation listens elsewhere than before."""
    if not credentials_file.exists():
        return
    content = json.loads(credentials_file.read_text())
    if content.get("console") != console_url:
        _write_private(credentials_file, content | {"console": console_url})


def _write_private(path: Path, content: dict[str, object]) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
