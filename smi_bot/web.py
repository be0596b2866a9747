"""The web application around the pages: headers, sessions, health. The pages themselves belong to their rooms."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing but our own files; no inline script or style (OWASP Content Security Policy Cheat Sheet, strict policy).
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_YEAR = 365 * 24 * 3600  # seconds a browser keeps its conversation

#: What keeps the service from being ready, in words; empty when it is.
NotReady = Callable[[], Awaitable[list[str]]]


class SecurityHeaders:
    """Adds HEADERS to every response; a page is never kept, a file is asked for anew."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def web_application(routes: Sequence[BaseRoute], secret: str, not_ready: NotReady, hosts: Sequence[str]) -> Starlette:
    """`hosts`: answer only to these names, so that no other site can point its name at us; to all where empty."""

    async def readyz(request: Request) -> Response:
        troubles = await not_ready()
        return JSONResponse({"ready": not troubles, "not_ready": troubles}, 503 if troubles else 200)

    return Starlette(
        routes=[*routes, Route("/healthz", lambda request: PlainTextResponse("ok\n")), Route("/readyz", readyz)],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts) or ["*"]),
            # Over TLS a proxy stands in front; the cookie must also work on plain loopback. Lax, not strict: who comes
            # by a link from another site must find their conversation. Sockets, uploads and presses check more.
            Middleware(SessionMiddleware, secret_key=secret, session_cookie="smi", max_age=_YEAR, same_site="lax"),
        ],
    )
