"""One of everything, under the names that addresses and bodies use for its ids."""

from collections.abc import Mapping
from typing import Any

from balancer.actors import Actor
from balancer.models import (
    AccessList,
    Certificate,
    Draft,
    IdcServer,
    IdempotencyKey,
    Listener,
    RequestNonce,
    ServerGroup,
    Tag,
    UserPreference,
)
from balancer.services.credentials import create_access_key, create_api_token
from tests.balancer.estate import Estate
from tests.balancer.machines import Machines
from tests.entrances.people import People, Who

Ids = Mapping[str, str]


def build(estate: Estate, machines: Machines, people: People) -> Ids:
    """Return the ids of one row of each kind; those of ``free_…`` are used by nothing."""
    region, load_balancer = estate.zone.region, estate.load_balancer
    rule = estate.add_rule("rule", "a.example")
    used, free = (_certificate(estate, name) for name in ("used", "free"))
    listeners = {
        protocol: Listener.objects.create(
            load_balancer=load_balancer,
            protocol=protocol,
            port=port,
            backend_port=80,
            name=protocol,
            certificate=used if protocol == "https" else None,
        )
        for protocol, port in (("tcp", 81), ("udp", 82), ("https", 443))
    }
    domain = listeners["https"].domain_certificates.create(domain="a.example", certificate=used)
    access_list = AccessList.objects.create(region=region, name="lan")
    access_list.entries.create(network="10.0.0.0/8")
    pair = ServerGroup.objects.create(
        load_balancer=load_balancer, kind="primary_secondary", name="pair"
    )
    group = estate.add_group("free")
    free_machine = machines.ecs("free", "10.0.7.7")
    interface = machines.eni("eni", free_machine, "10.0.7.8")[0].interface
    free_server = IdcServer.objects.create(name="idc", region=region, address="10.9.9.9")
    Tag.objects.create(
        resource_type="load_balancer", resource_id=load_balancer.public_id, key="k", value="v"
    )
    return {
        "region_id": region.public_id,
        "zone": estate.zone.public_id,
        "vpc": "vpc-1",
        "vswitch": "vsw-1",
        "load_balancer_id": load_balancer.public_id,
        "listener_id": estate.listener.public_id,
        "https": listeners["https"].public_id,
        "rule_id": rule.public_id,
        "default_group": estate.group.public_id,
        "group": group.public_id,
        "group_server": estate.add_server("10.0.7.9", group=group).public_id,
        "pair": pair.public_id,
        "server_id": estate.servers[0].public_id,
        "machine": free_machine.public_id,
        "used_machine": estate.servers[0].machine_id,
        "interface": interface.public_id,
        "idc_server": free_server.public_id,
        "access_list_id": access_list.public_id,
        "certificate_id": free.public_id,
        "authority": _certificate(estate, "ca", kind="ca").public_id,
        "domain_certificate": domain.public_id,
        **_credentials(people),
    }


def _certificate(estate: Estate, name: str, **columns: Any) -> Certificate:
    return Certificate.objects.create(
        region=estate.zone.region, name=name, certificate_pem="x", **columns
    )


def _credentials(people: People) -> Ids:
    """Return those of somebody else, an administrator, whom only administrators see."""
    actor, owner = Actor.system("test"), people.user(Who.ADMIN)
    assert owner is not None
    token, _ = create_api_token(actor=actor, user=owner, name="theirs")
    key, _ = create_access_key(actor=actor, user=owner)
    RequestNonce.objects.create(key_id=key.key_id, nonce="theirs")
    IdempotencyKey.objects.create(user=owner, scope="rest", key="theirs", request_digest="x")
    Draft.objects.create(user=owner, kind="servers", subject_id="theirs")
    UserPreference.objects.create(user=owner)
    return {"token": token.public_id, "key_id": key.key_id}
