"""Slack on loopback: strict like the real one, with people in it, and in whatever trouble a test wants it to be.

    with SlackApi() as slack:
        rao = slack.person("Dr. Rao")
        card = rao.sees("SMI-1")
        rao.presses(card, "case_claim").wait()

The app finds the Web API at `slack.url`, and opens its Socket Mode connection by it; or `slack.request_url` says where
the app is to be called. Beside it: `slack_api_world.py` (what is so), `slack_api_methods.py` with `_chat`, `_views`,
`_files` and `_answers` (what methods do and refuse), `slack_api_blocks.py` with `_elements`, `_rich_text` and `_shapes`
(what may stand in messages and modals), `slack_api_people.py` and `_hands` (who writes and presses),
`slack_api_events.py` and `_delivery` (how the app learns of it), `slack_api_troubles.py` (what befalls a call).
"""

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import loopback_troubles
from loopback import Call, Json, Loopback
from loopback_troubles import Limits
from slack_api_answers import ResponseUrl, respond
from slack_api_events import Happenings
from slack_api_methods import METHODS, Method
from slack_api_people import Person
from slack_api_troubles import Trouble, refusal, refused
from slack_api_views import Trigger
from slack_api_world import Channel, StoredFile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

BOT_TOKEN, APP_TOKEN = "xoxb-loopback-of-no-bot-at-all", "xapp-loopback-of-no-app-at-all"
SIGNING_SECRET = "a-secret-of-no-app-at-all"

SCOPES = ("app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write", "commands") + (
    *("files:read", "files:write", "reactions:read", "reactions:write", "users:read"),
)

__all__ = ["APP_TOKEN", "BOT_TOKEN", "SIGNING_SECRET", "SlackApi", "Trouble"]


class SlackApi(Happenings, Loopback):
    """The server. What befalls other calls than methods: `upload`, `file` and `response_url` name them."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), port: int = 0) -> None:
        super().__init__(clock=clock, signing_secret=SIGNING_SECRET, port=port)
        self.bot_token, self.app_token = BOT_TOKEN, APP_TOKEN
        self.token_error = ""  # token_revoked, account_inactive, …: what any call of the bot's is answered
        self.scopes = set(SCOPES)
        self.trigger_life = 3.0  # seconds
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.message_limits: Limits | None = None
        self._tickets: set[str] = set()
        self.channel = self.new_channel("smi-desk").id

    @property
    def url(self) -> str:
        """The address of the Web API."""
        return f"{self.root}/api/"

    def person(self, name: str) -> Person:
        return Person(self, name)

    def new_channel(self, name: str) -> Channel:
        """A channel with the app in it."""
        with self.change():
            channel = Channel(self.new_id("C"), name, self.bot_user, [self.bot_user])
            self.channels[channel.id] = channel
        return channel

    def limits(self, per_channel: float = 1.0, burst: int = 1) -> None:
        """Refuses messages with 429 from now on when there are more than so many a second in a channel."""
        self.message_limits = Limits(per_channel, burst)

    def link(self) -> str:
        """An address for one connection of Socket Mode."""
        ticket = str(uuid.uuid4())
        self._tickets.add(ticket)
        return f"{self.root.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self.app_id}"

    # Serving

    def _application(self) -> Starlette:
        routes = [
            Route("/api/{method}", self._method, methods=["GET", "POST"]),
            Route("/upload/v1/{file}", self._upload, methods=["POST"]),
            Route("/files-pri/{path:path}", self._file),
            Route("/actions/{team}/{token}", self._answered, methods=["POST"]),
            WebSocketRoute("/link/", self._link),
        ]
        return Starlette(routes=routes)

    @asynccontextmanager
    async def _beside(self) -> AsyncIterator[None]:
        # verify=False: there is no TLS here, and reading the certificates of the world takes longer than a test.
        # No timeout: patience ends it.
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=None) as self._client:
            yield
            for task in self._tasks:
                task.cancel()

    def _refusal(self, trouble: loopback_troubles.Trouble) -> Exception:
        return refusal(trouble)

    async def _method(self, request: Request) -> Response:
        params = await _parameters(request)
        token = _token(request) or str(params.pop("token", ""))
        call = Call(request.path_params["method"], params, time.monotonic())
        answer = await self._handle(request, call, lambda: self._execute(call, token))
        answer.headers["X-OAuth-Scopes"] = ",".join(sorted(self.scopes))
        return answer

    def _execute(self, call: Call, token: str) -> Response:
        method = METHODS.get(call.method)
        if method is None:
            raise refused("unknown_method", req_method=call.method)
        self._check_token(token, method)
        if method.scopes and self.scopes.isdisjoint(method.scopes):
            raise refused("missing_scope", needed=method.scopes[0], provided=",".join(sorted(self.scopes)))
        call.answer = {"ok": True, **method.execute(self, call.params)}
        return Response(json.dumps(call.answer), media_type="application/json")  # ASCII only, as Slack writes it

    def _check_token(self, token: str, method: Method) -> None:
        kinds = {self.bot_token: "xoxb", self.app_token: "xapp"}
        if not token:
            raise refused("not_authed")
        if token not in kinds:
            raise refused("invalid_auth")
        if self.token_error:
            raise refused(self.token_error)
        if kinds[token] != method.token:
            raise refused("not_allowed_token_type")

    async def _link(self, websocket: WebSocket) -> None:
        ticket = websocket.query_params.get("ticket", "")
        if ticket in self._tickets:
            self._tickets.remove(ticket)
            await self._serve_socket(websocket)
        else:
            await websocket.close()  # before it is accepted: 403

    # Files, and answers to interactions

    async def _upload(self, request: Request) -> Response:
        content = await _content(request)
        call = Call("upload", {"file": request.path_params["file"], "content": content}, time.monotonic())
        return await self._handle(request, call, lambda: self._store(call))

    def _store(self, call: Call) -> Response:
        file = self.files.get(call.params["file"])
        if file is None or file.is_complete:
            return PlainTextResponse("404 - file not found", 404)
        if len(call.params["content"]) != file.size:
            return PlainTextResponse("400 - length does not match", 400)
        file.content = call.params["content"]
        return PlainTextResponse(f"OK - {file.size}")

    async def _file(self, request: Request) -> Response:
        await request.body()
        token, path = _token(request), request.path_params["path"]
        call = Call("file", {"path": path}, time.monotonic())
        return await self._handle(request, call, lambda: self._fetch(path, token))

    def _fetch(self, path: str, token: str) -> Response:
        """A file's content; to whoever has no right to it the page where people sign in, as Slack does."""
        file: StoredFile | None = self.files.get(path.partition("/")[0].rpartition("-")[2])
        if token != self.bot_token or self.token_error or "files:read" not in self.scopes:
            return HTMLResponse("<!DOCTYPE html><html><body>Sign in to SMI Test</body></html>")
        if file is None or file.content is None:
            return Response(status_code=404)
        return Response(file.content)

    async def _answered(self, request: Request) -> Response:
        body = await _parameters(request)
        call = Call("response_url", body, time.monotonic())
        return await self._handle(request, call, lambda: self._respond(request.path_params["token"], body))

    def _respond(self, token: str, body: Json) -> Response:
        respond(self, token, body)
        return PlainTextResponse("ok")


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _content(request: Request) -> bytes:
    """As a whole body, or as the first of several parts."""
    body = await request.body()
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return body
    first: Any = next(iter((await request.form()).values()))
    return bytes(await first.read())


async def _parameters(request: Request) -> Json:
    """From wherever they may stand: the address, a form, several parts, or JSON."""
    await request.body()
    given: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        given |= dict(await request.json())
    else:
        given |= dict(await request.form())
    return {name: _read(name, value) for name, value in given.items()}


def _read(name: str, value: Any) -> Any:
    """What holds objects may come as their JSON."""
    if name not in ("blocks", "attachments", "metadata", "view", "files") or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
