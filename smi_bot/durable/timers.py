"""Timers: rows that want to be looked at again at an instant."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import Clock, TimerRow, backoff, idle_seconds, is_open

log = structlog.get_logger()

#: Handles one due timer in its transaction. Returns when to come again, or None when it is done.
Fire = Callable[[Transaction, TimerRow, datetime], Awaitable[datetime | None]]


async def set_timer(tx: Transaction, *, key: str, kind: str, subject: str, due: datetime) -> None:
    """Sets or moves the timer of that key, in the caller's transaction."""
    insert = sqlite.insert if tx.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"kind": kind, "subject": subject, "state": "open", "failures": 0, "next_attempt_at": due}
    statement = insert(TimerRow).values(key=key, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))
    tx.rings.add("timers")


class Timers:
    """Fires what is due, one at a time."""

    def __init__(self, database: Database, clock: Clock, *, retry_base: float = 1.0, ceiling: int = 10) -> None:
        self._database = database
        self._clock = clock
        self._retry_base = retry_base
        self._ceiling = ceiling
        self._handlers: Mapping[str, Fire] = {}

    def fired_by(self, handlers: Mapping[str, Fire]) -> None:
        self._handlers = handlers

    async def step(self) -> bool:
        now = self._clock()
        row: TimerRow | None = None
        try:
            async with self._database.transaction() as tx:
                found = (await tx.execute(self._due(now))).scalars().first()
                if found is None:
                    return False
                row = TimerRow(**found.model_dump())  # outlives a rollback
                again = await self._handlers[found.kind](tx, found, now)
                found.state = "done" if again is None else "open"
                found.next_attempt_at = again or now
        except Exception as error:  # the edge of the handlers: recorded on the row and retried
            if row is None:
                raise
            await self._failed(row, error)
        return True

    async def finish(self) -> None:
        """A step leaves nothing under way."""

    async def idle_seconds(self) -> float | None:
        return await idle_seconds(self._database, TimerRow, self._clock())

    def _due(self, now: datetime) -> sa.Select[TimerRow]:
        due = (is_open(TimerRow), col(TimerRow.next_attempt_at) <= now)
        oldest = sa.select(TimerRow).where(*due).order_by(col(TimerRow.next_attempt_at)).limit(1)
        return oldest.with_for_update(skip_locked=True)

    async def _failed(self, row: TimerRow, error: Exception) -> None:
        failures = row.failures + 1
        log.error("timer failed", row=row.id, kind=row.kind, failures=failures, exc_info=error)
        values = {
            "failures": failures,
            "state": "open" if failures < self._ceiling else "failed",
            "next_attempt_at": self._clock() + backoff(failures, self._retry_base),
            "error": type(error).__name__,
        }
        async with self._database.transaction() as tx:
            await tx.execute(sa.update(TimerRow).where(col(TimerRow.id) == row.id, is_open(TimerRow)).values(**values))
