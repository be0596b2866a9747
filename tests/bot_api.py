"""A Bot API server on loopback: strict like Telegram, and in whatever trouble a test wants it to be.

    with BotApi() as api:
        ann = api.person("Ann", language_code="de")
        ann.starts()
        ann.hears("Willkommen")

It lives in a thread of its own, so that a bot in this process, a bot in another one, and a test without an event loop
can use it alike. Beside it: `bot_api_world.py` (what is so), `bot_api_methods.py` (what methods do and refuse),
`bot_api_people.py` (who writes), `bot_api_troubles.py` (what befalls a call).
"""

import asyncio
import json
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import uvicorn
from bot_api_methods import METHODS, Method, Refusal, file, read
from bot_api_people import Channel, Group, Person
from bot_api_troubles import Broken, Connection, Cut, Limits, NoAnswer, Trouble, refusal
from bot_api_world import Call, Json, World
from fakes import PATIENCE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.server import ServerState

TOKEN = "123456:TEST-token-of-no-bot-at-all"
RETRY = 0.05  # seconds between two posts of one update to a webhook


class BotApi(World):
    """The server. `on_call(method, when)` is asked "before" and "after" each execution, in the server's thread; where it
    answers True the connection ends: so a test can kill a bot just before its call is executed, or just after."""

    def __init__(
        self, token: str = TOKEN, port: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(token, clock)
        self.on_call: Callable[[str, str], object] | None = None
        self.hosts: dict[str, str] = {}  # "https://bot.example" -> where it is on loopback, as a proxy would know
        self.posted: list[tuple[int, int]] = []  # update_id and status of each post to the webhook; 0: no answer
        self._port = port
        self._troubles: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._down: int | None = None
        self._released = 0  # how often
        self._limits: Limits | None = None
        self._poller: object = None  # the latest getUpdates, which ends the one before
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", self._port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread.start()
        assert self._started.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(PATIENCE)

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

    # Trouble

    def troubles(self, method: str, *troubles: Trouble) -> None:
        """What befalls the next calls of a method, one each. A file that is fetched counts as method `file`."""
        with self.change():
            self._troubles[method].extend(troubles)

    def down(self, status: int = 502) -> AbstractContextManager[object]:
        """Every call fails from now on until `up()`, or until the end of the block if used with `with`.

        0 is no status: connections break."""
        with self.change():
            self._down = status
        lifting = ExitStack()
        lifting.callback(self.up)
        return lifting

    def up(self) -> None:
        with self.change():
            self._down = None

    def release(self) -> None:
        """Lets whatever hangs go on."""
        with self.change():
            self._released += 1

    def limits(self, per_chat: float = 1.0, overall: int = 30, burst: int = 3) -> None:
        """Refuses messages with 429 from now on when there are more than so many a second, in a chat or in all."""
        self._limits = Limits(per_chat, overall, burst)

    # Serving

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        config, state = _config(self._application()), ServerState()
        server = await self._loop.create_server(lambda: Connection(config, state, {}), sock=self._socket)
        posting = asyncio.create_task(self._posts())
        self._started.set()
        await self._closing.wait()
        server.close()
        posting.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:  # each of them notices that whoever called has gone
            await asyncio.wait(state.tasks, timeout=1)

    def _application(self) -> Starlette:
        routes = [
            Route("/bot{token}/{method}", self._method, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self._file),
        ]
        return Starlette(routes=routes)

    async def _method(self, request: Request) -> Response:
        name = request.path_params["method"]
        return await self._handle(request, Call(name, await _parameters(request), time.monotonic()))

    async def _file(self, request: Request) -> Response:
        await request.body()  # so that the next thing to be received is the end of the connection
        return await self._handle(request, Call("file", {"path": request.path_params["path"]}, time.monotonic()), file)

    async def _handle(self, request: Request, call: Call, method: Method | None = None) -> Response:
        with self.change():
            self.calls.append(call)
        gone: asyncio.Future[Any] = asyncio.ensure_future(request.receive())
        known = request.path_params["token"] == self.token
        try:
            answer, outcome = await self._answer(call, known, method, gone), "ok"
        except Refusal as no:
            answer, outcome = JSONResponse(no.answer, no.code), no.outcome
        except Cut as cut:
            answer, outcome = NoAnswer(), str(cut)
        except Broken as broken:
            answer, outcome = broken.page, str(broken)
        finally:
            gone.cancel()
        with self.change():
            call.outcome = outcome
        return answer

    async def _answer(self, call: Call, known: bool, method: Method | None, gone: asyncio.Future[Any]) -> Response:
        if not known:
            raise Refusal(401, "Unauthorized")
        trouble = await self._meets(call, gone)
        if call.method == "getUpdates":
            result = await self._get_updates(call.params, gone)
        else:
            result = self._execute(call, method or METHODS.get(call.method))
        if self._hooked(call, "after") or trouble.kind == "drop after":
            raise Cut("dropped after")
        return Response(result) if isinstance(result, bytes) else _Escaped({"ok": True, "result": result})

    def _execute(self, call: Call, method: Method | None) -> Any:
        if method is None:
            raise Refusal(404, "Not Found")
        with self.change():
            if self._limits and call.method == "sendMessage":
                self._limits.check(call.chat_id)
            return method(self, call.params)

    # Before a call is executed

    async def _meets(self, call: Call, gone: asyncio.Future[Any]) -> Trouble:
        """Lets happen what is to happen to a call before it is executed; returns the trouble, part of which may be left."""
        if self._hooked(call, "before"):
            raise Cut("dropped before")
        self._check_down()
        with self.change():
            waiting = self._troubles[call.method]
            trouble = waiting.popleft() if waiting else Trouble()
        match trouble.kind:
            case "status":
                raise refusal(trouble)
            case "drop before":
                raise Cut("dropped before")
            case "garbage":
                raise Broken("garbage", trouble.code)
            case "hang":
                await self._hang(call, gone)
        return trouble

    async def _hang(self, call: Call, gone: asyncio.Future[Any]) -> None:
        with self.change():
            call.outcome, before = "hanging", self._released
        await self._wait_beside(gone, lambda: self._released > before)

    def _hooked(self, call: Call, when: str) -> bool:
        return self.on_call is not None and self.on_call(call.method, when) is True

    def _check_down(self) -> None:
        if self._down == 0:
            raise Cut("down")
        if self._down is not None:
            raise Broken(f"down {self._down}", self._down)

    async def _wait_beside(
        self, gone: asyncio.Future[Any], happened: Callable[[], object], timeout: float | None = None
    ) -> None:
        """Waits until something is so, or the time is up. Raises Cut if whoever called goes away meanwhile."""
        waiting = asyncio.create_task(self.comes_true(happened, timeout))
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if gone.done():
            raise Cut("gone")

    # Bringing updates

    async def _get_updates(self, params: Json, gone: asyncio.Future[Any]) -> list[Json]:
        me = object()
        offset, limit = int(params.get("offset") or 0), min(int(params.get("limit") or 100), 100)
        with self.change():
            self._check_no_webhook()
            self.hand_out(offset, 0)
            self.allowed = params.get("allowed_updates", self.allowed)
            self._poller = me

        def ends() -> bool:
            return bool(self.undelivered or self._poller is not me or self.webhook or self._down is not None)

        await self._wait_beside(gone, ends, min(float(params.get("timeout") or 0), 50))
        with self.change():
            self._check_down()
            self._check_no_webhook()
            if self._poller is not me:
                raise _conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance is running"
                )
            return self.hand_out(offset, limit)

    def _check_no_webhook(self) -> None:
        if self.webhook:
            raise _conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete it first")

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


class _Escaped(JSONResponse):
    """ASCII only, as the Bot API writes it: so that text can hold whatever an escape can name."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


def _config(application: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        application, http="h11", ws="none", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=75
    )


async def _parameters(request: Request) -> Json:
    """From wherever they may stand: the address, a form, several parts, or JSON."""
    await request.body()
    given: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        return given | dict(await request.json())
    given |= dict(await request.form())
    return {name: read(name, value) for name, value in given.items()}


def _conflict(why: str) -> Refusal:
    return Refusal(409, f"Conflict: {why}")
