"""Timers by themselves, and the loop that works everything off, on both databases."""

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from queues import Receiver, accept, an_inbox, drained, the_row

from smi_bot.database import Database, Transaction
from smi_bot.durable.loop import Loop
from smi_bot.durable.rows import TimerRow
from smi_bot.durable.timers import Timers, set_timer


async def test_a_timer_fires_once_when_it_is_due_and_may_come_again(database, clock):
    fired: list[str] = []

    async def fire(tx: Transaction, row: TimerRow, now: datetime) -> datetime | None:
        fired.append(row.subject)
        return now + timedelta(hours=1) if len(fired) == 1 else None

    timers = Timers(database, clock)
    timers.fired_by({"due": fire})
    async with database.transaction() as tx:
        await set_timer(tx, key="k", kind="due", subject="7", due=clock() + timedelta(minutes=10))
    await drained(timers)
    assert fired == []
    assert await timers.idle_seconds() == pytest.approx(600)
    for _ in range(4):
        clock.advance(hours=1)
        await drained(timers)
    assert fired == ["7", "7"]


async def test_setting_a_timer_again_moves_it(database, clock):
    timers = Timers(database, clock)
    for hours in (1, 5):
        async with database.transaction() as tx:
            await set_timer(tx, key="k", kind="due", subject="7", due=clock() + timedelta(hours=hours))
    assert await timers.idle_seconds() == pytest.approx(5 * 3600)


async def test_a_timer_that_raises_is_tried_again_and_ends_visibly(database, clock):
    timers = Timers(database, clock, ceiling=2)

    async def fire(tx, row, now):
        raise ValueError

    timers.fired_by({"due": fire})
    async with database.transaction() as tx:
        await set_timer(tx, key="k", kind="due", subject="7", due=clock())
    for _ in range(3):
        await drained(timers)
        clock.advance(minutes=10)
    assert (await the_row(database, TimerRow, "k")).state == "failed"


async def test_the_loop_goes_on_after_the_database_was_away(sqlite_url, clock):
    database = Database(sqlite_url)
    inbox = an_inbox(database, clock, receiver := Receiver())
    loop = Loop({"inbox": inbox}, database.bell, poll=0.05)
    away = asyncio.Event()
    step = inbox.step

    async def unsteady() -> bool:
        if not away.is_set():
            away.set()
            raise sa.exc.OperationalError("", {}, Exception())
        return await step()

    inbox.step = unsteady  # type: ignore[method-assign]
    await accept(inbox, "hello")
    running = asyncio.create_task(loop.run())
    await away.wait()
    assert loop.troubled == {"inbox": "OperationalError"}
    while not receiver.handled or loop.troubled:  # handled is before the commit, and the all-clear after it
        await asyncio.sleep(0.01)
    assert loop.troubled == {}
    loop.stop()
    await running
    await database.close()


async def test_another_worker_is_woken_by_a_commit(postgres_url):
    one, two = Database(postgres_url), Database(postgres_url)
    listening = asyncio.create_task(two.listen())
    with two.bell.ear("a") as event:
        async with asyncio.timeout(10):
            while not event.is_set():
                async with one.transaction() as tx:
                    tx.rings.add("a")
                await asyncio.sleep(0.02)
    listening.cancel()
    await one.close()
    await two.close()
