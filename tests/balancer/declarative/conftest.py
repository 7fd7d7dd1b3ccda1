"""Files are applied to real rows."""

from tests.balancer.estate import estate

__all__ = ["estate"]
