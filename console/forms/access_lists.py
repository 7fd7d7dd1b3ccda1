"""Forms of access lists: a name, and networks typed or pasted one a line."""

import re
from collections.abc import Sequence

from django import forms

from balancer.constants import MAX_NAME_CHARACTERS
from balancer.domain.access import NewEntry
from balancer.exceptions import BalancerError, Invalid
from console.forms.refusals import add_refusal

MAX_PASTED_CHARACTERS = 50_000
SHOWN_PROBLEMS = 10
_ENTRY = re.compile(r"(?:entries|networks)\[(\d+)\]")


def _networks_field(label: str, *, required: bool) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=MAX_PASTED_CHARACTERS,
        help_text="One a line, with a description behind it if you like: 192.0.2.0/24 head office. "
        "A single address stands for itself.",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
    )


class NetworksForm(forms.Form):
    """Networks to add to a list."""

    networks = _networks_field("Networks", required=True)

    def entries(self) -> list[NewEntry]:
        """Return the networks of the lines that are not empty."""
        return [NewEntry(network, text) for network, text in map(_split, self._lines())]

    def add_refusal(self, error: BalancerError) -> None:
        """Show what a service refused; what it says of an entry stands with its line."""
        problems = _problems(error, self._lines())
        if not problems:
            add_refusal(self, error)
        for problem in problems[:SHOWN_PROBLEMS]:
            self.add_error("networks", problem)
        if len(problems) > SHOWN_PROBLEMS:
            self.add_error("networks", f"And {len(problems) - SHOWN_PROBLEMS} more lines.")

    def _lines(self) -> list[str]:
        text = self.cleaned_data.get("networks") or self.data.get("networks", "")
        return [line.strip() for line in str(text).splitlines() if line.strip()]


class CreateForm(NetworksForm):
    """A new list with its first networks."""

    name = forms.CharField(
        label="List name",
        max_length=MAX_NAME_CHARACTERS,
        help_text="Up to 80 letters, digits, periods, - _ or /.",
    )
    networks = _networks_field("Networks", required=False)


class RenameForm(forms.Form):
    """Another name for a list."""

    name = forms.CharField(label="List name", max_length=MAX_NAME_CHARACTERS)
    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)


def _split(line: str) -> tuple[str, str]:
    """Return network and description; they may be parted by blanks, a comma or a semicolon."""
    network, _, description = re.sub(r"[\s,;]+", " ", line).partition(" ")
    return network, description


def _problems(error: BalancerError, lines: Sequence[str]) -> list[str]:
    fields = error.fields if isinstance(error, Invalid) else {}
    found = []
    for path, texts in fields.items():
        match = _ENTRY.match(path)
        if match and int(match[1]) < len(lines):
            found.append(f"{lines[int(match[1])]:.60}: {texts[0]}")
    return found
