"""The inbox: what came in is a committed row before anybody is told so, and is handled in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import Clock, InboxRow, backoff, due_heads, idle_seconds, is_open

log = structlog.get_logger()

#: Handles the oldest open rows of one lane inside the transaction that will mark them done. May run again after a
#: kill, so it must have no effect but through the transaction. Returning an instant leaves the rows open until then,
#: but for those that it settled itself.
Handle = Callable[[Transaction, Sequence[InboxRow], datetime], Awaitable[datetime | None]]
#: Told, in the transaction that marks it, that a row was given up.
GiveUp = Callable[[Transaction, InboxRow, datetime], Awaitable[None]]


def settle(rows: Sequence[InboxRow], now: datetime) -> None:
    """Marks rows done, inside the transaction that does what they ask for."""
    for row in rows:
        row.state, row.settled_at = "done", now


class Inbox:
    """Accepts events and hands them, lane by lane and in order, to the handler of their kind."""

    def __init__(
        self, database: Database, clock: Clock, *, retry_base: float = 1.0, ceiling: int = 5, burst: int = 50
    ) -> None:
        self._database = database
        self._clock = clock
        self._retry_base = retry_base
        self._ceiling = ceiling
        self._burst = burst
        self._handlers: Mapping[str, tuple[Handle, GiveUp]] = {}

    def handled_by(self, handlers: Mapping[str, tuple[Handle, GiveUp]]) -> None:
        self._handlers = handlers

    async def accept(self, key: str, lane: str, kind: str, payload: dict[str, Any]) -> bool:
        """Commits the event; returns False, and does nothing, where its key is known already."""
        now = self._clock()
        row = {"key": key, "lane": lane, "kind": kind, "payload": payload, "received_at": now, "next_attempt_at": now}
        async with self._database.transaction() as tx:
            insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
            statement = (
                insert(InboxRow).values(state="open", failures=0, **row).on_conflict_do_nothing(index_elements=["key"])
            )
            is_new = (await tx.execute(statement.returning(col(InboxRow.id)))).scalar() is not None
            if is_new:
                await tx.execute(self._hurry(lane, now))
                tx.rings |= {"inbox", lane}
        return is_new

    async def knows(self, key: str) -> bool:
        """Whether this event was accepted before."""
        async with self._database.reading() as tx:
            return (await tx.execute(sa.select(col(InboxRow.id)).where(col(InboxRow.key) == key))).first() is not None

    def _hurry(self, lane: str, now: datetime) -> sa.Update:
        """Rows that wait for the rest of their burst are looked at again with the new one."""
        waiting = (is_open(InboxRow), col(InboxRow.lane) == lane, col(InboxRow.failures) == 0)
        # Locked in their order: two that arrive at once must not wait for each other.
        rows = sa.select(col(InboxRow.id)).where(*waiting).order_by(col(InboxRow.id)).with_for_update()
        return sa.update(InboxRow).where(col(InboxRow.id).in_(rows)).values(next_attempt_at=now)

    async def step(self) -> bool:
        """Handles one lane's open rows; False where nothing is due."""
        now = self._clock()
        head: InboxRow | None = None
        try:
            async with self._database.transaction() as tx:
                rows = await self._claim(tx, now)
                if not rows:
                    return False
                head = InboxRow(**rows[0].model_dump())  # outlives a rollback, which empties the rows themselves
                handle, _ = self._handlers[head.kind]
                wait = await handle(tx, rows, now)
                self._settle(tx, rows, now, wait)
        except Exception as error:  # the edge of the handlers: recorded on the row, retried, then given up visibly
            if head is None:
                raise
            await self._failed(head, error)
        return True

    async def finish(self) -> None:
        """A step leaves nothing under way."""

    async def idle_seconds(self) -> float | None:
        return await idle_seconds(self._database, InboxRow, self._clock())

    async def _claim(self, tx: Transaction, now: datetime) -> Sequence[InboxRow]:
        head = (await tx.execute(due_heads(InboxRow, now, 1))).scalars().first()
        if head is None:
            return ()
        if head.failures:  # alone, so that a poisonous row does not take its neighbours along
            return (head,)
        lane = sa.select(InboxRow).where(is_open(InboxRow), col(InboxRow.lane) == head.lane)
        rows = (await tx.execute(lane.order_by(col(InboxRow.id)).limit(self._burst))).scalars()
        return tuple(takewhile(lambda row: row.kind == head.kind and not row.failures, rows))

    def _settle(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime, wait: datetime | None) -> None:
        for row in rows:
            if wait is not None and wait > now:
                row.next_attempt_at = wait
            else:
                settle((row,), now)
            tx.rings.add(row.lane)

    async def _failed(self, row: InboxRow, error: Exception) -> None:
        failures = row.failures + 1
        log.error("inbox row failed", row=row.id, failures=failures, error=type(error).__name__, exc_info=error)
        if failures < self._ceiling:
            pause = backoff(failures, self._retry_base)
            await self._note_failure(row, failures, "open", pause, error)
        elif not await self._given_up(row, error):
            await self._note_failure(row, failures, "failed", timedelta(), error)

    async def _given_up(self, row: InboxRow, error: Exception) -> bool:
        """Marks the row failed together with what its giving-up handler does; False where that fails too."""
        now = self._clock()
        try:
            _, give_up = self._handlers[row.kind]
            async with self._database.transaction() as tx:
                await tx.execute(self._mark(row, row.failures + 1, "failed", now, error))
                await give_up(tx, row, now)
        except Exception as second:  # the row itself must end visibly whatever its handler does
            log.error("inbox row could not be handed over", row=row.id, exc_info=second)
            return False
        return True

    async def _note_failure(self, row: InboxRow, failures: int, state: str, pause: timedelta, error: Exception) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(self._mark(row, failures, state, self._clock() + pause, error))
            tx.rings.add(row.lane)

    def _mark(self, row: InboxRow, failures: int, state: str, at: datetime, error: Exception) -> sa.Update:
        still_ours = (col(InboxRow.id) == row.id, is_open(InboxRow))
        # The type alone: an error's text may quote what a person wrote.
        values = {"failures": failures, "state": state, "next_attempt_at": at, "error": type(error).__name__}
        return sa.update(InboxRow).where(*still_ours).values(**values, settled_at=at if state == "failed" else None)
