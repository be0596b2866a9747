"""Updates as inquiries: whatever Telegram brings, nothing raises, words are kept, and what cannot be stored is mended."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fakes import Clock
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from libraries import NOW
from serving import RASH
from telegram import User

from channels.telegram import TelegramChannel
from channels.telegram_reading import Arrival
from smi_bot.settings import Settings
from smi_bot.text import repair

Json = dict[str, Any]

US = User(123456, "SMI", is_bot=True, username="smi_test_bot")
ANN: Json = {"id": 7_000_000_001, "is_bot": False, "first_name": "Ann", "language_code": "de"}
PRIVATE: Json = {"id": ANN["id"], "type": "private", "first_name": "Ann"}
GROUP: Json = {"id": -1_001_000_000_001, "type": "supergroup", "title": "Patients"}
NEWS: Json = {"id": -1_002_000_000_001, "type": "channel", "title": "News"}
FILE: Json = {"file_id": "BQ1", "file_unique_id": "u1", "file_size": 5}


@pytest.fixture(scope="module")
def channel() -> TelegramChannel:
    """The real channel, which knows who it is but nobody else: reading needs neither database nor network."""
    given = Settings(_env_file=None, telegram_token="123456:TEST", telegram_api="http://127.0.0.1:9")
    nothing: Any = None
    channel = TelegramChannel(nothing, nothing, nothing, Clock(NOW), nothing, given)
    channel._bot._bot_user = US
    return channel


def reads(channel: TelegramChannel, raw: Json) -> Arrival | None:
    """What the channel makes of an update, whichever way it came in."""
    return channel._read(channel._bot.read(raw))


def message(chat: Json = PRIVATE, **content: Any) -> Json:
    return {"message_id": 5, "date": 1_795_000_000, "chat": chat, "from": ANN, **content}


def update(kind: str = "message", chat: Json = PRIVATE, **content: Any) -> Json:
    return {"update_id": 9, kind: message(chat, **content)}


def inquiry_of(channel: TelegramChannel, **content: Any):
    arrived = reads(channel, update(**content))
    assert arrived is not None
    return arrived.inquiry


# One by one


@pytest.mark.parametrize(
    ("content", "text", "shared"),
    [
        ({"text": "hello"}, "hello", None),
        ({"photo": [FILE | {"width": 1, "height": 1}], "caption": "look"}, "look", None),
        ({"sticker": FILE | {"emoji": "👍", "type": "regular", "width": 1, "height": 1, "is_animated": False,
                             "is_video": False}}, "👍", None),
        ({"dice": {"emoji": "🎯", "value": 3}}, "🎯", None),
        ({"contact": {"first_name": "Bob", "phone_number": "+1555"}}, "Bob +1555", "contact"),
        ({"location": {"latitude": 1.0, "longitude": 2.0}}, "", "location"),
        ({"venue": {"title": "Hill", "address": "A", "location": {"latitude": 1.0, "longitude": 2.0}},
          "location": {"latitude": 1.0, "longitude": 2.0}}, "Hill", "location"),
        ({"checklist": {"title": "List", "tasks": [{"id": 1, "text": "one"}]}}, "List\none", "other"),
        ({"story": {"chat": NEWS, "id": 1}}, "", "other"),
        ({}, "", "other"),
    ],
)  # fmt: skip
def test_each_kind_of_content_is_read_as_its_words(channel, content, text, shared):
    inquiry = inquiry_of(channel, **content)
    assert (inquiry.text, inquiry.shared) == (text, shared)


def test_an_inquiry_says_what_it_replies_to_what_it_belongs_to_and_where_it_is_from(channel):
    origin = {"type": "hidden_user", "sender_user_name": "X", "date": 1}
    to = message(text="before") | {"message_id": 4}
    inquiry = inquiry_of(channel, text="t", reply_to_message=to, media_group_id="13", forward_origin=origin)
    assert (inquiry.message, inquiry.reply_to, inquiry.album, inquiry.forwarded) == ("5", "4", "13", True)
    assert (inquiry.locale, inquiry.edited, inquiry.key) == ("de", False, "telegram:123456:9:1795000000")
    edited = reads(channel, update("edited_message", text="t", edit_date=1_795_000_060))
    assert edited.inquiry.edited
    assert (edited.inquiry.sent_at - inquiry.sent_at).total_seconds() == 60


def test_words_quoted_from_another_chat_are_kept_and_those_from_this_chat_were_read_before(channel):
    origin = {"type": "channel", "chat": NEWS, "message_id": 1, "date": 1}
    quote = {"text": RASH, "position": 0}
    assert inquiry_of(channel, text="so?", quote=quote, external_reply={"origin": origin}).quoted == RASH
    assert inquiry_of(channel, text="so?", quote=quote, reply_to_message=message(text=RASH)).quoted == ""


@pytest.mark.parametrize(
    "content",
    [{"new_chat_title": "x"}, {"pinned_message": message(text="x")}, {"left_chat_member": ANN}]
    + [{"location": {"latitude": 1.0, "longitude": 2.0}, "edit_date": 1_795_000_060}],
)
def test_what_nobody_said_is_no_inquiry(channel, content):
    assert reads(channel, update("edited_message" if "edit_date" in content else "message", **content)) is None


@pytest.mark.parametrize("kind", ["my_chat_member", "inline_query", "poll", "business_message", "message_reaction"])
def test_an_update_that_holds_no_message_is_no_inquiry_or_goes_to_a_person(channel, kind):
    arrived = reads(channel, {"update_id": 9, kind: {"id": "1"}})
    assert arrived is None or arrived.inquiry.shared == "other"


@pytest.mark.parametrize("name", ["Rash.PDF", "", None])
def test_a_file_has_a_name_whatever_telegram_says(channel, name):
    named = {} if name is None else {"file_name": name}
    (file,) = inquiry_of(channel, document=FILE | named).attachments
    assert (file.name, file.media_type, file.source) == (name or "file", "application/octet-stream", "BQ1")


@pytest.mark.parametrize("code", ["de", "DE-at", "de_AT"])
def test_the_language_of_an_app_is_two_letters(channel, code):
    assert inquiry_of(channel, text="x", **{"from": ANN | {"language_code": code}}).locale == "de"


@pytest.mark.parametrize("code", ["", "\0\0", "\ud800x", "日本", "1-"])
def test_a_language_that_is_none_is_unknown(channel, code):
    assert inquiry_of(channel, text="x", **{"from": ANN | {"language_code": code}}).locale == ""


@pytest.mark.parametrize(
    ("text", "read", "token"),
    [
        ("/start leaflet-1", "/start leaflet-1", "leaflet-1"),
        ("/Start@SMI_test_bot x", "/start x", "x"),
        ("/start two words", "/start two words", None),
        (f"/start {'x' * 65}", f"/start {'x' * 65}", None),
        ("/start ümlaut", "/start ümlaut", None),
        ("/help token", "/help token", None),
        ("/help@smi_test_bot", "/help", None),
        ("/help@another_bot", "/help@another_bot", None),
        ("say /help", "say /help", None),
    ],
)
def test_a_command_goes_by_its_plain_name_and_start_may_carry_a_token(channel, text, read, token):
    inquiry = inquiry_of(channel, text=text)
    assert (inquiry.text, inquiry.action and inquiry.action.value) == (read, token)


@pytest.mark.parametrize("chat", [GROUP, NEWS, GROUP | {"type": "group"}])
def test_a_post_in_public_is_public_even_if_it_cannot_be_read(channel, chat):
    for raw in (update(chat=chat, text=RASH), {"update_id": 9, "message": {"chat": chat, "text": RASH}}):
        arrived = reads(channel, raw)
        assert arrived.inquiry.public is not None
        assert (arrived.address.public, arrived.address.chat) == (True, str(chat["id"]))
        assert arrived.inquiry.text == RASH


def test_what_comes_from_nobody_knows_where_goes_to_a_person_and_cannot_be_answered(channel):
    arrived = reads(channel, {"update_id": 9, "message": {"message_id": 1, "text": RASH}})
    assert (arrived.inquiry.public, arrived.inquiry.shared, arrived.inquiry.text) == (None, "other", RASH)
    assert (arrived.address.public, arrived.address.chat) == (False, "0")


# Whatever comes

ODD = st.text(st.characters(categories=None), max_size=20) | st.sampled_from(["\0", "\ud800", "/help", "x" * 5000])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | ODD
JUNK = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3), max_leaves=6
)
SIZED: Json = {"width": 1, "height": 1}
CONTENTS = st.sampled_from([
    {},
    {"photo": [FILE | SIZED, FILE | SIZED]},
    {"document": FILE | {"file_name": "a.pdf", "mime_type": "application/pdf"}},
    {"voice": FILE | {"duration": 1, "mime_type": "audio/ogg"}},
    {"video": FILE | SIZED | {"duration": 1, "file_name": "v.mp4"}},
    {"audio": FILE | {"duration": 1, "title": "t", "performer": "p"}},
    {"video_note": FILE | {"duration": 1, "length": 1}},
    {"animation": FILE | SIZED | {"duration": 1}, "document": FILE},
    {"dice": {"emoji": "🎲", "value": 1}},
    {"sticker": FILE | SIZED | {"type": "regular", "is_animated": False, "is_video": False, "emoji": "x"}},
    {"contact": {"first_name": "Bob", "last_name": "Stone", "phone_number": "+1555"}},
    {"location": {"latitude": 1.5, "longitude": 2.5, "live_period": 900}},
    {"poll": {"id": "1", "question": "q", "options": [{"text": "o", "voter_count": 0, "persistent_id": "1"}],
              "total_voter_count": 0, "type": "regular", "is_anonymous": True, "is_closed": False,
              "allows_multiple_answers": False, "allows_revoting": False, "members_only": False}},
    {"story": {"chat": NEWS, "id": 1}},
    {"reply_to_message": message(text="before"), "quote": {"text": "q", "position": 0}},
    {"external_reply": {"origin": {"type": "hidden_user", "sender_user_name": "X", "date": 1}},
     "quote": {"text": "q", "position": 0}},
    {"forward_origin": {"type": "user", "sender_user": ANN, "date": 1}},
    {"entities": [{"type": "bot_command", "offset": 0, "length": 5}]},
    {"is_topic_message": True, "message_thread_id": 3},
    {"media_group_id": "13"},
])  # fmt: skip
KINDS = st.sampled_from(["message", "edited_message", "channel_post", "edited_channel_post"])


@st.composite
def updates(draw: st.DrawFn) -> Json:
    """A message of any kind from anywhere, as Telegram has it."""
    content = draw(CONTENTS) | {draw(st.sampled_from(["text", "caption"])): draw(ODD)}
    kind = draw(KINDS)
    if kind.startswith("edited"):
        content |= {"edit_date": 1_795_000_060}
    return json.loads(json.dumps(update(kind, draw(st.sampled_from([PRIVATE, GROUP, NEWS])), **content)))


@st.composite
def broken_updates(draw: st.DrawFn) -> Json:
    """The same with things changed, missing or added anywhere, as no Telegram has it, or has it only next year."""
    raw = draw(updates())
    for _ in range(draw(st.integers(1, 3))):
        where, key = draw(st.sampled_from(sorted(_places(raw), key=lambda place: str(place[1])) or [(raw, "x")]))
        if key != "update_id" and key in where:
            where[key] = draw(JUNK)
            if draw(st.booleans()):
                del where[key]
        where[draw(ODD)] = draw(JUNK)
    return raw


def _places(value: Json) -> Iterator[tuple[Json, str]]:
    for key, inner in value.items():
        yield value, key
        if isinstance(inner, dict):
            yield from _places(inner)


def said(raw: Json) -> list[str]:
    """What a person wrote in an update."""
    told = next((value for key, value in raw.items() if key != "update_id" and isinstance(value, dict)), {})
    return [repair(told[part]) for part in ("text", "caption") if isinstance(told.get(part), str) and told[part]]


def is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


@settings(max_examples=150, deadline=None)
@given(updates())
@example(update(document=FILE | {"file_name": "\ud800\0", "mime_type": "a/\0"}, text="\ud800\0"))
@example(update(text="x", **{"from": ANN | {"language_code": "\0\0"}}))
def test_what_people_write_is_kept_and_can_be_stored(channel, raw):
    arrived = reads(channel, raw)
    assume(not (arrived is None and "location" in str(raw)))  # where somebody walks is no message
    assert arrived is not None
    inquiry = arrived.inquiry
    assert all(words in inquiry.text for words in said(raw))
    assert is_storable(json.dumps(inquiry.model_dump(mode="json"), ensure_ascii=False).replace("\\u0000", "\0"))


@settings(max_examples=300, deadline=None)
@given(broken_updates())
@example({"update_id": 9})
@example({"update_id": 9, "message": None})
@example({"update_id": 9, "message": []})
@example({"update_id": 9, "message": {"chat": {"id": "\0"}, "text": "x"}})
@example(update(text="x") | {"callback_query": {"id": 1}})
@example(update(chat={"id": [], "type": {}}, text="x"))
@example(update(text="x", entities=[{"type": "mention", "offset": -5, "length": 10**9}], chat=GROUP))
@example(update(text="x", date=10**18))
@example(update(text="x", date=-(10**18)))
def test_nothing_that_comes_raises_and_no_words_are_lost(channel, raw):
    arrived = reads(channel, raw)
    assert arrived is None or all(words in arrived.inquiry.text for words in said(raw))
