"""Rates that hold over restarts and among workers: the next free instant of each stream is a row.

The generic cell rate algorithm in its virtual-scheduling form (ITU-T I.371, annex A): a stream that was idle may run
ahead of its pace by `burst`, never more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from smi_bot.database import Database, Instant, Transaction


class Pace(NamedTuple):
    """One thing each `every` seconds on the stream `name`, and `burst` more at once after a rest."""

    name: str
    every: float
    burst: int = 0


class PaceRow(SQLModel, table=True):
    """When a stream is on schedule again."""

    __tablename__ = "pace"

    name: str = Field(primary_key=True)
    free_at: datetime = Field(sa_type=Instant)


async def take_turn(database: Database, paces: Sequence[Pace], now: datetime) -> float:
    """Takes the next place on all streams; or takes none and returns how many seconds to wait for it."""
    async with database.transaction() as tx:
        rows = {pace.name: await _locked(tx, pace.name, now) for pace in sorted(paces)}
        wait = max((_wait(rows[pace.name], pace, now) for pace in paces), default=0.0)
        if wait <= 0:
            for pace in paces:
                rows[pace.name].free_at = max(rows[pace.name].free_at, now) + timedelta(seconds=pace.every)
    return max(wait, 0.0)


def _wait(row: PaceRow, pace: Pace, now: datetime) -> float:
    """Seconds. In whole microseconds, as instants are: whoever waits so long must not be told to wait once more."""
    return (row.free_at - now - pace.burst * timedelta(seconds=pace.every)).total_seconds()


async def _locked(tx: Transaction, name: str, now: datetime) -> PaceRow:
    insert = sqlite.insert if tx.get_bind().dialect.name == "sqlite" else postgresql.insert
    await tx.execute(insert(PaceRow).values(name=name, free_at=now).on_conflict_do_nothing())
    row = sa.select(PaceRow).where(col(PaceRow.name) == name).with_for_update()
    return (await tx.execute(row)).scalar_one()
