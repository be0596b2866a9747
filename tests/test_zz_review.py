import asyncio
from datetime import datetime, timedelta, UTC
import pytest
from smi_bot import journal
from smi_bot.database import Database
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.loop import Loop
from smi_bot.durable.outbox import Outbox, post
from test_durable import accept, an_inbox, Receiver, drained
from fakes import Clock
from smi_bot.durable.rows import TimerRow
from smi_bot.durable.timers import Timers
from escalation import sla
RASH = "I got a rash after two weeks on Zelvanta"

async def test_hurry(postgres_url, clock):
    one, two = Database(postgres_url), Database(postgres_url)
    receiver = Receiver(); errors = []
    inbox = an_inbox(one, clock, receiver); page = an_inbox(two, clock, receiver)
    receiver.wait_until = clock() + timedelta(seconds=5)
    await accept(page, "one"); await inbox.step()
    await accept(page, "two"); await inbox.step()
    clock.advance(seconds=6)
    import sqlalchemy as sa
    async with two.transaction() as tx: await tx.execute(sa.text("ANALYZE inbox"))
    real = receiver.handle; tasks = []
    async def slow(tx, rows, now):
        tasks.append(asyncio.create_task(accept(page, "three")))
        await asyncio.sleep(0.5)
        return await real(tx, rows, now)
    inbox.handled_by({"message": (slow, receiver.give_up)})
    await inbox.step()
    print("handled", receiver.handled, await asyncio.gather(*tasks, return_exceptions=True))
    assert receiver.handled == [["one", "two"]]
    await one.close(); await two.close()

async def test_timer(service, clock):
    if service.app.database.is_sqlite: pytest.skip("pg")
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda c: len(c) == 1)
    service.app.loop.stop()
    db = service.app.database
    await asyncio.sleep(0.3)
    clock.advance(days=1)
    timers = Timers(db, clock)
    fire = sla.reminder(service.app.handoff)
    async def slow(tx, row, now):
        await asyncio.sleep(0.3)
        return await fire(tx, row, now)
    timers.fired_by({"due": slow})
    async def joins():
        async with db.transaction() as tx:
            found = await service.app.handoff.open_case(tx, "fake:ann")
            await asyncio.sleep(0.6)
            from escalation import store
            await service.app.handoff._watch(tx, await store.case(tx, case.id))
    r = await asyncio.gather(timers.step(), joins(), return_exceptions=True)
    print(r)
    async with db.reading() as tx:
        import sqlalchemy as sa
        t = (await tx.execute(sa.select(TimerRow))).scalars().all()
        print([(x.failures, x.error) for x in t])
        assert not any(x.failures for x in t)
    assert not any(isinstance(x, Exception) for x in r), r

async def test_verify(postgres_url):
    db = Database(postgres_url, before_commit=(journal.chain,)); 
    at = datetime.now(UTC); stop = False
    async def write():
        while not stop:
            async with db.transaction() as tx:
                journal.note(tx, at, "x", "y", n=1)
    t = asyncio.create_task(write()); await asyncio.sleep(1)
    faults = []
    for _ in range(10):
        async with db.reading() as tx:
            faults.append((await journal.verify(tx)).fault)
    stop = True; await t; await db.close()
    assert faults == [None]*10

async def test_unknown_way(database, clock):
    outbox = Outbox(database, clock, retry_base=0); outbox.sent_by({})
    async with database.transaction() as tx:
        await post(tx, clock(), key="k", lane="a", way="later", payload={})
    await outbox.step(); await outbox.finish()

async def test_unknown_kind(database, clock):
    inbox = Inbox(database, clock, retry_base=0, ceiling=2)
    await inbox.accept("k", "a", "later", {})
    await inbox.step(); await inbox.step()

async def test_flood_of_people(open_service):
    async with open_service(flood_limit=5) as service:
        for _ in range(30):
            await service.requester.says("I want to talk to a person")
        await asyncio.sleep(3)
        print(service.requester.sources())
        assert len(service.requester.sources()) < 15
