"""Every way in by which somebody can tell of a side effect, and that what is told there reaches triage and a case.

Whoever adds a kind of event, of content or of button has to list it here: with the way by which it is tried, or with
the reason why it carries no words of a person.
"""

import importlib
import inspect
import itertools
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, get_args

import pytest
import pytest_asyncio
from serving import FORGOT, PNG, RASH, Requester
from telegram.constants import MessageType
from telegram_service import TelegramService, telegram_service

import channels
from channels import web
from channels.console import ConsoleChannel
from channels.telegram_profile import WANTED
from smi_bot.decision import Label
from smi_bot.inquiry import Action, Attachment, Inquiry, PublicPost

PREGNANT = "I am pregnant and took Zelvanta until yesterday"
Way = Callable[[TelegramService], Awaitable[None]]
WAYS: dict[str, tuple[Way, Label]] = {}
_NAMES = itertools.count(1)


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


@way("a later message of what was a burst")
async def later(telegram: TelegramService) -> None:
    ann = await somebody(telegram)
    ann.says(FORGOT)
    await telegram.hears("zelvanta/missed-dose", ann)
    ann.says(RASH)


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
    ann = await somebody(telegram)
    ann.says(FORGOT)
    await telegram.hears("zelvanta/missed-dose", ann)
    ann.presses(telegram.label("not-helpful"))
    await telegram.hears("wording/not-helpful.en", ann)
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
    ann.presses(telegram.label("follow-up"))
    await telegram.hears("wording/follow-up-patient.en", ann)
    return ann


@way("words instead of a button under a question of ours", "special-situation")
async def answered_in_words(telegram: TelegramService) -> None:
    (await asked(telegram)).says(PREGNANT)


@way("the answer to a question of ours", "special-situation")
async def answered(telegram: TelegramService) -> None:
    ann = await asked(telegram)
    ann.presses(telegram.label("follow-up-yes"))
    await telegram.hears("wording/follow-up-product.en", ann)
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
    await settled(telegram)
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
    await settled(telegram)
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


# --- trying them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(tmp_path_factory, knowledge) -> AsyncIterator[TelegramService]:
    async with telegram_service(tmp_path_factory.mktemp("ways"), knowledge) as telegram:
        yield telegram


async def settled(telegram: TelegramService) -> None:
    """Waits until everything is handled."""
    await telegram.quiet()


async def told(telegram: TelegramService, label: Label) -> int:
    """How many messages stand on cases as telling of this."""
    events = (event for case in await telegram.desk.cases() for event in case.events if event.kind == "message")
    return sum(label in event.body["labels"] for event in events)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WAYS)
async def test_what_is_told_there_is_triaged_and_on_a_case(telegram, name):
    tell, label = WAYS[name]
    await settled(telegram)
    before = await told(telegram, label)
    await tell(telegram)

    async def arrived() -> bool:
        return await told(telegram, label) > before

    await telegram.until(arrived)


# --- that none is missing

#: What an inquiry holds: by which way its words are tried, or why it holds none of a person's.
FIELDS: dict[type, dict[str, str]] = {
    Inquiry: {
        "text": "a message",
        "attachments": "the name of a file",
        "quoted": "words quoted from another chat",
        "action": "the word of a link",
        "public": "a post in a group",
        "edited": "an edit",
        "forwarded": "a forwarded message",
        "reply_to": "a reply",
        "album": "the late rest of an album",
        "shared": "a contact card",
        **dict.fromkeys(
            ("key", "channel", "conversation", "sent_at", "is_dated", "message"), "- a name or time of a platform's"
        ),
        **dict.fromkeys(("prompted_by", "locale"), "- one of a few words of ours"),
    },
    Attachment: {
        "name": "the name of a file",
        **dict.fromkeys(("id", "media_type", "size", "source"), "- told by an app, not by a person"),
    },
    Action: {
        "verb": "- one of our buttons",
        "value": "- a name of ours; what a link or a forged button carries is in the text, too",
        "reply": "- a name of ours",
    },
    PublicPost: dict.fromkeys(("forum", "link", "asks_us", "place"), "- a place"),
}
#: Kinds of updates that we ask Telegram for.
UPDATES = {
    "message": "a message",
    "edited_message": "an edit",
    "channel_post": "a post of a channel",
    "edited_channel_post": "an edited post of a channel",
    "callback_query": "what a forged button carries",
}
#: Kinds of messages on Telegram that a person may put words into. What has a caption shares one way of reading it.
CONTENTS = {
    "text": "a message",
    "photo": "the caption of a photo",
    "document": "the caption of a document",
    "voice": "the caption of a voice message",
    "video": "the caption of a video",
    "audio": "the caption of an audio file",
    "animation": "the caption of an animation",
    "paid_media": "the caption of a photo",
    "live_photo": "the caption of a photo",
    "contact": "a contact card",
    "venue": "the title of a venue",
    "poll": "the question of a poll",
    "poll_option_added": "an option added to a poll",
    "checklist": "a checklist",
    "checklist_tasks_added": "tasks added to a checklist",
    "sticker": "an emoji as a sticker",
    "forum_topic_created": "the name of a topic",
    "forum_topic_edited": "the name of a topic",
}
#: The others: things without words, words that are not a person's, and what only bots of other kinds ever get.
WORDLESS = {
    *("dice", "location", "video_note", "story", "game", "invoice", "passport_data", "web_app_data", "effect_id"),
    *("reply_to_story", "sender_boost_count", "sender_business_bot", "business_connection_id", "pinned_message"),
    *("giveaway", "giveaway_created", "giveaway_winners", "giveaway_completed", "gift", "unique_gift"),
    *("gift_upgrade_sent", "boost_added", "chat_background_set", "connected_website", "write_access_allowed"),
    *("chat_shared", "users_shared", "successful_payment", "refunded_payment", "proximity_alert_triggered"),
    *("channel_chat_created", "group_chat_created", "supergroup_chat_created", "delete_chat_photo", "new_chat_photo"),
    *("new_chat_title", "new_chat_members", "left_chat_member", "migrate_to_chat_id", "chat_owner_changed"),
    *("chat_owner_left", "message_auto_delete_timer_changed", "paid_message_price_changed", "managed_bot_created"),
    *("direct_message_price_changed", "forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden"),
    *("general_forum_topic_unhidden", "video_chat_scheduled", "video_chat_started", "video_chat_ended"),
    *("video_chat_participants_invited", "checklist_tasks_done", "poll_option_deleted", "suggested_post_info"),
    *("suggested_post_approval_failed", "suggested_post_approved", "suggested_post_declined", "suggested_post_paid"),
    "suggested_post_refunded",
}
#: What the page sends.
FRAMES = {
    "message": "a message on the page",
    "press": "the answer to a question of ours on the page",
    "hello": "- nothing",
    "seen": "- names of ours",
}
CHANNELS = {"telegram": "a message", "web": "a message on the page", "console": "a line in the terminal"}
#: Kinds of rows in the inbox. `slack` is the specialists' side.
ROWS = {"message": "a message", "press": "what a forged button carries"}


def unlisted(listed: dict[str, str]) -> set[str]:
    return {name for name in listed.values() if not name.startswith("- ")} - WAYS.keys()


@pytest.mark.parametrize("model", FIELDS, ids=lambda model: model.__name__)
def test_each_field_of_what_comes_in_is_listed(model):
    assert model.model_fields.keys() == FIELDS[model].keys()
    assert unlisted(FIELDS[model]) == set()


def test_each_kind_of_update_that_we_ask_for_is_listed():
    assert {kind.value for kind in WANTED} == UPDATES.keys()
    assert unlisted(UPDATES) == set()


def test_each_kind_of_message_that_telegram_has_is_listed():
    assert {kind.value for kind in MessageType} == CONTENTS.keys() | WORDLESS
    assert CONTENTS.keys().isdisjoint(WORDLESS)
    assert unlisted(CONTENTS) == set()


def test_each_frame_of_the_page_is_listed():
    kinds = {
        get_args(frame.model_fields["type"].annotation)[0]
        for _, frame in inspect.getmembers(web, inspect.isclass)
        if issubclass(frame, web._Frame) and frame is not web._Frame
    }
    assert kinds == FRAMES.keys()
    assert unlisted(FRAMES) == set()


def test_each_channel_is_listed():
    modules = [importlib.import_module(f"channels.{found.name}") for found in pkgutil.iter_modules(channels.__path__)]
    classes = {cls for module in modules for _, cls in inspect.getmembers(module, inspect.isclass)}
    found = {cls.name for cls in classes if {"name", "send", "run", "not_ready"} <= set(dir(cls))}
    assert {name for name in found if isinstance(name, str)} == CHANNELS.keys()
    assert unlisted(CHANNELS) == set()


@pytest.mark.asyncio(loop_scope="module")
async def test_each_kind_of_row_in_the_inbox_is_listed(telegram):
    assert set(telegram.app.inbox._handlers) == ROWS.keys()
    assert unlisted(ROWS) == set()
