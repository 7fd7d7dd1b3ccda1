"""How many requests a caller may make, and the header fields that say so."""

import math
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

WINDOW_S = 60


class CallerThrottle(BaseThrottle):
    """So many requests a minute for each user, in fixed windows; each web process counts its own.

    By the monotonic clock: a clock that is set back or forward locks nobody out.
    """

    _count = 0
    _left_s = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; nobody's are refused by the permissions already."""
        if not request.user.is_authenticated:
            return True
        now = time.monotonic()
        window = int(now // WINDOW_S)
        self._left_s = (window + 1) * WINDOW_S - now
        key = f"requests:{request.user.pk}:{window}"
        cache.add(key, 0, timeout=2 * WINDOW_S)
        self._count = cache.incr(key)
        return self._count <= settings.OPENCLB_API_REQUESTS_PER_MIN

    def wait(self) -> float:
        """Return after how many seconds the next window begins."""
        return math.ceil(self._left_s)

    @property
    def headers(self) -> dict[str, str]:
        """Return the fields of the answer; none where nothing was counted."""
        if not self._count:
            return {}
        limit = settings.OPENCLB_API_REQUESTS_PER_MIN
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - self._count)),
            "RateLimit-Reset": str(math.ceil(self._left_s)),
        }
