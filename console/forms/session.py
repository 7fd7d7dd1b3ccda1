"""The forms people sign in with."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

MAX_CODE_CHARACTERS = 20


class SignInForm(AuthenticationForm):
    """User name and password, and whether the session outlives the browser window."""

    keep = forms.BooleanField(required=False, initial=True)

    error_messages = {
        "invalid_login": "User name or password is wrong. Both are case-sensitive.",
        "inactive": "This user is switched off. Ask an administrator.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs["autofocus"] = True


class CodeForm(forms.Form):
    """The code that an authenticator app shows, or one of the recovery codes."""

    code = forms.CharField(
        label="Code",
        max_length=MAX_CODE_CHARACTERS,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )
