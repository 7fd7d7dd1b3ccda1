"""How the act of a panel ends: htmx empties the panel's slot and refreshes what changed."""

import json

from django.http import HttpResponse, HttpResponseRedirect

from console.htmx import HtmxHttpRequest, wants_fragment


def close_panel(request: HtmxHttpRequest, page: str) -> HttpResponse:
    """Close the panel after a change and show the page's own address again."""
    if not wants_fragment(request):
        return HttpResponseRedirect(page)
    response = HttpResponse()
    response["HX-Retarget"] = "#panel-slot"
    response["HX-Reswap"] = "innerHTML"
    response["HX-Push-Url"] = page
    response["HX-Trigger"] = json.dumps({"objectsChanged": None})
    return response
