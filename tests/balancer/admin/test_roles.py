"""The admin x role: everyone of a role may look, only some may edit, the system's rows nobody."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group

from balancer.admin.base import ReadOnlyAdmin, ServiceAdmin
from balancer.models import Activity, Certificate, LoadBalancer
from balancer.rights import Right, Role
from balancer.sealing import CERTIFICATE_KEYS, seal
from tests.balancer.admin.pages import address, submit

MODELS = list(apps.get_app_config("balancer").get_models())


def test_every_model_is_registered_and_shows_itself_usefully():
    for model in MODELS:
        site_admin = admin.site._registry[model]
        assert isinstance(site_admin, ServiceAdmin | ReadOnlyAdmin)
        assert len(site_admin.list_display) > 1
        assert site_admin.search_fields
        assert not site_admin.list_editable


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_role_may_look_at_every_list(site_of, estate, role, model):
    site = site_of(role)
    answer = site.get(address(model, "changelist"), {"q": "10.0.0.1"})
    assert answer.status_code == 200
    assert site.get(address(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_viewer_can_add_nothing(site_of, estate, model):
    site = site_of(Role.VIEWER)
    assert site.get(address(model, "add")).status_code == 403
    assert site.post(address(model, "add"), {"name": "x"}).status_code == 403


def test_a_viewer_changes_and_deletes_nothing(site_of, estate):
    site = site_of(Role.VIEWER)
    for row in (estate.load_balancer, estate.listener, estate.group, *estate.servers):
        change, delete = address(row, "change", row.pk), address(row, "delete", row.pk)
        assert site.get(change).status_code == 200
        assert site.post(change, {"name": "x", "weight": 1}).status_code == 403
        assert site.post(delete, {"post": "yes"}).status_code == 403
        for action in ("delete_selected", "stop"):
            values = {"action": action, "_selected_action": row.pk, "post": "yes"}
            site.post(address(row, "changelist"), values)
    estate.listener.refresh_from_db()
    estate.load_balancer.refresh_from_db()
    assert estate.listener.is_running
    assert estate.load_balancer.is_active
    assert [server.group_id for server in estate.servers] == [estate.group.pk] * 3
    assert Activity.objects.count() == 0


@pytest.mark.parametrize("role", list(Role))
def test_what_the_system_owns_is_edited_by_nobody(site_of, estate, role):
    site = site_of(role)
    owned = [m for m in MODELS if isinstance(admin.site._registry[m], ReadOnlyAdmin)]
    assert Activity in owned
    assert {"HealthFlip", "HealthState", "PublishHead", "Measurement", "RequestNonce"} <= {
        model.__name__ for model in owned
    }
    for model in owned:
        assert site.post(address(model, "add"), {}).status_code == 403


def test_rows_of_the_record_are_shown_whole_but_not_edited(site_of, site, estate):
    submit(site, address(estate.listener, "change", estate.listener.pk), name="renamed")
    entry = Activity.objects.get()
    page = site_of(Role.ADMIN).get(address(entry, "change", entry.pk))
    assert b"the-operator" in page.content
    assert b'name="_save"' not in page.content


def test_an_operator_does_not_see_the_users(site_of, estate):
    assert site_of(Role.OPERATOR).get("/admin/auth/user/").status_code == 403
    assert site_of(Role.ADMIN).get("/admin/auth/user/").status_code == 200


def test_model_permissions_without_a_role_open_nothing(site, user_of, estate):
    """Rights come from the role; a permission given by hand cannot widen them."""
    user = user_of(Role.OPERATOR)
    user.groups.clear()
    user.user_permissions.set(Group.objects.get(name="admin").permissions.all())
    assert site.get(address(LoadBalancer, "changelist")).status_code == 403


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
