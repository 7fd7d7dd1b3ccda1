"""A page with nothing but the table of servers, for columns that no page of the product has yet.

It is drawn by the product's templates and served with the product's scripts, styles and content
security policy; what it is sent is written down.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from typing import Any
from urllib.parse import parse_qs

from django.http import HttpRequest
from django.template import engines

from console.forms.server_table import Column, PendingRow
from console.pages.server_table import Identity, build_table
from console.security import CONTENT_SECURITY_POLICY
from tests.e2e.conftest import ROOT

_PAGE = """
<!doctype html><html lang="en"><head><title>Servers Added</title>
{% for sheet in sheets %}<link rel="stylesheet" href="/static/css/{{ sheet }}.css">{% endfor %}
<script src="/static/js/console.js" type="module"></script>
<script src="/static/js/server-table.js" type="module"></script>
</head><body data-icons="/static/img/icons.svg" hx-headers='{"X-CSRFToken": ""}'>
<main class="page"><form method="post" action="/sent">
{% include "server_panel/_server_table.html" %}
<button type="submit" name="action" value="previous" data-table-previous>Previous</button>
<button type="submit" name="action" value="add" data-table-submit>Add</button>
<span data-table-summary></span>
</form></main>
<div id="dialog-slot"></div><div id="panel-slot"></div>
<div class="toasts" id="toasts" popover="manual"></div>
<div class="visually-hidden" id="announcer-status" role="status"></div>
<div class="visually-hidden" id="announcer-alert" role="alert"></div>
</body></html>
"""
_SHEETS = ("tokens", "base", "frame", "controls", "fields", "tables", "overlays", "pages")


class TablePage:
    """The page, its address and what was sent to it."""

    def __init__(self, html: str) -> None:
        self.sent: list[dict[str, list[str]]] = []
        self.html = html
        self.url = ""


def draw(rows: list[PendingRow], columns: tuple[Column, ...], *, has_search: bool = False) -> str:
    """Return the page with these rows; the server's key is its name."""
    identities = {
        row.key: Identity("ecs", f"i-{row.key}", row.key, "Zone B", "10.0.0.1") for row in rows
    }
    table = build_table(rows, identities, columns, usual_port="8080", has_search=has_search)
    context = {"table": table, "sheets": (*_SHEETS, "servers")}
    return str(engines["django"].from_string(_PAGE.strip()).render(context, HttpRequest()))


@contextmanager
def serve(html: str) -> Iterator[TablePage]:
    """Serve the page on a port of its own while the block runs."""
    page = TablePage(html)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/static/"):
                file = ROOT / path.lstrip("/")
                kind = guess_type(file.name)[0] or "application/octet-stream"
                self._answer(file.read_bytes(), kind)
            else:
                self._answer(page.html.encode(), "text/html; charset=utf-8")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            page.sent.append(parse_qs(body, keep_blank_values=True))
            self._answer(b"sent", "text/html")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
