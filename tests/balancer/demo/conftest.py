"""The estate for the tests of the demo's machines."""

from tests.balancer.estate import estate

__all__ = ["estate"]
