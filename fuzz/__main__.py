"""Let atheris look for bytes that break a promise: ``make fuzz ARGS=-runs=1000000``."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["proxy"]):
    from fuzz import messages
    from fuzz.mutation import SEEDS


def test_one_input(data: bytes) -> None:
    """Hold the promises of one kind against one input; its first byte says which."""
    if not data:
        return
    seed, data = data[0], data[1:]
    kind = seed % 8
    if kind < 4:
        messages.check_requests(data, seed)
    elif kind < 6:
        messages.check_responses(data, seed)
    elif kind < 7:
        messages.check_chunks(data, seed)
    else:
        messages.check_packed(data)


def main() -> None:
    """Run until a promise is broken, or for as many inputs as the arguments say."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            for kind in range(8):
                Path(corpus, f"{number}-{kind}").write_bytes(bytes([kind]) + seed)
        atheris.Setup([*sys.argv, corpus], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
