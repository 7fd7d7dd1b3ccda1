"""Beat without a file or a twin: its schedule is in memory and the holder of one lease sends."""

import os
import socket
import time
from typing import Any

import redis
import structlog
from celery.beat import Scheduler
from kombu.exceptions import OperationalError

from balancer import feed
from console.broker import BEAT_LEASE_KEY
from console.celery import SCHEDULE, Periodic

LEASE_MS = 4000
STANDBY_S = 0.5

log = structlog.get_logger(__name__)

# Take the lease or keep it, in one step: two beats never both believe that they hold it.
_HOLD = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""


class BeatLease:
    """The right to send periodic tasks, renewed at each tick."""

    def __init__(self, holder: str) -> None:
        self._holder = holder
        self._hold = feed.client().register_script(_HOLD)
        self._held: bool | None = None

    def hold(self) -> bool:
        """Tell whether this process may send now; a broker that is away means no."""
        try:
            held = bool(self._hold(keys=[BEAT_LEASE_KEY], args=[self._holder, LEASE_MS]))
        except redis.RedisError as error:
            held = False
            if self._held is not False:
                log.warning("beat_without_broker", reason=str(error))
        if held and not self._held:
            log.info("beat_active", holder=self._holder)
        self._held = held
        return held


class LeaseScheduler(Scheduler):
    """Sends each line of the schedule on the monotonic clock: one set back stops nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._due = dict.fromkeys(SCHEDULE, time.monotonic())
        self._lease = BeatLease(f"{socket.gethostname()}:{os.getpid()}")
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        """Keep nothing: the table in console.celery is the schedule."""

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due and return the seconds until the next line."""
        if not self._lease.hold():
            return STANDBY_S
        now = time.monotonic()
        for name, line in SCHEDULE.items():
            if self._due[name] <= now:
                # After a pause the rhythm goes on from now: nothing is caught up with.
                following = self._due[name] + line.every_s
                self._due[name] = following if following > now else now + line.every_s
                self._send(line)
        return max(0.0, min(self._due.values()) - time.monotonic())

    def _send(self, line: Periodic) -> None:
        """Queue one task; a failure is told in one line and the next round tries again."""
        try:
            self.app.send_task(
                line.task, line.arguments, queue=line.queue, expires=line.expires_s, retry=False
            )
        except OperationalError as error:
            log.warning("beat_send_failed", task=line.task, reason=str(error))
