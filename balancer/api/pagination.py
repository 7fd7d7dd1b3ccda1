"""Pages of lists: ``page`` and ``page_size``, read strictly."""

from typing import Any

from rest_framework import pagination
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
MAX_PAGE = 1_000_000


class PageNumberPagination(pagination.PageNumberPagination):
    """Numbered pages; a number out of range is refused, not guessed."""

    page_size = DEFAULT_PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    last_page_strings = ()

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        """Return the rows of the page that was asked for."""
        _read(request, self.page_query_param, MAX_PAGE)
        _read(request, self.page_size_query_param, MAX_PAGE_SIZE)
        return super().paginate_queryset(queryset, request, view)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the two parameters of the document with their ranges."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        most = {self.page_query_param: MAX_PAGE, self.page_size_query_param: MAX_PAGE_SIZE}
        for parameter in parameters:
            parameter["schema"] |= {"minimum": 1, "maximum": most[parameter["name"]]}
        return parameters


def _read(request: Request, name: str, maximum: int) -> None:
    text = request.query_params.get(name)
    if text is None:
        return
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
    if not (is_number and 1 <= int(text) <= maximum):
        raise ValidationError({name: [f"Must be a whole number from 1 to {maximum}."]})
