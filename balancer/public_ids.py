"""Typed public ids (``lb-...``): the only ids that leave the process."""

import secrets
import string
from functools import partial

_ALPHABET = string.ascii_lowercase + string.digits
_RANDOM_CHARACTERS = 20


def new_public_id(prefix: str) -> str:
    """Return a fresh id of 20 random lower-case letters and digits behind the prefix."""
    return f"{prefix}-" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))


# Named, so that migrations can refer to them as field defaults.
new_load_balancer_id = partial(new_public_id, "lb")
new_listener_id = partial(new_public_id, "lsn")
new_server_group_id = partial(new_public_id, "rsp")
new_backend_server_id = partial(new_public_id, "bs")
new_forwarding_rule_id = partial(new_public_id, "rule")
new_access_list_id = partial(new_public_id, "acl")
new_certificate_id = partial(new_public_id, "cert")
new_domain_certificate_id = partial(new_public_id, "de")
new_ecs_instance_id = partial(new_public_id, "i")
new_interface_id = partial(new_public_id, "eni")
new_idc_server_id = partial(new_public_id, "idc")
new_draft_id = partial(new_public_id, "draft")
