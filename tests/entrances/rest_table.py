"""What the endpoints of the REST API ask, by the names of their addresses.

One statement holds for all: reading needs the right to view, everything else the right to change.
``BODIES`` has what each writing endpoint is sent, so a new one must come here; ``EXCEPTIONS`` has
those that ask something else. ``ROWS`` says which row an address of a noun names.
"""

from typing import Any

from tests.certificates import authority
from tests.entrances.people import Needs

ROWS = {
    # noun: name of the id in the scene
    "api-region": "region_id",
    "api-zone": "zone",
    "api-vpc": "vpc",
    "api-vswitch": "vswitch",
    "api-ecs-instance": "machine",
    "api-network-interface": "interface",
    "api-idc-server": "idc_server",
    "api-load-balancer": "load_balancer_id",
    "api-listener": "listener_id",
    "api-forwarding-rule": "rule_id",
    "api-server-group": "group",
    "api-backend-server": "server_id",
    "api-domain-certificate": "domain_certificate",
    "api-certificate": "certificate_id",
    "api-access-list": "access_list_id",
    "api-token": "token",
    "api-access-key": "key_id",
}
EXCEPTIONS = {
    "get api-me": Needs.SIGN_IN,
    "get api-schema": Needs.NOTHING,
    "get api-docs": Needs.NOTHING,
    "get api-token-detail": Needs.OTHERS,
    "delete api-token-detail": Needs.OTHERS,
    "get api-access-key-detail": Needs.OTHERS,
    "patch api-access-key-detail": Needs.OTHERS,
    "delete api-access-key-detail": Needs.OTHERS,
}
NOWHERE = "api-nothing"
"""Any other address: 404 for everybody and every method."""

NAMED: dict[str, Any] = {"name": "renamed"}
SERVER = {"machine_type": "ecs", "machine_id": "{machine}", "port": 80}
BODIES: dict[str, dict[str, Any]] = {
    "post api-region-list": {"id": "cn-new", "name": "New"},
    "patch api-region-detail": NAMED,
    "delete api-region-detail": {},
    "post api-zone-list": {"id": "cn-test-b", "region": "{region_id}", "name": "B"},
    "patch api-zone-detail": NAMED,
    "delete api-zone-detail": {},
    "post api-vpc-list": {
        **{"id": "vpc-9", "region": "{region_id}"},
        **{"name": "x", "cidr": "10.0.0.0/8"},
    },
    "patch api-vpc-detail": NAMED,
    "delete api-vpc-detail": {},
    "post api-vswitch-list": {
        **{"id": "vsw-9", "vpc": "{vpc}", "zone": "{zone}"},
        **{"name": "x", "cidr": "10.1.0.0/16"},
    },
    "patch api-vswitch-detail": NAMED,
    "delete api-vswitch-detail": {},
    "post api-ecs-instance-list": {
        **{"name": "x", "vswitch": "{vswitch}", "private_address": "10.0.9.9"},
    },
    "patch api-ecs-instance-detail": NAMED,
    "delete api-ecs-instance-detail": {},
    "post api-network-interface-list": {
        **{"name": "x", "vswitch": "{vswitch}"},
        "addresses": [{"address": "10.0.8.8", "is_primary": True}],
    },
    "patch api-network-interface-detail": NAMED,
    "delete api-network-interface-detail": {},
    "post api-idc-server-list": {"name": "x", "region": "{region_id}", "address": "10.9.9.8"},
    "patch api-idc-server-detail": NAMED,
    "delete api-idc-server-detail": {},
    "post api-load-balancer-list": {"region": "{region_id}"},
    "patch api-load-balancer-detail": NAMED,
    "delete api-load-balancer-detail": {},
    "post api-load-balancer-start": {},
    "post api-load-balancer-stop": {},
    "post api-load-balancer-protection": {"deletion_protection": True},
    "post api-listener-list": {
        **{"load_balancer": "{load_balancer_id}", "protocol": "tcp"},
        **{"port": 9, "backend_port": 9},
    },
    "patch api-listener-detail": {"check_interval_s": 5},
    "delete api-listener-detail": {},
    "post api-listener-start": {},
    "post api-listener-stop": {},
    "post api-forwarding-rule-list": {
        **{"listener": "{listener_id}", "server_group": "{group}"},
        **{"name": "r", "path": "/a"},
    },
    "patch api-forwarding-rule-detail": NAMED,
    "delete api-forwarding-rule-detail": {},
    "post api-server-group-list": {
        **{"load_balancer": "{load_balancer_id}", "kind": "vserver", "name": "blue"},
    },
    "patch api-server-group-detail": NAMED,
    "delete api-server-group-detail": {},
    "post api-server-group-servers": {"servers": [SERVER]},
    "patch api-server-group-servers": {"servers": [{"id": "{group_server}", "weight": 1}]},
    "put api-server-group-servers": {"servers": [SERVER]},
    "post api-server-group-remove-servers": {"servers": ["{group_server}"]},
    "post api-server-group-drains": {"servers": ["{group_server}"]},
    "post api-backend-server-drain": {},
    "post api-backend-server-list": {"group": "{group}", **SERVER},
    "patch api-backend-server-detail": {"weight": 1},
    "delete api-backend-server-detail": {},
    "post api-domain-certificate-list": {
        **{"domain": "b.example", "certificate": "{certificate_id}"},
    },
    "patch api-domain-certificate-detail": {"certificate": "{certificate_id}"},
    "delete api-domain-certificate-detail": {},
    "post api-certificate-list": {
        **{"region": "{region_id}", "name": "x"},
        **{"kind": "ca", "certificate_pem": authority().pem},
    },
    "patch api-certificate-detail": NAMED,
    "delete api-certificate-detail": {},
    "post api-access-list-list": {"region": "{region_id}", "name": "office"},
    "patch api-access-list-detail": NAMED,
    "delete api-access-list-detail": {},
    "post api-access-list-entries": {"entries": [{"network": "192.0.2.0/24"}]},
    "post api-access-list-remove-entries": {"networks": ["10.0.0.0/8"]},
    **{
        f"put {noun}-tags": {"tags": [{"key": "env", "value": "test"}]}
        for noun in (
            *("api-load-balancer", "api-listener", "api-server-group", "api-certificate"),
            *("api-access-list", "api-ecs-instance"),
        )
    },
    "post api-token-list": {"name": "mine"},
    "delete api-token-detail": {},
    "post api-access-key-list": {},
    "patch api-access-key-detail": {"is_active": False},
    "delete api-access-key-detail": {},
}
IN_USE = frozenset(
    {
        *("delete api-region-detail", "delete api-zone-detail", "delete api-vpc-detail"),
        "delete api-vswitch-detail",
        "delete api-access-key-detail",  # it is enabled
    }
)
"""Acts that the estate stands in the way of, whoever asks."""

UNCHANGED = frozenset({"post api-load-balancer-start", "post api-listener-start"})
"""Acts that find all as it should be already."""


def needs_of(act: str) -> Needs:
    """Return what an act, such as ``get api-region-list``, asks."""
    return EXCEPTIONS.get(act, Needs.VIEW if act.startswith("get ") else Needs.CHANGE)
