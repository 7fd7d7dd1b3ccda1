"""The form of a forwarding rule: what it matches, whom it sends to, and settings of its own."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django import forms

from balancer.choices import SCHEDULER_CHOICES
from balancer.constants import (
    MAX_DOMAIN_CHARACTERS,
    MAX_PATH_CHARACTERS,
    MAX_RULE_NAME_CHARACTERS,
)
from balancer.domain.forwarding import check_rule_match, check_rule_name
from balancer.domain.listeners import SCHEDULERS_OF_PROTOCOL, check_options
from balancer.models import ForwardingRule, ServerGroup
from console.forms.fields import GroupChoiceField
from console.forms.health_check import (
    HealthCheckFields,
    join_expected_classes,
    threshold_checks,
)
from console.forms.listener_persistence import (
    PERSISTENCE_FIELDS,
    PersistenceFields,
    initial_persistence,
    persistence_check,
    unused_persistence,
)
from console.forms.refusals import ask_domain
from proxy.snapshot import Protocol, SchedulerName

SCHEDULERS = [
    (name, label)
    for name, label in SCHEDULER_CHOICES
    if name in SCHEDULERS_OF_PROTOCOL[Protocol.HTTP]
]
MATCH = ("domain", "path")
NOT_SETTINGS = ("name", *MATCH, "server_group", "inherits_settings", "expected")


class ForwardingRuleForm(PersistenceFields, HealthCheckFields):
    """A rule; what it matches stays as it was made."""

    name = forms.CharField(
        label="Rule name",
        max_length=MAX_RULE_NAME_CHARACTERS,
        required=False,
        help_text="1–40 letters, digits, - / . or _, once in the listener.",
    )
    domain = forms.CharField(
        label="Domain",
        max_length=MAX_DOMAIN_CHARACTERS,
        required=False,
        help_text="www.example.com, or *.example.com for every name below it. Empty: any.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    path = forms.CharField(
        label="URL",
        max_length=MAX_PATH_CHARACTERS,
        required=False,
        help_text="What the path begins with, such as /api. Empty: any.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    server_group = GroupChoiceField(
        label="VServer group",
        queryset=ServerGroup.objects.none(),
        to_field_name="public_id",
        empty_label="Choose a group",
        error_messages={"required": "Choose the VServer group that gets these requests."},
    )
    inherits_settings = forms.BooleanField(label="Inherit settings", required=False, initial=True)
    scheduler = forms.ChoiceField(
        label="Scheduling algorithm",
        choices=SCHEDULERS,
        initial=SchedulerName.WEIGHTED_ROUND_ROBIN.value,
        required=False,
    )
    expected = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *args: Any, groups: Any, rule: ForwardingRule | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.rule = rule
        chooser = self.fields["server_group"]
        assert isinstance(chooser, forms.ModelChoiceField)
        chooser.queryset = groups
        if rule is not None:
            for name in MATCH:
                del self.fields[name]
            self.initial = {**self.initial, **initial_of(rule)}

    def clean(self) -> dict[str, Any]:
        """Ask the domain about everything at once; settings that are not shown cannot be wrong."""
        values = super().clean() or {}
        ask_domain(self, partial(check_rule_name, values.get("name")))
        if self.rule is None:
            ask_domain(self, partial(check_rule_match, values))
        settings = self._settings()
        for name in self.fields.keys() - settings.keys() - {*NOT_SETTINGS}:
            self.errors.pop(name, None)
        if settings:
            for question in threshold_checks(values):
                ask_domain(self, question)
            given = {name: value for name, value in settings.items() if value not in ("", None)}
            ask_domain(self, partial(check_options, given, protocol=Protocol.HTTP))
            ask_domain(self, persistence_check(settings))
        return values

    def options(self) -> Mapping[str, Any]:
        """Return the arguments of the service."""
        names = [name for name in NOT_SETTINGS if name in self.cleaned_data and name != "expected"]
        return {name: self.cleaned_data[name] for name in names} | self._settings()

    def _settings(self) -> dict[str, Any]:
        """Return the settings that are the rule's own; none when it has those of its listener."""
        values = self.cleaned_data
        if values.get("inherits_settings"):
            return {}
        unused = {*NOT_SETTINGS, *unused_persistence(values)}
        settings = {name: values.get(name, "") for name in self.fields if name not in unused}
        if not settings["scheduler"]:
            del settings["scheduler"]
        settings["check_port"] = settings["check_port"] or None
        join_expected_classes(settings)
        return settings


def initial_of(rule: ForwardingRule) -> dict[str, Any]:
    """Return the form's values for a rule that exists."""
    names = [name for name in ForwardingRuleForm.base_fields if hasattr(rule, name)]
    values = {name: getattr(rule, name) for name in names if name not in PERSISTENCE_FIELDS}
    values |= initial_persistence(rule)
    values["server_group"] = rule.server_group.public_id
    values["check_expected_classes"] = rule.check_expected_classes.split(",")
    values["expected"] = rule.edit_number
    return values
