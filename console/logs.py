"""How every process of the control plane writes its log: one event per line, with fields."""

from typing import Any

import structlog
from django.http import HttpRequest

Processors = list[Any]


def _without_query(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Name a request by method and path: what stands behind may be a signature or a private key."""
    request = event.get("request")
    if isinstance(request, HttpRequest):
        event["request"] = f"{request.method} {request.path}"
    return event


_SHARED: Processors = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    _without_query,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _flatten_exception(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Keep the one-line promise for tracebacks too; readers turn ``\\\\n`` back into lines."""
    if "exception" in event:
        event["exception"] = event["exception"].replace("\n", "\\n")
    return event


def _last_steps(log_format: str) -> Processors:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    order = ["timestamp", "level", "event"]
    return [
        structlog.processors.format_exc_info,
        _flatten_exception,
        structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True),
    ]


def configure_structlog() -> None:
    """Send structlog's events through the standard library, so that all lines look the same."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_config(*, level: str, log_format: str) -> dict[str, Any]:
    """Return the LOGGING setting: everything goes to standard output in one format."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_last_steps(log_format),
        ],
    }
    quiet = {"level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"event": formatter},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "formatter": "event",
                "stream": "ext://sys.stdout",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            # Django's own handlers would print each event a second time.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # One line per task and per health shard each second would drown everything else.
            "celery.app.trace": quiet,
            "celery.worker.strategy": quiet,
            "celery.beat": quiet,
        },
    }
