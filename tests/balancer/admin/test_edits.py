"""Every edit in the admin goes through a service: recorded, published, or refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from balancer.actors import Actor
from balancer.admin.base import ServiceAdmin
from balancer.models import (
    AccessKey,
    AccessList,
    AccessListEntry,
    Activity,
    ApiToken,
    BackendServer,
    Certificate,
    DomainCertificate,
    EcsInstance,
    ForwardingRule,
    IdcServer,
    InterfaceAddress,
    Listener,
    LoadBalancer,
    NetworkInterface,
    PublishHead,
    Region,
    ServerGroup,
    UserPreference,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.rights import Role
from balancer.services.credentials import create_access_key, create_api_token
from tests.balancer.admin.pages import address, errors_of, fields_of, submit
from tests.balancer.estate import Estate
from tests.certificates import certificate_for, issue


@dataclass(frozen=True)
class Edit:
    """One edit of one row: the field, its new value, and whether the proxies must hear of it."""

    row: Callable[[Estate], Model]
    field: str
    value: Any
    action: str
    is_published: bool = False


def add_interface(estate: Estate) -> NetworkInterface:
    interface = NetworkInterface.objects.create(
        name="eni", vswitch=estate.vswitch, instance=estate.servers[0].ecs_instance
    )
    first = InterfaceAddress.objects.create(
        interface=interface, address="10.0.5.1", is_primary=True
    )
    BackendServer.objects.create(group=estate.group, interface_address=first)
    return interface


def add_idc_server(estate: Estate) -> IdcServer:
    server = IdcServer.objects.create(
        name="idc", region=estate.load_balancer.region, address="10.0.6.1"
    )
    BackendServer.objects.create(group=estate.group, idc_server=server)
    return server


def add_vserver_group(estate: Estate) -> ServerGroup:
    return ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind="vserver", name="blue"
    )


def add_access_list(estate: Estate) -> AccessList:
    """Return a list that the estate's listener denies."""
    made = AccessList.objects.create(region=estate.zone.region, name="office")
    made.entries.create(network="10.0.0.0/8")
    Listener.objects.update(access_enabled=True, access_kind="deny")
    estate.listener.access_lists.add(made)
    return made


def add_certificate(estate: Estate) -> Certificate:
    issued = certificate_for("shop.example")
    return Certificate.objects.create(
        region=estate.zone.region, name="other", certificate_pem=issued.pem
    )


EDITS = {
    Region: Edit(lambda e: e.load_balancer.region, "name", "Renamed", "region.renamed"),
    Zone: Edit(lambda e: e.zone, "name", "Renamed", "zone.renamed"),
    Vpc: Edit(lambda e: e.vswitch.vpc, "name", "Renamed", "vpc.renamed"),
    VSwitch: Edit(lambda e: e.vswitch, "name", "Renamed", "vswitch.renamed"),
    EcsInstance: Edit(
        lambda e: e.servers[0].ecs_instance,
        "private_address",
        "10.0.0.99",
        "ecs_instance.changed",
        is_published=True,
    ),
    NetworkInterface: Edit(add_interface, "name", "renamed", "network_interface.changed"),
    IdcServer: Edit(add_idc_server, "address", "10.0.6.9", "idc_server.changed", is_published=True),
    LoadBalancer: Edit(lambda e: e.load_balancer, "name", "renamed", "load_balancer.renamed"),
    Listener: Edit(
        lambda e: e.listener, "check_interval_s", 5, "listener.changed", is_published=True
    ),
    ForwardingRule: Edit(
        lambda e: e.add_rule("rule", "a.example"),
        "name",
        "renamed",
        "forwarding_rule.changed",
        is_published=True,
    ),
    ServerGroup: Edit(add_vserver_group, "name", "green", "server_group.renamed"),
    Certificate: Edit(add_certificate, "name", "shop-2", "certificate.renamed"),
    AccessList: Edit(add_access_list, "name", "lan", "access_list.renamed"),
    BackendServer: Edit(
        lambda e: e.servers[0], "weight", 7, "server.weight_changed", is_published=True
    ),
}
WITH_OWN_TESTS = {UserPreference, AccessKey, ApiToken, AccessListEntry, DomainCertificate}
"""Editable ones with tests of their own below."""


def wanted(estate: Estate) -> int:
    head = PublishHead.objects.filter(
        load_balancer_public_id=estate.load_balancer.public_id
    ).first()
    return head.wanted if head else 0


def test_every_editable_model_is_in_the_table():
    editable = {
        model
        for model, site_admin in admin.site._registry.items()
        if isinstance(site_admin, ServiceAdmin)
    }
    assert editable == EDITS.keys() | WITH_OWN_TESTS


@pytest.mark.parametrize("model", EDITS, ids=lambda model: model.__name__)
def test_an_edit_is_stored_recorded_and_published(site: Client, estate, model):
    edit = EDITS[model]
    row = edit.row(estate)
    before = wanted(estate)
    answer = submit(site, address(row, "change", row.pk), **{edit.field: edit.value})
    assert answer.status_code == 302, errors_of(answer)
    row.refresh_from_db()
    assert getattr(row, edit.field) == edit.value
    entry = Activity.objects.get()
    assert (entry.action, entry.entrance) == (edit.action, "admin")
    assert entry.actor_name == "the-operator"
    assert (wanted(estate) > before) == edit.is_published


@pytest.mark.parametrize("model", EDITS, ids=lambda model: model.__name__)
def test_saving_unchanged_changes_nothing(site: Client, estate, model):
    row = EDITS[model].row(estate)
    columns = model.objects.filter(pk=row.pk).values()
    before = columns.get()
    assert submit(site, address(row, "change", row.pk)).status_code == 302
    assert columns.get() == before
    assert Activity.objects.count() == 0


@pytest.mark.parametrize(
    "weight", ["-1", "101", "abc", "", "１００", "+5", "5.0", "0_5", "9" * 400]
)
def test_a_wrong_weight_is_a_form_error(site: Client, estate, weight):
    server = estate.servers[0]
    answer = submit(site, address(server, "change", server.pk), weight=weight)
    assert "weight" in errors_of(answer)
    server.refresh_from_db()
    assert server.weight == 50


def test_a_refusal_of_a_service_stands_at_its_field_and_keeps_what_was_typed(site, estate):
    url = address(Listener, "change", estate.listener.pk)
    answer = submit(site, url, syn_proxy="on", name="typed")
    assert "syn_proxy" in errors_of(answer)
    assert fields_of(answer)["name"] == "typed"
    estate.listener.refresh_from_db()
    assert estate.listener.name == "http"
    assert Activity.objects.count() == 0


def test_a_stale_page_is_refused(site, estate):
    server = estate.servers[0]
    url = address(server, "change", server.pk)
    page = fields_of(site.get(url))
    submit(site, url, weight=10)
    answer = site.post(url, page | {"weight": 20})
    assert "since you opened it" in str(errors_of(answer))
    server.refresh_from_db()
    assert server.weight == 10


def test_a_load_balancer_is_added_with_an_address_and_released(site, estate):
    answer = submit(site, address(LoadBalancer, "add"), name="api", region=estate.zone.region_id)
    assert answer.status_code == 302, errors_of(answer)
    made = LoadBalancer.objects.get(name="api")
    assert made.address.startswith("127.88.")
    assert made.server_groups.count() == 1
    answer = site.post(address(made, "delete", made.pk), {"post": "yes"})
    assert answer.status_code == 302
    assert not LoadBalancer.objects.filter(name="api").exists()
    assert PublishHead.objects.get(load_balancer_public_id=made.public_id).deleted


def test_a_load_balancer_gets_a_peak_bandwidth(site, estate):
    row = estate.load_balancer
    submit(site, address(row, "change", row.pk), bandwidth_mbps="12")
    row.refresh_from_db()
    assert row.bandwidth_mbps == 12
    assert row.billing["internet_charge_type"] == "paybybandwidth"


def test_a_protected_load_balancer_stays_and_says_why(site, estate):
    estate.load_balancer.deletion_protection = True
    estate.load_balancer.save()
    url = address(estate.load_balancer, "delete", estate.load_balancer.pk)
    answer = site.post(url, {"post": "yes"}, follow=True)
    assert b"protected against release" in answer.content
    values = {"action": "delete_selected", "_selected_action": estate.load_balancer.pk}
    answer = site.post(address(LoadBalancer, "changelist"), values | {"post": "yes"}, follow=True)
    assert b"protected against release" in answer.content
    assert LoadBalancer.objects.count() == 1


def test_the_delete_action_is_whole_or_not_at_all(site, estate):
    """One protected instance among two keeps both; nothing is published."""
    other = estate.add_load_balancer("127.88.0.2")
    other.deletion_protection = True
    other.save()
    values = {
        "action": "delete_selected",
        "_selected_action": [estate.load_balancer.pk, other.pk],
        "post": "yes",
    }
    site.post(address(LoadBalancer, "changelist"), values)
    assert LoadBalancer.objects.count() == 2
    assert not PublishHead.objects.filter(deleted=True).exists()


def test_a_server_is_added_and_taken_out(site, estate):
    machine = EcsInstance.objects.create(
        name="spare", zone=estate.zone, vswitch=estate.vswitch, private_address="10.0.0.50"
    )
    values = {"group": estate.group.pk, "ecs_instance": machine.pk, "weight": 30}
    answer = submit(site, address(BackendServer, "add"), **values)
    assert answer.status_code == 302, errors_of(answer)
    made = BackendServer.objects.get(ecs_instance=machine)
    assert wanted(estate) == 1
    site.post(address(made, "delete", made.pk), {"post": "yes"})
    assert not BackendServer.objects.filter(pk=made.pk).exists()
    assert wanted(estate) == 2


@pytest.mark.parametrize("machines", [0, 2])
def test_a_server_is_exactly_one_machine(site, estate, machines):
    values = {"group": estate.group.pk, "weight": 30}
    if machines:
        values["ecs_instance"] = estate.servers[0].ecs_instance_id
        values["idc_server"] = add_idc_server(estate).pk
    answer = submit(site, address(BackendServer, "add"), **values)
    assert "exactly one machine" in str(errors_of(answer))


def test_a_doubled_server_is_refused(site, estate):
    values = {"group": estate.group.pk, "ecs_instance": estate.servers[0].ecs_instance_id}
    answer = submit(site, address(BackendServer, "add"), **values)
    assert errors_of(answer)
    assert BackendServer.objects.count() == 3


def test_a_listener_is_added_with_the_service_s_defaults(site, estate):
    values = {
        "load_balancer": estate.load_balancer.pk,
        "protocol": "http",
        "port": 8080,
        "backend_port": 8080,
        "name": "more",
        "scheduler": "round_robin",
    }
    hashed = submit(site, address(Listener, "add"), **values | {"scheduler": "source_hash"})
    assert "must be one of" in str(errors_of(hashed))
    answer = submit(site, address(Listener, "add"), **values)
    assert answer.status_code == 302, errors_of(answer)
    assert Listener.objects.get(name="more").scheduler == "round_robin"
    assert Listener.objects.get(name="more").check_kind == "http"


def test_listeners_and_load_balancers_are_stopped_and_started(site, estate):
    for row, idle in ((estate.listener, "stopped"), (estate.load_balancer, "inactive")):
        values = {"_selected_action": row.pk}
        running = row.status
        site.post(address(row, "changelist"), values | {"action": "stop"})
        row.refresh_from_db()
        assert row.status == idle
        site.post(address(row, "changelist"), values | {"action": "start"})
        row.refresh_from_db()
        assert row.status == running
    assert wanted(estate) == 4


def test_addresses_of_an_interface_are_edited_in_its_table(site, estate):
    interface = add_interface(estate)
    url = address(interface, "change", interface.pk)
    answer = submit(site, url, **{"addresses-1-address": "10.0.5.2"})
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    assert [each.address for each in interface.addresses.all()] == ["10.0.5.1", "10.0.5.2"]
    answer = submit(site, url, **{"addresses-0-DELETE": "on", "addresses-1-is_primary": "on"})
    assert answer.status_code == 200
    assert interface.addresses.count() == 2  # a group uses the first one


def test_an_interface_is_added_with_its_addresses(site, estate):
    values = {
        "name": "new",
        "vswitch": estate.vswitch.pk,
        "addresses-0-address": "10.0.7.1",
        "addresses-0-is_primary": "on",
    }
    answer = submit(site, address(NetworkInterface, "add"), **values)
    assert answer.status_code == 302, errors_of(answer)
    made = NetworkInterface.objects.get(name="new")
    assert made.addresses.get().is_primary


def test_networks_are_added_to_a_list_and_taken_out(site, estate):
    office = add_access_list(estate)
    values = {"access_list": office.pk, "network": "192.0.2.7"}
    answer = submit(site, address(AccessListEntry, "add"), **values | {"network": "10.0.0.1/8"})
    assert "10.0.0.0/8" in str(errors_of(answer))
    answer = submit(site, address(AccessListEntry, "add"), **values)
    assert answer.status_code == 302, errors_of(answer)
    made = AccessListEntry.objects.get(network="192.0.2.7/32")
    assert wanted(estate) == 1
    site.post(address(made, "delete", made.pk), {"post": "yes"})
    assert not AccessListEntry.objects.filter(pk=made.pk).exists()
    assert wanted(estate) == 2


def test_a_list_in_use_stays_and_the_listener_lets_go_of_it(site, estate):
    """What access control points at goes with it, and nothing brings it back."""
    office = add_access_list(estate)
    answer = site.post(address(office, "delete", office.pk), {"post": "yes"}, follow=True)
    assert b"is used by HTTP: 80" in answer.content
    url = address(Listener, "change", estate.listener.pk)
    answer = submit(site, url, access_kind=None)
    assert "access_kind" in errors_of(answer)
    answer = submit(site, url, access_enabled=None, access_kind=None, access_lists=None)
    assert answer.status_code == 302, errors_of(answer)
    assert not estate.listener.access_lists.exists()
    assert submit(site, url, access_enabled="on").status_code == 200
    values = {"access_enabled": "on", "access_kind": "allow", "access_lists": [office.pk]}
    assert submit(site, url, **values).status_code == 302
    assert list(estate.listener.access_lists.all()) == [office]


def test_certificates_are_uploaded_replaced_and_given_to_domains(site, estate):
    issued = certificate_for("shop.example")
    values = {
        "region": estate.zone.region.pk,
        "name": "shop",
        "certificate_pem": issued.pem,
        "private_key_pem": certificate_for("other.example").key_pem,
    }
    answer = submit(site, address(Certificate, "add"), **values)
    assert "does not belong" in str(errors_of(answer))
    values["private_key_pem"] = issued.key_pem
    answer = submit(site, address(Certificate, "add"), **values)
    assert answer.status_code == 302, errors_of(answer)
    made = Certificate.objects.get()
    listener = Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol="https",
        port=443,
        backend_port=80,
        name="https",
        status="running",
        certificate=made,
    )
    fresh = issue("shop.example")
    url = address(made, "change", made.pk)
    changes = {"certificate_pem": fresh.pem, "private_key_pem": fresh.key_pem}
    assert submit(site, url, **changes).status_code == 302
    made.refresh_from_db()
    assert made.certificate_pem == fresh.pem
    assert wanted(estate) == 1
    assert b"PRIVATE KEY" not in site.get(url).content
    values = {"listener": listener.pk, "domain": "b.example", "certificate": made.pk}
    answer = submit(site, address(DomainCertificate, "add"), **values)
    assert answer.status_code == 302, errors_of(answer)
    row = DomainCertificate.objects.get()
    other = add_certificate(estate)
    submit(site, address(row, "change", row.pk), certificate=other.pk)
    row.refresh_from_db()
    assert row.certificate == other
    site.post(address(row, "delete", row.pk), {"post": "yes"})
    assert not DomainCertificate.objects.exists()
    assert wanted(estate) == 4


def test_a_place_in_use_stays(site, estate):
    for place in (estate.zone, estate.zone.region, estate.vswitch, estate.vswitch.vpc):
        answer = site.post(address(place, "delete", place.pk), {"post": "yes"}, follow=True)
        assert b"still holds" in answer.content
    assert (Region.objects.count(), Zone.objects.count(), Vpc.objects.count()) == (1, 1, 1)


def test_preferences_keys_and_tokens_are_the_administrators(site_of, user_of, estate):
    actor = Actor.system("test")
    key, _ = create_access_key(actor=actor, user=user_of(Role.VIEWER))
    token, _ = create_api_token(actor=actor, user=user_of(Role.VIEWER), name="test")
    preference = UserPreference.objects.create(user=user_of(Role.VIEWER))
    site = site_of(Role.ADMIN)
    assert submit(site, address(key, "change", key.pk), is_active=None).status_code == 302
    submit(site, address(preference, "change", preference.pk), theme="dark")
    site.post(address(token, "changelist"), {"action": "revoke", "_selected_action": token.pk})
    for row in (key, token, preference):
        row.refresh_from_db()
    assert (key.is_active, token.is_active, preference.theme) == (False, False, "dark")
