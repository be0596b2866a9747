"""Ways out: how many side by side, who goes first, and what a way that takes nothing holds up."""

import asyncio
from datetime import datetime, timedelta

import pytest
from queues import Platform, drained

from smi_bot.database import Database
from smi_bot.durable.outbox import Outbox, Sent, Way, post
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import TryAgain


async def ask(database: Database, now: datetime, key: str, way: str, priority: int = 0, lane: str = "") -> None:
    async with database.transaction() as tx:
        await post(tx, now, key=key, lane=lane or key, way=way, payload={}, priority=priority)


class Crowd(Platform):
    """Remembers how many were sent side by side, at most; each send waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.inside = self.most = 0

    async def send(self, row: OutboxRow) -> Sent:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.free.wait()
        self.inside -= 1
        return await super().send(row)


async def test_where_one_goes_at_a_time_the_most_pressing_goes_first_and_equals_go_in_their_order(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform(), at_once=1)})
    for key, priority in (("n1", 0), ("u1", 2), ("h1", 1), ("n2", 0), ("u2", 2)):
        await ask(database, clock(), key, "w", priority)
    await drained(outbox)
    assert platform.sent == ["u1", "u2", "h1", "n1", "n2"]


async def test_the_pressing_effects_come_first_and_the_order_within_a_lane_stays(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform(), at_once=1)})
    for key, lane, priority in (("n1", "n", 0), ("c1", "c", 1), ("h1", "h", 2), ("c2", "c", 2)):
        await ask(database, clock(), key, "w", priority, lane)
    await drained(outbox)
    assert platform.sent == ["h1", "c1", "c2", "n1"]


async def test_each_way_sends_as_many_side_by_side_as_it_may_and_no_way_waits_for_another(database, clock):
    outbox = Outbox(database, clock, at_once=3)
    one, two, rest = Crowd(), Crowd(), Crowd()
    outbox.sent_by({"one": Way(one, at_once=1), "two": Way(two, at_once=2), "rest": Way(rest)})
    for way in ("one", "two", "rest"):
        for number in range(5):
            await ask(database, clock(), f"{way}{number}", way)
    stepping = asyncio.create_task(drained(outbox))
    async with asyncio.timeout(10):
        while (one.inside, two.inside, rest.inside) != (1, 2, 3):
            await asyncio.sleep(0)
    for crowd in (one, two, rest):
        crowd.free.set()
    await stepping
    assert (one.most, two.most, rest.most) == (1, 2, 3)
    assert sorted(one.sent + two.sent + rest.sent) == sorted(
        f"{w}{n}" for w in ("one", "two", "rest") for n in range(5)
    )


async def test_a_way_that_takes_nothing_is_left_alone_until_then_and_the_others_go_on(database, clock):
    outbox, asked = Outbox(database, clock), []

    class Shut(Platform):
        async def send(self, row: OutboxRow) -> Sent:
            asked.append(row.key)
            return await super().send(row)

    shut = Shut(TryAgain("429", after=30, all=True))
    outbox.sent_by({"shut": Way(shut, at_once=1), "w": Way(platform := Platform())})
    await ask(database, clock(), "s1", "shut")
    await drained(outbox)
    await ask(database, clock(), "s2", "shut", priority=2)
    await ask(database, clock(), "w1", "w")
    await drained(outbox)
    assert (asked, shut.sent, platform.sent) == (["s1"], [], ["w1"])
    clock.advance(seconds=29)
    await drained(outbox)
    assert asked == ["s1"]
    clock.advance(seconds=1)
    await drained(outbox)
    assert (asked, shut.sent) == (["s1", "s2", "s1"], ["s2", "s1"])


async def test_a_row_that_must_wait_alone_does_not_close_its_way(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform(TryAgain("429", after=30)), at_once=1)})
    await ask(database, clock(), "1", "w")
    await ask(database, clock(), "2", "w")
    await drained(outbox)
    assert platform.sent == ["2"]


async def test_nobody_spins_while_a_way_is_closed(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"shut": Way(Platform(TryAgain("429", after=30, all=True)), at_once=1), "w": Way(Platform())})
    await ask(database, clock(), "s1", "shut")
    await drained(outbox)
    await ask(database, clock(), "s2", "shut")  # due at once, if its way were open
    assert not await outbox.step()
    assert await outbox.idle_seconds() == pytest.approx(30)
    await ask(database, clock(), "w1", "w")  # wakes at once for a way that is open
    assert await outbox.idle_seconds() == 0
    await drained(outbox)
    clock.advance(seconds=20)
    assert await outbox.idle_seconds() == pytest.approx(10)
    clock.advance(seconds=10)
    assert await outbox.idle_seconds() == 0
    await drained(outbox)
    assert await outbox.idle_seconds() is None


async def test_a_way_with_more_time_for_a_send_holds_its_claim_longer(database, clock):
    outbox = Outbox(database, clock, lease=15)
    outbox.sent_by({"slow": Way(Platform(), timeout=30), "w": Way(Platform())})
    for key, way in (("s", "slow"), ("1", "w")):
        await ask(database, clock(), key, way)
    claimed = {row.key: row.next_attempt_at - clock() for row in await outbox._claim()}
    assert claimed == {"s": timedelta(seconds=45), "1": timedelta(seconds=15)}
