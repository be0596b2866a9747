"""Inbox, outbox and timers by themselves: order, claims, repeats, failures, on both databases."""

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from fakes import Clock
from sqlmodel import col

from smi_bot.database import Database, Transaction
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.loop import Loop
from smi_bot.durable.outbox import Outbox, Sent, Way, post
from smi_bot.durable.rows import InboxRow, OutboxRow, TimerRow
from smi_bot.durable.timers import Timers, set_timer
from smi_bot.errors import Refused, TryAgain


class Receiver:
    """Handles messages by writing them down; raises for the texts it is told to."""

    def __init__(self, poison: set[str] | None = None) -> None:
        self.handled: list[list[str]] = []
        self.given_up: list[str] = []
        self.poison = poison or set()
        self.wait_until: datetime | None = None

    async def handle(self, tx: Transaction, rows, now: datetime) -> datetime | None:
        texts = [row.payload["text"] for row in rows]
        if self.poison & set(texts):
            raise ValueError("poison")
        if self.wait_until and now < self.wait_until:
            return self.wait_until
        self.handled.append(texts)
        return None

    async def give_up(self, tx: Transaction, row: InboxRow, now: datetime) -> None:
        self.given_up.append(row.payload["text"])


class Platform:
    """Sends by writing down; `troubles` are raised first, one a send."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.sent: list[str] = []
        self.settled_states: list[str] = []

    async def send(self, row: OutboxRow) -> Sent:
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append(row.key)
        return Sent(f"p-{row.key}", {"text": row.key})

    async def settled(self, tx: Transaction, row: OutboxRow, now: datetime) -> None:
        self.settled_states.append(row.state)


def an_inbox(database: Database, clock: Clock, receiver: Receiver, **options) -> Inbox:
    inbox = Inbox(database, clock, **options)
    inbox.handled_by({"message": (receiver.handle, receiver.give_up), "press": (receiver.handle, receiver.give_up)})
    return inbox


async def accept(inbox: Inbox, text: str, lane: str = "a", kind: str = "message") -> bool:
    return await inbox.accept(f"{lane}:{text}", lane, kind, {"text": text})


async def drained(work) -> None:
    while await work.step():
        pass


async def queue(database: Database, now: datetime, *keys: str, lane: str = "a") -> None:
    async with database.transaction() as tx:
        for key in keys:
            await post(tx, now, key=key, lane=lane, way="w", payload={})


async def the_row(database: Database, table, key: str):
    async with database.reading() as tx:
        return (await tx.execute(sa.select(table).where(col(table.key) == key))).scalar_one()


async def test_the_same_event_eleven_times_is_one_row(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver())
    accepted = [await accept(inbox, "hello") for _ in range(11)]
    await drained(inbox)
    assert accepted == [True] + [False] * 10
    assert receiver.handled == [["hello"]]


async def test_repeats_that_race_are_one_row(database, clock):
    inbox = an_inbox(database, clock, Receiver())
    accepted = await asyncio.gather(*(accept(inbox, "hello") for _ in range(11)))
    assert sum(accepted) == 1


async def test_open_rows_of_one_lane_are_handled_together_and_in_order(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver())
    for text in ("one", "two"):
        await accept(inbox, text)
    await accept(inbox, "other", lane="b")
    await accept(inbox, "three")
    await drained(inbox)
    assert receiver.handled == [["one", "two", "three"], ["other"]]


async def test_a_press_is_not_joined_with_messages(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver())
    await accept(inbox, "one")
    await accept(inbox, "button", kind="press")
    await accept(inbox, "two")
    await drained(inbox)
    assert receiver.handled == [["one"], ["button"], ["two"]]


async def test_a_burst_waits_for_its_rest_and_a_new_message_is_read_at_once(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver())
    receiver.wait_until = clock() + timedelta(seconds=5)
    await accept(inbox, "hi")
    assert await inbox.step()
    assert not await inbox.step()
    assert await inbox.idle_seconds() == pytest.approx(5)
    await accept(inbox, "zelvanta")
    assert await inbox.idle_seconds() == 0
    clock.advance(seconds=5)
    await drained(inbox)
    assert receiver.handled == [["hi", "zelvanta"]]


async def test_a_row_that_always_fails_holds_up_only_its_own_lane_and_ends_visibly(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver({"poison"}), ceiling=3)
    await accept(inbox, "poison")
    await accept(inbox, "after")
    await accept(inbox, "fine", lane="b")
    await drained(inbox)
    assert receiver.handled == [["fine"]]
    for _ in range(3):
        clock.advance(minutes=5)
        await drained(inbox)
    assert receiver.given_up == ["poison"]
    assert receiver.handled == [["fine"], ["after"]]
    assert (await the_row(database, InboxRow, "a:poison")).state == "failed"


async def test_a_row_whose_giving_up_fails_too_still_ends_visibly(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver({"poison"}), ceiling=1)

    async def fail(tx, row, now):
        raise RuntimeError

    inbox.handled_by({"message": (receiver.handle, fail)})
    await accept(inbox, "poison")
    await drained(inbox)
    assert (await the_row(database, InboxRow, "a:poison")).state == "failed"


async def test_a_row_of_a_kind_nobody_knows_ends_visibly_and_stops_nothing(database, clock):
    inbox = an_inbox(database, clock, receiver := Receiver(), ceiling=2, retry_base=0)
    await accept(inbox, "from another version", kind="later")
    await accept(inbox, "next")
    await drained(inbox)
    assert (await the_row(database, InboxRow, "a:from another version")).state == "failed"
    assert receiver.handled == [["next"]]


async def test_an_effect_of_a_way_nobody_knows_waits_and_stops_nothing(database, clock):
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform())})
    async with database.transaction() as tx:
        await post(tx, clock(), key="from another version", lane="b", way="later", payload={})
    await queue(database, clock(), "1")
    await drained(outbox)
    assert platform.sent == ["1"]
    assert (await the_row(database, OutboxRow, "from another version")).state == "open"


async def test_an_error_on_a_row_names_no_words_of_the_message(database, clock):
    inbox = an_inbox(database, clock, Receiver({"secret rash"}), ceiling=1)
    await accept(inbox, "secret rash")
    await drained(inbox)
    assert (await the_row(database, InboxRow, "a:secret rash")).error == "ValueError"


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


# --- ways out


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


async def test_what_presses_takes_along_what_stands_before_it_in_its_lane(database, clock):
    """A case that became urgent while it waited: its order stays, and its turn comes first."""
    outbox = Outbox(database, clock)
    outbox.sent_by({"w": Way(platform := Platform(), at_once=1)})
    for key, lane, priority in (("n1", "n", 0), ("c1", "c", 0), ("h1", "h", 1), ("c2", "c", 2)):
        await ask(database, clock(), key, "w", priority, lane)
    await drained(outbox)
    assert platform.sent == ["c1", "c2", "h1", "n1"]


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
