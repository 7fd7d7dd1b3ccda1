"""Limits and defaults, each with its unit in the name; ``settings.OPENCLB_LIMITS`` may override.

Ranges that the database enforces are the widest documented ones; each entrance has its own default.
Source: requirements.md, slb-rpc-api.md sections 3.0, 4.1 and 4.2.
"""

from typing import Final

MIN_WEIGHT: Final = 0  # S68
MAX_WEIGHT: Final = 100  # S68
DEFAULT_WEIGHT: Final = 100
MIN_PORT: Final = 1
MAX_PORT: Final = 65535

MAX_NAME_CHARACTERS: Final = 80
MAX_RULE_NAME_CHARACTERS: Final = 40
MAX_DESCRIPTION_CHARACTERS: Final = 80
MAX_LISTENER_DESCRIPTION_CHARACTERS: Final = 256
MAX_PROTECTION_REASON_CHARACTERS: Final = 80
MAX_TAG_KEY_CHARACTERS: Final = 64
MAX_TAG_VALUE_CHARACTERS: Final = 128
MAX_PATH_CHARACTERS: Final = 80
MAX_DOMAIN_CHARACTERS: Final = 80
MAX_COOKIE_NAME_CHARACTERS: Final = 200
MAX_CERTIFICATE_CHARACTERS: Final = 64 * 1024
MAX_KEY_CHARACTERS: Final = 16 * 1024

IDLE_TIMEOUT_RANGE_S: Final = (1, 60)
DEFAULT_IDLE_TIMEOUT_S: Final = 15
REQUEST_TIMEOUT_RANGE_S: Final = (1, 180)
DEFAULT_REQUEST_TIMEOUT_S: Final = 60
ESTABLISHED_TIMEOUT_RANGE_S: Final = (10, 900)
DEFAULT_ESTABLISHED_TIMEOUT_S: Final = 900
DEFAULT_CONNECT_TIMEOUT_S: Final = 5
PERSISTENCE_TIMEOUT_RANGE_S: Final = (0, 3600)
COOKIE_TIMEOUT_RANGE_S: Final = (1, 86400)
FAILOVER_THRESHOLD_RANGE: Final = (1, 200)
"""In servers of the primary group; above their number it means all of them."""
FAILOVER_HOLD_S: Final = 10
"""How long the secondary group goes on serving after the primary one is well again."""
DRAIN_TIMEOUT_RANGE_S: Final = (10, 900)
BANDWIDTH_RANGE_MBPS: Final = (1, 5120)
UNLIMITED_BANDWIDTH_MBPS: Final = -1

CHECK_INTERVAL_RANGE_S: Final = (1, 50)
CHECK_TIMEOUT_RANGE_S: Final = (1, 300)
CHECK_THRESHOLD_RANGE: Final = (1, 10)
CONSOLE_CHECK_THRESHOLD_RANGE: Final = (2, 10)
DEFAULT_CHECK_INTERVAL_S: Final = 2
DEFAULT_CHECK_TIMEOUT_S: Final = 5
MAX_UDP_CHECK_CHARACTERS: Final = 64
UDP_SESSION_TIMEOUT_S: Final = 120
"""How long a UDP session lives without a packet; RFC 4787 lets clients count on two minutes."""
DEFAULT_UDP_CHECK_INTERVAL_S: Final = 5
DEFAULT_UDP_CHECK_TIMEOUT_S: Final = 10
DEFAULT_CHECK_THRESHOLD: Final = 3

DEFAULT_LIMITS: Final[dict[str, int]] = {
    "load_balancers": 60,
    "listeners_per_load_balancer": 50,  # S15
    "servers_per_load_balancer": 200,  # entries: server x port
    "load_balancers_per_server": 50,
    "servers_per_call": 20,
    "rules_per_listener": 40,
    "rules_per_call": 10,
    "tags_per_resource": 20,
    "access_lists": 200,
    "entries_per_access_list": 300,
    "entries_per_call": 50,
    "access_lists_per_listener": 10,
    "listeners_per_access_list": 50,
    "certificates_per_region": 100,  # of each kind
    "domain_certificates_per_listener": 10,
    "vserver_groups_per_load_balancer": 200,
    "primary_secondary_groups_per_load_balancer": 200,
}

SPECIFICATION_LIMITS: Final[dict[str, tuple[int, int, int]]] = {
    # code: (connections at most, new connections/s, requests/s)
    "slb.s1.small": (5_000, 3_000, 1_000),
    "slb.s2.small": (50_000, 5_000, 5_000),
    "slb.s2.medium": (100_000, 10_000, 10_000),
    "slb.s3.small": (200_000, 20_000, 20_000),
    "slb.s3.medium": (500_000, 50_000, 30_000),
    "slb.s3.large": (1_000_000, 100_000, 50_000),
    "slb.lcu.elastic": (1_000_000, 100_000, 50_000),  # billed by use: as the largest
}

DATABASE_RETRY_AFTER_S: Final = 5
"""When to try again what the database could not take."""

DRAFT_LIFETIME_H: Final = 24
NONCE_LIFETIME_S: Final = 15 * 60
ACTIVITY_LIFETIME_DAYS: Final = 365
IDEMPOTENCY_KEY_LIFETIME_H: Final = 24
HEALTH_FLIP_LIFETIME_DAYS: Final = 90
