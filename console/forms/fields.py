"""Fields that several parts of the listener form have."""

from typing import Any

from django import forms

from proxy.snapshot import GroupKind

NUMBER_CHARACTERS = 20


def number_field(label: str, initial: int | None = None, help_text: str = "") -> forms.CharField:
    """Return a field that goes to the service as typed, which reads the number."""
    return forms.CharField(
        label=label,
        initial=initial,
        required=initial is not None,
        max_length=NUMBER_CHARACTERS,
        help_text=help_text,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


class GroupChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Names each group as the tabs do."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the entry of the list."""
        kind = "Primary/secondary" if obj.kind == GroupKind.PRIMARY_SECONDARY else "VServer"
        return f"{kind} group {obj.name}"
