"""If-Match and If-None-Match on every noun: nobody overwrites what they have not read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from balancer.models import (
    AccessKey,
    AccessList,
    ApiToken,
    Certificate,
    DomainCertificate,
    IdcServer,
    Listener,
    NetworkInterface,
)
from tests.balancer.api.problems import problem_of
from tests.balancer.estate import Estate


@dataclass(frozen=True)
class Noun:
    """A row by its path, a PATCH that changes it, and acts on it by their last step."""

    path: str
    change: dict[str, Any] | None
    acts: tuple[str, ...] = ()


NOUNS = {
    "region": Noun("regions/cn-test/", {"name": "Renamed"}),
    "zone": Noun("zones/cn-test-a/", {"name": "Renamed"}),
    "vpc": Noun("vpcs/vpc-1/", {"name": "Renamed"}),
    "vswitch": Noun("vswitches/vsw-1/", {"name": "Renamed"}),
    "ecs_instance": Noun("ecs-instances/{machine}/", {"name": "renamed"}),
    "interface": Noun("network-interfaces/{interface}/", {"name": "renamed"}),
    "idc_server": Noun("idc-servers/{idc}/", {"name": "renamed"}),
    "load_balancer": Noun(
        "load-balancers/{load_balancer}/", {"name": "renamed"}, ("stop", "start", "protection")
    ),
    "listener": Noun("listeners/{listener}/", {"check_interval_s": 7}, ("stop", "start")),
    "rule": Noun("forwarding-rules/{rule}/", {"name": "renamed"}),
    "group": Noun("server-groups/{group}/", {"name": "renamed"}),
    "server": Noun("backend-servers/{server}/", {"weight": 1}),
    "certificate": Noun("certificates/{certificate}/", {"name": "renamed"}),
    "domain": Noun(
        "listeners/{https}/domain-certificates/{domain}/", {"certificate": "{certificate}"}
    ),
    "access_list": Noun("access-lists/{access_list}/", {"name": "renamed"}),
    "access_key": Noun("access-keys/{access_key}/", {"is_active": False}),
    "token": Noun("tokens/{token}/", None),
}


@pytest.fixture
def ids(estate: Estate, operator: APIClient) -> dict[str, str]:
    """Return the ids of one row of each noun."""
    estate.add_rule("rule", "a.example")
    region = estate.zone.region
    used, free = (
        Certificate.objects.create(region=region, name=name, certificate_pem="x")
        for name in ("used", "free")
    )
    https = Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol="https",
        port=443,
        backend_port=80,
        name="https",
        certificate=used,
    )
    domain = DomainCertificate.objects.create(listener=https, domain="a.example", certificate=used)
    token = ApiToken.objects.get()
    key = AccessKey.objects.create(key_id="AKtest", encrypted_secret="x", user=token.user)
    interface = NetworkInterface.objects.create(name="eni", vswitch=estate.vswitch)
    idc = IdcServer.objects.create(name="idc", region=region, address="10.9.9.9")
    return {
        "load_balancer": estate.load_balancer.public_id,
        "listener": estate.listener.public_id,
        "group": estate.add_group("blue").public_id,
        "server": estate.servers[0].public_id,
        "machine": estate.servers[0].machine_id,
        "interface": interface.public_id,
        "idc": idc.public_id,
        "rule": estate.listener.rules.get().public_id,
        "certificate": free.public_id,
        "https": https.public_id,
        "domain": domain.public_id,
        "access_list": AccessList.objects.create(region=region, name="lan").public_id,
        "access_key": key.key_id,
        "token": token.public_id,
    }


@pytest.fixture
def path_of(ids: dict[str, str]) -> Callable[[str], str]:
    return lambda noun: "/api/v1/" + NOUNS[noun].path.format(**ids)


def body_of(noun: str, ids: dict[str, str]) -> dict[str, Any]:
    change = NOUNS[noun].change or {}
    return {
        name: value.format(**ids) if isinstance(value, str) else value
        for name, value in change.items()
    }


@pytest.mark.parametrize("noun", NOUNS)
def test_a_row_that_is_known_is_not_sent_again(operator, path_of, noun):
    """RFC 9110, 13.1.2: the comparison of If-None-Match is the weak one."""
    path = path_of(noun)
    tag = operator.get(path)["ETag"]
    for known in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        answer = operator.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer["ETag"], answer.content) == (304, tag, b"")
    for other in ('"other"', ""):
        answer = operator.get(path, headers={"If-None-Match": other})
        assert (answer.status_code, answer["ETag"]) == (200, tag)


CHANGED = [noun for noun, each in NOUNS.items() if each.change]


@pytest.mark.parametrize("noun", CHANGED)
def test_a_change_is_built_on_what_was_read(operator, path_of, ids, noun):
    """Issue 4, section 2: 412 with the current version, in the details and as ETag."""
    path, body = path_of(noun), body_of(noun, ids)
    read = operator.get(path)["ETag"]
    for other in ('"0"', f"W/{read}", '"x", "y"', ""):
        refused = operator.patch(path, body, headers={"If-Match": other})
        problem = problem_of(refused, 412)
        assert refused["ETag"] == f'"{problem["details"]["current"]}"'
        assert read.startswith(refused["ETag"].removesuffix('"'))
        assert operator.get(path)["ETag"] == read
    answer = operator.patch(path, body, headers={"If-Match": f'"x", {read}'})
    assert answer.status_code == 200, answer.content
    assert answer["ETag"] not in (read, "")
    problem_of(operator.patch(path, body, headers={"If-Match": read}), 412)
    assert operator.patch(path, body, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("noun", NOUNS)
def test_only_what_was_read_is_deleted(operator, path_of, ids, noun):
    path = path_of(noun)
    problem_of(operator.delete(path, headers={"If-Match": '"0"'}), 412)
    assert operator.get(path).status_code == 200
    answer = operator.delete(path, headers={"If-Match": operator.get(path)["ETag"]})
    assert answer.status_code in (204, 409), answer.content  # in use, never stale


@pytest.mark.parametrize(
    ("noun", "act"), [(noun, act) for noun, each in NOUNS.items() for act in each.acts]
)
def test_acts_are_built_on_what_was_read(operator, path_of, noun, act):
    path = path_of(noun)
    read = operator.get(path)["ETag"]
    body = {"deletion_protection": True} if act == "protection" else {}
    problem_of(operator.post(f"{path}{act}/", body, headers={"If-Match": '"0"'}), 412)
    assert operator.get(path)["ETag"] == read
    answer = operator.post(f"{path}{act}/", body, headers={"If-Match": read})
    assert answer.status_code == 200, answer.content


def test_a_server_is_sent_again_when_its_machine_has_another_name(operator, estate):
    """What is shown of another row is no part of the edit number, so the tag has a digest."""
    server = estate.servers[0]
    path = f"/api/v1/backend-servers/{server.public_id}/"
    read = operator.get(path)["ETag"]
    machine = f"/api/v1/ecs-instances/{server.machine_id}/"
    assert operator.patch(machine, {"name": "renamed"}).status_code == 200
    answer = operator.get(path, headers={"If-None-Match": read})
    assert (answer.status_code, answer.json()["name"]) == (200, "renamed")
    assert answer["ETag"] != read
    # Nobody has edited the server: a change built on what was read goes through.
    assert operator.patch(path, {"weight": 1}, headers={"If-Match": read}).status_code == 200


def test_use_of_a_credential_is_no_edit(operator, path_of):
    path = path_of("token")
    read = operator.get(path)["ETag"]
    ApiToken.objects.update(last_used_at="2030-01-01T00:00:00Z")
    assert operator.get(path)["ETag"] == read
