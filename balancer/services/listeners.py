"""Every write to a listener."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from balancer.actors import Actor
from balancer.choices import ListenerStatus
from balancer.constants import (
    DEFAULT_CHECK_INTERVAL_S,
    DEFAULT_CHECK_TIMEOUT_S,
    DEFAULT_UDP_CHECK_INTERVAL_S,
    DEFAULT_UDP_CHECK_TIMEOUT_S,
)
from balancer.domain.bandwidth import check_bandwidth_sum
from balancer.domain.draining import check_draining, check_no_useless_timeout
from balancer.domain.listeners import (
    CHECK_KINDS_OF_PROTOCOL,
    check_options,
    check_scheduler_allowed,
    check_udp_answer,
)
from balancer.domain.persistence import check_persistence
from balancer.domain.quotas import check_quota
from balancer.domain.support import check_listener_supported
from balancer.domain.weights import check_port
from balancer.exceptions import Conflict, Invalid, NotFound
from balancer.models import Listener, LoadBalancer
from balancer.services.activity import record_activity
from balancer.services.listener_access import (
    check_listener_access,
    describe_access_lists,
    lock_access_lists,
    without_access,
)
from balancer.services.listener_groups import check_groups, settle_groups
from balancer.services.listener_tls import check_listener_tls
from balancer.services.locks import check_fresh, lock_load_balancer, save_edit
from balancer.services.publishing import request_publish
from balancer.services.specifications import bandwidth_of_listeners
from balancer.services.tags import forget_tags
from proxy.snapshot import Protocol

_FIXED = frozenset({"protocol", "port", "status", "load_balancer", "public_id", "edit_number"})
OPTIONS = frozenset(
    field.name
    for field in Listener._meta.concrete_fields
    if field.editable and field.name not in _FIXED and not field.primary_key
)
"""What of a listener can be set, but for its access lists."""


@transaction.atomic
def create_listener(
    *,
    actor: Actor,
    load_balancer: LoadBalancer,
    protocol: str,
    port: Any,
    start: bool = False,
    **options: Any,
) -> Listener:
    """Create a listener, stopped unless ``start``; options are the model's field names."""
    port = check_port(port, "port", "Listening port")
    _check_protocol(protocol)
    options = _checked(options, protocol=protocol)
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_quota(
        "listeners_per_load_balancer",
        current=load_balancer.listeners.count(),
        requested=1,
        what=f"listeners on {load_balancer.name}",
    )
    _check_port_free(load_balancer, protocol, port)
    options = check_defaults(protocol) | options
    options = _settle(Listener(), options)
    options["name"] = options.get("name") or f"{protocol}_{port}"
    access_lists = lock_access_lists(options.pop("access_lists", ()))
    listener = Listener(
        load_balancer=load_balancer,
        protocol=protocol,
        port=port,
        status=ListenerStatus.RUNNING if start else ListenerStatus.STOPPED,
        **options,
    )
    _check_whole(listener)
    _check_scheduler(listener)
    check_listener_access(listener, access_lists)
    listener.save()
    listener.access_lists.set(access_lists)
    record_activity(
        actor,
        "listener.created",
        listener,
        load_balancer=load_balancer,
        after={"protocol": protocol, "port": port, "status": listener.status}
        | _plain(listener, options)
        | (describe_access_lists(access_lists) if access_lists else {}),
    )
    request_publish(load_balancer)
    return listener


@transaction.atomic
def update_listener(
    *, actor: Actor, listener: Listener, expected: int | None = None, **changes: Any
) -> Listener:
    """Change options of a listener; its protocol and port stay what they are."""
    changes = _checked(changes, protocol=listener.protocol)
    if changes.get("name") == "":
        del changes["name"]
    load_balancer = lock_load_balancer(actor, listener.load_balancer_id)
    listener = _lock_listener(listener.pk)
    check_fresh(listener, expected)
    changes = _settle(listener, without_access(changes))
    had = list(listener.access_lists.order_by("pk"))
    has = lock_access_lists(changes.pop("access_lists")) if "access_lists" in changes else had
    changed = {name: value for name, value in changes.items() if getattr(listener, name) != value}
    if not changed and has == had:
        return listener
    before = _plain(listener, changed)
    for name, value in changed.items():
        setattr(listener, name, value)
    _check_whole(listener)
    if "scheduler" in changed:
        _check_scheduler(listener)
    after = _plain(listener, changed)
    if has != had or changed.keys() & {"access_enabled", "access_kind"}:
        check_listener_access(listener, has)
    if has != had:
        listener.access_lists.set(has)
        before |= describe_access_lists(had)
        after |= describe_access_lists(has)
    save_edit(listener, *changed)
    record_activity(
        actor,
        "listener.changed",
        listener,
        load_balancer=load_balancer,
        before=before,
        after=after,
    )
    request_publish(load_balancer)
    return listener


def start_listener(*, actor: Actor, listener: Listener, expected: int | None = None) -> Listener:
    """Let the listener serve."""
    return _set_status(actor, listener, ListenerStatus.RUNNING, "listener.started", expected)


def stop_listener(*, actor: Actor, listener: Listener, expected: int | None = None) -> Listener:
    """Stop the listener: its port stops answering, the configuration stays."""
    return _set_status(actor, listener, ListenerStatus.STOPPED, "listener.stopped", expected)


@transaction.atomic
def delete_listener(*, actor: Actor, listener: Listener, expected: int | None = None) -> None:
    """Delete the listener with its rules; the port stops answering, groups stay."""
    load_balancer = lock_load_balancer(actor, listener.load_balancer_id)
    listener = _lock_listener(listener.pk)
    check_fresh(listener, expected)
    _check_no_redirects_to(listener)
    record_activity(
        actor,
        "listener.deleted",
        listener,
        load_balancer=load_balancer,
        before={"protocol": listener.protocol, "port": listener.port, "name": listener.name},
    )
    forget_tags([listener.public_id])
    listener.delete()
    request_publish(load_balancer)


@transaction.atomic
def _set_status(
    actor: Actor, listener: Listener, status: ListenerStatus, action: str, expected: int | None
) -> Listener:
    load_balancer = lock_load_balancer(actor, listener.load_balancer_id)
    listener = _lock_listener(listener.pk)
    check_fresh(listener, expected)
    if listener.status == status:
        return listener
    before, listener.status = listener.status, status
    save_edit(listener, "status")
    record_activity(
        actor, action, listener, load_balancer=load_balancer, before=before, after=status
    )
    request_publish(load_balancer)
    return listener


def _lock_listener(listener_pk: int) -> Listener:
    listener = (
        Listener.objects.select_for_update(of=("self",))
        .select_related("load_balancer__region", "server_group", "primary_group", "secondary_group")
        .filter(pk=listener_pk)
        .first()
    )
    if listener is None:
        raise NotFound("listener_not_found", "This listener does not exist any more.")
    return listener


def _check_protocol(protocol: str) -> None:
    if protocol not in set(Protocol):
        message = f"Listener protocol must be tcp, udp, http or https; given: {protocol!s:.40}."
        raise Invalid("unknown_protocol", message, fields={"protocol": [message]})
    check_listener_supported({"protocol": protocol})


def _checked(options: dict[str, Any], *, protocol: str) -> dict[str, Any]:
    unknown = options.keys() - OPTIONS - {"access_lists"}
    if unknown:
        fields = {name: [_why_not(name)] for name in sorted(unknown)}
        raise Invalid("unknown_option", next(iter(fields.values()))[0], fields=fields)
    if not options.get("name", "x"):
        options = {name: value for name, value in options.items() if name != "name"}
    options = check_options(options, protocol=protocol)
    check_listener_supported(options | {"protocol": protocol})
    return options


def _why_not(name: str) -> str:
    if name in ("protocol", "port", "load_balancer"):
        return f"The {name.replace('_', ' ')} of a listener stays; create another listener instead."
    return f"A listener has no option {name} to set."


def _check_port_free(load_balancer: LoadBalancer, protocol: str, port: int) -> None:
    """UDP may share a port with one of the TCP-based protocols; those exclude each other."""
    others = load_balancer.listeners.filter(port=port)
    if protocol == Protocol.UDP:
        others = others.filter(protocol=Protocol.UDP)
    else:
        others = others.exclude(protocol=Protocol.UDP)
    taken = others.first()
    if taken is not None:
        raise Conflict(
            "port_in_use",
            f"Port {port} is used by the listener {taken.name} ({taken}) already.",
            field="port",
            listener=taken.public_id,
            same_protocol=taken.protocol == protocol,
        )


def check_defaults(protocol: str) -> dict[str, Any]:
    """Return the check settings of a new listener, where those of the columns do not fit."""
    kind = CHECK_KINDS_OF_PROTOCOL[protocol][0]
    return {"check_kind": kind, **usual_check_times(protocol)}


def usual_check_times(protocol: str) -> dict[str, int]:
    """Return interval and timeout of the checks of a new listener, at every entrance."""
    is_udp = protocol == Protocol.UDP
    return {
        "check_interval_s": DEFAULT_UDP_CHECK_INTERVAL_S if is_udp else DEFAULT_CHECK_INTERVAL_S,
        "check_timeout_s": DEFAULT_UDP_CHECK_TIMEOUT_S if is_udp else DEFAULT_CHECK_TIMEOUT_S,
    }


def _settle(listener: Listener, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options with those that go because others have made them useless."""
    drains = given.get("drain_enabled", listener.drain_enabled)
    check_no_useless_timeout(is_enabled=drains, timeout_s=given.get("drain_timeout_s"))
    settled = settle_groups(listener, given)
    return settled if drains else settled | {"drain_timeout_s": None}


def _check_whole(listener: Listener) -> None:
    """Hold options against each other, as they stand together after a change."""
    check_groups(listener)
    check_draining(is_enabled=listener.drain_enabled, timeout_s=listener.drain_timeout_s)
    _check_redirect(listener)
    check_listener_tls(listener)
    _check_bandwidth(listener)
    check_udp_answer(listener.check_request, listener.check_expected_answer)
    check_persistence(
        sticky_enabled=listener.sticky_enabled,
        sticky_kind=listener.sticky_kind,
        cookie_timeout_s=listener.cookie_timeout_s,
        cookie_name=listener.cookie_name,
    )


def _check_bandwidth(listener: Listener) -> None:
    """The listeners of an instance with a bandwidth of its own share that among them."""
    check_bandwidth_sum(
        listener.bandwidth_mbps,
        others_mbps=bandwidth_of_listeners(listener.load_balancer, but=listener),
        instance_mbps=listener.load_balancer.bandwidth_mbps,
    )


def _check_redirect(listener: Listener) -> None:
    """Requests are redirected to an HTTPS listener of the same instance, which has to be there."""
    port = listener.redirect_port
    if port is not None and not _https_listeners(listener).filter(port=port).exists():
        message = (
            f"Port {port} of {listener.load_balancer.name} has no HTTPS listener to redirect to; "
            "add that one first."
        )
        raise Invalid("redirect_target", message, fields={"redirect_port": [message]})
    if port is not None and listener.pk is not None and listener.rules.exists():
        raise Conflict(
            "listener_has_rules",
            f"{listener.name} has forwarding rules, which would have no effect; delete them first.",
            field="redirect_port",
        )


def _https_listeners(listener: Listener) -> QuerySet[Listener]:
    return Listener.objects.filter(
        load_balancer_id=listener.load_balancer_id, protocol=Protocol.HTTPS
    )


def _check_no_redirects_to(listener: Listener) -> None:
    """An HTTPS listener stays as long as another one sends its clients there."""
    if listener.protocol != Protocol.HTTPS:
        return
    redirecting = Listener.objects.filter(
        load_balancer_id=listener.load_balancer_id, redirect_port=listener.port
    ).first()
    if redirecting is not None:
        raise Conflict(
            "redirect_in_use",
            f"The listener {redirecting.name} ({redirecting}) redirects to {listener}; turn that "
            "off or delete it first.",
            listener=redirecting.public_id,
        )


def _check_scheduler(listener: Listener) -> None:
    instance = listener.load_balancer
    check_scheduler_allowed(
        listener.scheduler,
        instance=instance.name,
        is_guaranteed=instance.is_guaranteed_performance,
    )


def _plain(listener: Listener, names: Any) -> dict[str, Any]:
    """Return the options as JSON-able values, groups and certificates by their public ids."""
    values = {name: getattr(listener, name) for name in sorted(names)}
    return {name: getattr(value, "public_id", value) for name, value in values.items()}
