"""How Slack brings things to the app: over Socket Mode, or signed over HTTP; and what it does when nobody takes them."""

import asyncio
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from fakes import PATIENCE
from loopback import Changes, Json
from slack_sdk.signature import SignatureVerifier
from starlette.websockets import WebSocket, WebSocketDisconnect

CONNECTIONS = 10  # that an app may hold
GRACE = 0.5  # seconds in which an app that was told to go may close its connection itself


@dataclass(eq=False)
class Delivery:
    """Something that Slack brings to the app: an event, an interaction, a command.

    `then`: what Slack does with the app's answer; `otherwise`: what it does when nobody took it.
    `attempts`: how each went: open, taken, timeout, http_error 500, connection_failed, no connection, dropped."""

    kind: str  # events_api, interactive, slash_commands: as Socket Mode calls them; url_verification
    payload: Json
    world: "Deliveries" = field(repr=False)
    then: Callable[[Json], None] = lambda answer: None
    otherwise: Callable[[], None] = lambda: None
    attempts: list[str] = field(default_factory=list)
    acknowledged: threading.Event = field(default_factory=threading.Event)
    answer: Json = field(default_factory=dict)  # what the app said with its acknowledgement
    is_unwanted: bool = False  # the app wants no retry
    hurried: int = 0  # how often time had gone by at its latest attempt
    gave_up: bool = False
    began: float = field(default_factory=time.monotonic)
    took: float = 0.0  # seconds until it was acknowledged

    @property
    def event(self) -> Json:
        return dict(self.payload["event"])

    @property
    def event_id(self) -> str:
        return str(self.payload["event_id"])

    @property
    def is_settled(self) -> bool:
        return self.acknowledged.is_set() or self.gave_up

    def wait(self, timeout: float = PATIENCE) -> None:
        """Waits, in a test that has no event loop, until the app acknowledged it."""
        self.world.wait(lambda: self.is_settled, timeout)
        assert not self.gave_up, f"nobody took it: {self.attempts}"

    async def comes_through(self, timeout: float = PATIENCE) -> None:
        """`wait` for a test that has an event loop."""
        await self.world.until(lambda: self.is_settled, timeout)
        assert not self.gave_up, f"nobody took it: {self.attempts}"

    def is_taken(self, answer: Json) -> None:
        self.took = time.monotonic() - self.began
        self.attempts[-1], self.answer = "taken", answer
        self.then(answer)
        self.acknowledged.set()


class Socket:
    """A connection of Socket Mode. Without a websocket it is a ghost: its app has gone, and Slack does not know yet."""

    def __init__(self, websocket: WebSocket | None = None) -> None:
        self._websocket = websocket
        self.waits: dict[str, tuple[Delivery, asyncio.Future[str]]] = {}  # what is not acknowledged, by envelope
        self.is_leaving = False  # or about to be gone: gets nothing any more

    async def sends(self, frame: Json) -> None:
        if self._websocket:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.send_text(json.dumps(frame))

    async def closes(self) -> None:
        if self._websocket:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.close()

    def is_gone(self) -> None:
        for _, waiting in self.waits.values():
            if not waiting.done():
                waiting.set_result("dropped")

    def breaks(self) -> None:
        self.is_leaving = True
        if self._websocket:
            self._websocket.scope["state"]["transport"].abort()


class Deliveries(Changes):
    """Brings what happens to the app. Over HTTP if `request_url` is set, else over the app's connections in turn.

    `on_delivery(delivery, when)` is asked "before" something is brought and "after" it was acknowledged, in the server's
    thread; where it answers True the connection ends there, and an acknowledgement is lost."""

    def __init__(self, signing_secret: str, **more: Any) -> None:
        super().__init__(**more)
        self.signing_secret = signing_secret
        self.signed_ago = 0.0  # seconds: how old signatures look
        self.request_url = ""
        self.patience = 3.0  # seconds that an app has to acknowledge
        self.retry_after: Sequence[float] = (0.0, 1.0, 5.0)  # Slack: at once, after 1 min, after 5 min
        self.other_event_id = False  # on retries
        self.on_delivery: Callable[[Delivery, str], object] | None = None
        self.deliveries: list[Delivery] = []  # all there ever were
        self.lost_events: list[Delivery] = []
        self.failed_interactions: list[Delivery] = []  # somebody sees a warning sign
        self.sockets: list[Socket] = []
        self.held: list[Delivery] | None = None
        self._turns = itertools.count()
        self._hurried = 0  # how often
        self._tasks: set[asyncio.Task[None]] = set()

    # What a test may ask for

    @property
    def undelivered(self) -> list[Delivery]:
        return [delivery for delivery in list(self.deliveries) if not delivery.is_settled]

    def hold(self) -> None:
        """Events that happen from now on wait for `deliver()`."""
        with self.change():
            self.held = []

    def deliver(self, *, last_first: bool = False) -> None:
        """Brings what was held back."""
        with self.change():
            held, self.held = self.held or [], None
            for delivery in reversed(held) if last_first else held:
                self._start(delivery)

    def retry_now(self) -> None:
        """Time goes by: what waits for its next attempt is brought."""
        with self.change():
            self._hurried += 1

    def disconnects(self, reason: str = "refresh_requested") -> None:
        """Tells the app that its connections end. They do, unless it is only a `warning`."""
        self._in_server(self._disconnect(list(self.sockets), reason))

    def drop_sockets(self) -> None:
        """All connections break without a word."""
        for socket in list(self.sockets):
            self._loop.call_soon_threadsafe(socket.breaks)

    def ghost(self) -> Socket:
        """A connection whose app has gone without Slack's noticing: it takes its turn, and nothing comes of it."""
        with self.change():
            self.sockets.append(Socket())
        return self.sockets[-1]

    def verifies(self) -> Delivery:
        """Checks the request URL, as when it is entered in the app's settings."""
        payload = {"type": "url_verification", "token": "verification", "challenge": uuid.uuid4().hex}
        return self._bring(Delivery("url_verification", payload, self))

    # Bringing

    def _bring(self, delivery: Delivery) -> Delivery:
        with self.change():
            self.deliveries.append(delivery)
            if delivery.kind == "events_api" and self.held is not None:
                self.held.append(delivery)
            else:
                self._start(delivery)
        return delivery

    def _start(self, delivery: Delivery) -> None:
        delivery.began = time.monotonic()
        self._in_server(self._deliver(delivery))

    def _in_server(self, what: Coroutine[Any, Any, None]) -> None:
        self._loop.call_soon_threadsafe(self._begin, what)

    def _begin(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        """Only events are brought again; of anything else somebody learns that it failed."""
        pauses = self.retry_after if delivery.kind == "events_api" else ()
        for number, pause in enumerate((0.0, *pauses)):
            await self._pause(delivery, pause)
            if number and self.other_event_id:
                delivery.payload = delivery.payload | {"event_id": event_id()}
            if await self._attempt(delivery, number):
                return
            if delivery.is_unwanted:
                break
        self._give_up(delivery)

    async def _pause(self, delivery: Delivery, seconds: float) -> None:
        if seconds:
            await self.comes_true(lambda: self._hurried > delivery.hurried, seconds)

    async def _attempt(self, delivery: Delivery, number: int) -> bool:
        with self.change():
            why = delivery.attempts[-1] if delivery.attempts else ""
            delivery.attempts.append("open")
        over = self._over_http if self.request_url else self._over_socket
        outcome = await over(delivery, number, why)
        with self.change():
            if outcome:
                delivery.attempts[-1], delivery.hurried = outcome, self._hurried
        return not outcome

    def _give_up(self, delivery: Delivery) -> None:
        with self.change():
            delivery.gave_up = True
            (self.lost_events if delivery.kind == "events_api" else self.failed_interactions).append(delivery)
            delivery.otherwise()

    def _take(self, delivery: Delivery, answer: Json) -> bool:
        """The app acknowledged it, unless a hook lets that be lost."""
        if self._asks(delivery, "after"):
            return False
        with self.change():
            if not delivery.is_settled:
                delivery.is_taken(answer)
        return True

    def _asks(self, delivery: Delivery, when: str) -> bool:
        return self.on_delivery is not None and self.on_delivery(delivery, when) is True

    # Over Socket Mode

    async def _over_socket(self, delivery: Delivery, number: int, why: str) -> str:
        """What went wrong, if anything."""
        socket = self._next_socket()
        if socket is None:
            return "no connection"
        if self._asks(delivery, "before"):
            socket.breaks()
            return "dropped"
        return await self._send(socket, delivery, number)

    async def _send(self, socket: Socket, delivery: Delivery, number: int) -> str:
        id, waiting = str(uuid.uuid4()), self._loop.create_future()
        socket.waits[id] = (delivery, waiting)
        await socket.sends(_envelope(id, delivery, number))
        try:
            async with asyncio.timeout(self.patience):
                return await waiting
        except TimeoutError:
            return "timeout"
        finally:
            del socket.waits[id]

    def _next_socket(self) -> Socket | None:
        there = [socket for socket in self.sockets if not socket.is_leaving]
        if not there:
            return None
        return there[next(self._turns) % len(there)]

    async def _serve_socket(self, websocket: WebSocket) -> None:
        """One connection, from hello to its end."""
        await websocket.accept()
        socket = Socket(websocket)
        if len(self.sockets) >= CONNECTIONS:
            await self._disconnect([socket], "too_many_websockets")
            return
        await socket.sends(self._hello())
        with self.change():
            self.sockets.append(socket)
        await self._listen(websocket, socket)
        with self.change():
            self.sockets.remove(socket)
        socket.is_gone()

    async def _listen(self, websocket: WebSocket, socket: Socket) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # however it ends
            while True:
                self._hear(json.loads(await websocket.receive_text()), socket)

    def _hear(self, frame: Json, socket: Socket) -> None:
        delivery, waiting = socket.waits.get(frame.get("envelope_id", ""), (None, None))
        if delivery is None or waiting.done():
            return
        if self._take(delivery, frame.get("payload") or {}):
            waiting.set_result("")
        else:
            socket.breaks()

    def _hello(self) -> Json:
        debug = {"host": "applink-loopback", "build_number": 1, "approximate_connection_time": 18060}
        about = {"num_connections": len(self.sockets) + 1, "debug_info": debug}
        return {"type": "hello", **about, "connection_info": {"app_id": "A0SMI000001"}}

    async def _disconnect(self, sockets: list[Socket], reason: str) -> None:
        for socket in sockets:
            await socket.sends({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-loopback"}})
            socket.is_leaving = reason != "warning"
        if reason != "warning":
            await self.comes_true(lambda: not set(sockets).intersection(self.sockets), GRACE)
            for socket in sockets:
                await socket.closes()

    # Over HTTP

    async def _over_http(self, delivery: Delivery, number: int, why: str) -> str:
        """What went wrong, if anything."""
        if self._asks(delivery, "before"):
            return "connection_failed"
        content, type = _body(delivery)
        again = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": why.partition(" ")[0]} if number else {}
        headers = {"Content-Type": type, **self._signature(content), **again}
        try:
            async with asyncio.timeout(self.patience):
                answer = await self._client.post(self.request_url, content=content, headers=headers)
        except TimeoutError:
            return "http_timeout"
        except httpx.HTTPError:
            return "connection_failed"
        return self._read(delivery, answer)

    def _read(self, delivery: Delivery, answer: httpx.Response) -> str:
        if not answer.is_success:
            delivery.is_unwanted = answer.headers.get("X-Slack-No-Retry") == "1"
            return f"http_error {answer.status_code}"
        return "" if self._take(delivery, _said(answer)) else "connection_failed"

    def _signature(self, content: str) -> dict[str, str]:
        # The time of the wall clock, whatever the clock of the test says: Bolt compares it with its own.
        at = str(int(time.time() - self.signed_ago))
        signature = SignatureVerifier(self.signing_secret).generate_signature(timestamp=at, body=content)
        return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": str(signature)}


def event_id() -> str:
    return "Ev" + uuid.uuid4().hex[:10].upper()


def _envelope(id: str, delivery: Delivery, number: int) -> Json:
    answers = delivery.payload.get("type") in ("view_submission", "block_suggestion")
    frame = {"envelope_id": id, "type": delivery.kind, "payload": delivery.payload}
    if delivery.kind == "events_api":
        frame |= {"retry_attempt": number, "retry_reason": "timeout" if number else ""}
    return {**frame, "accepts_response_payload": answers or delivery.kind == "slash_commands"}


def _body(delivery: Delivery) -> tuple[str, str]:
    """What is posted, and its type."""
    if delivery.kind in ("events_api", "url_verification"):
        return json.dumps(delivery.payload), "application/json"
    fields = delivery.payload if delivery.kind == "slash_commands" else {"payload": json.dumps(delivery.payload)}
    return urlencode(fields), "application/x-www-form-urlencoded"


def _said(answer: httpx.Response) -> Json:
    """What the app said with its acknowledgement."""
    if not answer.content:
        return {}
    if answer.headers.get("content-type", "").startswith("application/json"):
        return dict(answer.json())
    return {"text": answer.text}
