"""Admin forms that show a service's refusal at the fields it is about."""

import re
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from balancer.exceptions import BalancerError, Invalid

_WHOLE_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
_MAX_DIGITS = 20

EXPECTED = "expected_edit_number"
"""The hidden field that carries the edit number the person read."""


class WholeNumberField(forms.IntegerField):
    """Takes ASCII digits only, as every other entrance does."""

    def to_python(self, value: Any) -> int | None:
        """Return the number, or refuse ``１００``, ``+5`` and ``5.0``."""
        if isinstance(value, str) and value.strip():
            text = value.strip()
            if len(text) > _MAX_DIGITS or not _WHOLE_NUMBER.fullmatch(text):
                raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class ServiceForm(ModelForm):
    """A form that is shown again with ``refusal`` when the service said no."""

    refusal: ClassVar[BalancerError | None] = None

    def clean(self) -> dict[str, Any] | None:
        """Return the values; add what the service said of them, if it was asked already."""
        values = super().clean()
        if self.refusal is not None:
            self._add_refusal(self.refusal)
        return values

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the rules of the row to the service: it says which field breaks which rule."""
        return {field.name for field in self.instance._meta.concrete_fields}

    def changes(self) -> dict[str, Any]:
        """Return what the person changed, by name."""
        return {
            name: self.cleaned_data[name] for name in self.changed_data if name in self.own_names()
        }

    def values(self) -> dict[str, Any]:
        """Return everything the person gave, by name."""
        return {name: self.cleaned_data[name] for name in self.own_names()}

    def own_names(self) -> list[str]:
        """Return the names of the fields that a service understands."""
        return [name for name in self.cleaned_data if name != EXPECTED]

    def _add_refusal(self, refusal: BalancerError) -> None:
        fields = refusal.fields if isinstance(refusal, Invalid) else {}
        for path, texts in fields.items():
            name = path.rpartition(".")[2]  # servers[0].weight is this form's weight
            self.add_error(name if name in self.fields else None, texts)
        if not fields:
            self.add_error(None, refusal.message)


class EditedForm(ServiceForm):
    """A form of an edited row: it remembers which edit number the person saw."""

    expected_edit_number = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=2**31 - 1
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial[EXPECTED] = self.instance.edit_number
