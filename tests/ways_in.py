"""Every way in by which somebody can tell of a side effect.

`test_ways_in.py` tries each, `test_ways_in_listed.py` sees that none is missing.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from serving import FORGOT, PNG, RASH, Requester
from telegram_service import TelegramService, telegram_service

from channels.console import ConsoleChannel
from smi_bot.decision import Label

PREGNANT = "I am pregnant and took Zelvanta until yesterday"
Way = Callable[[TelegramService], Awaitable[None]]
WAYS: dict[str, tuple[Way, Label]] = {}
_NAMES = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(tmp_path_factory, knowledge) -> AsyncIterator[TelegramService]:
    async with telegram_service(tmp_path_factory.mktemp("ways"), knowledge) as telegram:
        yield telegram


def way(name: str, label: Label = "adverse-event") -> Callable[[Way], Way]:
    """Lists a way in; `label`: what is told there must be on a case as this."""

    def listed(tell: Way) -> Way:
        WAYS[name] = (tell, label)
        return tell

    return listed


async def somebody(telegram: TelegramService) -> Any:
    return await telegram.regular(f"Ann{next(_NAMES)}")


def sent(name: str, tell: Callable[[Any], object], label: Label = "adverse-event") -> None:
    """A way in that is one message to the bot in private."""

    async def told(telegram: TelegramService) -> None:
        tell(await somebody(telegram))

    WAYS[name] = (told, label)


# --- Telegram, in private

sent("a message", lambda ann: ann.says(RASH))
sent("the caption of a photo", lambda ann: ann.sends_photo(RASH))
sent("the caption of a document", lambda ann: ann.sends_document(caption=RASH))
sent("the caption of a voice message", lambda ann: ann.sends_voice(caption=RASH))
sent("the caption of a video", lambda ann: ann.sends_video(caption=RASH))
sent("the caption of an audio file", lambda ann: ann.sends_audio(caption=RASH))
sent("the caption of an animation", lambda ann: ann.sends_animation(caption=RASH))
sent("the name of a file", lambda ann: ann.sends_document(name="rash after two weeks on Zelvanta.pdf"))
sent("a contact card", lambda ann: ann.sends_contact(first_name="Bob has a rash", last_name="from Zelvanta"))
sent("the title of a venue", lambda ann: ann.sends_venue(title=RASH))
sent("the question of a poll", lambda ann: ann.sends_poll(RASH))
sent("the options of a poll", lambda ann: ann.sends_poll("What now?", ["wait", RASH]))
sent("a checklist", lambda ann: ann.sends(checklist={"title": "Today", "tasks": [{"id": 1, "text": RASH}]}))
sent(
    "tasks added to a checklist",
    lambda ann: ann.sends(checklist_tasks_added={"tasks": [{"id": 2, "text": RASH}]}),
)
sent(
    "an option added to a poll",
    lambda ann: ann.sends(poll_option_added={"option_persistent_id": "1", "option_text": RASH}),
)
sent("an emoji as a sticker", lambda ann: ann.sends_sticker("🤰"), "special-situation")
sent("a forwarded message", lambda ann: ann.forwards(RASH, "somebody"))
sent("words quoted from another chat", lambda ann: ann.replies_external("so?", "somebody", quote=RASH))
sent("a reply", lambda ann: ann.replies(ann.says("is it raining?"), RASH))
sent("words behind a command", lambda ann: ann.says(f"/help {RASH}"))
sent("the word of a link", lambda ann: ann.starts("rash-from-zelvanta"))
sent("what a forged button carries", lambda ann: ann.presses_data("I got a rash from Zelvanta"))
sent("an edit", lambda ann: ann.edits(ann.says("is it raining?"), RASH))
sent("an edited caption", lambda ann: ann.edits(ann.sends_photo("look"), RASH))


@way("an update that the library cannot read")
async def unreadable(telegram: TelegramService) -> None:
    ann = await somebody(telegram)
    telegram.api.update({"message": {"chat": {"id": ann.id, "type": "private"}, "text": RASH}})


async def helped(telegram: TelegramService) -> Any:
    """Somebody who has an answer."""
    ann = await somebody(telegram)
    ann.says(FORGOT)
    await telegram.hears("zelvanta/missed-dose", ann)
    return ann


async def presses(telegram: TelegramService, ann: Any, label: str, heard: str) -> None:
    ann.presses(telegram.label(label))
    await telegram.hears(heard, ann)


@way("a later message of what was a burst")
async def later(telegram: TelegramService) -> None:
    (await helped(telegram)).says(RASH)


async def sends_album(telegram: TelegramService, hold: int = 0) -> None:
    """What is brought of it is taken in and, after a moment in which no more came, handled."""
    ann = await somebody(telegram)
    ann.sends_album([PNG, PNG], caption=RASH, caption_on=1, hold=hold)

    async def taken_in() -> bool:
        return len(await telegram.inquiries(ann)) == 2 - hold

    await telegram.until(taken_in)
    telegram.later(seconds=2)


@way("the caption of an album")
async def album(telegram: TelegramService) -> None:
    await sends_album(telegram)


@way("the late rest of an album")
async def rest(telegram: TelegramService) -> None:
    await sends_album(telegram, hold=1)
    await telegram.quiet()
    telegram.api.deliver()

    async def taken_in() -> bool:
        return not telegram.api.undelivered

    await telegram.until(taken_in)
    telegram.later(seconds=2)


@way("a comment on an answer that did not help")
async def comment(telegram: TelegramService) -> None:
    ann = await helped(telegram)
    await presses(telegram, ann, "not-helpful", "wording/not-helpful.en")
    ann.says(RASH)


@way("a message to a specialist who is there", "special-situation")
async def relayed(telegram: TelegramService) -> None:
    ann = await somebody(telegram)
    ann.says("I want to talk to a human")
    case = await telegram.case(person=ann)
    await telegram.desk.presses("claim", case.id)
    ann.says(PREGNANT)


async def asked(telegram: TelegramService) -> Any:
    ann = await somebody(telegram)
    ann.says(RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    await presses(telegram, ann, "follow-up", "wording/follow-up-patient.en")
    return ann


@way("words instead of a button under a question of ours", "special-situation")
async def answered_in_words(telegram: TelegramService) -> None:
    (await asked(telegram)).says(PREGNANT)


@way("the answer to a question of ours", "special-situation")
async def answered(telegram: TelegramService) -> None:
    ann = await asked(telegram)
    await presses(telegram, ann, "follow-up-yes", "wording/follow-up-product.en")
    ann.says(PREGNANT)


@way("an answer to a question of ours that is changed", "special-situation")
async def changed(telegram: TelegramService) -> None:
    ann = await asked(telegram)
    said = ann.says("my sister")
    await telegram.hears("wording/follow-up-product.en", ann)
    ann.edits(said, PREGNANT)


@way("a message within a flood")
async def flooding(telegram: TelegramService) -> None:
    ann = await somebody(telegram)
    for number in range(25):
        ann.says(f"is it raining in street {number}?")
    ann.says(RASH)


# --- Telegram, in public


@way("a post in a group")
async def post(telegram: TelegramService) -> None:
    telegram.api.group("A").says(await somebody(telegram), RASH)


@way("the caption of a post in a group")
async def captioned_post(telegram: TelegramService) -> None:
    telegram.api.group("B").sends_photo(await somebody(telegram), RASH)


@way("an edited post in a group")
async def edited_post(telegram: TelegramService) -> None:
    group = telegram.api.group("C")
    post = group.says(await somebody(telegram), "is it raining?")
    await telegram.quiet()
    group.edits(post, RASH)


@way("a post that somebody replies to")
async def replied_to(telegram: TelegramService) -> None:
    group, ann, ben = telegram.api.group("D"), await somebody(telegram), await somebody(telegram)
    with telegram.api.change():
        unseen = group.puts(**ann.at(group)._sender, text=RASH)
    ben.at(group).replies(unseen, "is that so?")


@way("a post of a channel")
async def channel_post(telegram: TelegramService) -> None:
    telegram.api.channel("News").posts(RASH)


@way("an edited post of a channel")
async def edited_channel_post(telegram: TelegramService) -> None:
    channel = telegram.api.channel("More news")
    post = channel.posts("is it raining?")
    await telegram.quiet()
    channel.edits(post, RASH)


@way("the name of a topic")
async def topic(telegram: TelegramService) -> None:
    group = telegram.api.group("E")
    (await somebody(telegram)).at(group).sends(forum_topic_created={"name": RASH, "icon_color": 1})


# --- web chat and terminal


@way("a message on the page")
async def typed_on_the_page(telegram: TelegramService) -> None:
    async with Requester(telegram.url) as ann:
        await ann.says(RASH)


@way("the name of a file on the page")
async def file_on_the_page(telegram: TelegramService) -> None:
    async with Requester(telegram.url) as ann:
        file = (await ann.uploads(name="rash after two weeks on Zelvanta.png")).json()["id"]
        await ann.says("", files=(file,))


@way("the answer to a question of ours on the page", "special-situation")
async def answered_on_the_page(telegram: TelegramService) -> None:
    async with Requester(telegram.url) as ann:
        await ann.says(RASH)
        await ann.presses(await ann.hears("drug safety team"), "follow-up")
        await ann.presses(await ann.hears("Question 1 of 3"), "follow-up-yes")
        await ann.hears("Question 2 of 3")
        await ann.says(PREGNANT)


@way("a line in the terminal")
async def typed_in_the_terminal(telegram: TelegramService) -> None:
    app = telegram.app
    terminal = ConsoleChannel(app.database, app.inbox, telegram.clock, show=lambda text: None)
    app.join(terminal)
    await terminal.say(RASH)
    await terminal.answered()
