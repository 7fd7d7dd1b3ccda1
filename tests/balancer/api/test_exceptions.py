"""Refusals of the layers below are translated once, from a table; bugs stay bugs."""

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from rest_framework.exceptions import ValidationError

from balancer import exceptions as refusals
from balancer.api.exceptions import flatten, handle_exception


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (refusals.Invalid("x", "No."), 400),
        (refusals.Unsupported("x", "No."), 400),
        (refusals.NotAllowed("x", "No."), 403),
        (refusals.NotFound("x", "No."), 404),
        (refusals.Conflict("x", "No."), 409),
        (refusals.Protected("x", "No."), 409),
        (refusals.QuotaExceeded("x", "No."), 409),
        (refusals.Stale("x", "No.", current=7), 412),
        (PermissionDenied(), 403),
        (RequestDataTooBig(), 413),
        (SuspiciousOperation(), 400),
        (IntegrityError(), 409),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_refusal_has_its_status(error, status):
    answer = handle_exception(error, {})
    assert answer.status_code == status
    assert answer.data["status"] == status


def test_every_refusal_of_the_domain_is_in_the_table():
    for kind in refusals.BalancerError.__subclasses__():
        assert handle_exception(kind("x", "No."), {}) is not None


def test_a_stale_edit_brings_the_current_tag():
    assert handle_exception(refusals.Stale("x", "No.", current=7), {})["ETag"] == '"7"'


def test_a_locked_database_says_when_to_come_back():
    """Fault 8: writes wait, then 503 with Retry-After; no 500."""
    answer = handle_exception(OperationalError("database is locked"), {})
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0


def test_a_bug_is_not_hidden():
    assert handle_exception(KeyError("x"), {}) is None


def test_paths_name_the_place():
    error = ValidationError(
        {
            "servers": [{}, {"weight": ["Too big."]}],
            "ports": {2: ["No."]},
            "place": {"zone": ["No."], "non_field_errors": ["Neither."]},
        }
    )
    assert {each.field: each.messages for each in flatten(error.detail)} == {
        "servers[1].weight": ["Too big."],
        "ports[2]": ["No."],
        "place.zone": ["No."],
        "place": ["Neither."],
    }
