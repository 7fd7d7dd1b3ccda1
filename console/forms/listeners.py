"""The form of a listener; numbers go to the service as typed, it reads them."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from django import forms

from balancer.choices import SCHEDULER_CHOICES, ListenerStatus
from balancer.constants import (
    DEFAULT_ESTABLISHED_TIMEOUT_S,
    DEFAULT_IDLE_TIMEOUT_S,
    DEFAULT_REQUEST_TIMEOUT_S,
    MAX_NAME_CHARACTERS,
    MAX_UDP_CHECK_CHARACTERS,
)
from balancer.domain.draining import check_draining
from balancer.domain.listeners import (
    CHECK_KINDS_OF_PROTOCOL,
    check_group_kind,
    check_options,
    check_udp_answer,
)
from balancer.domain.support import SUPPORTED_SCHEDULERS
from balancer.domain.tls import check_has_certificate
from balancer.domain.weights import check_port
from balancer.models import Listener, ServerGroup
from balancer.services.listeners import usual_check_times
from console.forms.fields import GroupChoiceField, number_field
from console.forms.health_check import (
    HTTP_CHECK_ONLY,
    HealthCheckFields,
    join_expected_classes,
    threshold_checks,
)
from console.forms.listener_access import AccessFields, access_initial
from console.forms.listener_bandwidth import BandwidthFields, bandwidth_initial
from console.forms.listener_failover import FailoverFields, check_failover_choice
from console.forms.listener_http import MESSAGE_OPTIONS, HttpFields
from console.forms.listener_layer4 import DEFAULT_DRAIN_TIMEOUT_S, Layer4Fields
from console.forms.listener_persistence import (
    PERSISTENCE_FIELDS,
    PersistenceFields,
    initial_persistence,
    persistence_check,
    unused_persistence,
)
from console.forms.listener_tls import TLS_FIELDS, TlsFields, tls_initial
from console.forms.refusals import ask_domain
from proxy.snapshot import CheckKind, Protocol, SchedulerName

PROTOCOLS = [
    (Protocol.TCP.value, "TCP"),
    (Protocol.UDP.value, "UDP"),
    (Protocol.HTTP.value, "HTTP"),
    (Protocol.HTTPS.value, "HTTPS"),
]
CHECK_KINDS = [(CheckKind.TCP.value, "TCP"), (CheckKind.HTTP.value, "HTTP")]
SCHEDULERS = [(name, label) for name, label in SCHEDULER_CHOICES if name in SUPPORTED_SCHEDULERS]
SCHEDULER_NOTES: Mapping[str, str] = {
    SchedulerName.WEIGHTED_ROUND_ROBIN: (
        "servers take turns; one of weight 100 has twice as many as one of weight 50."
    ),
    SchedulerName.ROUND_ROBIN: (
        "servers take equal turns. Weights are ignored, except that weight 0 gets nothing."
    ),
    SchedulerName.WEIGHTED_LEAST_CONNECTIONS: (
        "the server with the fewest open connections or requests for its weight is next. Each "
        "worker of a proxy counts its own."
    ),
    SchedulerName.SOURCE_HASH: (
        "connections from one address go to one server. TCP and UDP listeners of "
        "guaranteed-performance instances only."
    ),
    SchedulerName.TUPLE_HASH: (
        "addresses and ports of both ends decide, so the connections of one client are spread. "
        "TCP and UDP listeners of guaranteed-performance instances only."
    ),
}
LAYER_7 = ("idle_timeout_s", "request_timeout_s", *MESSAGE_OPTIONS, *PERSISTENCE_FIELDS)
PROTOCOL_ONLY = {
    Protocol.HTTP: ("redirect_port", *LAYER_7),
    Protocol.HTTPS: (*LAYER_7, *TLS_FIELDS),
    Protocol.TCP: ("established_timeout_s",),
    Protocol.UDP: ("check_request", "check_expected_answer"),
}
"""Options by the protocol that has them."""


class ListenerForm(
    HttpFields,
    TlsFields,
    PersistenceFields,
    AccessFields,
    BandwidthFields,
    FailoverFields,
    Layer4Fields,
    HealthCheckFields,
):
    """What a listener is, where its requests go and how its servers are checked."""

    protocol = forms.ChoiceField(
        label="Listener protocol",
        choices=PROTOCOLS,
        initial=Protocol.TCP.value,
        widget=forms.RadioSelect,
    )
    port = number_field("Listening port", help_text="1–65535, one listener for each port.")
    name = forms.CharField(
        label="Listener name",
        max_length=MAX_NAME_CHARACTERS,
        required=False,
        help_text="Up to 80 letters, digits, periods, - _ or /. Empty: protocol_port.",
    )
    server_group = GroupChoiceField(
        label="Server group",
        queryset=ServerGroup.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="Default Server Group",
    )
    backend_port = number_field(
        "Backend port", help_text="All servers of the Default Server Group use this port."
    )
    scheduler = forms.ChoiceField(
        label="Scheduling algorithm",
        choices=SCHEDULERS,
        initial=SchedulerName.WEIGHTED_ROUND_ROBIN.value,
        required=False,
    )
    idle_timeout_s = number_field("Idle timeout", DEFAULT_IDLE_TIMEOUT_S, "1–60 s.")
    request_timeout_s = number_field(
        "Request timeout", DEFAULT_REQUEST_TIMEOUT_S, "1–180 s; then the client gets 504."
    )
    established_timeout_s = number_field(
        "Idle timeout of connections", DEFAULT_ESTABLISHED_TIMEOUT_S, "10–900 s."
    )
    check_kind = forms.ChoiceField(
        label="Check protocol",
        choices=CHECK_KINDS,
        initial=CheckKind.TCP.value,
        widget=forms.RadioSelect,
    )
    check_request = forms.CharField(
        label="Request",
        max_length=MAX_UDP_CHECK_CHARACTERS,
        required=False,
        help_text="Letters and digits. Empty: an empty packet.",
    )
    check_expected_answer = forms.CharField(
        label="Expected answer",
        max_length=MAX_UDP_CHECK_CHARACTERS,
        required=False,
        help_text="Empty: a server passes unless its port is unreachable within the timeout.",
    )
    start = forms.BooleanField(label="Start after creation", required=False, initial=True)
    expected = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        groups: Any,
        https_ports: Iterable[int] = (),
        access_lists: Any,
        certificates: Any,
        listener: Listener | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.listener = listener
        chooser = self.fields["server_group"]
        assert isinstance(chooser, forms.ModelChoiceField)
        chooser.queryset = groups
        self.offer_failover_groups(groups)
        if listener is not None:
            for name in ("protocol", "port", "start"):
                del self.fields[name]
            self.initial = {**self.initial, **initial_of(listener)}
        else:
            self._offer_times_of_checks()
        self.offer_redirects(https_ports)
        self.offer_access_lists(access_lists)
        self.offer_certificates(certificates)

    def clean(self) -> dict[str, Any]:
        """Ask the domain about everything at once, so that no error hides another.

        The thresholds are held to the console's range, narrower than that of the APIs.
        """
        values = super().clean() or {}
        for name in self._unused():
            self.errors.pop(name, None)
        if self.protocol_value != Protocol.TCP:
            self.errors.pop("check_kind", None)  # there is one kind, and nothing to choose
        for question in threshold_checks(values):
            self._ask(question)
        if "port" in self.fields:
            self._ask(partial(check_port, values.get("port"), "port", "Listening port"))
        options, protocol = self.options(), self.protocol_value
        if self.is_failing_over(protocol):
            self._ask(partial(check_failover_choice, options))
        elif values.get("server_group") is None and not options.get("redirect_port"):
            self._ask(partial(check_port, values.get("backend_port"), "backend_port"))
        given = {name: value for name, value in options.items() if value not in ("", None)}
        self._ask(partial(check_options, given, protocol=protocol))
        if (group := options.get("server_group")) is not None:
            self._ask(partial(check_group_kind, group.kind, protocol=protocol))
        self._ask(persistence_check(options))
        timeout_s = options.get("drain_timeout_s")
        drains = bool(options.get("drain_enabled"))
        self._ask(partial(check_draining, is_enabled=drains, timeout_s=timeout_s))
        request, answer = options.get("check_request", ""), options.get("check_expected_answer", "")
        self._ask(partial(check_udp_answer, request, answer))
        self._ask(self.check_access_options)
        self._ask(partial(check_has_certificate, protocol, options.get("certificate")))
        return values

    def _offer_times_of_checks(self) -> None:
        """Tell page and reader what is usual for UDP: the page fills it in."""
        for name, usual in usual_check_times(Protocol.UDP).items():
            field = self.fields[name]
            field.widget.attrs |= {"data-usual": field.initial, "data-usual-udp": usual}
            field.help_text = f"{field.help_text} Usual: {field.initial} s, for UDP {usual} s."

    @property
    def scheduler_notes(self) -> list[tuple[str, str, str]]:
        """Return value, name and explanation of each algorithm."""
        return [(name, label, SCHEDULER_NOTES[name]) for name, label in SCHEDULERS]

    def _ask(self, check: Callable[[], object]) -> None:
        """Put what the domain refuses at its fields."""
        ask_domain(self, check)

    @property
    def protocol_value(self) -> str:
        """Return the protocol that decides which options matter."""
        if self.listener is not None:
            return self.listener.protocol
        return str(self.cleaned_data.get("protocol", Protocol.TCP.value))

    def _unused(self) -> tuple[str, ...]:
        """Name the fields that protocol and check leave out; the page does not even show them."""
        protocol = self.protocol_value
        unused = self.unused_by_failover(protocol) + self.unused_of_layer4(protocol)
        own = PROTOCOL_ONLY.get(Protocol(protocol), ())
        others = itertools.chain.from_iterable(PROTOCOL_ONLY.values())
        unused += tuple(name for name in others if name not in own)
        unused += unused_persistence(self.cleaned_data)
        is_asked_by_http = protocol in (Protocol.HTTP, Protocol.HTTPS) or (
            protocol == Protocol.TCP and self.cleaned_data.get("check_kind") == CheckKind.HTTP
        )
        return unused if is_asked_by_http else unused + HTTP_CHECK_ONLY

    def options(self) -> Mapping[str, Any]:
        """Return the arguments of the service, without what protocol and check do not use."""
        values = dict(self.cleaned_data)
        if self.protocol_value != Protocol.TCP:
            values["check_kind"] = CHECK_KINDS_OF_PROTOCOL[self.protocol_value][0].value
        for name in ("protocol", "port", "start", "expected", *self._unused()):
            values.pop(name, None)
        if not values.get("scheduler"):
            values.pop("scheduler", None)
        if "server_group" in values or not self.is_failing_over(self.protocol_value):
            values.setdefault("server_group", None)
        if values.get("server_group") is not None:
            values["backend_port"] = None
        join_expected_classes(values)
        for name in (
            "backend_port",
            "check_port",
            "failover_threshold",
            "drain_timeout_s",
            "redirect_port",
        ):
            if name in values:
                values[name] = values[name] or None
        if "persistence_timeout_s" in values:
            values["persistence_timeout_s"] = values["persistence_timeout_s"] or 0
        return values | self.access_options() | self.bandwidth_options()


def initial_of(listener: Listener) -> dict[str, Any]:
    """Return the form's values for a listener that exists."""
    group = listener.server_group
    names = [name for name in ListenerForm.base_fields if hasattr(listener, name)]
    values = {name: getattr(listener, name) for name in names}
    values["server_group"] = None if group is None or group.is_default else group.public_id
    for name in ("primary_group", "secondary_group"):
        values[name] = getattr(values[name], "public_id", None)
    values["check_expected_classes"] = listener.check_expected_classes.split(",")
    for name in PERSISTENCE_FIELDS:
        del values[name]
    values |= initial_persistence(listener)
    values |= access_initial(listener) | bandwidth_initial(listener)
    values |= tls_initial(listener)
    values["drain_timeout_s"] = listener.drain_timeout_s or DEFAULT_DRAIN_TIMEOUT_S
    values["expected"] = listener.edit_number
    values["start"] = listener.status == ListenerStatus.RUNNING
    return values
