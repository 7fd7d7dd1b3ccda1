"""Publishing is tested against a real broker and real rows."""

from tests.balancer.estate import estate
from tests.broker import broker, broker_process

__all__ = ["broker", "broker_process", "estate"]
