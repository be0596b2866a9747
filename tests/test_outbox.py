"""The outbox by itself: order, retries, refusals, claims, on both databases."""

import asyncio

from queues import Platform, Receiver, accept, an_inbox, drained, queue, the_row

from smi_bot.database import Database
from smi_bot.durable.outbox import Outbox, Sent, Way
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import Refused, TryAgain


async def test_replies_of_one_lane_go_out_in_order(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform())})
    await queue(database, clock(), "1", "2", "3")
    await drained(outbox)
    assert platform.sent == ["1", "2", "3"]
    assert platform.settled_states == ["sent"] * 3


async def test_a_platform_that_refuses_for_a_while_gets_everything_afterwards_in_order(database, clock):
    outbox = Outbox(database, clock)
    troubles = [TryAgain("429", after=30), TryAgain("502"), TryAgain("connection lost")] * 8
    outbox.sent_by({"w": Way(platform := Platform(*troubles))})
    await queue(database, clock(), "1", "2", "3")
    for _ in range(60):
        await drained(outbox)
        clock.advance(minutes=6)
    assert platform.sent == ["1", "2", "3"]
    assert (await the_row(database, OutboxRow, "1")).state == "sent"


async def test_retry_after_is_respected(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform(TryAgain("429", after=30)))})
    await queue(database, clock(), "1")
    await drained(outbox)
    clock.advance(seconds=29)
    await drained(outbox)
    assert platform.sent == []
    clock.advance(seconds=2)
    await drained(outbox)
    assert platform.sent == ["1"]


async def test_a_lane_that_waits_does_not_hold_up_another(database, clock):
    outbox = Outbox(database, clock, at_once=1)
    outbox.sent_by({"w": Way(platform := Platform(TryAgain("429", after=300)))})
    await queue(database, clock(), "a1", "a2")
    await queue(database, clock(), "b1", lane="b")
    await drained(outbox)
    assert platform.sent == ["b1"]


async def test_a_send_that_hangs_holds_up_its_own_lane_only(database, clock):
    outbox, release = Outbox(database, clock), asyncio.Event()

    class Hanging(Platform):
        async def send(self, row: OutboxRow) -> Sent:
            if row.lane == "a":
                await release.wait()
            return await super().send(row)

    outbox.sent_by({"w": Way(platform := Hanging())})
    await queue(database, clock(), "a1")
    await queue(database, clock(), "b1", lane="b")
    stepping = asyncio.create_task(drained(outbox))
    await queue(database, clock(), "b2", lane="b")
    while platform.sent != ["b1", "b2"]:
        await asyncio.sleep(0.01)
    release.set()
    await stepping
    assert platform.sent == ["b1", "b2", "a1"]


async def test_what_is_sent_is_not_sent_again_because_its_follow_up_broke(database, clock):
    class Broken(Platform):
        async def settled(self, tx, row, now):
            raise ValueError

    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Broken())})
    await queue(database, clock(), "1", "2")
    await drained(outbox)
    clock.advance(minutes=5)
    await drained(outbox)
    assert platform.sent == ["1", "2"]
    assert (await the_row(database, OutboxRow, "1")).error == "follow-up: ValueError"


async def test_a_permanent_refusal_fails_at_once_and_the_next_one_goes_out(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform(Refused("blocked by the person")))})
    await queue(database, clock(), "1", "2")
    await drained(outbox)
    assert platform.sent == ["2"]
    assert (await the_row(database, OutboxRow, "1")).error == "blocked by the person"
    assert platform.settled_states == ["failed", "sent"]


async def test_a_send_that_always_breaks_ends_visibly(database, clock):
    outbox = Outbox(database, clock, ceiling=3)
    outbox.sent_by({"w": Way(platform := Platform(*[ValueError()] * 3))})
    await queue(database, clock(), "1", "2")
    for _ in range(4):
        await drained(outbox)
        clock.advance(minutes=5)
    assert (await the_row(database, OutboxRow, "1")).state == "failed"
    assert platform.sent == ["2"]


async def test_a_claim_that_ran_out_is_taken_over_and_the_late_settlement_does_nothing(database, clock):
    slow, release = Outbox(database, clock, lease=15), asyncio.Event()

    class Slow(Platform):
        async def send(self, row: OutboxRow) -> Sent:
            await release.wait()
            return await super().send(row)

    slow.sent_by({"w": Way(late := Slow())})
    await queue(database, clock(), "1")
    sending = asyncio.create_task(slow.step())
    while (await the_row(database, OutboxRow, "1")).attempts == 0:
        await asyncio.sleep(0)
    clock.advance(seconds=16)
    other = Outbox(database, clock)
    other.sent_by({"w": Way(platform := Platform())})
    await drained(other)
    release.set()
    await sending
    await slow.finish()
    assert platform.settled_states == ["sent"]
    assert late.settled_states == []


async def test_two_workers_never_hold_the_same_lane(postgres_url, clock):
    one, two = Database(postgres_url), Database(postgres_url)
    receivers = Receiver(), Receiver()
    inboxes = [an_inbox(db, clock, receiver) for db, receiver in zip((one, two), receivers, strict=True)]
    for number in range(40):
        await accept(inboxes[0], str(number), lane=str(number % 4))
    await asyncio.gather(*(drained(inbox) for inbox in inboxes))
    handled = [text for receiver in receivers for burst in receiver.handled for text in burst]
    assert sorted(handled, key=int) == [str(number) for number in range(40)]
    await one.close()
    await two.close()


async def test_claims_of_an_earlier_life_are_cleared_on_sqlite_only(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform())})
    await queue(database, clock(), "1")
    await outbox._claim()
    await outbox.clear_claims()
    await drained(outbox)
    assert platform.sent == (["1"] if database.is_sqlite else [])
