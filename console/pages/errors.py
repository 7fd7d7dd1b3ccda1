"""The page for what is our own fault; it asks neither the database nor the user for anything."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def show_failure(request: HttpRequest) -> HttpResponse:
    """Say that it failed, and under which number the log tells why."""
    return HttpResponse(render_to_string("500.html", {"request": request}), status=500)
