"""Where the original answers "still configuring", calls wait for each other and succeed (4.3)."""

import functools

import pytest

from balancer.rights import Role
from tests.balancer.races import announced, at_once
from tests.balancer.rpc.caller import RpcClient

__all__ = ["announced"]

pytestmark = pytest.mark.usefixtures("transactional_db", "announced")

CALLERS = 8


def test_many_callers_change_one_instance_at_once(estate, machines, rpc_of, settings):
    settings.OPENCLB_DEFAULT_REGION = "cn-test"
    key = rpc_of(Role.OPERATOR)
    lb = estate.load_balancer.public_id
    group = key.call("CreateVServerGroup", LoadBalancerId=lb)["VServerGroupId"]
    servers = [machines.ecs(f"m{n}", f"10.9.0.{n + 1}").public_id for n in range(CALLERS)]

    def change(number: int) -> None:
        client = RpcClient(key.key_id, key.secret)
        server = {"VServerGroupId": group}
        listed = f"[{{'ServerId':'{servers[number]}','Port':'80','Weight':'%s'}}]"
        client.call("AddVServerGroupBackendServers", BackendServers=listed % 100, **server)
        client.call("SetVServerGroupAttribute", BackendServers=listed % number, **server)
        port = {"LoadBalancerId": lb, "ListenerPort": 1000 + number}
        client.call("CreateLoadBalancerTCPListener", Bandwidth=-1, **server, **port)
        client.call("StartLoadBalancerListener", **port)
        shared = {"LoadBalancerId": lb, "ListenerPort": 80}
        client.call("SetLoadBalancerHTTPListenerAttribute", HealthyThreshold=2 + number, **shared)

    at_once(*(functools.partial(change, number) for number in range(CALLERS)))
    shown = key.call("DescribeVServerGroupAttribute", VServerGroupId=group)
    rows = shown["BackendServers"]["BackendServer"]
    weights = {row["ServerId"]: row["Weight"] for row in rows}
    assert weights == {server: number for number, server in enumerate(servers)}
    shown = key.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    ports = set(shown["ListenerPorts"]["ListenerPort"])
    assert ports >= {1000 + number for number in range(CALLERS)}
