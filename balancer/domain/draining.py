"""What connection draining needs (slb-rpc-api.md section 3.0)."""

from balancer.constants import DRAIN_TIMEOUT_RANGE_S
from balancer.exceptions import Invalid


def check_draining(*, is_enabled: bool, timeout_s: int | None) -> None:
    """Raise Invalid when draining is on and nobody says how long it may take."""
    if is_enabled and timeout_s is None:
        least, most = DRAIN_TIMEOUT_RANGE_S
        message = f"Connection draining needs a drain timeout of {least} to {most} seconds."
        raise Invalid("required", message, fields={"drain_timeout_s": [message]})


def check_no_useless_timeout(*, is_enabled: bool, timeout_s: object) -> None:
    """Raise Invalid when a timeout is given that nothing would use."""
    if not is_enabled and timeout_s is not None:
        message = "A drain timeout has no use while connection draining is off; leave it out."
        raise Invalid("useless_option", message, fields={"drain_timeout_s": [message]})
