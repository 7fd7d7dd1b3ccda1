"""How the proxy writes its log: one event per line on standard error, with fields."""

import datetime
import json
import logging
import sys
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Writes ``time level event key=value ...``, or the same as one JSON object."""

    def __init__(self, *, as_json: bool, **fields: Any) -> None:
        super().__init__()
        self._as_json = as_json
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
        fields = self._fields | {
            name: value for name, value in vars(record).items() if name not in _STANDARD
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        head = {
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if self._as_json:
            return json.dumps(head | {"logger": record.name} | fields, default=str)
        words = [f"{name}={_quoted(value)}" for name, value in fields.items()]
        return " ".join([head["timestamp"], head["level"], _one_line(head["event"]), *words])


def configure_logs(log_format: str, **fields: Any) -> None:
    """Send the events of this process to standard error, each with these fields."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(as_json=log_format == "json", **fields))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _quoted(value: Any) -> str:
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or "=" in text or not text else text


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")
