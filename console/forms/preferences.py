"""What a user may set for themselves."""

from django import forms

from balancer.choices import Theme
from balancer.constants import MAX_NAME_CHARACTERS


class PreferenceForm(forms.Form):
    """Any one of the preferences; what is not in the request stays as it is."""

    theme = forms.ChoiceField(choices=Theme.choices, required=False)
    navigation_folded = forms.TypedChoiceField(
        choices=[("0", "shown"), ("1", "folded")], coerce=lambda value: value == "1", required=False
    )
    closed_banner = forms.SlugField(max_length=MAX_NAME_CHARACTERS, required=False)
