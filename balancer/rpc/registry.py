"""The actions by name: who answers, and which of the vendor's are not offered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.parameters import Parameters
from balancer.rpc.responses import Payload


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and at which address they found us."""

    user: User
    host: str

    @property
    def actor(self) -> Actor:
        """Return the cause of changes, for services."""
        return Actor.person(self.user, Entrance.RPC)


Action = Callable[[Caller, Parameters], Payload]

_ACTIONS: dict[str, Action] = {}

NOT_OFFERED: Final = frozenset(
    {
        "ModifyLoadBalancerPayType",
        "MoveResourceGroup",
        "CreateTLSCipherPolicy",
        "DeleteTLSCipherPolicy",
        "SetTLSCipherPolicyAttribute",
        "ListTLSCipherPolicies",
        "SetListenerAccessControlStatus",
        "AddListenerWhiteListItem",
        "RemoveListenerWhiteListItem",
        "DescribeListenerAccessControlAttribute",
        "SetAccessLogsDownloadAttribute",
        "DeleteAccessLogsDownloadAttribute",
        "DescribeAccessLogsDownloadAttribute",
        "EnableHighDefinationMonitor",
        "ModifyHighDefinationMonitor",
        "DescribeHighDefinationMonitor",
    }
)
"""Actions of the original that this product leaves out (slb-rpc-api.md section 2)."""


def action(name: str) -> Callable[[Action], Action]:
    """Make the function the one that answers the action."""

    def register(function: Action) -> Action:
        _ACTIONS[name] = function
        return function

    return register


def find_action(name: str) -> Action:
    """Return who answers the action; its name is case-sensitive."""
    if not name:
        raise missing("Action")
    if name in NOT_OFFERED:
        raise RpcError("InvalidAction.NotFound", f"{name} is unsupported by this server.", 404)
    if name not in _ACTIONS:
        raise RpcError(
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
            404,
        )
    return _ACTIONS[name]


def action_names() -> frozenset[str]:
    """Return every action that is answered."""
    return frozenset(_ACTIONS)
