"""The settings of a proxy node, read once from the environment."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from proxy.core.http.limits import DEFAULT_LIMITS, LIMIT_RANGES, HttpLimits

EXIT_BAD_ENVIRONMENT = 2
MAX_WORKERS = 256
SCHEMES = frozenset({"redis", "rediss", "unix"})
LOG_FORMATS = ("text", "json")
OWN_NAMES = frozenset(
    {
        "OPENCLB_PROXY_ACCESS_LOG",
        "OPENCLB_PROXY_ACCESS_LOG_FILES",
        "OPENCLB_PROXY_ACCESS_LOG_SIZE_MB",
        "OPENCLB_PROXY_DRAIN_LIMIT_S",
        "OPENCLB_PROXY_HTTP_LIMITS",
        "OPENCLB_PROXY_NODE",
        "OPENCLB_PROXY_WORKERS",
    }
)
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AccessLogSettings:
    """Where the access log is, at which size it is rotated (0: never), how many old ones stay."""

    path: Path
    max_bytes: int
    kept: int


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Where the feed is, where the last-good files are, and how many workers serve."""

    redis_url: str
    data_dir: Path
    workers: int
    node: str
    log_format: str
    drain_limit_s: int = 30
    http_limits: HttpLimits = DEFAULT_LIMITS
    access_log: AccessLogSettings | None = None

    @classmethod
    def from_environment(cls) -> "ProxySettings":
        """Return the settings; a wrong value ends the program with one clear line."""
        data_dir = Path(_text("OPENCLB_DATA_DIR", "var")).expanduser().absolute()
        for name in sorted(os.environ.keys() - OWN_NAMES):
            if name.startswith("OPENCLB_PROXY_"):
                print(f"openclb: {name}: nothing reads this variable", file=sys.stderr)
        return cls(
            redis_url=_redis_url(f"unix://{data_dir}/broker.sock"),
            data_dir=data_dir,
            workers=_workers(),
            node=_text("OPENCLB_PROXY_NODE", socket.gethostname()),
            log_format=_log_format(),
            drain_limit_s=_number("OPENCLB_PROXY_DRAIN_LIMIT_S", 30, most=3600),
            http_limits=_http_limits(),
            access_log=_access_log(),
        )


def _refuse(name: str, message: str) -> NoReturn:
    print(f"openclb: {name}: {message}", file=sys.stderr)
    raise SystemExit(EXIT_BAD_ENVIRONMENT)


def _text(name: str, default: str) -> str:
    return os.environ.get(name, "").strip() or default


def _redis_url(default: str) -> str:
    url = _text("REDIS_URL", default)
    parts = urlsplit(url)
    place = parts.path if parts.scheme == "unix" else parts.netloc
    if parts.scheme not in SCHEMES or not place:
        # The address may carry a password, so it is not repeated here.
        _refuse("REDIS_URL", "needs redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH")
    return url


def _workers() -> int:
    return _number("OPENCLB_PROXY_WORKERS", len(os.sched_getaffinity(0)), most=MAX_WORKERS)


def _number(name: str, default: int, *, most: int, least: int = 1) -> int:
    text = _text(name, str(default))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        _refuse(name, f"needs a number between {least} and {most}, not {text!r}")
    return int(text)


def _http_limits() -> HttpLimits:
    """Return the limits, those in the variable as ``name=number`` with commas in between."""
    name = "OPENCLB_PROXY_HTTP_LIMITS"
    limits: dict[str, int] = {}
    for word in _text(name, "").split(","):
        limit, _, text = word.strip().partition("=")
        if not word.strip():
            continue
        if limit not in LIMIT_RANGES:
            _refuse(name, f"knows no limit {limit!r}; there are {', '.join(LIMIT_RANGES)}")
        least, most = LIMIT_RANGES[limit]
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            _refuse(name, f"needs {limit}=NUMBER between {least} and {most}, not {word.strip()!r}")
        limits[limit] = int(text)
    return HttpLimits(**limits)


def _access_log() -> AccessLogSettings | None:
    """Return the settings, None when there is to be no access log.

    A file that cannot be written costs lines and never the start: traffic goes first.
    """
    size_mb = _number("OPENCLB_PROXY_ACCESS_LOG_SIZE_MB", 100, least=0, most=1_000_000)
    kept = _number("OPENCLB_PROXY_ACCESS_LOG_FILES", 5, most=1000)
    text = _text("OPENCLB_PROXY_ACCESS_LOG", "")
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        _refuse("OPENCLB_PROXY_ACCESS_LOG", f"needs the name of a file, and {text} is a directory")
    return AccessLogSettings(path, size_mb * MIB, kept)


def _log_format() -> str:
    word = _text("OPENCLB_LOG_FORMAT", LOG_FORMATS[0])
    if word not in LOG_FORMATS:
        _refuse("OPENCLB_LOG_FORMAT", f"needs one of {', '.join(LOG_FORMATS)}, not {word!r}")
    return word
