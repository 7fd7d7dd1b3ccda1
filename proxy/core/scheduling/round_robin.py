"""Round robin: servers take turns in order; weights do not matter, except that 0 means none."""

from collections.abc import Mapping

from proxy.core.scheduling.weighted_round_robin import WeightedRoundRobin


class RoundRobin(WeightedRoundRobin):
    """Weighted round robin among equals, so changes keep everybody's place here too."""

    __slots__ = ()

    def replace(self, weights: Mapping[str, int]) -> None:
        """Choose among these servers from now on; those that stay keep their place."""
        super().replace({server: 1 for server, weight in weights.items() if weight > 0})
