"""Services in which something of every kind has happened, and their journals under audit."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel, col

from smi_bot import journal
from smi_bot.database import Database
from smi_bot.durable.rows import OutboxRow
from smi_bot.inquiry import Action
from smi_bot.journal import Audit, JournalHead, JournalRow

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
ROWS, HEAD = JournalRow.__table__, JournalHead.__table__


async def audit(database: Database) -> Audit:
    async with database.reading() as tx:
        return await journal.verify(tx)


async def settled(service) -> None:
    """Waits until nothing is to be done any more."""
    async with asyncio.timeout(20):
        while await service.app.inbox.idle_seconds() is not None or await _open_replies(service.app.database):
            await asyncio.sleep(0.02)


async def _open_replies(database: Database) -> int:
    async with database.reading() as tx:
        count = sa.select(sa.func.count()).select_from(OutboxRow).where(col(OutboxRow.state) == "open")
        return (await tx.execute(count)).scalar_one()


#: All tables of a service in which something of every kind has happened, by the kind of database.
_RECORDED: dict[bool, dict[str, list[dict[str, Any]]]] = {}


@pytest.fixture
async def recorded(database, open_service) -> Database:
    """A database in which something of every kind has happened, and nothing happens now."""
    if database.is_sqlite not in _RECORDED:
        async with open_service() as service:
            await _record(service)
        async with database.reading() as tx:
            _RECORDED[database.is_sqlite] = {
                table.name: [dict(row) for row in (await tx.execute(sa.select(table))).mappings()]
                for table in SQLModel.metadata.sorted_tables
            }
        return database
    async with database.transaction() as tx:
        await tx.execute(sa.delete(HEAD))
        for table in SQLModel.metadata.sorted_tables:
            if rows := _RECORDED[database.is_sqlite][table.name]:
                await tx.execute(sa.insert(table), rows)
    return database


async def _record(service) -> None:
    await service.requester.says("what if I forget a tablet?")
    await service.requester.hears("zelvanta/missed-dose")
    await service.requester.presses(Action(verb="helpful"))
    await service.requester.says("I got a rash after two weeks on Zelvanta")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.desk.replies(case.id, "Please show it to a doctor.")
    await service.requester.hears("specialist")
    await settled(service)


async def all_rows(database: Database) -> list[dict[str, Any]]:
    async with database.reading() as tx:
        return [dict(row) for row in (await tx.execute(sa.select(ROWS).order_by(ROWS.c.seq))).mappings()]


async def change_row(database: Database, table: Any, id: int, **values: Any) -> None:
    async with database.transaction() as tx:
        await tx.execute(sa.update(table.__table__).where(table.__table__.c.id == id).values(**values))
