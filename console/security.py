"""Response headers that every page carries: strict policies, and who may keep a copy of it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
"""No inline script or style anywhere; ``data:`` is for the icons of the admin and the API page."""

PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class SecurityHeadersMiddleware:
    """Add the policies to each answer that does not bring its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cache-Control", _cache_control(request, response))
        return response


def _cache_control(request: HttpRequest, response: HttpResponse) -> str:
    """Nothing here is for shared caches, and pages of somebody signed in are kept nowhere.

    After signing out, the browser's way back must not show them. Answers of the API may be kept
    by their client, which asks each time whether they still hold (ETag).
    """
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    is_kept_nowhere = is_page and settings.SESSION_COOKIE_NAME in request.COOKIES
    return "private, no-store" if is_kept_nowhere else "private, no-cache"
