"""The answers to what no view could answer; they ask neither the database nor the user."""

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults

from balancer.api.exceptions import PROBLEM_JSON, Problem
from balancer.constants import DATABASE_RETRY_AFTER_S

API = "/api/"
UNREADABLE = Problem(
    400, "bad_request", "The request cannot be read: its host name, its form or its path."
)
AWAY = Problem(
    503,
    "database_unavailable",
    "The database cannot take this now; nothing was stored. Try again.",
)
FAILED = Problem(
    500, "internal_error", "It failed on our side; the log tells why, under the X-Request-ID."
)


def show_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the request cannot be read, such as one to a host that is not this one."""
    if request.path.startswith(API):
        return _problem(UNREADABLE)
    return defaults.bad_request(request, exception)


def show_failure(request: HttpRequest) -> HttpResponse:
    """Say that it failed, and under which number the log tells why.

    Django calls this while it handles the exception. A database that is away, or in which another
    write holds its lock for too long, is no fault of ours: the same request may do well later.
    """
    is_away = isinstance(sys.exc_info()[1], OperationalError)
    problem = AWAY if is_away else FAILED
    if request.path.startswith(API):
        answer = _problem(problem)
    else:
        page = render_to_string(f"{problem.status}.html", {"request": request})
        answer = HttpResponse(page, status=problem.status)
    if is_away:
        answer["Retry-After"] = str(DATABASE_RETRY_AFTER_S)
    return answer


def _problem(problem: Problem) -> HttpResponse:
    return JsonResponse(problem.body(), status=problem.status, content_type=PROBLEM_JSON)
