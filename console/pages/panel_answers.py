"""How the act of a panel ends: htmx empties the panel's slot and refreshes what changed."""

import json

from django.http import HttpResponse, HttpResponseRedirect

from console.htmx import HtmxHttpRequest, wants_fragment


def close_panel(request: HtmxHttpRequest, page: str, *, draft_id: str = "") -> HttpResponse:
    """Close the panel after a change; the page's own address stands in place of its last step.

    static/js/panel-history.js passes over the earlier steps, which name the draft.
    """
    if not wants_fragment(request):
        return HttpResponseRedirect(page)
    response = HttpResponse()
    response["HX-Retarget"] = "#panel-slot"
    response["HX-Reswap"] = "innerHTML"
    response["HX-Replace-Url"] = page
    events = {"objectsChanged": None, "panelFinished": {"draft": draft_id}}
    response["HX-Trigger"] = json.dumps(events)
    return response
