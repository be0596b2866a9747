"""Groups and channels on Telegram: everything is read, and the only thing ever said is one invitation an hour."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from bot_api_people import Channel, Group, Writer
from bot_api_world import Place
from fakes import PATIENCE
from loopback_troubles import Trouble
from serving import FORGOT, PNG, RASH
from telegram_service import TelegramService, telegram_service

from smi_bot import conversations
from smi_bot.burst import Burst
from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Inquiry, PublicPost, Reply, WordingPart
from smi_bot.public import invitation
from smi_bot.receiving import post_reply

EMERGENCY = "I took Zelvanta and now I can't breathe"
NAMED = "has anybody here tried zelvanta?"


async def taken(telegram: TelegramService) -> None:
    """Waits until all that was written is taken in and handled, the rest of an album included."""

    async def nothing_comes() -> bool:
        return not telegram.api.undelivered

    await telegram.until(nothing_comes)
    telegram.later(seconds=3)
    await telegram.quiet()


async def invited(telegram: TelegramService, *places: Place, times: int = 1) -> None:
    """In each of these places the bot said the invitation so often, and did nothing else, not even show that it types."""
    await taken(telegram)
    library = telegram.app.shelf.knowledge.library
    text, _ = library.wording_markdown(WordingPart(wording="invitation"), telegram.clock())
    for place in places:
        calls = [call for call in telegram.api.calls if call.params.get("chat_id") == place.id]
        assert [call.method for call in calls] == ["sendMessage"] * times, place.json
        assert place.typing == 0
        for told in place.told:
            assert told.text == text
            (button,) = [each for row in told.keyboard for each in row]
            assert button == {"text": telegram.label("private-chat"), "url": DEEP_LINK}
    assert await telegram.rows(InboxRow, InboxRow.state != "done") == []
    queued = await telegram.rows(OutboxRow, OutboxRow.way == "delivery")
    assert {row.payload["part"].get("wording") for row in queued} <= {"invitation"}


DEEP_LINK = "https://t.me/smi_test_bot?start=forum"


def everything(group: Group, here: Writer, elsewhere: Channel) -> None:
    """All that somebody, wherever they are, may write into a group."""
    for text in (FORGOT, NAMED, RASH, EMERGENCY, "I want to kill myself", "please delete my data", "hello", "?"):
        here.says(text)
    for command in ("/start", "/help", "/specialist@smi_test_bot", "/delete", "/delete@smi_test_bot", "/roll"):
        here.says(command)
    here.says("/start@smi_test_bot forum")
    here.says(f"@smi_test_bot {FORGOT}")
    here.edits(here.says("hello again"), f"{RASH} again")
    here.replies(here.says("what helps?"), FORGOT, quote="helps")
    here.replies_external(FORGOT, "somebody", quote="zelvanta")
    here.forwards(RASH, "somebody")
    here.forwards(FORGOT, elsewhere)
    here.sends_photo(RASH)
    here.sends_photo()
    here.sends_album([PNG, PNG], caption=RASH)
    here.sends_document("zelvanta.pdf", caption=FORGOT)
    for send in (here.sends_voice, here.sends_video, here.sends_video_note, here.sends_audio, here.sends_animation):
        send()
    for send in (here.sends_sticker, here.sends_contact, here.sends_location, here.sends_venue, here.sends_dice):
        send()
    here.sends_poll("Zelvanta or not?")
    here.sends(story={"chat": elsewhere.json, "id": 1})


# --- nothing but the invitation


async def test_whatever_is_written_in_a_group_the_bot_says_the_invitation_and_nothing_else(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group, channel = telegram.api.group("Patients", username="patients"), telegram.api.channel("News")
        bob = telegram.api.person("Bob")
        everything(group, telegram.ann.at(group), channel)
        await invited(telegram, group)
        for writer in (group.admin, channel.at(group)):
            for text in (FORGOT, EMERGENCY, "/help", f"@smi_test_bot {FORGOT}"):
                writer.says(text)
        await invited(telegram, group)
        telegram.later(hours=1)
        bob.at(group).replies(group.told[0], "and now?")
        bob.at(group).replies(group.told[0], RASH)
        bob.at(group).presses_data("r1:0", group.told[0])  # our buttons there are links: nobody has this one
        await invited(telegram, group, times=2)
        assert telegram.ann.told == bob.told == channel.told == []
        assert channel.typing == 0


async def test_ordinary_talk_among_people_is_nothing_to_the_bot(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        here = telegram.ann.at(group)
        for text in ("good morning all", "who brings the cake?", "@anna_1 see you at 5", "/roll@dice_bot", "/roll"):
            here.says(text)
        here.replies(here.says("is it raining?"), "yes, all day")
        here.edits(here.says("see you tomorow"), "see you tomorrow")
        here.forwards("the match is at nine", "somebody")
        here.sends_photo("my garden")
        here.sends_sticker()
        await invited(telegram, group, times=0)
        assert await telegram.desk.cases() == []
        assert telegram.api.called("getFile") == []


TRIGGERS: dict[str, Callable[[Writer], Any]] = {
    "the product": lambda here: here.says("anybody on Zelvanta?"),
    "its genitive": lambda here: here.says("what about Zelvanta's price"),
    "its German genitive": lambda here: here.says("Zelvantas Preis"),
    "a hashtag": lambda here: here.says("#zelvanta"),
    "its substance": lambda here: here.says("MORLIVEXAT, anybody?"),
    "a misspelling": lambda here: here.says("zelvnta anybody"),
    "a caption": lambda here: here.sends_photo("my zelvanta"),
    "a file's name": lambda here: here.sends_document("zelvanta.pdf"),
    "an edit": lambda here: here.edits(here.says("I mean something"), "I mean zelvanta"),
    "a mention": lambda here: here.says("hi @SMI_test_bot"),
    "a mention in a caption": lambda here: here.sends_photo("@smi_test_bot look"),
    "a command": lambda here: here.says("/help"),
    "a command with our name": lambda here: here.says("/roll@smi_test_bot"),
    "a report": lambda here: here.says(EMERGENCY),
}


async def test_who_names_the_product_or_speaks_to_the_bot_is_invited(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        groups = {name: telegram.api.group(name) for name in TRIGGERS}
        for name, write in TRIGGERS.items():
            write(telegram.ann.at(groups[name]))
        await taken(telegram)
        assert {name: len(group.told) for name, group in groups.items()} == dict.fromkeys(TRIGGERS, 1)
        await invited(telegram, *groups.values())


async def test_the_group_is_invited_in_its_own_language(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patienten")
        telegram.ann.at(group).says("Hat hier schon jemand Zelvanta genommen und kann mir davon erzählen?")
        await taken(telegram)
        part = WordingPart(wording="invitation", language="de")
        assert group.texts == [telegram.app.shelf.knowledge.library.wording_markdown(part, telegram.clock())[0]]
        assert group.told[0].buttons == [telegram.label("private-chat", "de")]


async def test_who_speaks_to_the_bot_and_then_goes_on_talking_is_invited(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge, burst_pause=1.0) as telegram:
        group = telegram.api.group("Patients")
        group.says(telegram.ann, "/help")
        group.says(telegram.ann, "nobody here today")
        await invited(telegram, group)


# --- at most one an hour


async def test_many_people_in_many_threads_are_invited_once_an_hour(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients", forum=True)
        people = [telegram.api.person(f"P{number}") for number in range(4)]
        topics = [group.topic(f"T{number}") for number in range(3)]
        for times in (1, 2):
            for person in people:
                for topic in topics:
                    group.says(person, NAMED, thread=topic)
            await invited(telegram, group, times=times)
            telegram.later(minutes=59)
            group.says(people[0], NAMED)
            await invited(telegram, group, times=times)
            telegram.later(minutes=1)


async def test_each_group_has_an_hour_of_its_own(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        groups = [telegram.api.group("One"), telegram.api.group("Two")]
        for group in groups:
            group.says(telegram.ann, NAMED)
        await invited(telegram, *groups)


async def test_invitations_do_not_pile_up_while_telegram_is_away(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        telegram.api.troubles("sendMessage", *[Trouble.status(500)] * 3)
        for tries in (1, 2, 3):
            group.says(telegram.ann, NAMED)
            await telegram.until(lambda tries=tries: _tried(telegram, tries))
            telegram.later(minutes=61)
        await invited(telegram, group, times=4)
        group.says(telegram.ann, NAMED)
        await taken(telegram)
        assert len(group.told) == 1


async def _tried(telegram: TelegramService, times: int) -> bool:
    """Whether all posts are handled and sending was tried so often."""
    if telegram.api.undelivered or await telegram.rows(InboxRow, InboxRow.state == "open"):
        return False
    rows = await telegram.rows(OutboxRow)
    return bool(rows) and sum(row.attempts for row in rows) == times and all(row.error for row in rows)


@pytest.mark.parametrize("known", [True, False])
async def test_two_who_post_at_the_same_moment_are_invited_once(postgres_url, clock, known):
    """Two workers, each in the middle of its transaction."""
    database = Database(postgres_url)
    if known:
        async with database.transaction() as tx:
            await conversations.load(tx, "the forum", "fake", clock(), public=True)

    async def invite(tx: Transaction, number: int) -> Reply | None:
        reply = await invitation(tx, _asking(number, clock()), concerns_us=True, language="en", now=clock())
        if reply:
            await post_reply(tx, clock(), reply)
        return reply

    async def second() -> Reply | None:
        async with database.transaction() as tx:
            return await invite(tx, 2)

    async with database.transaction() as tx:
        assert await invite(tx, 1)
        other = asyncio.create_task(second())
        await _waits_for_a_lock(database)
    assert await other is None
    await database.close()


def _asking(number: int, now: datetime) -> Burst:
    post = PublicPost(forum="the forum", asks_us=True)
    inquiry = Inquiry(key=str(number), channel="fake", conversation=f"poster {number}", sent_at=now, public=post)
    row = InboxRow(id=number, key=str(number), lane="", kind="message", payload=inquiry.model_dump(), received_at=now)
    return Burst.of([row])


async def _waits_for_a_lock(database: Database) -> None:
    query = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(PATIENCE):
        while True:
            async with database.reading() as tx:
                if (await tx.execute(query)).scalar_one():
                    return
