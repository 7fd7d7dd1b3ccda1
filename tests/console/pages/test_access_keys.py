"""The page of access keys: shown once, switched off, and gone."""

import re

import pytest

from balancer.actors import Actor
from balancer.models import AccessKey, Activity
from balancer.rights import Role
from balancer.services.credentials import create_access_key, reveal_secret
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db
KEYS = "/console/access-keys"


def shown(response):
    return response.content.decode()


@pytest.fixture
def key(user_of):
    made, _ = create_access_key(actor=Actor.system("test"), user=user_of(Role.OPERATOR))
    return made


def test_secret_is_shown_once_and_kept_nowhere_readable(operator, estate):
    answer = operator.post(f"{KEYS}/new")
    key = AccessKey.objects.get()
    secret = reveal_secret(key)
    assert secret in shown(answer)
    assert "no-store" in answer["Cache-Control"]
    check_markup(shown(answer))
    page = shown(operator.get(KEYS))
    assert key.key_id in page
    assert secret not in page
    assert secret not in key.encrypted_secret
    assert secret not in str(list(Activity.objects.values_list("before", "after", "object_name")))


def test_key_is_disabled_enabled_and_deleted(operator, estate, key):
    page = f"{KEYS}/{key.key_id}"
    assert operator.post(f"{page}/delete").status_code == 409  # while it is in use
    operator.post(f"{page}/disable")
    text = shown(operator.get(KEYS))
    assert "Disabled" in text
    check_markup(text)
    operator.post(f"{page}/enable")
    key.refresh_from_db()
    assert key.is_active
    operator.post(f"{page}/disable")
    assert operator.post(f"{page}/delete")["Location"] == KEYS
    assert not AccessKey.objects.exists()
    assert Activity.objects.filter(action="access_key.deleted").exists()


def test_people_see_their_own_keys_and_administrators_all(operator, viewer, client_of, estate, key):
    assert key.key_id in shown(operator.get(KEYS))
    assert key.key_id not in shown(viewer.get(KEYS))
    text = shown(client_of(Role.ADMIN).get(KEYS))
    assert key.key_id in text
    assert "the-operator" in text
    assert viewer.post(f"{KEYS}/{key.key_id}/disable").status_code == 404


def test_viewer_makes_no_key(viewer, estate):
    text = shown(viewer.get(KEYS))
    assert not re.search(r"Create access key", text)
    assert viewer.post(f"{KEYS}/new").status_code == 403
    assert not AccessKey.objects.exists()


def test_nothing_changes_by_looking(operator, estate, key):
    for path in ("new", f"{key.key_id}/disable", f"{key.key_id}/delete"):
        assert operator.get(f"{KEYS}/{path}").status_code == 405
