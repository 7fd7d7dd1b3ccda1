"""The pages for what no view could answer; they ask neither the database nor the user."""

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from balancer.constants import DATABASE_RETRY_AFTER_S


def show_failure(request: HttpRequest) -> HttpResponse:
    """Say that it failed, and under which number the log tells why.

    Django calls this while it handles the exception. A database that is away, or in which another
    write holds its lock for too long, is no fault of ours: the same request may do well later.
    """
    if isinstance(sys.exc_info()[1], OperationalError):
        headers = {"Retry-After": str(DATABASE_RETRY_AFTER_S)}
        return HttpResponse(
            render_to_string("503.html", {"request": request}), status=503, headers=headers
        )
    return HttpResponse(render_to_string("500.html", {"request": request}), status=500)
