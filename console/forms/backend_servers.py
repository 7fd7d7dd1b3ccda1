"""Forms of servers in a group: one weight, several weights, removal."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from balancer.constants import MAX_WEIGHT, MIN_WEIGHT
from balancer.domain.numbers import read_integer
from balancer.domain.weights import check_weight
from balancer.exceptions import Invalid
from balancer.models import BackendServer


class WeightForm(forms.Form):
    """The weight of one server, with what it was when the form was opened."""

    weight = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    was = forms.IntegerField(required=False, widget=forms.HiddenInput)
    expected = forms.IntegerField(required=False, widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None, *, server: BackendServer) -> None:
        initial = {
            "weight": server.weight,
            "was": server.weight,
            "expected": server.edit_number,
        }
        super().__init__(data, initial=initial, auto_id=f"id_{server.public_id}_%s")

    def clean_weight(self) -> int:
        """Return the weight, or say the range and what was given."""
        return _checked(lambda: check_weight(self.cleaned_data["weight"]))


class Plan(StrEnum):
    """What several weights are to become."""

    SET = "set"
    ADD = "add"
    SUBTRACT = "subtract"
    EVEN = "even"


class WeightsForm(forms.Form):
    """One change for the weights of several servers (I7)."""

    plan = forms.ChoiceField(
        label="Change",
        choices=[
            (Plan.SET.value, "Set to"),
            (Plan.ADD.value, "Add"),
            (Plan.SUBTRACT.value, "Subtract"),
            (Plan.EVEN.value, "Split 100 evenly"),
        ],
        initial=Plan.SET.value,
    )
    value = forms.CharField(
        label="Weight",
        required=False,
        initial="100",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        """Read the number that the plan needs."""
        given = self.cleaned_data
        plan, text = given.get("plan"), given.get("value", "")
        if plan == Plan.SET:
            self._read(lambda: check_weight(text, "value"))
        elif plan in (Plan.ADD, Plan.SUBTRACT):
            self._read(
                lambda: read_integer(text, field="value", minimum=1, maximum=100, label="Change")
            )
        return given

    def _read(self, read: Any) -> None:
        try:
            self.cleaned_data["value"] = _checked(read)
        except ValidationError as error:
            self.add_error("value", error)


def plan_weights(servers: Sequence[BackendServer], plan: str, value: int | str) -> dict[str, int]:
    """Return the weight that each server is to have, by public id, within the range."""
    if plan == Plan.EVEN:
        part, rest = divmod(MAX_WEIGHT, len(servers) or 1)
        return {each.public_id: part + (at < rest) for at, each in enumerate(servers)}
    step = {Plan.ADD: int(value), Plan.SUBTRACT: -int(value)}.get(Plan(plan))
    wanted = [int(value) if step is None else each.weight + step for each in servers]
    return {
        each.public_id: max(MIN_WEIGHT, min(MAX_WEIGHT, weight))
        for each, weight in zip(servers, wanted, strict=True)
    }


def read_expected(data: QueryDict) -> dict[str, int]:
    """Return the edit numbers that a form was drawn with, by public id."""
    pairs = (text.rpartition(":") for text in data.getlist("expected"))
    return {
        public_id: int(number)
        for public_id, _, number in pairs
        if number.isascii() and number.isdigit() and len(number) < 10
    }


class RemovalForm(forms.Form):
    """The name that must be typed before the last server goes (F4.3)."""

    confirmation = forms.CharField(required=False, widget=forms.TextInput)

    def __init__(self, data: QueryDict | None, *, phrase: str) -> None:
        super().__init__(data)
        self.phrase = phrase

    def clean_confirmation(self) -> str:
        """Compare with the phrase; no phrase needs no typing."""
        typed = str(self.cleaned_data["confirmation"]).strip()
        if self.phrase and typed != self.phrase:
            raise ValidationError(f"Type {self.phrase} exactly to remove the last server.")
        return typed


def stale_ids(servers: Sequence[BackendServer], expected: Mapping[str, int]) -> set[str]:
    """Return the servers that changed since the form was drawn."""
    return {
        each.public_id
        for each in servers
        if expected.get(each.public_id, each.edit_number) != each.edit_number
    }


def _checked(read: Any) -> int:
    try:
        return int(read())
    except Invalid as error:
        raise ValidationError(error.message) from error
