"""The forms people sign in with."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm

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


class PasswordForm(PasswordChangeForm):
    """The password so far, and a new one twice; the rules are those of every new password."""

    error_messages = {
        "password_incorrect": "This is not your current password.",
        "password_mismatch": "The two new passwords differ.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Current password"
        self.fields["new_password1"].label = "New password"
        self.fields["new_password1"].help_text = ""
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""
