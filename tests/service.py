"""The whole service in a test's hand, on whatever platform: its time, waiting for what it does, and what it stores."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from fakes import PATIENCE, Clock
from sqlmodel import SQLModel, col

from smi_bot.app import App
from smi_bot.durable.loop import CLOCK
from smi_bot.durable.rows import InboxRow, OutboxRow, is_open

_PACE = timedelta(seconds=1.5)  # a wait that is shorter than this is a platform's pace, or a first retry
_LOOK = 0.02  # seconds between looks at what nobody rings for

Row = TypeVar("Row", bound=SQLModel)


@dataclass
class Served:
    """What a test of any platform has in hand. `url`: the service's own address on loopback."""

    app: App
    url: str
    clock: Clock

    # Time

    def later(self, **how_far: float) -> None:
        """Time goes by, and whoever waited for it wakes: `later(hours=5)`."""
        self.clock.advance(**how_far)
        for topic in (CLOCK, "outbox", "inbox", "timers"):
            self.app.database.bell.ring(topic)

    async def flow(self, *waiting: Any) -> None:
        """Jumps to the moment for which a message waits because of the pace, until cancelled. `waiting`: which ones.

        Nothing longer is jumped over: above all no claim on what is being sent at this moment.
        """
        next_attempt = col(OutboxRow.next_attempt_at)
        while True:
            # Not what is past already: it waits for its way to be open, and that is on another row.
            paced = (is_open(OutboxRow), col(OutboxRow.attempts) > 0, next_attempt > self.clock(), *waiting)
            async with self.app.database.reading() as tx:
                due = (await tx.execute(sa.select(sa.func.min(next_attempt)).where(*paced))).scalar()
            if due is not None and timedelta() < due - self.clock() <= _PACE:
                self.later(seconds=(due - self.clock()).total_seconds())
            await asyncio.sleep(_LOOK)

    # Waiting

    async def until(self, happened: Callable[[], Awaitable[Any]]) -> Any:
        """Waits until something in the database or on a platform is so; returns it."""
        async with asyncio.timeout(PATIENCE):
            with self.app.database.bell.ear() as event:
                while True:
                    event.clear()
                    if found := await happened():
                        return found
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK):
                            await event.wait()

    async def quiet(self) -> None:
        """Waits until everything that anybody did is taken in and handled, and everything to be shown is shown."""
        await self.until(self.is_quiet)

    async def is_quiet(self) -> bool:
        if self.is_underway():
            return False
        async with self.app.database.reading() as tx:
            waiting = [
                (await tx.execute(sa.select(t).where(is_open(t)).limit(1))).first() for t in (InboxRow, OutboxRow)
            ]
        return not any(waiting)

    def is_underway(self) -> bool:
        """Whether a platform has yet to bring something, or something is done outside the database."""
        return False

    # What is stored

    async def rows(self, table: type[Row], *where: Any) -> Sequence[Row]:
        """All rows of a table, or some, in the order in which they came."""
        key = sa.inspect(table).primary_key[0]
        async with self.app.database.reading() as tx:
            return (await tx.execute(sa.select(table).where(*where).order_by(key))).scalars().all()
