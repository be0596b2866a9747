"""What can befall a call on loopback, of whatever platform: broken and hanging connections, outages, too many calls."""

import asyncio
import math
import socket
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True)
class Trouble:
    """What befalls one call."""

    kind: str = ""
    code: int = 0
    retry_after: int = 0
    description: str = ""

    @classmethod
    def status(cls, code: int, retry_after: int = 0, description: str = "") -> Self:
        """Answered with this error, not executed."""
        return cls("status", code, retry_after, description or HTTPStatus(code).phrase)

    @classmethod
    def drop_before(cls) -> Self:
        """The connection breaks, nothing is executed."""
        return cls("drop before")

    @classmethod
    def drop_after(cls) -> Self:
        """Executed, and then the connection breaks: the answer is lost."""
        return cls("drop after")

    @classmethod
    def hang(cls) -> Self:
        """Neither executed nor answered until `release()`; never, if whoever called has gone by then."""
        return cls("hang")

    @classmethod
    def garbage(cls, code: int = 200) -> Self:
        """Not executed, and answered with a page of HTML, as something on the way to a platform might."""
        return cls("garbage", code)


class Cut(Exception):
    """The connection ends without an answer. Its text is the call's outcome."""


class Limits:
    """Flood control: so many messages a second in each place, after a burst, and in all places together."""

    def __init__(self, each: float, burst: int, overall: int = 10_000) -> None:
        self._windows = {"each": (burst, burst / each), "all": (overall, 1.0)}
        self._sent: defaultdict[object, deque[float]] = defaultdict(deque)

    def wait(self, place: object) -> int:
        """Seconds to wait before another message; 0 where it may be sent, and then it counts."""
        now = time.monotonic()
        for key, (most, seconds) in ((place, self._windows["each"]), (None, self._windows["all"])):
            sent = self._sent[key]
            while sent and sent[0] <= now - seconds:
                sent.popleft()
            if len(sent) >= most:
                return math.ceil(sent[0] + seconds - now)
        for key in (place, None):
            self._sent[key].append(now)
        return 0


class Connection(H11Protocol):
    """Shows the application its transport, so that it can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does so only for sockets that were made with the protocol named; else each answer waits 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {"transport": transport}


class NoAnswer(Response):
    """Breaks the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass  # uvicorn would complain of an application that returns before the end of the connection is known


class Broken(Exception):
    """A page where JSON should be, as proxies and outages have it. Its text is the call's outcome."""

    def __init__(self, outcome: str, status: int) -> None:
        super().__init__(outcome)
        self.page = HTMLResponse("<html><body><h1>nginx</h1></body></html>", status)
