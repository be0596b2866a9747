"""A life of the service that ends where a test wants it: the real `open_app`, one more channel, SIGKILL at a point.

The points lie in wrappers around the service's objects; the service knows nothing of them. Each life is a process of
its own, forked from a server that has read the knowledge: only that reading is shared between two lives.
"""

import asyncio
import functools
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from channels import telegram, telegram_sending
from escalation import slack_desk
from smi_bot.app import App, open_app, stop_signals
from smi_bot.assistant import Knowledge
from smi_bot.durable.inbox import Handle
from smi_bot.durable.loop import CLOCK
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import TryAgain
from smi_bot.inquiry import Inquiry, Rendered
from smi_bot.knowledge import read_knowledge
from smi_bot.logs import configure_logs
from smi_bot.receiving import enqueue
from smi_bot.settings import Settings


@dataclass(frozen=True)
class Plan:
    """When a life ends: at the `countdown`-th passing of any of the points. Without points it goes on.

    `of`: only passings by replies (or presses) whose id begins so. `late`: seconds by which the life's clock is ahead.
    """

    points: tuple[str, ...] = ()
    of: str = ""
    countdown: int = 1
    late: float = 0.0


class Ahead(Protocol):
    """Memory that the test and all lives share: by how many seconds their clock is ahead."""

    value: float


class Reaper:
    """Counts passings, writes the fatal one down and kills."""

    def __init__(self, plan: Plan, diary: Path) -> None:
        self._plan = plan
        self._left = plan.countdown
        self._diary = diary

    def at(self, point: str, subject: str = "") -> None:
        if point not in self._plan.points or not subject.startswith(self._plan.of):
            return
        self._left -= 1
        if self._left == 0:
            with self._diary.open("a") as diary:
                diary.write(f"{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)


class Platform:
    """The requester's side of a platform on loopback HTTP. The reply's id is the idempotency key."""

    name = "platform"

    def __init__(self, port: int, reaper: Reaper) -> None:
        self._port = port
        self._reaper = reaper

    async def send(self, rendered: Rendered) -> str:
        body = json.dumps({"conversation": rendered.conversation, "source": rendered.source}).encode()
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {rendered.reply}\r\nContent-Length: {len(body)}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(head.encode() + b"\r\n\r\n" + body[:10])
        await writer.drain()
        self._reaper.at("half posted", rendered.reply)
        writer.write(body[10:])
        await writer.drain()
        self._reaper.at("posted", rendered.reply)
        status = await reader.readline()
        writer.close()
        if b" 200 " not in status:
            raise TryAgain("the platform did not say 200")
        return f"platform-{rendered.reply}"

    async def run(self) -> None:
        await asyncio.Event().wait()


class Intake:
    """Where the platform brings what requesters wrote: 200 only when it is durable."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/platform", self._take, methods=["POST"]),
            Route("/idle", self._idle),
            Route("/clock", self._wake, methods=["POST"]),
        ]

    async def _take(self, request: Request) -> Response:
        said = await request.json()
        inquiry = Inquiry(channel=Platform.name, sent_at=datetime.now(UTC), **said)
        return JSONResponse({"new": await enqueue(self._app.inbox, inquiry)})

    async def _idle(self, request: Request) -> Response:
        """Answers when no message and no reply is open any more."""
        works = [self._app.loop._works[name] for name in ("inbox", "outbox")]
        with self._app.database.bell.ear() as event:
            while [due for work in works if (due := await work.idle_seconds()) is not None]:
                event.clear()
                try:
                    async with asyncio.timeout(0.2):  # another worker's settlement may ring nobody here
                        await event.wait()
                except TimeoutError:
                    continue
        return JSONResponse({})

    async def _wake(self, request: Request) -> Response:
        """The clock was put forward: whoever waits looks at it again."""
        self._app.database.bell.ring(CLOCK)
        return JSONResponse({})


def beset(app: App, reaper: Reaper) -> None:
    """Puts the points around the service's objects."""
    accept, ring, send = app.inbox.accept, app.database.bell.ring, app.delivery.send
    reply, press = app.handoff.reply, app.desk._do

    async def accepting(*args: object) -> bool:
        is_new = await accept(*args)
        if is_new:
            reaper.at("accepted")  # committed, and nobody was told
        return is_new

    def deciding(handle: Handle) -> Handle:
        async def handling(*args: object) -> datetime | None:
            wait = await handle(*args)
            reaper.at("deciding")  # inside the transaction
            return wait

        return handling

    def ringing(topic: str) -> None:
        if (task := asyncio.current_task()) and task.get_name() == "inbox":
            reaper.at("decided")  # its first act after the commit
        ring(topic)

    async def sending(row: OutboxRow) -> object:
        reaper.at("claimed", row.key)
        sent = await send(row)
        reaper.at("sent", row.key)  # delivered, and not yet settled
        return sent

    async def replying(*args: object) -> None:
        await reply(*args)
        reaper.at("replying")  # inside the transaction

    async def pressing(what: str, *args: object) -> object:
        done = await press(what, *args)
        reaper.at("pressed", what)  # committed, and the specialist was not told
        return done

    app.inbox.accept = accepting
    app.inbox.handled_by({kind: (deciding(handle), end) for kind, (handle, end) in app.inbox._handlers.items()})
    app.database.bell.ring = ringing
    app.delivery.send = sending
    app.handoff.reply, app.desk._do = replying, pressing


def live(plan: Plan, given: dict[str, Any], platform: int, ahead: Ahead, announce: Connection) -> None:
    """One life, until a signal or the plan ends it. `platform`: the port where replies go, 0 for none."""
    configure_logs()
    settings = Settings(_env_file=None, **{"port": 0, "burst_pause": 0, **given})
    if settings.telegram_token:
        _hurry_telegram()
    slack_desk._EVERY = 0.02
    asyncio.run(_live(plan, settings, platform, ahead, announce.send))


def _hurry_telegram() -> None:
    """Shorter waits by the wall clock: the pace itself has tests of its own."""
    telegram_sending._BETWEEN, telegram_sending._OVERALL, telegram._LOOK = 0.02, 0.0, 0.2


async def _live(plan: Plan, settings: Settings, platform: int, ahead: Ahead, announce: Callable[[str], None]) -> None:
    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=plan.late + ahead.value)

    async with open_app(settings, clock, knowledge=knowledge()) as app:
        reaper = Reaper(plan, settings.data_dir / "diary")
        if platform:
            app.join(Platform(platform, reaper))
        beset(app, reaper)
        app.asgi.router.routes.extend(Intake(app).routes)
        if tests := multiprocessing.parent_process():  # nobody outlives them
            asyncio.get_running_loop().add_reader(tests.sentinel, os._exit, 1)
        with stop_signals() as stopping:
            await app.run(stopping, announce)


@functools.cache
def knowledge() -> Knowledge:
    return read_knowledge(Settings(_env_file=None))


if "pytest" not in sys.modules:  # in the fork server
    knowledge()
