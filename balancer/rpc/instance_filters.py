"""Which instances a list shows: the filters of DescribeLoadBalancers."""

from typing import Final

from django.db.models import Q, QuerySet

from balancer.choices import TaggedResource
from balancer.models import LoadBalancer
from balancer.rpc.billing import read_billing
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_region
from balancer.rpc.instances import NETWORK_TYPES
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller
from balancer.rpc.tags import ids_with_tags, read_old_tags, read_tag_pairs
from balancer.selectors.load_balancers import list_load_balancers

MAX_FILTER_VALUES: Final = 10

_PLAIN_FILTERS: Final = {
    "LoadBalancerStatus": "status",
    "Address": "address",
    "AddressType": "address_type",
    "VpcId": "vpc__public_id",
    "VSwitchId": "vswitch__public_id",
    "MasterZoneId": "primary_zone__public_id",
    "SlaveZoneId": "backup_zone__public_id",
}


def filtered_load_balancers(caller: Caller, parameters: Parameters) -> QuerySet[LoadBalancer]:
    """Return the instances of the region that pass every filter of the call."""
    region = find_region(caller, parameters)
    rows = list_load_balancers(user=caller.user, region_id=region.public_id)
    for name, column in _PLAIN_FILTERS.items():
        if (value := parameters.optional(name)) is not None:
            rows = rows.filter(**{column: value})
    if ids := _values(parameters, "LoadBalancerId"):
        rows = rows.filter(public_id__in=ids)
    if names := _values(parameters, "LoadBalancerName"):
        rows = rows.filter(_named(names, in_part=parameters.boolean("Fuzzy") or False))
    if (network := parameters.optional("NetworkType")) is not None:
        rows = rows.filter(network_type=NETWORK_TYPES.get(network.lower(), ""))
    rows = _billed(rows, parameters)
    return _tagged(caller, _serving(rows, parameters), parameters)


def _named(names: list[str], *, in_part: bool) -> Q:
    """Return the condition for one of the names, or with ``Fuzzy`` for a part of one."""
    conditions = Q(name__in=names)
    if in_part:
        for each in names:
            conditions |= Q(name__icontains=each)
    return conditions


def _values(parameters: Parameters, name: str) -> list[str]:
    values = parameters.commas(name)
    if len(values) > MAX_FILTER_VALUES:
        raise RpcError("InvalidParameter", f"{name} may name {MAX_FILTER_VALUES} at most.")
    return values


def _billed(rows: QuerySet[LoadBalancer], parameters: Parameters) -> QuerySet[LoadBalancer]:
    """Filter by prices; what nobody has said is the usual."""
    said = read_billing(parameters)
    for name, usual in (("internet_charge_type", "paybytraffic"), ("pay_type", "PayOnDemand")):
        if name in said:
            same = Q(**{f"billing__{name}": said[name]})
            unsaid = Q(**{f"billing__{name}__isnull": True})
            rows = rows.filter(same | unsaid if said[name] == usual else same)
    if parameters.optional("AddressIPVersion") == "ipv6":
        return rows.none()
    if group_id := parameters.optional("ResourceGroupId"):
        rows = rows.filter(billing__resource_group_id=group_id)
    return rows


def _serving(rows: QuerySet[LoadBalancer], parameters: Parameters) -> QuerySet[LoadBalancer]:
    """Keep the instances that have one of the servers, by id or address."""
    if server_id := parameters.optional("ServerId"):
        rows = rows.filter(
            Q(server_groups__servers__ecs_instance__public_id=server_id)
            | Q(server_groups__servers__interface_address__interface__public_id=server_id)
            | Q(server_groups__servers__idc_server__public_id=server_id)
        ).distinct()
    if addresses := _values(parameters, "ServerIntranetAddress"):
        rows = rows.filter(
            Q(server_groups__servers__ecs_instance__private_address__in=addresses)
            | Q(server_groups__servers__interface_address__address__in=addresses)
            | Q(server_groups__servers__idc_server__address__in=addresses)
        ).distinct()
    return rows


def _tagged(
    caller: Caller, rows: QuerySet[LoadBalancer], parameters: Parameters
) -> QuerySet[LoadBalancer]:
    pairs = read_tag_pairs(parameters) + read_old_tags(parameters, "InvalidTag")
    ids = ids_with_tags(caller, TaggedResource.LOAD_BALANCER, pairs)
    return rows if ids is None else rows.filter(public_id__in=ids)
