"""The compiler is tested on real rows."""

from tests.balancer.estate import estate

__all__ = ["estate"]
