"""A reverse proxy as one writes it with aiohttp: what plain Python comes to."""

import sys

import aiohttp
from aiohttp import web

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


def make_app(backend: int) -> web.Application:
    async def forward(request: web.Request) -> web.Response:
        headers = {**request.headers, "X-Forwarded-For": request.remote or ""}
        async with app[SESSION].request(
            request.method,
            f"http://127.0.0.1:{backend}{request.rel_url}",
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in HOP_BY_HOP
            }
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    async def open_session(app: web.Application) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        app[SESSION] = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    app = web.Application()
    app.on_startup.append(open_session)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


SESSION = web.AppKey("session", aiohttp.ClientSession)

if __name__ == "__main__":
    web.run_app(
        make_app(int(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        backlog=4096,
    )
