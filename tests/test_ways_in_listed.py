"""That no way in is missing from those that are tried.

Whoever adds a kind of event, of content or of button has to list it here: with the way by which it is tried, or with
the reason why it carries no words of a person.
"""

import importlib
import inspect
import pkgutil
from typing import get_args

import pytest
from telegram.constants import MessageType
from ways_in import WAYS, telegram  # noqa: F401 (fixtures)

import channels
from channels import web
from channels.telegram_profile import WANTED
from smi_bot.inquiry import Action, Attachment, Inquiry, PublicPost

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
