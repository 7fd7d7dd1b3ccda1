"""Forms of load balancer instances; the rules themselves are in balancer/domain and services."""

from typing import Any

from django import forms

from balancer.choices import AddressType
from balancer.constants import (
    BANDWIDTH_RANGE_MBPS,
    MAX_NAME_CHARACTERS,
    MAX_PROTECTION_REASON_CHARACTERS,
    SPECIFICATION_LIMITS,
    UNLIMITED_BANDWIDTH_MBPS,
)
from balancer.models import LoadBalancer, Region, Vpc, VSwitch, Zone

SPECIFICATION_NAMES = {
    "slb.s1.small": "Small I",
    "slb.s2.small": "Small II",
    "slb.s2.medium": "Medium I",
    "slb.s3.small": "Medium II",
    "slb.s3.medium": "Large I",
    "slb.s3.large": "Large II",
}
MAX_NUMBER_CHARACTERS = 20
NAME_RULE = "Up to 80 characters: a letter first, then letters, digits, periods, _ or -."


def specification_choices() -> list[tuple[str, str]]:
    """Return the instance classes with their limits in words."""
    return [("", "Shared performance")] + [
        (
            code,
            f"Guaranteed {SPECIFICATION_NAMES.get(code, code)} ({code}), {limits[0]:,} connections",
        )
        for code, limits in SPECIFICATION_LIMITS.items()
    ]


class PlaceChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Names zones and networks by name and ID."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the entry of the list."""
        return f"{obj.name} ({obj.public_id})"


class VSwitchSelect(forms.Select):
    """Marks each vSwitch with its VPC; the page offers those of the chosen VPC."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the option of the list."""
        option = super().create_option(name, value, *args, **kwargs)
        vswitch = getattr(value, "instance", None)
        if vswitch is not None:
            option["attrs"]["data-of"] = str(vswitch.vpc_id)
        return option


class VSwitchChoiceField(PlaceChoiceField):
    """Names each vSwitch with its VPC, for people who see the list of all."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the entry of the list."""
        return f"{super().label_from_instance(obj)} in {obj.vpc.name}"


class PeakBandwidthField(forms.CharField):
    """The bandwidth of an instance; empty says that there is no limit."""

    def __init__(self) -> None:
        least, most = BANDWIDTH_RANGE_MBPS
        super().__init__(
            label="Peak bandwidth",
            required=False,
            max_length=MAX_NUMBER_CHARACTERS,
            help_text=f"{least}–{most}, shared by all listeners, for each direction and each proxy "
            "node. Empty: no limit.",
            widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        )

    def clean(self, value: Any) -> Any:
        """Return the argument of the service."""
        return super().clean(value) or UNLIMITED_BANDWIDTH_MBPS


def bandwidth_text(mbps: int) -> str:
    """Return what the field shows."""
    return "" if mbps == UNLIMITED_BANDWIDTH_MBPS else str(mbps)


class CreateForm(forms.Form):
    """A new instance; only the primary zone has to be chosen."""

    name = forms.CharField(
        label="Instance name",
        max_length=MAX_NAME_CHARACTERS,
        required=False,
        help_text=f"{NAME_RULE} Empty: the instance is called by its ID.",
    )
    address_type = forms.ChoiceField(
        label="Address type",
        choices=AddressType.choices,
        initial=AddressType.INTERNET,
        widget=forms.RadioSelect,
    )
    primary_zone = PlaceChoiceField(
        label="Primary zone", queryset=Zone.objects.none(), empty_label=None
    )
    backup_zone = PlaceChoiceField(
        label="Backup zone", queryset=Zone.objects.none(), required=False, empty_label="None"
    )
    vpc = PlaceChoiceField(
        label="VPC", queryset=Vpc.objects.none(), required=False, empty_label="None"
    )
    vswitch = VSwitchChoiceField(
        label="vSwitch",
        queryset=VSwitch.objects.none(),
        required=False,
        empty_label="None",
        widget=VSwitchSelect(attrs={"data-narrowed-by": "vpc"}),
    )
    address = forms.CharField(
        label="Service address",
        required=False,
        max_length=15,
        help_text="Empty: the next free address of the pool.",
    )
    specification = forms.ChoiceField(
        label="Specification",
        required=False,
        help_text="Network interfaces (ENI) as servers need a guaranteed-performance instance.",
    )
    bandwidth_mbps = PeakBandwidthField()
    deletion_protection = forms.BooleanField(
        label="Deletion protection",
        required=False,
        help_text="Release is refused while it is on.",
    )

    def __init__(self, *args: Any, region: Region, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = Zone.objects.filter(region=region)
        for name, queryset in (
            ("primary_zone", zones),
            ("backup_zone", zones),
            ("vpc", Vpc.objects.filter(region=region)),
            ("vswitch", VSwitch.objects.filter(vpc__region=region).select_related("vpc")),
        ):
            chooser = self.fields[name]
            assert isinstance(chooser, forms.ModelChoiceField)
            chooser.queryset = queryset
        specification = self.fields["specification"]
        assert isinstance(specification, forms.ChoiceField)
        specification.choices = specification_choices()

    def clean_address(self) -> str | None:
        """Return the wanted address, None when any will do."""
        return self.cleaned_data["address"].strip() or None


class RenameForm(forms.Form):
    """A new name, and which state of the instance it was given for."""

    name = forms.CharField(
        label="Instance name",
        max_length=MAX_NAME_CHARACTERS,
        help_text=NAME_RULE,
        error_messages={"required": "Enter a name of 1–80 characters."},
    )
    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)


class BandwidthForm(forms.Form):
    """What all listeners of the instance may carry, and which state of it that was given for."""

    bandwidth_mbps = PeakBandwidthField()
    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)


class ReleaseForm(forms.Form):
    """The typed name that confirms a release."""

    confirmation = forms.CharField(label="Instance name")

    def __init__(self, *args: Any, load_balancer: LoadBalancer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = load_balancer.name

    def clean_confirmation(self) -> str:
        """Refuse anything but the name."""
        given = str(self.cleaned_data["confirmation"]).strip()
        if given != self._name:
            raise forms.ValidationError(f"Type {self._name} to confirm the release.")
        return given


class ModificationProtectionForm(forms.Form):
    """Whether changes in the console are refused, and why."""

    enabled = forms.TypedChoiceField(
        choices=[("1", "on"), ("0", "off")], coerce=lambda value: value == "1"
    )
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_PROTECTION_REASON_CHARACTERS,
        required=False,
        help_text="Up to 80 characters; shown to everybody whose change is refused.",
    )
