"""People and places on our Telegram, and a whole bot among them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from bot_api_client import ann, api, bot, client, keyboard, polling  # noqa: F401 (fixtures)
from bot_api_people import Person
from serving import PNG
from telegram import (
    TelegramObject,
    Update,
)
from telegram.error import (
    ChatMigrated,
)
from telegram.ext import Application, MessageHandler, filters

# The client writes "Bad Request: …" anew, its first letter great and all others small: hence (?i) below.
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),  # it warns of its own RetryAfter
]


# People and places
def unknown(object: TelegramObject) -> list[str]:
    """Names of fields that the client's classes do not have: misspelt, or no longer so."""
    found = [name for name in object.api_kwargs if not name.startswith("forward_")]  # older fields that Telegram sends
    for value in object.to_dict(recursive=False).values():
        for each in value if isinstance(value, list | tuple) else [value]:
            found += unknown(each) if isinstance(each, TelegramObject) else []
    return found


CONTENTS: dict[str, Callable[[Person], Any]] = {
    "text": lambda ann: ann.says("/help me, @somebody, at https://zelvanta.example"),
    "photo": lambda ann: ann.sends_photo("what is this?"),
    "document": lambda ann: ann.sends_document("a.pdf", "application/pdf", b"%PDF", "read"),
    "voice": lambda ann: ann.sends_voice(),
    "video": lambda ann: ann.sends_video(caption="see"),
    "video_note": lambda ann: ann.sends_video_note(),
    "audio": lambda ann: ann.sends_audio(),
    "animation": lambda ann: ann.sends_animation(),
    "sticker": lambda ann: ann.sends_sticker("👍"),
    "contact": lambda ann: ann.sends_contact(),
    "location": lambda ann: ann.sends_location(live=True),
    "venue": lambda ann: ann.sends_venue(),
    "dice": lambda ann: ann.sends_dice(),
    "poll": lambda ann: ann.sends_poll(),
    "reply_to_message": lambda ann: ann.replies(ann.says("Take it with food"), "really?", quote="food"),
    "external_reply": lambda ann: ann.replies_external("really?", ann.world.channel("News"), quote="cures all"),
    "forward_origin": lambda ann: ann.forwards("it cures all", "Somebody"),
}


@pytest.mark.parametrize("part", CONTENTS)
def test_whatever_people_send_has_a_shape_that_the_client_knows(api, ann, part):
    message = CONTENTS[part](ann)
    update = Update.de_json(json.loads(json.dumps(api.updates[-1])))
    assert getattr(update.message, part)
    assert unknown(update) == []
    assert (message["chat"]["id"], message["from"]["id"], message["message_id"]) == (ann.id, ann.id, len(ann.messages))


def test_authors_of_what_is_forwarded(api, ann):
    authors = [api.person("Bob"), api.channel("News"), api.group("Talk"), "Somebody"]
    origins = [ann.forwards("words", author)["forward_origin"]["type"] for author in authors]
    assert origins == ["user", "channel", "chat", "hidden_user"]
    updates = [Update.de_json(update) for update in api.updates]
    assert [update.message.forward_origin.type for update in updates] == origins
    assert [unknown(update) for update in updates] == [[]] * 4


def test_what_was_said_can_be_edited_and_live_locations_move(api, ann):
    text, photo, place = ann.says("/start"), ann.sends_photo("what?"), ann.sends_location(live=True)
    ann.edits(text, "no command")
    ann.edits(photo, "what is this?")
    ann.moves(place)
    edits = [Update.de_json(update).edited_message for update in api.updates[3:]]
    assert [edit.message_id for edit in edits] == [m["message_id"] for m in (text, photo, place)]
    assert (edits[0].text, edits[0].entities, edits[1].caption) == ("no command", (), "what is this?")
    assert edits[2].location.latitude > place["location"]["latitude"]


def test_an_album_may_come_out_of_order_and_late(api, ann):
    pieces = ann.sends_album([PNG] * 3, caption="which of them?", shuffled=True, hold=1)
    assert [update["message"] for update in api.pending] == [pieces[2], pieces[1]]
    api.deliver()
    assert [update["message"] for update in api.pending] == pieces[::-1]
    assert len({piece["media_group_id"] for piece in pieces}) == 1
    assert [piece.get("caption") for piece in pieces] == ["which of them?", None, None]
    assert len({update["update_id"] for update in api.pending}) == 3


async def test_a_group_has_people_topics_and_an_anonymous_admin(api, ann, bot):
    group = api.group("Patients", username="zelvanta_talk", forum=True)
    topic = group.topic("Side effects")
    said = group.says(ann, f"/help@{api.bot_username}", thread=topic)
    group.edits(said, "never mind")
    group.sends_photo(ann, "what is this?")
    group.admin.says("Please be kind")
    opened, message, edited, photo, kind = (update.effective_message for update in await bot.get_updates())
    assert (message.is_topic_message, message.reply_to_message) == (True, opened)
    assert (edited.text, photo.caption) == ("never mind", "what is this?")
    assert (kind.from_user.username, kind.sender_chat.id) == ("GroupAnonymousBot", group.id)
    await bot.send_message("@zelvanta_talk", "Write to me alone", message_thread_id=topic, reply_markup=keyboard())
    assert (await group.will_hear("alone")).message["is_topic_message"]
    ann.at(group, topic).presses("Yes")
    assert (await bot.get_updates())[-1].callback_query.message.chat.id == group.id


async def test_a_group_that_became_a_supergroup_is_elsewhere(api, ann, bot):
    group = api.group("Patients", supergroup=False)
    old, new = group.id, group.migrates()
    assert [update.message.chat.type for update in await bot.get_updates()] == ["group", "supergroup"]
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(old, "hello")
    assert moved.value.new_chat_id == new == group.id
    await bot.send_message(new, "hello")
    assert group.texts == ["hello"]


async def test_a_post_is_copied_into_the_discussion_where_people_comment(api, ann, bot):
    group = api.group("Talk")
    channel = api.channel("News", username="zelvanta_news", discussion=group)
    post = channel.posts("Zelvanta is here")
    channel.comments(ann, "does it help?", on=post)
    channel.edits(post, "Zelvanta is here!")
    posted, copied, comment, edited = await bot.get_updates()
    assert (posted.channel_post.text, edited.edited_channel_post.text) == ("Zelvanta is here", "Zelvanta is here!")
    assert (copied.message.is_automatic_forward, copied.message.forward_origin.chat.id) == (True, channel.id)
    assert comment.message.reply_to_message == copied.message
    await comment.message.reply_text("Write to me alone", message_thread_id=comment.message.message_thread_id)
    assert group.told[-1].message["message_thread_id"] == copied.message.message_id


async def test_a_whole_bot_lives_on_it(api, ann):
    async def echo(update: Update, context: object) -> None:
        await update.message.reply_text(update.message.text.upper())

    application = Application.builder().bot(client(api)).build()
    application.add_handler(MessageHandler(filters.TEXT, echo))
    async with polling(application):
        ann.says("hello")
        await ann.will_hear("HELLO")
        ann.says("again")
        await ann.will_hear(lambda told: told.text.isupper(), times=2)
    assert (ann.texts, api.pending) == (["HELLO", "AGAIN"], [])


async def test_waiting_in_the_bots_own_event_loop_is_refused_at_once(ann):
    with pytest.raises(AssertionError, match="hold up the event loop"):
        ann.hears("hello")
