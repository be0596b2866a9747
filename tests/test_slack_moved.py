"""Cards that were deleted, or stand in a channel used before: what is left of them, and what is written below them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from by_hand import CONFIRM
from fakes import PATIENCE, Clock
from serving import PNG, RASH
from slack_api import SlackApi, Trouble
from slack_api_world import Channel, Message
from slack_in_trouble import QUESTION, desk, settles, tried  # noqa: F401 (fixtures)
from slack_service import SlackService, slack_service

from escalation.case import Case
from escalation.slack_events import SEND
from smi_bot.assistant import Knowledge
from smi_bot.attachments import keep
from smi_bot.inquiry import Attachment
from smi_bot.receiving import enqueue

FORGOTTEN = "xanthic: Can I speak to a person? What if I forget a tablet of Zelvanta?"


async def photo(desk: SlackService, who: str) -> Attachment:
    async with desk.app.database.transaction() as tx:
        return await keep(tx, f"fake:{who}", "arm.png", PNG, 10_000, desk.clock())


async def notes(desk: SlackService, case: Case) -> list[str]:
    (found,) = [each for each in await desk.local.cases() if each.id == case.id]
    return [event.body["text"] for event in found.events if event.kind == "noted"]


async def is_erased(desk: SlackService, case: Case) -> None:
    """It is closed, its requester has everything erased, and Slack shows that."""
    who = case.conversation.removeprefix("fake:")
    await desk.local.presses("close", case.id, "answered", "", by=f"slack:{desk.rao.id}")
    await desk.fake.presses(CONFIRM, who)
    await desk.card(case, "What was written on this case was erased")
    await settles(desk)


async def deleted(desk: SlackService, case: Case, with_thread: bool = False) -> Message:
    """Somebody deletes the card of a case; returns the new one."""
    (card,) = desk.cards(case)
    for line in desk.slack.thread(card) if with_thread else ():
        desk.lee.deletes(line)
    desk.lee.deletes(card)
    await desk.slack.until(lambda: desk.cards(case))
    await settles(desk)
    (anew,) = desk.cards(case)
    return anew


# --- a card that was deleted


async def test_a_line_in_doubt_below_a_card_that_was_deleted_holds_nothing_up(desk: SlackService) -> None:
    case = await desk.asks(QUESTION)
    await settles(desk)
    (card,) = desk.cards(case)
    desk.slack.troubles("chat.postMessage", Trouble.drop_before())
    inquiry = desk.fake.inquiry("I want a human even more, please", case.conversation.removeprefix("fake:"))
    desk.slack.hold()  # nobody tells us of the deletion
    await enqueue(desk.app.inbox, inquiry)
    await tried(desk, "chat.postMessage", len(desk.slack.called("chat.postMessage")) + 1)
    for message in [*desk.thread(case), card]:
        desk.lee.deletes(message)
    desk.later(seconds=2)
    await desk.slack.until(lambda: desk.cards(case))
    desk.slack.deliver()
    await settles(desk)
    assert any("even more" in line.all_text for line in desk.thread(case))
    assert await desk.app.not_ready() == []


async def test_nothing_a_requester_wrote_is_left_below_a_card_that_was_deleted(desk: SlackService) -> None:
    who = await desk.regular()
    case = await desk.asks(FORGOTTEN, who, (await photo(desk, who),))
    old = await desk.claimed(case)
    await settles(desk)
    note = await desk.writes(old, "I call her")
    new = await deleted(desk, case)
    assert desk.slack.thread(old) == [note]
    assert any("xanthic" in line.all_text for line in desk.slack.thread(new))
    assert [len(line.files) for line in desk.slack.thread(new) if line.files] == [1]
    await is_erased(desk, case)
    assert not desk.slack.seen("xanthic")
    assert not [file for file in desk.slack.files.values() if file.is_complete]


async def test_a_card_posted_anew_shows_the_notes_written_below_the_old_one(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.claimed(case)
    await desk.writes(card, "called her, she is fine")
    new = await deleted(desk, case)
    (shown,) = [line for line in desk.slack.thread(new) if "called her" in line.all_text]
    assert f"<@{desk.rao.id}> noted, internally" in shown.all_text
    await desk.writes(new, "called again")
    await settles(desk)
    assert len([line for line in desk.slack.thread(new) if "called again" in line.all_text]) == 1


async def test_who_writes_below_a_card_that_was_deleted_is_told_where_the_case_is(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    old = await desk.claimed(case)
    first = await desk.writes(old, "called him")
    await deleted(desk, case)
    desk.rao.writes(old, "called her")
    told = await desk.whisper(desk.rao, "its card stands in another place by now")
    assert told.thread_ts == old.ts
    assert await notes(desk, case) == ["called him"]
    desk.rao.edits(first, "called him twice")  # this one is known, and its place in the record is no other
    await settles(desk)
    assert await notes(desk, case) == ["called him", "called him twice"]


async def test_a_card_that_is_not_the_bots_own_any_more_is_posted_anew(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    await settles(desk)
    (old,) = desk.cards(case)
    for message in (old, *desk.thread(case)):  # the app was made anew from its manifest
        message.author = {**message.author, "bot_id": "B0OLDAPP001", "user": "U0OLDAPP001"}
    await desk.local.presses("claim", case.id, by=f"slack:{desk.rao.id}")
    await settles(desk)
    assert [f"Owner: <@{desk.rao.id}>" in card.all_text for card in desk.cards(case)] == [False, True]
    assert await desk.app.not_ready() == []


async def test_a_line_that_was_deleted_comes_back_when_it_says_something_else(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    await desk.local.presses("claim", case.id)
    await desk.local.presses("note", case.id, "ask about the lot", "n1")
    desk.lee.deletes(await desk.line(case, "ask about the lot"))
    await settles(desk)
    assert not any("the lot" in line.all_text for line in desk.thread(case))
    (noted,) = [e for e in (await desk.local.cases())[-1].events if e.kind == "noted"]
    await desk.local.presses("send_note", case.id, noted.id)
    await desk.line(case, "ask about the lot", "Sent to the requester afterwards.")


# --- a note whose card is in doubt


async def test_a_note_below_a_card_whose_posting_got_no_answer_is_not_lost(desk: SlackService) -> None:
    desk.slack.troubles("chat.postMessage", Trouble.drop_after())
    desk.slack.troubles("conversations.history", *[Trouble.status(503)] * 3)
    case = await desk.asks(RASH)
    await desk.slack.until(lambda: desk.cards(case))
    desk.rao.writes(desk.cards(case)[0], "called her, she is fine")
    await desk.slack.until(lambda: not desk.slack.undelivered)
    async with asyncio.timeout(PATIENCE):
        while not await notes(desk, case):
            desk.later(seconds=1)
            await asyncio.sleep(0.05)
    assert await notes(desk, case) == ["called her, she is fine"]


async def test_a_note_whose_card_stays_in_doubt_is_told_in_the_end(desk: SlackService) -> None:
    desk.slack.troubles("chat.postMessage", Trouble.drop_after())
    desk.slack.troubles("conversations.history", *[Trouble.status(503)] * 200)
    case = await desk.asks(RASH)
    await desk.slack.until(lambda: desk.cards(case))
    desk.rao.writes(desk.cards(case)[0], "called her, she is fine")
    await desk.slack.until(lambda: not desk.slack.undelivered)
    for _ in range(25):
        desk.later(seconds=30)
        await asyncio.sleep(0.02)
    await desk.whisper(desk.rao, "the bot does not know this thread")


# --- a channel used before

Open = Callable[..., AbstractAsyncContextManager[SlackService]]


@pytest.fixture
async def opens(tmp_path: Path, knowledge: Knowledge, sqlite_url: str, clock: Clock) -> AsyncIterator[Open]:
    """Serves in one channel, and again in another."""
    with SlackApi(clock=clock) as slack:

        @asynccontextmanager
        async def opens(**settings: str) -> AsyncIterator[SlackService]:
            given: dict[str, Any] = {"slack": slack, "clock": clock, "database_url": sqlite_url, **settings}
            async with slack_service(tmp_path / "data", knowledge, **given) as desk:
                yield desk

        yield opens


def another_channel(desk: SlackService) -> str:
    slack = desk.slack
    new = Channel("C0NEW000001", "new", slack.bot_user, [slack.bot_user, desk.rao.id, desk.lee.id])
    slack.channels[new.id] = new
    return new.id


async def test_open_cases_come_to_a_new_channel_without_waiting_for_a_change(opens: Open) -> None:
    async with opens() as desk:
        case = await desk.asks(RASH)
        done = await desk.asks(QUESTION)
        note = await desk.writes(await desk.claimed(case), "called her")
        await desk.local.presses("claim", done.id)
        await desk.local.presses("close", done.id, "answered", "")
        await settles(desk)
    new = another_channel(desk)
    async with opens(slack_channel=new) as desk:
        await desk.slack.until(lambda: desk.slack.messages(new))
        await settles(desk)
        (card,) = desk.slack.messages(new)
        assert card.all_text.startswith(f"{case.number} · ")
        assert any("called her" in line.all_text for line in desk.slack.thread(card))
        assert [m for m in desk.slack.place().standing if f"{case.number}" in m.all_text] == []
        assert note in desk.slack.place().standing  # it is its author's
        posts = len(desk.slack.posted)
    async with opens(slack_channel=new) as desk:  # once is enough
        await settles(desk)
        assert len(desk.slack.posted) == posts


async def test_who_writes_or_reacts_below_a_card_in_a_channel_used_before_is_told(opens: Open) -> None:
    async with opens() as desk:
        case = await desk.asks(RASH)
        old = await desk.claimed(case)
        note = await desk.writes(old, "Please see your doctor.")
        await settles(desk)
    async with opens(slack_channel=another_channel(desk)) as desk:
        await settles(desk)
        late = desk.rao.writes(old, "called her")
        told = await desk.whisper(desk.rao, "its card stands in another place by now")
        assert (told.channel, told.thread_ts) == (old.channel, old.ts)
        desk.rao.reacts(late, SEND)
        desk.rao.reacts(note, SEND)
        for _ in range(15):
            await asyncio.sleep(0.02)
            desk.later(seconds=1)
        await desk.whisper(desk.rao, "The bot does not know this message")
        await settles(desk)
        assert desk.replies(case) == ["Please see your doctor."]


async def test_the_channel_used_before_is_erased_too(opens: Open) -> None:
    async with opens() as desk:
        who = await desk.regular()
        case = await desk.asks(FORGOTTEN, who, (await photo(desk, who),))
        await desk.claimed(case)
        await desk.local.presses("close", case.id, "answered", "", by=f"slack:{desk.rao.id}")
        await settles(desk)
    assert desk.slack.seen("xanthic")
    async with opens(slack_channel=another_channel(desk)) as desk:
        await desk.fake.presses(CONFIRM, who)
        await desk.slack.until(lambda: desk.slack.messages("C0NEW000001"))
        await settles(desk)
        assert not desk.slack.seen("xanthic")
        assert not [file for file in desk.slack.files.values() if file.is_complete]


async def test_a_channel_used_before_that_the_bot_was_put_out_of_holds_nothing_up(opens: Open) -> None:
    async with opens() as desk:
        case = await desk.asks(RASH)
        await settles(desk)
    new = another_channel(desk)
    desk.slack.place().bot_leaves()
    async with opens(slack_channel=new) as desk:
        await desk.slack.until(lambda: desk.slack.messages(new))
        await settles(desk)
        assert [card.all_text.startswith(f"{case.number} · ") for card in desk.slack.messages(new)] == [True]
        assert await desk.app.not_ready() == []
