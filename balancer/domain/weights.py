"""What a weight and a port may be, and which share of traffic a weight means."""

from collections.abc import Sequence

from balancer.constants import MAX_PORT, MAX_WEIGHT, MIN_PORT, MIN_WEIGHT
from balancer.domain.numbers import read_integer


def check_weight(value: object, field: str = "weight") -> int:
    """Return the weight as a number from 0 to 100 (S68); raise Invalid otherwise."""
    return read_integer(value, field=field, minimum=MIN_WEIGHT, maximum=MAX_WEIGHT, label="Weight")


def check_port(value: object, field: str = "port", label: str = "Port") -> int:
    """Return the port as a number from 1 to 65535; raise Invalid otherwise."""
    return read_integer(value, field=field, minimum=MIN_PORT, maximum=MAX_PORT, label=label)


def traffic_shares(weights: Sequence[int]) -> list[float]:
    """Return each weight's share of new requests in percent; all zero when no weight is set."""
    total = sum(weights)
    return [100 * weight / total if total else 0.0 for weight in weights]
