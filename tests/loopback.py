"""A platform on loopback, of whatever kind: a server in a thread of its own, and the trouble a test wants it to be in.

It lives in its own thread so that a bot in this process, a bot in another one, and a test without an event loop can use
it alike. A test and the server share what is so: whatever changes it does so within `change()`.
"""

import abc
import asyncio
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from fakes import PATIENCE
from loopback_troubles import Broken, Connection, Cut, NoAnswer, Trouble
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.server import ServerState

Json = dict[str, Any]
Gone = asyncio.Future[Any]  # done when whoever called goes away
Ready = Callable[[Gone], Awaitable[None]]  # what a call waits for before it can be executed

_LOOK = 0.05  # seconds between looks at what may be so without our being told: what the bot itself remembers


@dataclass
class Call:
    """One call of a method. `outcome`: open, ok, the platform's word for No, 500, dropped before, dropped after, gone, …"""

    method: str
    params: Json
    at: float
    outcome: str = "open"
    answer: Json = field(default_factory=dict)


class Refusal(Exception):
    """The platform's No. Its text is the call's outcome."""

    def __init__(self, outcome: str, answer: Response) -> None:
        super().__init__(outcome)
        self.answer = answer


class Changes:
    """What is so, and waiting until something is so, in a thread or in any event loop."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._changed = threading.Condition()
        self._ears: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def called(self, method: str) -> list[Call]:
        return [call for call in list(self.calls) if call.method == method]

    @contextmanager
    def change(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()
            for loop, ear in self._ears:
                loop.call_soon_threadsafe(ear.set)

    def wait(self, happened: Callable[[], object], timeout: float = PATIENCE) -> None:
        """Waits, in a test that has no event loop, until something is so."""
        end = time.monotonic() + timeout
        with self._changed:
            assert happened() or not _in_a_loop(), "this would hold up the event loop: await its twin"
            while not self._changed.wait_for(happened, _LOOK):
                assert time.monotonic() < end, self._in_vain(timeout)

    async def until(self, happened: Callable[[], object], timeout: float = PATIENCE) -> None:
        """Waits, in a test that has an event loop, until something is so."""
        end = time.monotonic() + timeout
        while not await self.comes_true(happened, _LOOK):
            assert time.monotonic() < end, self._in_vain(timeout)

    async def comes_true(self, happened: Callable[[], object], timeout: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._comes_true(happened)
        except TimeoutError:
            return False
        return True

    async def _comes_true(self, happened: Callable[[], object]) -> None:
        with self._ear() as event:
            while True:
                event.clear()
                with self._changed:
                    if happened():
                        return
                await event.wait()

    @contextmanager
    def _ear(self) -> Iterator[asyncio.Event]:
        ear = (asyncio.get_running_loop(), asyncio.Event())
        with self._changed:
            self._ears.add(ear)
        try:
            yield ear[1]
        finally:
            with self._changed:
                self._ears.discard(ear)

    def _in_vain(self, timeout: float) -> str:
        latest = [(call.method, call.outcome, call.params) for call in self.calls[-5:]]
        return f"not within {timeout} s; the bot's latest calls: {latest}"


class Loopback(Changes, abc.ABC):
    """The server. `on_call(method, when)` is asked "before" and "after" each execution, in the server's thread; where it
    answers True the connection ends: so a test can kill a bot just before its call is executed, or just after."""

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self.on_call: Callable[[str, str], object] | None = None
        self._port = port
        self._troubles: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._down: int | None = None
        self._released = 0  # how often
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", self._port))
        self.root = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread.start()
        assert self._started.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(PATIENCE)

    # Trouble

    def troubles(self, method: str, *troubles: Trouble) -> None:
        """What befalls the next calls of a method, one each."""
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

    # Serving

    @abc.abstractmethod
    def _application(self) -> Starlette:
        """What is called, each call by way of `_handle`."""

    @asynccontextmanager
    async def _beside(self) -> AsyncIterator[None]:
        """What goes on in the server's loop beside its answers."""
        yield

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        config, state = _config(self._application()), ServerState()
        server = await self._loop.create_server(lambda: Connection(config, state, {}), sock=self._socket)
        async with self._beside():
            self._started.set()
            await self._closing.wait()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:  # each of them notices that whoever called has gone
            await asyncio.wait(state.tasks, timeout=1)

    async def _handle(
        self, request: Request, call: Call, execute: Callable[[], Response], ready: Ready | None = None
    ) -> Response:
        """Records a call whose body has been read, lets happen to it what is to happen, and answers it."""
        with self.change():
            self.calls.append(call)
        gone: Gone = asyncio.ensure_future(request.receive())
        try:
            answer, outcome = await self._answer(call, execute, ready, gone), "ok"
        except Refusal as no:
            answer, outcome = no.answer, str(no)
        except Cut as cut:
            answer, outcome = NoAnswer(), str(cut)
        except Broken as broken:
            answer, outcome = broken.page, str(broken)
        finally:
            gone.cancel()
        with self.change():
            call.outcome = outcome
        return answer

    async def _answer(self, call: Call, execute: Callable[[], Response], ready: Ready | None, gone: Gone) -> Response:
        trouble = await self._meets(call, gone)
        if ready:
            await ready(gone)
        with self.change():
            answer = execute()
        if self._hooked(call, "after") or trouble.kind == "drop after":
            raise Cut("dropped after")
        return answer

    # Before a call is executed

    async def _meets(self, call: Call, gone: Gone) -> Trouble:
        """Lets happen what is to happen to a call before it is executed; returns the trouble, part of which may be left."""
        if self._hooked(call, "before"):
            raise Cut("dropped before")
        self._check_down()
        with self.change():
            waiting = self._troubles[call.method]
            trouble = waiting.popleft() if waiting else Trouble()
        match trouble.kind:
            case "drop before":
                raise Cut("dropped before")
            case "garbage":
                raise Broken("garbage", trouble.code)
            case "hang":
                await self._hang(call, gone)
            case "" | "drop after":
                pass
            case _:
                raise self._refusal(trouble)
        return trouble

    @abc.abstractmethod
    def _refusal(self, trouble: Trouble) -> Exception:
        """How this platform refuses."""

    async def _hang(self, call: Call, gone: Gone) -> None:
        with self.change():
            call.outcome, before = "hanging", self._released
        await self._wait_beside(gone, lambda: self._released > before)

    async def _wait_beside(self, gone: Gone, happened: Callable[[], object], timeout: float | None = None) -> None:
        """Waits until something is so, or the time is up. Raises Cut if whoever called goes away meanwhile."""
        waiting = asyncio.create_task(self.comes_true(happened, timeout))
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if gone.done():
            raise Cut("gone")

    def _hooked(self, call: Call, when: str) -> bool:
        return self.on_call is not None and self.on_call(call.method, when) is True

    def _check_down(self) -> None:
        if self._down == 0:
            raise Cut("down")
        if self._down is not None:
            raise Broken(f"down {self._down}", self._down)


def _config(application: Starlette) -> uvicorn.Config:
    about: Json = {"lifespan": "off", "log_config": None, "access_log": False, "timeout_keep_alive": 75}
    return uvicorn.Config(application, http="h11", ws="websockets-sansio", **about)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
