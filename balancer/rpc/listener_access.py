"""Access control of a listener on the wire."""

from typing import Any

from balancer.models import AccessList, Listener
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import or_refuse
from balancer.rpc.kinds import ACCESS_KIND
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller
from balancer.selectors.access_lists import get_access_list


def read_access(caller: Caller, parameters: Parameters, *, is_on: bool) -> dict[str, Any]:
    """Return what a call says about access control, by columns; off takes all of it away.

    ``is_on`` tells how it is when the call says nothing of that.
    """
    enabled = parameters.switch("AclStatus")
    if enabled is False:
        return {"access_enabled": False}
    said: dict[str, Any] = {} if enabled is None else {"access_enabled": True}
    kind = ACCESS_KIND.read(parameters, "AclType")
    if kind is not None:
        said["access_kind"] = kind
    ids = parameters.commas("AclId")
    if ids:
        said["access_lists"] = [_find(caller, each) for each in dict.fromkeys(ids)]
    # Some clients name a kind beside a switch that is off already.
    return said if enabled or is_on or "access_lists" in said else {}


def access_payload(listener: Listener, *, in_list: bool = False) -> dict[str, Any]:
    """Return the access control of a listener; lists of listeners have the ids without wrapper."""
    if not listener.access_enabled:
        return {"AclStatus": "off"}
    ids = [each.public_id for each in listener.access_lists.all()]
    return {
        "AclStatus": "on",
        "AclType": ACCESS_KIND.write(listener.access_kind),
        "AclId": ",".join(ids),
        "AclIds": ids if in_list else {"AclId": ids},
    }


def _find(caller: Caller, access_list_id: str) -> AccessList:
    return or_refuse(
        lambda: get_access_list(user=caller.user, right=Right.VIEW, access_list_id=access_list_id),
        RpcError("AclNotExist", f"The specified AclId {access_list_id:.40} does not exist."),
    )
