"""Guessing passwords is slowed down: after a few failures an address waits for a user's next try.

The counting is django-axes's, in the database, so that all web processes know of it; here is who
the client is, and what a locked-out person reads. Every door that takes a password passes here:
the login page and the Django admin alike.
"""

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def client_address(request: HttpRequest) -> str:
    """Return where the request comes from: the socket's address, whatever its headers say.

    Behind hops that ``OPENCLB_TRUSTED_PROXIES`` names it is the last address in
    ``X-Forwarded-For`` that is none of them; what stands before it a client can write itself.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    for before in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if not _is_trusted(address) or not before.strip():
            break
        address = before.strip()
    return address


def refuse_locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """Answer a login that is not even tried, with how long to wait at most."""
    wait_s = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"minutes": wait_s // 60}
    refusal = render(request, "session/locked_out.html", context, status=429)
    refusal["Retry-After"] = str(wait_s)
    return refusal


def _is_trusted(address: str) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in settings.OPENCLB_TRUSTED_PROXIES)
