"""The admin beyond tests/entrances: usable lists, no secrets, strict pages, users that go."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User

from balancer.actors import Actor
from balancer.admin.base import ReadOnlyAdmin, ServiceAdmin
from balancer.models import Activity, Certificate, LoadBalancer
from balancer.rights import Right, Role
from balancer.sealing import CERTIFICATE_KEYS, seal
from balancer.services.credentials import create_api_token
from balancer.services.preferences import update_preference
from tests.balancer.admin.pages import address, submit

MODELS = list(apps.get_app_config("balancer").get_models())


def test_every_model_is_registered_and_shows_itself_usefully():
    for model in MODELS:
        site_admin = admin.site._registry[model]
        assert isinstance(site_admin, ServiceAdmin | ReadOnlyAdmin)
        assert len(site_admin.list_display) > 1
        assert site_admin.search_fields
        assert not site_admin.list_editable


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_can_be_searched(site, estate, model):
    assert site.get(address(model, "changelist"), {"q": "10.0.0.1"}).status_code == 200


def test_a_user_is_deleted_with_all_that_is_theirs(site_of, user_of):
    """Tokens cannot be deleted one by one; they do not keep their owner in the system."""
    theirs = user_of(Role.OPERATOR)
    create_api_token(actor=Actor.system("test"), user=theirs, name="x")
    update_preference(theirs, theme="dark")
    answer = site_of(Role.ADMIN).post(address(theirs, "delete", theirs.pk), {"post": "yes"})
    assert answer.status_code == 302
    assert not User.objects.filter(pk=theirs.pk).exists()
    assert Activity.objects.get(action="api_token.created").object_type == "apitoken"


def test_rows_of_the_record_are_shown_whole_but_not_edited(site_of, site, estate):
    submit(site, address(estate.listener, "change", estate.listener.pk), name="renamed")
    entry = Activity.objects.get()
    page = site_of(Role.ADMIN).get(address(entry, "change", entry.pk))
    assert b"the-operator" in page.content
    assert b'name="_save"' not in page.content


def test_model_permissions_without_a_role_open_nothing(site, user_of, estate):
    """Rights come from the role; a permission given by hand cannot widen them."""
    user = user_of(Role.OPERATOR)
    user.groups.clear()
    user.user_permissions.set(Group.objects.get(name="admin").permissions.all())
    answer = site.get(address(LoadBalancer, "changelist"), follow=True)
    assert (answer.status_code, answer.redirect_chain[-1][0][:13]) == (403, "/admin/login/")


def test_private_keys_are_never_shown(site_of, estate):
    row = Certificate.objects.create(
        region=estate.zone.region,
        name="x",
        certificate_pem="CERT",
        sealed_private_key=seal("SECRET-KEY", CERTIFICATE_KEYS),
    )
    page = site_of(Role.ADMIN).get(address(row, "change", row.pk))
    assert page.status_code == 200
    assert b"SECRET-KEY" not in page.content
    assert row.sealed_private_key.encode() not in page.content


def test_the_pages_run_under_the_strict_policy(site, estate):
    for url in ("/admin/", address(LoadBalancer, "changelist"), address(LoadBalancer, "add")):
        page = site.get(url)
        text = page.content.decode()
        assert "unsafe" not in page["Content-Security-Policy"]
        assert " style=" not in text
        assert " onclick=" not in text
        assert all("src=" in script for script in re.findall("<script[^>]*>", text))


@pytest.mark.parametrize("role", list(Role))
def test_roles_bring_their_permissions_with_them(db, role):
    granted = Group.objects.get(name=role.value).permissions
    assert granted.filter(codename="view_loadbalancer").exists()
    may_change = granted.filter(codename="change_loadbalancer").exists()
    assert may_change == (Right.CHANGE in {Role.VIEWER: set()}.get(role, {Right.CHANGE}))
