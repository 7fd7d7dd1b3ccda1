"""Whether a client sends its body fast enough: one that trickles holds a server for no good."""

from proxy.core.http.limits import HttpLimits


class Pace:
    """What came since the client was read last, looked at when its time is over."""

    __slots__ = ("_bytes", "_limits", "_since")

    def __init__(self, limits: HttpLimits, now: float) -> None:
        self._limits = limits
        self._bytes = 0
        self._since = now

    def restart(self, now: float) -> None:
        """Begin anew: it was we who did not read."""
        self._bytes = 0
        self._since = now

    def keeps_up(self, size: int, now: float) -> bool:
        """Count what came and return whether the client may go on."""
        self._bytes += size
        elapsed = now - self._since
        if elapsed < self._limits.body_grace_s:
            return True
        is_fast_enough = self._bytes >= self._limits.min_body_rate * elapsed
        self.restart(now)
        return is_fast_enough
