"""Why the proxy answers a request itself (``X-OpenCLB-Reason``), and why a server has got one."""

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
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_NEW_CONNECTIONS = "too_many_new_connections"
    TOO_MANY_REQUESTS = "too_many_requests"
    REDIRECT = "redirect"
    MAX_FORWARDS = "max_forwards"


class ChosenBy(StrEnum):
    """Why a server has got a request, connection or session, as the access log says it.

    ``next_server``: another one could not be reached. ``same_server``: a kept connection to it was
    dead, so the request went there once more.
    """

    SCHEDULER = "scheduler"
    ONLY_SERVER = "only_server"
    NEXT_SERVER = "next_server"
    SAME_SERVER = "same_server"
    SESSION_COOKIE = "session_cookie"
    SOURCE_ADDRESS = "source_address"
