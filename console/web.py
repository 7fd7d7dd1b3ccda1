"""How gunicorn serves the console: a few processes of threads that never outlive their parent."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from gunicorn.http import message

from console.supervisor import die_with_parent
from console.unreadable import use_problems

# Most SDKs of the RPC API send everything in the query: certificates with their keys, or forty
# servers at once. gunicorn takes 8 KiB at most of what it is told here, unless its own bound grows.
limit_request_line = 256 * 1024
message.MAX_REQUEST_LINE = limit_request_line
use_problems()

bind = str(settings.HTTP_ADDRESS)
worker_class = "gthread"
workers = 2
threads = 8
preload_app = True
timeout = 60
graceful_timeout = 5
keepalive = 15
accesslog = None
errorlog = "-"
# gunicorn's own words go the way of all others: one event per line, with fields.
_propagate: dict[str, Any] = {"handlers": [], "propagate": True}
logconfig_dict = settings.LOGGING | {
    "loggers": settings.LOGGING["loggers"] | {"gunicorn.error": _propagate}
}
# Nobody's X-Forwarded-Proto or SCRIPT_NAME: what a hop in front may say is Django's to decide.
forwarded_allow_ips = ""
control_socket_disable = True
# Its heartbeat file must not sit on a disk that can stall.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

_master = os.getpid()


def post_fork(server: Any, worker: Any) -> None:
    """Tie the worker to the master: one killed with -9 leaves nobody that holds the port."""
    die_with_parent(_master)
