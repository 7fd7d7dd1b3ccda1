"""Why the proxy answers a request itself, as the tokens of ``X-OpenCLB-Reason``."""

from enum import StrEnum


class Reason(StrEnum):
    """What kept a request or connection from being served by a server."""

    NO_SERVERS = "no_servers"
    NO_WEIGHT = "no_weight"
    NO_HEALTHY_SERVER = "no_healthy_server"
    CONNECT_FAILED = "connect_failed"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    BAD_REQUEST = "bad_request"
    BAD_RESPONSE = "bad_response"
    REQUEST_TIMEOUT = "request_timeout"
    UPSTREAM_CLOSED = "upstream_closed"
    REDIRECT = "redirect"
    MAX_FORWARDS = "max_forwards"
