"""Refusals become pages and toasts with the right status (console-ui.md section 6)."""

import json

import pytest
from django.db import IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path

from balancer import exceptions
from console.toasts import Undo, add_toast
from tests.console.markup import check_markup

ERRORS = {
    "invalid": (exceptions.Invalid("x", "Not so.", fields={"weight": ["0 to 100."]}), 422),
    "not-allowed": (exceptions.NotAllowed("x", "No right."), 403),
    "not-found": (exceptions.NotFound("x", "Gone."), 404),
    "conflict": (exceptions.Conflict("x", "In use."), 409),
    "stale": (exceptions.Stale("x", "Changed meanwhile."), 409),
    "protected": (exceptions.Protected("x", "Protected."), 423),
    "quota": (exceptions.QuotaExceeded("x", "At most 50."), 409),
    "race": (IntegrityError("UNIQUE constraint failed"), 409),
}


def said(error: Exception) -> str:
    return getattr(error, "message", "at the same moment")


def refuse(request: HttpRequest, name: str) -> HttpResponse:
    raise ERRORS[name][0]


def greet(request: HttpRequest) -> HttpResponse:
    add_toast(request, "Weight of web-1: 100 → 50", undo=Undo("/undo", {"weight": "100"}))
    return HttpResponse("done")


def break_down(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def find_no_database(request: HttpRequest) -> HttpResponse:
    raise OperationalError("database is locked")


urlpatterns = [
    path("break", break_down),
    path("no-database", find_no_database),
    path("refuse/<slug:name>", refuse),
    path("greet", greet),
    path("", include("console.urls")),
]
handler500 = "console.pages.errors.show_failure"
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.console.test_middleware")]


@pytest.mark.parametrize("name", ERRORS)
def test_plain_request_gets_a_page_that_says_why(operator, name):
    error, status = ERRORS[name]
    response = operator.get(f"/refuse/{name}")
    assert response.status_code == status
    text = response.content.decode()
    assert said(error) in text
    assert response["X-Request-Id"] in text
    check_markup(text)


@pytest.mark.parametrize("name", ERRORS)
def test_htmx_gets_a_toast_and_keeps_what_it_shows(operator, name):
    error, status = ERRORS[name]
    response = operator.htmx("get", f"/refuse/{name}")
    assert response.status_code == status
    assert response["HX-Reswap"] == "none"
    [toast] = json.loads(response["HX-Trigger"])["toast"]
    assert toast["level"] == "error"
    assert said(error) in toast["text"]


def test_toast_reaches_htmx_in_a_header_and_a_page_once(operator):
    response = operator.htmx("get", "/greet")
    [toast] = json.loads(response["HX-Trigger"])["toast"]
    assert toast["text"] == "Weight of web-1: 100 → 50"
    assert toast["undo"]["fields"] == {"weight": "100"}
    operator.get("/greet")
    first = operator.get("/refuse/conflict").content.decode()
    assert "Weight of web-1: 100 → 50" in first
    assert 'action="/undo"' in first
    assert "Weight of web-1" not in operator.get("/refuse/conflict").content.decode()


def test_our_own_fault_is_a_page_with_the_number_of_the_request(operator):
    operator.raise_request_exception = False
    response = operator.get("/break")
    assert response.status_code == 500
    assert response["X-Request-Id"] in response.content.decode()
    check_markup(response.content.decode())


def test_a_database_that_cannot_write_now_is_no_fault_of_ours(operator):
    """Reliability case 8: 503 with a time to try again, for a page as for htmx."""
    operator.raise_request_exception = False
    for response in (operator.get("/no-database"), operator.htmx("get", "/no-database")):
        assert response.status_code == 503
        assert response["Retry-After"] == "5"
        assert "Nothing was stored" in response.content.decode()
        check_markup(response.content.decode())


@override_settings(LOGIN_URL="/login/")
def test_htmx_after_the_session_ended_loads_the_login_page_as_a_whole(client, estate):
    """E1.13: after signing in again, the page comes back with the state in its URL."""
    response = client.get(
        "/console/cn-test/instances",
        headers={
            "HX-Request": "true",
            "HX-Current-URL": "http://testserver/console/cn-test/instances?panel=servers",
        },
    )
    assert response["HX-Redirect"].startswith("/login/?next=")
    assert "panel%3Dservers" in response["HX-Redirect"]
