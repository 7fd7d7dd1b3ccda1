"""The part of a form that says how servers are checked over HTTP, and how often."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from django import forms

from balancer.constants import (
    CONSOLE_CHECK_THRESHOLD_RANGE,
    DEFAULT_CHECK_INTERVAL_S,
    DEFAULT_CHECK_THRESHOLD,
    DEFAULT_CHECK_TIMEOUT_S,
    MAX_DOMAIN_CHARACTERS,
    MAX_PATH_CHARACTERS,
)
from balancer.domain.numbers import read_integer
from console.forms.fields import number_field

EXPECTED_CLASSES = [(str(first), f"{first}xx") for first in range(2, 6)]
HTTP_CHECK_ONLY = ("check_method", "check_path", "check_host", "check_expected_classes")


class HealthCheckFields(forms.Form):
    """The health check of a listener, or of a forwarding rule with its own."""

    check_enabled = forms.BooleanField(label="Check the servers", required=False, initial=True)
    check_method = forms.ChoiceField(
        label="Method",
        choices=[("HEAD", "HEAD"), ("GET", "GET")],
        initial="HEAD",
        required=False,
    )
    check_path = forms.CharField(
        label="Path", max_length=MAX_PATH_CHARACTERS, initial="/", required=False
    )
    check_host = forms.CharField(
        label="Host name",
        max_length=MAX_DOMAIN_CHARACTERS,
        required=False,
        help_text="Empty: the address of the server.",
    )
    check_expected_classes = forms.MultipleChoiceField(
        label="Success codes",
        choices=EXPECTED_CLASSES,
        initial=["2", "3"],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    check_port = number_field("Check port", help_text="Empty: the port of each server.")
    check_interval_s = number_field("Interval", DEFAULT_CHECK_INTERVAL_S, "1–50 s, start to start.")
    check_timeout_s = number_field("Response timeout", DEFAULT_CHECK_TIMEOUT_S, "1–300 s.")
    check_unhealthy_threshold = number_field(
        "Unhealthy threshold", DEFAULT_CHECK_THRESHOLD, "2–10 failures in a row."
    )
    check_healthy_threshold = number_field(
        "Healthy threshold", DEFAULT_CHECK_THRESHOLD, "2–10 successes in a row."
    )


def threshold_checks(values: Mapping[str, Any]) -> Iterator[Callable[[], int]]:
    """Yield the questions for the thresholds, in the console's range: narrower than the APIs'."""
    for name in ("check_unhealthy_threshold", "check_healthy_threshold"):
        yield partial(_read_threshold, values.get(name), name)


def join_expected_classes(values: dict[str, Any]) -> None:
    """Write the ticked classes as the service takes them."""
    if "check_expected_classes" in values:
        values["check_expected_classes"] = ",".join(sorted(values["check_expected_classes"]))


def _read_threshold(value: object, name: str) -> int:
    least, most = CONSOLE_CHECK_THRESHOLD_RANGE
    label = str(HealthCheckFields.base_fields[name].label)
    return read_integer(value, field=name, minimum=least, maximum=most, label=label)
