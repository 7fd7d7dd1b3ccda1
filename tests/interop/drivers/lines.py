"""What both Python drivers share: a call a line comes in as JSON, and its answer goes out so."""

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

# The clients' own warnings (old idioms) are none of ours.
warnings.simplefilter("ignore")


class Refused(Exception):
    """The client raised its own exception for a refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.facts = {"status": status, "code": code, "message": message}


def serve(call: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Answer calls until the input ends."""
    for line in sys.stdin:
        wanted = json.loads(line)
        try:
            answer: Any = {"answer": call(wanted["action"], wanted["parameters"])}
        except Refused as refusal:
            answer = {"refused": refusal.facts}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
