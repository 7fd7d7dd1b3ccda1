"""Pages of a list: what the pagination component needs, read from the query string."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

PAGE_SIZES = (10, 20, 50, 100)
DEFAULT_PAGE_SIZE = 20


def paginate(request: HttpRequest, rows: QuerySet[Any] | Sequence[Any]) -> dict[str, Any]:
    """Return the asked-for page of the rows; a wrong number gives the nearest page."""
    paginator: Paginator[Any] = Paginator(rows, _page_size(request))
    page: Page[Any] = paginator.get_page(request.GET.get("page"))
    kept = [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if name not in ("page", "size")
    ]
    return {
        "page": page,
        "page_range": list(paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)),
        "page_sizes": PAGE_SIZES,
        "page_parameters": kept,
    }


def _page_size(request: HttpRequest) -> int:
    given = request.GET.get("size", "")
    sizes = {str(size): size for size in PAGE_SIZES}
    return sizes.get(given, DEFAULT_PAGE_SIZE)
