"""The three kinds of durable rows, and the query that finds the heads of their lanes."""

from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from smi_bot.database import BigKey, Database, Instant, Json

# SQLite does not use a partial index for a bound parameter, so the word stands in the statement itself.
_OPEN = sa.literal("open", literal_execute=True)


def _open_index(name: str, *columns: str) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))


class InboxRow(SQLModel, table=True):
    """An inbound event. `key` makes a repeat of the same event recognisable; `lane` keeps a conversation in order."""

    __tablename__ = "inbox"
    __table_args__ = (
        _open_index("inbox_open_lane", "lane", "id"),
        _open_index("inbox_open_due", "next_attempt_at"),
        sa.Index("inbox_lane_received", "lane", "received_at"),
    )

    id: int | None = Field(default=None, sa_type=BigKey, primary_key=True)
    key: str = Field(unique=True)
    lane: str
    kind: str
    payload: dict[str, Any] = Field(sa_type=Json)
    received_at: datetime = Field(sa_type=Instant)
    state: str = "open"  # open, done, failed
    failures: int = 0
    next_attempt_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    error: str | None = None


class OutboxRow(SQLModel, table=True):
    """An outbound effect. `way` says which sender takes it; `attempts` is the claim a settlement must still hold."""

    __tablename__ = "outbox"
    __table_args__ = (
        _open_index("outbox_open_lane", "lane", "id"),
        _open_index("outbox_open_due", "next_attempt_at"),
        sa.Index("outbox_lane_settled", "lane", "settled_at"),
    )

    id: int | None = Field(default=None, sa_type=BigKey, primary_key=True)
    key: str = Field(unique=True)
    lane: str
    way: str
    payload: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Instant)
    state: str = "open"  # open, sent, failed; dropped: it was erased before it was done
    attempts: int = 0
    failures: int = 0
    troubles: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # times nobody knew how long to wait
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # higher goes first, where one must wait
    next_attempt_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    platform_id: str | None = None  # the platform's id of what was sent, so that echoes find their twin
    sent: dict[str, Any] | None = Field(default=None, sa_type=Json)  # what the sender reports to have sent
    seen_at: datetime | None = Field(default=None, sa_type=Instant)
    error: str | None = None


class TimerRow(SQLModel, table=True):
    """Something to look at again at `next_attempt_at`. Its handler reads the state anew and may do nothing."""

    __tablename__ = "timer"
    __table_args__ = (_open_index("timer_open_due", "next_attempt_at"),)

    id: int | None = Field(default=None, sa_type=BigKey, primary_key=True)
    key: str = Field(unique=True)
    kind: str
    subject: str
    state: str = "open"  # open, done, failed
    failures: int = 0
    next_attempt_at: datetime = Field(sa_type=Instant)
    error: str | None = None


class Clock(Protocol):
    """The time now, aware, in UTC."""

    def __call__(self) -> datetime: ...


Laned = TypeVar("Laned", InboxRow, OutboxRow)
Row = TypeVar("Row", InboxRow, OutboxRow, TimerRow)


def is_open(table: type[Row]) -> sa.ColumnElement[bool]:
    return col(table.state) == _OPEN


def heads(table: type[Laned]) -> sa.Select[int | None]:
    """The ids of the oldest open row of each lane."""
    return sa.select(sa.func.min(table.id)).where(is_open(table)).group_by(col(table.lane))


def due_heads(table: type[Laned], now: datetime, limit: int) -> sa.Select[Laned]:
    """The oldest open row of each lane, where it is due, locked; rows that others hold are passed over."""
    return (
        sa.select(table)
        .where(col(table.id).in_(heads(table)), is_open(table), col(table.next_attempt_at) <= now)
        .order_by(col(table.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


def due_on_ways(now: datetime, ways: sa.ColumnElement[bool], limit: int) -> sa.Select[OutboxRow]:
    """The due heads among effects of some ways; the pressing ones first."""
    due = due_heads(OutboxRow, now, limit).where(ways).order_by(None)
    return due.order_by(col(OutboxRow.priority).desc(), col(OutboxRow.id))


def next_due(table: type[Row], which: sa.ColumnElement[bool] | None = None) -> sa.Select[datetime | None]:
    """When the next open row, of `which`, wants attention; a row behind the head of its lane does not count."""
    wanted = sa.select(sa.func.min(table.next_attempt_at)).where(is_open(table))
    if which is not None:
        wanted = wanted.where(which)
    if issubclass(table, TimerRow):
        return wanted
    return wanted.where(col(table.id).in_(heads(table)))


async def idle_seconds(
    database: Database, table: type[Row], now: datetime, which: sa.ColumnElement[bool] | None = None
) -> float | None:
    """Seconds until the next row, of `which`, is due; None where none is open."""
    async with database.reading() as tx:
        due = (await tx.execute(next_due(table, which))).scalar()
    return None if due is None else max(0.0, (due - now).total_seconds())


def backoff(failures: int, base: float, ceiling: float = 300.0) -> timedelta:
    """`base` seconds doubled with each failure, at most `ceiling`."""
    return timedelta(seconds=min(ceiling, base * 2.0 ** min(failures, 20)))
