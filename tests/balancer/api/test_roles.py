"""Every write of the API x role: a viewer's is refused with 403 and leaves no trace."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.urls import get_resolver
from rest_framework.test import APIClient

from balancer.models import (
    AccessList,
    Activity,
    ApiToken,
    Certificate,
    DomainCertificate,
    Listener,
    LoadBalancer,
)
from balancer.rights import Role
from tests.balancer.api.problems import problem_of
from tests.balancer.estate import Estate
from tests.certificates import authority


@dataclass(frozen=True)
class Write:
    """One act on the estate; ``path`` is filled with the ids of its rows."""

    method: str
    path: str
    body: dict[str, Any]


WRITES = [
    Write("POST", "regions/", {"id": "cn-new", "name": "New"}),
    Write("PATCH", "regions/cn-test/", {"name": "Renamed"}),
    Write("DELETE", "regions/cn-test/", {}),
    Write("POST", "zones/", {"id": "cn-test-b", "region": "cn-test", "name": "B"}),
    Write("PATCH", "zones/cn-test-a/", {"name": "Renamed"}),
    Write("DELETE", "zones/cn-test-a/", {}),
    Write("POST", "vpcs/", {"id": "vpc-2", "region": "cn-test", "name": "x", "cidr": "10.0.0.0/8"}),
    Write("PATCH", "vpcs/vpc-1/", {"name": "Renamed"}),
    Write("DELETE", "vpcs/vpc-1/", {}),
    Write(
        "POST",
        "vswitches/",
        {"id": "v-2", "vpc": "vpc-1", "zone": "cn-test-a", "name": "x", "cidr": "10.1.0.0/16"},
    ),
    Write("PATCH", "vswitches/vsw-1/", {"name": "Renamed"}),
    Write("DELETE", "vswitches/vsw-1/", {}),
    Write(
        "POST",
        "ecs-instances/",
        {"name": "x", "vswitch": "vsw-1", "private_address": "10.0.9.9"},
    ),
    Write("PATCH", "ecs-instances/{machine}/", {"name": "renamed"}),
    Write("DELETE", "ecs-instances/{machine}/", {}),
    Write("POST", "network-interfaces/", {"name": "x", "vswitch": "vsw-1"}),
    Write("POST", "idc-servers/", {"name": "x", "region": "cn-test", "address": "10.9.9.9"}),
    Write("POST", "load-balancers/", {"region": "cn-test"}),
    Write("PATCH", "load-balancers/{load_balancer}/", {"name": "renamed"}),
    Write("DELETE", "load-balancers/{load_balancer}/", {}),
    Write("POST", "load-balancers/{load_balancer}/start/", {}),
    Write("POST", "load-balancers/{load_balancer}/stop/", {}),
    Write("POST", "load-balancers/{load_balancer}/protection/", {"deletion_protection": True}),
    Write(
        "POST",
        "listeners/",
        {"load_balancer": "{load_balancer}", "protocol": "tcp", "port": 9, "backend_port": 9},
    ),
    Write("PATCH", "listeners/{listener}/", {"check_interval_s": 5}),
    Write("DELETE", "listeners/{listener}/", {}),
    Write("POST", "listeners/{listener}/start/", {}),
    Write("POST", "listeners/{listener}/stop/", {}),
    Write(
        "POST",
        "forwarding-rules/",
        {"listener": "{listener}", "server_group": "{group}", "name": "r", "path": "/a"},
    ),
    Write("PATCH", "forwarding-rules/{rule}/", {"name": "renamed"}),
    Write("DELETE", "forwarding-rules/{rule}/", {}),
    Write(
        "POST",
        "server-groups/",
        {"load_balancer": "{load_balancer}", "kind": "vserver", "name": "blue"},
    ),
    Write("PATCH", "server-groups/{group}/", {"name": "renamed"}),
    Write("DELETE", "server-groups/{group}/", {}),
    Write(
        "POST",
        "server-groups/{group}/servers/",
        {"servers": [{"machine_type": "ecs", "machine_id": "{machine}"}]},
    ),
    Write(
        "PATCH",
        "server-groups/{group}/servers/",
        {"servers": [{"id": "{server}", "weight": 1}]},
    ),
    Write(
        "PUT",
        "server-groups/{group}/servers/",
        {"servers": [{"machine_type": "ecs", "machine_id": "{machine}"}]},
    ),
    Write("POST", "server-groups/{group}/servers/remove/", {"servers": ["{server}"]}),
    Write("POST", "server-groups/{group}/servers/drain/", {"servers": ["{server}"]}),
    Write("POST", "backend-servers/{server}/drain/", {}),
    Write(
        "POST",
        "backend-servers/",
        {"group": "{group}", "machine_type": "ecs", "machine_id": "{machine}"},
    ),
    Write("PATCH", "backend-servers/{server}/", {"weight": 1}),
    Write("DELETE", "backend-servers/{server}/", {}),
    Write(
        "POST",
        "certificates/",
        {"region": "cn-test", "name": "x", "kind": "ca", "certificate_pem": authority().pem},
    ),
    Write("PATCH", "certificates/{certificate}/", {"name": "renamed"}),
    Write("DELETE", "certificates/{certificate}/", {}),
    Write(
        "POST",
        "listeners/{https}/domain-certificates/",
        {"domain": "b.example", "certificate": "{certificate}"},
    ),
    Write(
        "PATCH",
        "listeners/{https}/domain-certificates/{domain_certificate}/",
        {"certificate": "{certificate}"},
    ),
    Write("DELETE", "listeners/{https}/domain-certificates/{domain_certificate}/", {}),
    Write("POST", "access-lists/", {"region": "cn-test", "name": "office"}),
    Write("PATCH", "access-lists/{access_list}/", {"name": "renamed"}),
    Write("DELETE", "access-lists/{access_list}/", {}),
    Write(
        "POST",
        "access-lists/{access_list}/entries/",
        {"entries": [{"network": "192.0.2.0/24"}]},
    ),
    Write("POST", "access-lists/{access_list}/entries/remove/", {"networks": ["10.0.0.0/8"]}),
    *(
        Write("PUT", f"{row}/tags/", {"tags": [{"key": "env", "value": "test"}]})
        for row in (
            "load-balancers/{load_balancer}",
            "listeners/{listener}",
            "server-groups/{group}",
            "certificates/{certificate}",
            "access-lists/{access_list}",
            "ecs-instances/{machine}",
        )
    ),
    Write("POST", "tokens/", {"name": "mine"}),
    Write("DELETE", "tokens/{token}/", {}),
    Write("POST", "access-keys/", {}),
]


@pytest.fixture(autouse=True)
def access_list(estate: Estate) -> None:
    """Let there be one more noun than the estate has."""
    access_list = AccessList.objects.create(region=estate.zone.region, name="lan")
    access_list.entries.create(network="10.0.0.0/8")


@pytest.fixture(autouse=True)
def certificates(estate: Estate) -> None:
    """Let there be an HTTPS listener with a certificate for one domain, and one that is free."""
    used, _ = (
        Certificate.objects.create(region=estate.zone.region, name=name, certificate_pem="x")
        for name in ("used", "free")
    )
    listener = Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol="https",
        port=443,
        backend_port=80,
        name="https",
        certificate=used,
    )
    listener.domain_certificates.create(domain="a.example", certificate=used)


@pytest.fixture
def estate(estate: Estate) -> Estate:
    """Return the estate with a forwarding rule to change."""
    estate.add_rule("rule", "a.example")
    return estate


def send(client: APIClient, write: Write, estate: Estate) -> Any:
    ids = {
        "load_balancer": estate.load_balancer.public_id,
        "listener": estate.listener.public_id,
        "group": estate.group.public_id,
        "server": estate.servers[0].public_id,
        "machine": estate.servers[0].machine_id,
        "access_list": AccessList.objects.get(name="lan").public_id,
        "rule": estate.listener.rules.get().public_id,
        "certificate": Certificate.objects.get(name="free").public_id,
        "https": Listener.objects.get(protocol="https").public_id,
        "domain_certificate": DomainCertificate.objects.get().public_id,
        "token": token.public_id if (token := ApiToken.objects.first()) else "tok-none",
    }

    def fill(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("{"):
            return value.format(**ids)
        if isinstance(value, list):
            return [fill(each) for each in value]
        return {k: fill(v) for k, v in value.items()} if isinstance(value, dict) else value

    path = "/api/v1/" + write.path.format(**ids)
    return client.generic(
        write.method, path, client._encode_data(fill(write.body), "json")[0], "application/json"
    )


def stored() -> dict[str, list[Any]]:
    """Return every row of the domain but the times of the tokens' last use."""
    rows = {}
    for model in apps.get_app_config("balancer").get_models():
        columns = [f.name for f in model._meta.concrete_fields if f.name != "last_used_at"]
        rows[model.__name__] = list(model.objects.order_by("pk").values_list(*columns))
    return rows


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")
def test_a_viewer_changes_nothing(viewer, estate, write):
    before = stored()
    problem = problem_of(send(viewer, write, estate), 403)
    assert problem["details"]["right"] == "change"
    assert stored() == before


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")
def test_an_operator_is_not_refused_for_the_role(operator, estate, write):
    answer = send(operator, write, estate)
    assert answer.status_code not in (401, 403, 404, 405, 412), answer.content


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")
def test_nobody_changes_nothing(estate, write):
    before = stored()
    problem_of(send(APIClient(), write, estate), 401)
    assert stored() == before


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_every_noun(client_of: Callable[[Role], APIClient], estate, role):
    client = client_of(role)
    links = client.get("/api/v1/").json()
    for noun, path in links.items():
        answer = client.get(path)
        assert answer.status_code == 200, (noun, answer.content[:300])


def test_the_walk_covers_every_write_of_the_api(estate):
    """A new address that takes writes must join the table."""
    covered = {_shape(write.path) for write in WRITES}
    missing = {
        pattern
        for pattern, methods in _writing_patterns()
        if methods and _shape(pattern) not in covered
    }
    assert missing <= {"network-interfaces/*", "idc-servers/*", "access-keys/*"}
    # Those are rows that the estate does not have; test_etags.py walks them as an operator.


def _shape(path: str) -> str:
    steps = path.strip("/").split("/")
    fixed = {"servers", "entries", "start", "stop", "protection", "remove", "tags", "drain"}
    fixed.add("domain-certificates")
    return "/".join(
        step if index == 0 or step in fixed else "*" for index, step in enumerate(steps)
    )


def _writing_patterns() -> list[tuple[str, set[str]]]:
    found = []
    for resolver in get_resolver("balancer.api.urls").url_patterns:
        for pattern in getattr(resolver, "url_patterns", []):
            actions = getattr(pattern.callback, "actions", None) or {}
            text = str(pattern.pattern).strip("^$").removesuffix("/?")
            for name in ("id", "listener"):
                text = text.replace(f"(?P<{name}>[A-Za-z0-9][A-Za-z0-9_.-]{{0,79}})", "x")
            found.append((_shape(text), set(actions) & {"post", "patch", "put", "delete"}))
    return found


def test_records_and_reads_only_are_written_by_nobody(admin, estate):
    for path in ("activity/", "proxies/", "me/"):
        for method in ("POST", "PATCH", "DELETE"):
            problem_of(admin.generic(method, "/api/v1/" + path), 405)
    assert LoadBalancer.objects.count() == 1
    assert Activity.objects.filter(entrance="rest").count() == 0
