"""Why a machine cannot be a server of a group, for the list that offers it and the service."""

from dataclasses import dataclass

from balancer.models import EcsInstance, IdcServer, InterfaceAddress, LoadBalancer, ServerGroup
from proxy.snapshot import GroupKind

Machine = EcsInstance | InterfaceAddress | IdcServer


@dataclass(frozen=True, slots=True)
class Ineligible:
    """A rule that stands against a machine: a stable code, a sentence, and words for a cell."""

    code: str
    message: str
    words: str


def find_ineligibility(group: ServerGroup, machine: Machine) -> Ineligible | None:
    """Return what stands against the machine, or None.

    Whether it is in the group already is another question (in some groups its port decides).
    """
    load_balancer = group.load_balancer
    if isinstance(machine, IdcServer):
        return _of_idc_server(group, machine)
    if isinstance(machine, InterfaceAddress):
        return _of_interface(load_balancer, machine)
    return (
        _other_region(machine.zone.region.public_id, load_balancer, machine.name)
        or _other_network(machine.vswitch.vpc.public_id, load_balancer, machine.name)
        or _not_running(machine)
    )


def _of_idc_server(group: ServerGroup, machine: IdcServer) -> Ineligible | None:
    if group.kind == GroupKind.PRIMARY_SECONDARY:  # C27
        return Ineligible(
            "idc_not_allowed",
            "IDC servers cannot be in a primary/secondary server group; choose an ECS instance.",
            "not possible in a primary/secondary group",
        )
    return _other_region(machine.region.public_id, group.load_balancer, machine.name)


def _of_interface(load_balancer: LoadBalancer, address: InterfaceAddress) -> Ineligible | None:
    interface = address.interface
    if not load_balancer.is_guaranteed_performance:  # S148
        return Ineligible(
            "specification_too_small",
            f"{load_balancer.name} is a shared-performance instance; network interfaces need a "
            "guaranteed-performance one.",
            "needs a guaranteed-performance instance",
        )
    if interface.instance is None:
        return Ineligible(
            "interface_detached",
            f"{interface.name} is not bound to a server; bind it, then add it.",
            "not bound to a server",
        )
    return (
        _other_region(interface.vswitch.zone.region.public_id, load_balancer, interface.name)
        or _other_network(interface.vswitch.vpc.public_id, load_balancer, interface.name)
        or _not_running(interface.instance)
    )


def _other_region(region_id: str, load_balancer: LoadBalancer, name: str) -> Ineligible | None:
    own = load_balancer.region.public_id
    if region_id == own:
        return None
    return Ineligible(  # S10, S94, E1.6
        "other_region",
        f"{name}: the server is in another region ({region_id}); {load_balancer.name} is in "
        f"{own}. Choose a server in {own}.",
        "in another region",
    )


def _other_network(vpc_id: str, load_balancer: LoadBalancer, name: str) -> Ineligible | None:
    vpc = load_balancer.vpc
    if vpc is None or vpc.public_id == vpc_id:
        return None
    return Ineligible(
        "other_network",
        f"{name} is in another VPC ({vpc_id}); {load_balancer.name} is in {vpc.public_id}. "
        f"Choose a server in {vpc.public_id}.",
        "in another VPC",
    )


def _not_running(instance: EcsInstance) -> Ineligible | None:
    if instance.is_running:
        return None
    state = instance.get_power_state_display().lower()
    return Ineligible(  # E1.7
        "server_not_running",
        f"{instance.name} is not running (it is {state}); start it, then add it.",
        state,
    )
