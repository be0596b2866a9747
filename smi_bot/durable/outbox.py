"""The outbox: effects on the outside, claimed, sent outside any transaction, and settled while the claim stands."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import Clock, OutboxRow, backoff, due_on_ways, idle_seconds, is_open
from smi_bot.errors import Refused, TryAgain

log = structlog.get_logger()

_UNKNOWN = 30.0  # seconds to leave a row alone whose way nobody here knows
_LONGEST_CLOSED = 60.0  # seconds between two tries of a way whose other side is away
_LOOK = 1.0  # seconds between looks for what became due while sends are under way


class Sent(NamedTuple):
    """What a sender did: the platform's id of the message, and what was sent, for history and journal."""

    platform_id: str
    record: dict[str, Any]


class Sender(Protocol):
    """One way out."""

    async def send(self, row: OutboxRow) -> Sent:
        """The effect. Raises TryAgain or Refused; anything else counts as a failure of ours."""
        ...

    async def settled(self, tx: Transaction, row: OutboxRow, now: datetime) -> None:
        """Told, in the settling transaction, that `row` is now sent or failed."""
        ...


async def post(
    tx: Transaction, now: datetime, *, key: str, lane: str, way: str, payload: dict[str, Any], priority: int = 0
) -> OutboxRow:
    """Adds an effect to the caller's transaction; nothing happens unless that commits."""
    row = OutboxRow(
        key=key, lane=lane, way=way, payload=payload, priority=priority, created_at=now, next_attempt_at=now
    )
    tx.add(row)
    await tx.flush()
    tx.rings |= {"outbox", lane}
    return row


class Way(NamedTuple):
    """How effects of one kind go out. `timeout`: seconds for one, the outbox's own unless given.

    `at_once`: how many of them side by side. One at a time, where the other side takes only so many a second: then
    the most pressing is chosen at each turn.
    """

    sender: Sender
    timeout: float | None = None
    at_once: int | None = None


class Outbox:
    """Sends what is due, lane by lane in order, several lanes at a time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        lease: float = 15.0,
        send_timeout: float = 10.0,
        retry_base: float = 1.0,
        ceiling: int = 8,
        at_once: int = 20,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = timedelta(seconds=lease)
        self._send_timeout = send_timeout
        self._retry_base = retry_base
        self._ceiling = ceiling
        self._at_once = at_once
        self._ways: Mapping[str, Way] = {}
        self._closed_until: dict[str, datetime] = {}  # ways whose other side takes nothing for the moment
        self._in_vain: Counter[str] = Counter()  # tries of a way, one after the other, that nobody knew an end of
        self._sending: dict[asyncio.Task[None], str] = {}

    def sent_by(self, ways: Mapping[str, Way]) -> None:
        self._ways = ways

    async def clear_claims(self) -> None:
        """At start on SQLite, where one process can hold no claims of another life. Never on PostgreSQL."""
        if self._database.is_sqlite:
            async with self._database.transaction() as tx:
                held = sa.update(OutboxRow).where(is_open(OutboxRow), col(OutboxRow.attempts) > 0)
                await tx.execute(held.values(next_attempt_at=self._clock()))

    async def step(self) -> bool:
        """Claims the due heads of some lanes and sends them side by side; False where nothing is under way.

        Returns when the first of them is done or more is queued: a send that hangs holds up its own lane only.
        """
        with self._database.bell.ear("outbox") as more:
            for row in await self._claim():
                self._sending[asyncio.create_task(self._send(row))] = row.way
            if not self._sending:
                return False
            ringing = asyncio.create_task(more.wait())
            await asyncio.wait({*self._sending, ringing}, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
            ringing.cancel()
        self._collect()
        return True

    async def finish(self) -> None:
        """Waits for what is under way."""
        if self._sending:
            await asyncio.wait(self._sending)
            self._collect()

    def _collect(self) -> None:
        """Forgets what is done; raises what the database said to it."""
        done = [task for task in self._sending if task.done()]
        for task in done:
            del self._sending[task]
        for task in done:
            task.result()

    async def idle_seconds(self) -> float | None:
        now = self._clock()
        closed = self._closed(now)
        idle = await idle_seconds(self._database, OutboxRow, now, col(OutboxRow.way).not_in(closed))
        opening = ((until - now).total_seconds() for until in closed.values())
        return min((seconds for seconds in (idle, *opening) if seconds is not None), default=None)

    def _closed(self, now: datetime) -> dict[str, datetime]:
        self._closed_until = {way: until for way, until in self._closed_until.items() if until > now}
        return self._closed_until

    async def _claim(self) -> Sequence[OutboxRow]:
        now = self._clock()
        closed = self._closed(now)
        counted = {name: way.at_once for name, way in self._ways.items() if way.at_once is not None}
        kinds: list[tuple[sa.ColumnElement[bool], int]] = [
            (col(OutboxRow.way).not_in([*closed, *counted]), self._at_once - len(self._sending))
        ]
        under_way = list(self._sending.values())
        for name, most in counted.items():
            if name not in closed:
                kinds.append((col(OutboxRow.way) == name, most - under_way.count(name)))
        async with self._database.transaction() as tx:
            rows: list[OutboxRow] = []
            for ways, free in kinds:
                if free > 0:
                    rows += (await tx.execute(due_on_ways(now, ways, free))).scalars().all()
            for row in rows:
                row.attempts += 1
                row.next_attempt_at = now + self._lease_of(row.way)
        return rows

    def _lease_of(self, way: str) -> timedelta:
        known = self._ways.get(way)
        longer = (known.timeout or 0.0) if known else 0.0
        return self._lease + timedelta(seconds=longer)

    async def _send(self, row: OutboxRow) -> None:
        way = self._ways.get(row.way)
        if way is None:  # queued by another version: left to a worker that knows the way
            log.error("outbox way unknown", row=row.id, way=row.way)
            await self._later(row, TryAgain(row.way), _UNKNOWN, failed=False)
            return
        try:
            async with asyncio.timeout(way.timeout or self._send_timeout):
                sent = await way.sender.send(row)
        except TryAgain as busy:
            await self._later(row, busy, self._close(row.way, busy) if busy.all else busy.after, failed=False)
        except Refused as refusal:
            await self._settle(row, way.sender, state="failed", error=str(refusal))
        except Exception as error:  # the edge of the senders: recorded on the row, retried, then failed visibly
            log.error("outbox row failed", row=row.id, way=row.way, error=type(error).__name__, exc_info=error)
            if row.failures + 1 >= self._ceiling:
                await self._settle(row, way.sender, state="failed", error=type(error).__name__)
            else:
                await self._later(row, error, None, failed=True)
        else:
            self._in_vain.pop(row.way, None)
            await self._settle(row, way.sender, state="sent", platform_id=sent.platform_id, sent=sent.record)

    def _close(self, way: str, busy: TryAgain) -> float:
        """Nobody of this way is tried for so many seconds. It waits by its own tries: each row would begin anew."""
        after = busy.after
        if after is None:
            after = backoff(self._in_vain[way], self._retry_base, _LONGEST_CLOSED).total_seconds()
            self._in_vain[way] += 1
        self._closed_until[way] = self._clock() + timedelta(seconds=after)
        return after

    async def _later(self, row: OutboxRow, error: Exception, after: float | None, *, failed: bool) -> None:
        values = {
            "next_attempt_at": self._clock() + self._pause(row, after),
            "troubles": row.troubles + int(after is None),
            "error": type(error).__name__,
        }
        async with self._database.transaction() as tx:
            await tx.execute(self._while_ours(row).values(**values, failures=row.failures + int(failed)))

    def _pause(self, row: OutboxRow, after: float | None) -> timedelta:
        return timedelta(seconds=after) if after is not None else backoff(row.troubles + 1, self._retry_base)

    async def _settle(self, row: OutboxRow, sender: Sender, **values: Any) -> None:
        now = self._clock()
        try:
            async with self._database.transaction() as tx:
                settled = await self._mark(tx, row, now, **values)
                if settled is not None:
                    await sender.settled(tx, settled, now)
        except (SQLAlchemyError, OSError):
            raise
        except Exception as error:  # it is sent: whatever was to follow must not have it sent again
            log.error("outbox follow-up failed", row=row.id, error=type(error).__name__, exc_info=error)
            async with self._database.transaction() as tx:
                await self._mark(tx, row, now, **{**values, "error": f"follow-up: {type(error).__name__}"})

    async def _mark(self, tx: Transaction, row: OutboxRow, now: datetime, **values: Any) -> OutboxRow | None:
        statement = self._while_ours(row).values(**values, settled_at=now)
        settled = (await tx.execute(statement.returning(OutboxRow))).scalars().first()
        if settled is None:  # our lease ran out and another worker took it
            log.warning("outbox claim lost", row=row.id)
        tx.rings.add(row.lane)
        return settled

    def _while_ours(self, row: OutboxRow) -> sa.Update:
        ours = (col(OutboxRow.id) == row.id, is_open(OutboxRow), col(OutboxRow.attempts) == row.attempts)
        return sa.update(OutboxRow).where(*ours)
