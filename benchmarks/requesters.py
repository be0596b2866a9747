"""The whole service with requesters who write, wait for the answer, and write again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import sqlalchemy as sa

from smi_bot.app import App, open_app
from smi_bot.assistant import Knowledge
from smi_bot.durable.rows import Clock, InboxRow, OutboxRow, is_open
from smi_bot.inquiry import Inquiry, Rendered
from smi_bot.librarian import spare_what_stays
from smi_bot.receiving import enqueue
from smi_bot.settings import Settings

PATIENCE = 60.0  # seconds; an answer that takes longer is a fault


class RecordingChannel:
    """A platform that takes every reply at once and remembers when each message got its first one."""

    name = "bench"

    def __init__(self) -> None:
        self._answered: dict[str, tuple[int, float]] = {}  # conversation -> message answered last, and when
        self._rings: dict[str, asyncio.Event] = {}

    async def send(self, rendered: Rendered) -> str:
        message = int(rendered.reply[1:].partition(".")[0])  # r<message>.<number>
        if message > self._answered.get(rendered.conversation, (0, 0.0))[0]:
            self._answered[rendered.conversation] = (message, time.perf_counter())
            self._ring(rendered.conversation).set()
        return rendered.reply

    async def run(self) -> None:
        await asyncio.Event().wait()

    def not_ready(self) -> list[str]:
        return []

    async def first_answer(self, conversation: str) -> float:
        """When the message sent last got its first answer. One requester waits at a time."""
        ring = self._ring(conversation)
        async with asyncio.timeout(PATIENCE):
            await ring.wait()
        ring.clear()
        return self._answered[conversation][1]

    def _ring(self, conversation: str) -> asyncio.Event:
        return self._rings.setdefault(conversation, asyncio.Event())


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock, knowledge: Knowledge, announce: Callable[[str], None] = lambda address: None
) -> AsyncIterator[tuple[App, RecordingChannel]]:
    """The service as `smi-bot run` runs it: loop, web server, and our channel. `announce`: told its address."""
    stopping, channel = asyncio.Event(), RecordingChannel()
    async with open_app(settings, clock, knowledge=knowledge) as app:
        app.join(channel)
        spare_what_stays()
        async with asyncio.TaskGroup() as group:
            group.create_task(app.run(stopping, announce))
            try:
                yield app, channel
            finally:
                stopping.set()


async def talk(
    app: App, channel: RecordingChannel, who: str, texts: Sequence[str], sent_at: datetime, every: float = 0.0
) -> list[float]:
    """Writes each text once the one before was answered, `every` seconds at most often. Seconds to each answer."""
    conversation, seconds = f"{channel.name}:{who}", []
    for number, text in enumerate(texts):
        began = time.perf_counter()
        inquiry = Inquiry(
            key=f"{conversation}:{number}", channel=channel.name, conversation=conversation, sent_at=sent_at, text=text
        )
        await enqueue(app.inbox, inquiry)
        seconds.append(await channel.first_answer(conversation) - began)
        await asyncio.sleep(max(0.0, every - seconds[-1]))
    return seconds


async def settled(app: App, patience: float = PATIENCE) -> None:
    """Waits until nothing is left to be done."""
    async with asyncio.timeout(patience):
        with app.database.bell.ear() as ring:  # each settlement rings
            while await _open_rows(app):
                await ring.wait()
                ring.clear()


async def _open_rows(app: App) -> int:
    inbox = sa.select(sa.func.count()).where(is_open(InboxRow)).scalar_subquery()
    outbox = sa.select(sa.func.count()).where(is_open(OutboxRow)).scalar_subquery()
    async with app.database.reading() as tx:
        return int((await tx.execute(sa.select(inbox + outbox))).scalar_one())
