"""Whether a machine may be in a group at all, in code and words."""

from django.conf import settings

from balancer.domain.networks import check_server_address
from balancer.exceptions import Invalid
from balancer.models import EcsInstance, IdcServer, InterfaceAddress, LoadBalancer, ServerGroup
from proxy.snapshot import GroupKind

Machine = EcsInstance | InterfaceAddress | IdcServer


def refusal_reason(group: ServerGroup, machine: Machine) -> tuple[str, str] | None:
    """Return code and sentence when the machine cannot be in the group, or None when it can.

    Whether it is in the group already is another question (its port decides).
    """
    load_balancer = group.load_balancer
    if isinstance(machine, IdcServer):
        if group.kind == GroupKind.PRIMARY_SECONDARY:  # C27
            return "idc_not_allowed", "IDC servers cannot be in a primary/secondary server group."
        return _other_region(machine.region.public_id, load_balancer, machine.name) or _bad_address(
            machine.address, machine.name
        )
    if isinstance(machine, InterfaceAddress):
        return _interface_reason(load_balancer, machine)
    return (
        _other_region(machine.zone.region.public_id, load_balancer, machine.name)
        or _other_network(machine.vswitch.vpc.public_id, load_balancer, machine.name)
        or _not_running(machine)
        or _bad_address(machine.private_address, machine.name)
    )


def _interface_reason(
    load_balancer: LoadBalancer, address: InterfaceAddress
) -> tuple[str, str] | None:
    interface = address.interface
    if not load_balancer.is_guaranteed_performance:  # S148
        return (
            "specification_too_small",
            f"{load_balancer.name} is a shared-performance instance; network interfaces need a "
            "guaranteed-performance one.",
        )
    if interface.instance is None:
        return "interface_detached", f"{interface.name} is not bound to a server."
    return (
        _other_region(interface.vswitch.zone.region.public_id, load_balancer, interface.name)
        or _other_network(interface.vswitch.vpc.public_id, load_balancer, interface.name)
        or _not_running(interface.instance)
        or _bad_address(address.address, interface.name)
    )


def _other_region(region_id: str, load_balancer: LoadBalancer, name: str) -> tuple[str, str] | None:
    own = load_balancer.region.public_id
    if region_id == own:
        return None
    return (  # S10, S94, E1.6
        "other_region",
        f"{name}: the server is in another region ({region_id}); {load_balancer.name} is in "
        f"{own}. Choose a server in {own}.",
    )


def _other_network(vpc_id: str, load_balancer: LoadBalancer, name: str) -> tuple[str, str] | None:
    vpc = load_balancer.vpc
    if vpc is None or vpc.public_id == vpc_id:
        return None
    return (
        "other_network",
        f"{name} is in another VPC ({vpc_id}); {load_balancer.name} is in {vpc.public_id}. "
        f"Choose a server in {vpc.public_id}.",
    )


def _bad_address(address: str, name: str) -> tuple[str, str] | None:
    """Whoever allowed loopback servers once may not do so any more."""
    try:
        check_server_address(
            address, field="address", loopback_allowed=settings.OPENCLB_ALLOW_LOOPBACK_SERVERS
        )
    except Invalid as error:
        return error.code, f"{name} cannot be reached from other machines. {error.message}"
    return None


def _not_running(instance: EcsInstance) -> tuple[str, str] | None:
    if instance.is_running:
        return None
    return (  # E1.7
        "server_not_running",
        f"{instance.name} is not running (it is {instance.get_power_state_display().lower()}); "
        "start it first.",
    )
