"""``python -m proxy``: one proxy node, from the environment."""

import sys

from proxy.logs import configure_logs
from proxy.node import run_node
from proxy.process import raise_descriptor_limit
from proxy.settings import EXIT_BAD_ENVIRONMENT, ProxySettings


def main() -> None:
    """Start the node, or say in one line why it cannot be."""
    settings = ProxySettings.from_environment()
    configure_logs(settings.log_format, node=settings.node)
    raise_descriptor_limit()
    try:
        run_node(settings)
    except OSError as error:
        print(f"openclb: the proxy cannot run: {error}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_ENVIRONMENT) from error


if __name__ == "__main__":
    main()
