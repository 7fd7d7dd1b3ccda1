"""The API speaks JSON whatever the Accept header wishes, as RFC 9110 allows."""

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JsonOnly(BaseContentNegotiation):
    """Chooses the first parser that fits and always the first renderer."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser for the body's type, or nothing: then the answer is 415."""
        given = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == given), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the one renderer there is."""
        return renderers[0], renderers[0].media_type
