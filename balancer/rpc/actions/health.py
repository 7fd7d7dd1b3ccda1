"""How the servers behind listeners are."""

from typing import Any, Final

from balancer.models import Listener
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_load_balancer, named_protocol
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.servers import WORD_OF_TYPE
from balancer.selectors.health import ListenerHealth, get_listeners_health
from balancer.selectors.listeners import list_listeners
from proxy.snapshot import HealthStatus

WORDS: Final = {
    HealthStatus.HEALTHY: "normal",
    HealthStatus.UNHEALTHY: "abnormal",
    HealthStatus.UNKNOWN: "unavailable",
}


@action("DescribeHealthStatus")
def describe_health_status(caller: Caller, parameters: Parameters) -> Payload:
    """List every server of every listener, or of those of one port, with its health."""
    load_balancer = find_load_balancer(caller, parameters, Right.VIEW)
    rows = list_listeners(user=caller.user, load_balancer=load_balancer)
    port = parameters.integer("ListenerPort")
    protocol = named_protocol(parameters)
    if port is not None:
        rows = rows.filter(port=port)
    if protocol is not None:
        rows = rows.filter(protocol=protocol)
    listeners = list(rows)
    if port is not None:
        _check_one(port, listeners)
    health = get_listeners_health(listeners)
    servers = [
        each for listener in listeners for each in _servers(listener, health[listener.public_id])
    ]
    return {"BackendServers": {"BackendServer": servers}}


def _check_one(port: int, listeners: list[Listener]) -> None:
    if len(listeners) > 1:
        raise RpcError(
            "TooManyListeners",
            f"More than one listener uses port {port}; name its ListenerProtocol.",
        )
    if not listeners or not listeners[0].check_enabled:
        raise RpcError(
            "CheckedListenerNotFound",
            f"There is no listener with a health check on port {port}.",
            404,
        )


def _servers(listener: Listener, health: ListenerHealth) -> list[dict[str, Any]]:
    return [
        {
            "ServerId": server.machine_id,
            "ServerIp": server.address,
            "Port": port,
            "ListenerPort": listener.port,
            "Protocol": listener.protocol,
            "ServerHealthStatus": WORDS[known.status],
            "Type": WORD_OF_TYPE[server.machine_type],
        }
        for server, port, known in health.servers
    ]
