"""Who may connect to a listener, as fields of the listener form."""

from typing import Any

from django import forms

from balancer.choices import ACCESS_KIND_CHOICES
from balancer.domain.access import check_access
from balancer.models import AccessList, Listener

ACCESS_OFF = ""


class AccessListsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # see GroupChoiceField
    """Names each list with how many networks it has."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the entry of the list."""
        number = obj.entry_count
        return f"{obj.name} ({number} network{'' if number == 1 else 's'})"


class AccessFields(forms.Form):
    """Access control: one choice says whether it is on and what the lists mean."""

    access_kind = forms.ChoiceField(
        label="Access control",
        choices=[(ACCESS_OFF, "Off"), *ACCESS_KIND_CHOICES],
        initial=ACCESS_OFF,
        required=False,
        widget=forms.RadioSelect,
    )
    access_lists = AccessListsField(
        label="Access lists",
        queryset=AccessList.objects.none(),
        to_field_name="public_id",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def offer_access_lists(self, rows: Any) -> None:
        """Let the listener have any of these lists."""
        chooser = self.fields["access_lists"]
        assert isinstance(chooser, forms.ModelMultipleChoiceField)
        chooser.queryset = rows

    def access_options(self) -> dict[str, Any]:
        """Return the arguments of the service; lists that were chosen and turned off do not go."""
        kind = self.cleaned_data.get("access_kind", ACCESS_OFF)
        lists = list(self.cleaned_data.get("access_lists") or ()) if kind else []
        return {"access_enabled": bool(kind), "access_kind": kind, "access_lists": lists}

    def check_access_options(self) -> None:
        """Raise Invalid when a kind is chosen and no list."""
        options = self.access_options()
        check_access(
            enabled=options["access_enabled"],
            kind=options["access_kind"],
            lists=len(options["access_lists"]),
        )


def access_initial(listener: Listener) -> dict[str, Any]:
    """Return the values of these fields for a listener that exists."""
    lists = [each.public_id for each in listener.access_lists.all()]
    return {"access_kind": listener.access_kind, "access_lists": lists}
