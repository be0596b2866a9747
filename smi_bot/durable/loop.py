"""The one loop: step while there is work, else wait for a ring, the next due instant or the poll."""

import asyncio
from contextlib import suppress
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from smi_bot.database import Bell

log = structlog.get_logger()

#: The topic that wakes every kind of work; each kind hears rings of its own name, too.
CLOCK = "clock"

_HELD = 0.01  # seconds to leave a due row to the worker that has it locked


class Steps(Protocol):
    """Inbox, outbox and timers, as the loop sees them."""

    async def step(self) -> bool:
        """Does one piece of work; False where there is none."""
        ...

    async def idle_seconds(self) -> float | None:
        """Seconds until something is due; None where nothing is."""
        ...

    async def finish(self) -> None:
        """Waits for what outlives a step."""
        ...


class Loop:
    """Works on several kinds of rows until told to stop; then finishes the step in hand."""

    def __init__(self, works: dict[str, Steps], bell: Bell, poll: float = 5.0) -> None:
        self._works = works
        self._bell = bell
        self._poll = poll
        self._stopping = False
        self.troubled: dict[str, str] = {}  # work -> what keeps it from going on, for /readyz

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, work in self._works.items():
                group.create_task(self._work(name, work), name=name)

    def stop(self) -> None:
        self._stopping = True
        self._bell.ring(CLOCK)

    async def _work(self, name: str, work: Steps) -> None:
        with self._bell.ear(name, CLOCK) as event:
            while not self._stopping:
                event.clear()
                if await self._step(name, work) or self._stopping:
                    continue
                # asyncio.timeout, not wait_for: on Python 3.11 the latter can swallow a cancellation.
                with suppress(TimeoutError):
                    async with asyncio.timeout(await self._pause(name, work)):
                        await event.wait()
        await work.finish()

    async def _step(self, name: str, work: Steps) -> bool:
        try:
            busy = await work.step()
        except (SQLAlchemyError, OSError) as error:  # the database is away: nothing is lost, try again
            log.error("database trouble", work=name, error=type(error).__name__)
            self.troubled[name] = type(error).__name__
            await asyncio.sleep(min(1.0, self._poll))
            return False
        self.troubled.pop(name, None)
        return busy

    async def _pause(self, name: str, work: Steps) -> float:
        if name in self.troubled:  # whether the database is back is soon seen, not at the next poll
            return min(1.0, self._poll)
        try:
            idle = await work.idle_seconds()
        except (SQLAlchemyError, OSError):
            return min(1.0, self._poll)
        return self._poll if idle is None else min(max(idle, _HELD), self._poll)
