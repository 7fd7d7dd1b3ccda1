"""``python -m proxy``: one proxy node, from the environment.

``--check`` only looks whether the program starts and understands its settings.
"""

import importlib
import sys

from proxy.handover import Handover
from proxy.logs import configure_logs
from proxy.node import run_node
from proxy.process import raise_descriptor_limit
from proxy.settings import EXIT_BAD_ENVIRONMENT, ProxySettings


def main() -> None:
    """Start the node, or say in one line why it cannot be."""
    predecessor = Handover.from_environment()
    settings = ProxySettings.from_environment()
    if "--check" in sys.argv[1:]:
        for name in ("proxy.worker", "proxy.net.config_feed"):
            importlib.import_module(name)
        return
    configure_logs(settings.log_format, node=settings.node)
    raise_descriptor_limit()
    try:
        run_node(settings, predecessor)
    except OSError as error:
        print(f"openclb: the proxy cannot run: {error}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_ENVIRONMENT) from error


if __name__ == "__main__":
    main()
