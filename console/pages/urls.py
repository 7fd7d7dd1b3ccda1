"""The addresses of the console's pages; all but signing in stand below /console/."""

from django.urls import path

from console.pages import preferences, session

urlpatterns = [
    path("login/", session.sign_in, name="login"),
    path("logout/", session.sign_out, name="logout"),
    path("console/preferences", preferences.update_preferences, name="preference-update"),
]
