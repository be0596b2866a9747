"""A Bot API server on loopback: strict like Telegram, and in whatever trouble a test wants it to be.

    with BotApi() as api:
        ann = api.person("Ann", language_code="de")
        ann.starts()
        ann.hears("Willkommen")

Beside it: `bot_api_world.py` (what is so), `bot_api_methods.py` with `_refusals` (what methods do and refuse),
`bot_api_people.py` (who writes); `loopback.py` and `loopback_troubles.py` (what it has in common with other platforms).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from bot_api_methods import METHODS, file, read
from bot_api_people import Channel, Group, Person
from bot_api_refusals import Refusal, befallen, conflict, too_many
from bot_api_world import World
from loopback import Call, Gone, Json, Loopback
from loopback_troubles import Limits, Trouble
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TOKEN = "123456:TEST-token-of-no-bot-at-all"
RETRY = 0.05  # seconds between two posts of one update to a webhook


class BotApi(World, Loopback):
    """The server. A file that is fetched counts as a call of the method `file`."""

    def __init__(
        self, token: str = TOKEN, port: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(token, clock, port=port)
        self.hosts: dict[str, str] = {}  # "https://bot.example" -> where it is on loopback, as a proxy would know
        self.posted: list[tuple[int, int]] = []  # update_id and status of each post to the webhook; 0: no answer
        self._limits: Limits | None = None
        self._poller: object = None  # the latest getUpdates, which ends the one before

    @property
    def url(self) -> str:
        return self.root

    # People and places

    @property
    def bot_username(self) -> str:
        return str(self.bot["username"])

    def person(self, name: str, language_code: str = "en", username: str = "", last_name: str = "") -> Person:
        # Above 2**32, as new accounts have it.
        return Person(self, 7_000_000_000 + next(self.numbers), name, language_code, username, last_name)

    def group(self, title: str, username: str = "", supergroup: bool = True, forum: bool = False) -> Group:
        number = next(self.numbers)
        id = -1_001_000_000_000 - number if supergroup else -4_000_000 - number
        return Group(self, id, title, username, supergroup, forum)

    def channel(self, title: str, username: str = "", discussion: Group | None = None) -> Channel:
        return Channel(self, -1_002_000_000_000 - next(self.numbers), title, username, discussion)

    def limits(self, per_chat: float = 1.0, overall: int = 30, burst: int = 3) -> None:
        """Refuses messages with 429 from now on when there are more than so many a second, in a chat or in all."""
        self._limits = Limits(per_chat, burst, overall)

    # Serving

    def _application(self) -> Starlette:
        routes = [
            Route("/bot{token}/{method}", self._method, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self._file),
        ]
        return Starlette(routes=routes)

    def _refusal(self, trouble: Trouble) -> Exception:
        return befallen(trouble)

    @asynccontextmanager
    async def _beside(self) -> AsyncIterator[None]:
        posting = asyncio.create_task(self._posts())
        yield
        posting.cancel()

    async def _method(self, request: Request) -> Response:
        call = Call(request.path_params["method"], await _parameters(request), time.monotonic())
        if request.path_params["token"] != self.token:
            return await self._handle(request, call, _unauthorized)
        if call.method == "getUpdates":
            return await self._get_updates(request, call)
        return await self._handle(request, call, lambda: _ok(self._execute(call)))

    async def _file(self, request: Request) -> Response:
        await request.body()  # so that the next thing to be received is the end of the connection
        call = Call("file", {"path": request.path_params["path"]}, time.monotonic())
        if request.path_params["token"] != self.token:
            return await self._handle(request, call, _unauthorized)
        return await self._handle(request, call, lambda: Response(file(self, call.params)))

    def _execute(self, call: Call) -> Any:
        method = METHODS.get(call.method)
        if method is None:
            raise Refusal(404, "Not Found")
        if self._limits and call.method == "sendMessage" and (wait := self._limits.wait(call.params.get("chat_id"))):
            raise too_many(wait)
        return method(self, call.params)

    # Bringing updates

    async def _get_updates(self, request: Request, call: Call) -> Response:
        me = object()
        offset, limit = int(call.params.get("offset") or 0), min(int(call.params.get("limit") or 100), 100)

        def ends() -> bool:
            return bool(self.undelivered or self._poller is not me or self.webhook or self._down is not None)

        async def ready(gone: Gone) -> None:
            with self.change():
                self._check_no_webhook()
                self.hand_out(offset, 0)
                self.allowed = call.params.get("allowed_updates", self.allowed)
                self._poller = me
            await self._wait_beside(gone, ends, min(float(call.params.get("timeout") or 0), 50))

        def execute() -> Response:
            self._check_down()
            self._check_no_webhook()
            if self._poller is not me:
                raise conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance is running"
                )
            return _ok(self.hand_out(offset, limit))

        return await self._handle(request, call, execute, ready)

    def _check_no_webhook(self) -> None:
        if self.webhook:
            raise conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete it first")

    async def _posts(self) -> None:
        """Posts updates to the webhook, one at a time, the next only after a 2xx."""
        # verify=False: there is no TLS here, and reading the certificates of the world takes longer than a test.
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=10) as client:
            while True:
                await self.comes_true(lambda: self.webhook and self.undelivered and self._down is None, None)
                if not await self._post(client, self.webhook, self.undelivered[0]):
                    await asyncio.sleep(RETRY)

    async def _post(self, client: httpx.AsyncClient, webhook: Json, update: Json) -> bool:
        """Whether the update was taken."""
        content = json.dumps(update)
        headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": webhook["secret"]}
        try:
            answer = await client.post(self._located(webhook["url"]), content=content, headers=headers)
            status, why = answer.status_code, f"Wrong response from the webhook: {answer.status_code}"
        except httpx.HTTPError as error:
            status, why = 0, f"Connection failed: {error!r}"
        with self.change():
            self.posted.append((update["update_id"], status))
            if taken := 200 <= status < 300:
                self.confirm(update)
            else:
                webhook |= {"last_error_date": self.now(), "last_error_message": why}
        return taken

    def _located(self, url: str) -> str:
        for public, local in self.hosts.items():
            url = url.replace(public, local, 1) if url.startswith(public) else url
        return url


def _ok(result: Any) -> Response:
    # ASCII only, as the Bot API writes it: so that text can hold whatever an escape can name.
    return Response(json.dumps({"ok": True, "result": result}), media_type="application/json")


def _unauthorized() -> Response:
    raise Refusal(401, "Unauthorized")


async def _parameters(request: Request) -> Json:
    """From wherever they may stand: the address, a form, several parts, or JSON."""
    await request.body()
    given: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        return given | dict(await request.json())
    given |= dict(await request.form())
    return {name: read(name, value) for name, value in given.items()}
