"""The inbox by itself: order, bursts, repeats, failures, on both databases."""

import asyncio
from datetime import timedelta

import pytest
from queues import Platform, Receiver, accept, an_inbox, drained, queue, the_row

from smi_bot.durable.outbox import Outbox, Way, post
from smi_bot.durable.rows import InboxRow, OutboxRow


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
