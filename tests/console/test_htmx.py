"""One view answers htmx with a fragment and everybody else with a page or a redirect."""

import json

import pytest
from django import forms
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails

from console.htmx import close_dialog, go_to, render_fragment, wants_fragment


class NameForm(forms.Form):
    name = forms.CharField()


def request_of(**headers: str) -> HttpRequest:
    request = RequestFactory().post("/x", headers=headers)
    request.htmx = HtmxDetails(request)
    request.session = {}
    request._messages = FallbackStorage(request)
    return request


HTMX = {"HX-Request": "true"}
STATUS_CONTEXT = {"tone": "success", "label": "Active"}


def test_history_restore_gets_the_whole_page():
    assert wants_fragment(request_of(**HTMX))
    assert not wants_fragment(request_of(**HTMX, **{"HX-History-Restore-Request": "true"}))
    assert not wants_fragment(request_of())


@pytest.mark.parametrize(
    ("headers", "data", "expected"),
    [
        pytest.param(HTMX, {"name": "a"}, 200, id="htmx-success-is-the-fragment"),
        pytest.param(HTMX, {"name": ""}, 422, id="htmx-errors-are-422"),
        pytest.param({}, {"name": "a"}, 302, id="plain-success-redirects"),
        pytest.param({}, {"name": ""}, 422, id="plain-errors-show-the-page"),
    ],
)
def test_answer_of_an_act(headers, data, expected):
    form = NameForm(data)
    form.is_valid()
    response = render_fragment(
        request_of(**headers),
        "components/_status.html",
        {**STATUS_CONTEXT, "form": form},
        page="/there",
        page_template="components/_status.html",
    )
    assert response.status_code == expected
    assert "HX-Request" in response["Vary"]
    if expected == 302:
        assert response["Location"] == "/there"


def test_leaving_works_both_ways():
    assert go_to(request_of(**HTMX), "/there")["HX-Redirect"] == "/there"
    assert go_to(request_of(), "/there")["Location"] == "/there"


def test_closing_a_dialog_empties_its_slot_and_refreshes_regions():
    response = close_dialog(request_of(**HTMX), "/there")
    assert response.content == b""
    assert response["HX-Retarget"] == "#dialog-slot"
    assert "objectsChanged" in json.loads(response["HX-Trigger"])
    assert close_dialog(request_of(), "/there")["Location"] == "/there"
