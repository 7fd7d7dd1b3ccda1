"""What the tests of the data plane share: a real broker, backends and nodes as processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.broker import Broker
from tests.proxy.node_scene import Backend, FeedWriter, NodeProcess

# How long an example takes says more about the machine than about the proxy.
settings.register_profile("proxy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxy")


@pytest.fixture(scope="session")
def feed_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Return the broker of the proxy tests of this run."""
    broker = Broker(tmp_path_factory.mktemp("feed"))
    broker.start()
    yield broker
    broker.client.close()
    broker.stop()


@pytest.fixture
def broker(feed_broker: Broker) -> Iterator[Broker]:
    """Return the broker, running and empty."""
    feed_broker.start()
    feed_broker.client.flushall()
    yield feed_broker
    feed_broker.start()


@pytest.fixture
def feed(broker: Broker) -> FeedWriter:
    """Return the control plane's pen."""
    return FeedWriter(broker.client)


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    """Return three running servers, named a, b and c."""
    servers = [Backend(name) for name in "abc"]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def new_node(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Return a maker of nodes; each is gone at the end, with all its workers."""
    nodes: list[NodeProcess] = []

    def make(**options: object) -> NodeProcess:
        node = NodeProcess(broker.url, tmp_path, **options)  # type: ignore[arg-type]
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        if node.process is not None and node.process.poll() is None:
            node.kill()
