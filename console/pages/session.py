"""Signing in and out."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse

from console.forms.session import SignInForm

KEPT_SESSION_S = 12 * 60 * 60


class SignIn(LoginView):
    """The login page; it returns to the page that was asked for, its panel included."""

    template_name = "session/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the hint for a fresh installation."""
        return super().get_context_data(**kwargs, first_start=_is_first_start())

    def form_valid(self, form: Any) -> HttpResponse:
        """Start the session; without the tick it ends with the browser."""
        response = super().form_valid(form)
        self.request.session.set_expiry(KEPT_SESSION_S if form.cleaned_data["keep"] else 0)
        return response


def _is_first_start() -> bool:
    """Tell whether nobody has signed in yet with the passwords made at the first start."""
    if not (settings.DATA_DIR / "credentials.json").exists():
        return False
    return not get_user_model().objects.filter(last_login__isnull=False).exists()


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()
