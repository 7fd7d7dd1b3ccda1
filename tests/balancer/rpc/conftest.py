"""Clients of the RPC API for each role, with real access keys."""

from collections.abc import Callable

import pytest

from balancer.actors import Actor
from balancer.rights import Role
from balancer.services.credentials import create_access_key
from tests.balancer.estate import estate
from tests.balancer.machines import machines
from tests.balancer.rpc.caller import RpcClient
from tests.balancer.users import UserOf, user_of
from tests.entrances.conftest import ids, people

__all__ = ["estate", "ids", "machines", "people", "user_of"]

ClientOf = Callable[[Role], RpcClient]


@pytest.fixture
def rpc_of(user_of: UserOf) -> ClientOf:
    """Return a function that gives a client with a key of the role's user."""

    def make(role: Role) -> RpcClient:
        key, secret = create_access_key(actor=Actor.system("test"), user=user_of(role))
        return RpcClient(key.key_id, secret)

    return make


@pytest.fixture
def rpc(rpc_of: ClientOf, settings) -> RpcClient:
    """Return an operator's client; the estate's region is the installation's own."""
    settings.OPENCLB_DEFAULT_REGION = "cn-test"
    return rpc_of(Role.OPERATOR)
