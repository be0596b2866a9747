"""The Bot API server of our tests, held against the real client: what it brings, keeps, refuses and breaks."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from bot_api import TOKEN, BotApi, Trouble
from bot_api_people import Person
from serving import PNG
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
    TelegramObject,
    Update,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import Application, MessageHandler, filters
from telegram.request import HTTPXRequest

# The client writes "Bad Request: …" anew, its first letter great and all others small: hence (?i) below.
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),  # it warns of its own RetryAfter
]


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture
def ann(api: BotApi) -> Person:
    return api.person("Ann", language_code="de")


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with client(api) as bot:
        yield bot


def client(api: BotApi, token: str = TOKEN, patience: float = 5.0) -> Bot:
    # verify=False: reading the certificates of the world takes longer than a test.
    requests = [HTTPXRequest(read_timeout=patience, httpx_kwargs={"verify": False}) for _ in range(2)]
    where = {"base_url": f"{api.url}/bot", "base_file_url": f"{api.url}/file/bot"}
    return Bot(token, **where, get_updates_request=requests[0], request=requests[1])


def keyboard(text: str = "Yes", **what: Any) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, **what or {"callback_data": "yes"})]])


def bold(offset: int, length: int) -> MessageEntity:
    return MessageEntity("bold", offset, length)


# Updates


async def test_an_update_comes_again_until_a_higher_offset_confirms_it(api, ann, bot):
    for text in ("one", "two", "three"):
        ann.says(text)
    first, second = await bot.get_updates(limit=2)
    assert [u.message.text for u in await bot.get_updates()] == ["one", "two", "three"]
    assert [u.message.text for u in await bot.get_updates(offset=second.update_id)] == ["two", "three"]
    assert [u["message"]["text"] for u in api.pending] == ["two", "three"]
    assert first.update_id + 1 == second.update_id


async def test_a_long_poll_is_answered_at_the_moment_of_the_update_or_when_its_time_is_up(api, ann, bot):
    polling = asyncio.create_task(bot.get_updates(timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    ann.says("hello")
    began = time.monotonic()
    assert [u.effective_user.language_code for u in await polling] == ["de"]
    assert time.monotonic() - began < 1
    assert await bot.get_updates(offset=api.pending[-1]["update_id"] + 1, timeout=1) == ()


async def test_a_second_poll_ends_the_first_and_a_webhook_forbids_both(api, ann, bot):
    first = asyncio.create_task(bot.get_updates(timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    second = asyncio.create_task(bot.get_updates(timeout=20))
    with pytest.raises(Conflict, match="terminated by other getUpdates"):
        await first
    await bot.set_webhook("https://bot.example/telegram")
    with pytest.raises(Conflict, match="webhook is active"):
        await second
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    assert [call.outcome for call in api.called("getUpdates")] == ["refused 409"] * 3


async def test_a_poll_whose_caller_died_ends(api, bot):
    polling = asyncio.create_task(bot.get_updates(timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    polling.cancel()
    await api.until(lambda: api.called("getUpdates")[0].outcome == "gone")


async def test_kinds_of_updates_that_were_not_asked_for_are_not_brought_and_that_is_remembered(api, ann, bot):
    await bot.get_updates(allowed_updates=["message"])
    edited = ann.says("one")
    ann.edits(edited, "won")
    ann.blocks()
    (update,) = await bot.get_updates()
    assert update.message.text == "one"
    await bot.get_updates(allowed_updates=[])
    ann.unblocks()
    assert (await bot.get_updates())[-1].my_chat_member.new_chat_member.status == "member"


async def test_an_update_may_come_again_after_it_was_confirmed(api, ann, bot):
    message = ann.says("one")
    ann.says("two")
    one, two = await bot.get_updates()
    api.repeat(message)
    assert await bot.get_updates(offset=two.update_id + 1) == (one,)
    assert await bot.get_updates(offset=two.update_id + 1) == ()


async def test_the_client_cannot_get_past_a_malformed_update(api, ann, bot):
    api.malformed()
    ann.says("hello")
    with pytest.raises((KeyError, TypeError)):
        await bot.get_updates()


class Hook(ThreadingHTTPServer):
    """A bot's webhook; answers 500 as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                nonlocal failures
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.got.append((self.headers["X-Telegram-Bot-Api-Secret-Token"], body))
                self.send_response(500 if failures else 200)
                self.end_headers()
                failures -= bool(failures)

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


async def test_a_webhook_is_brought_one_update_at_a_time_until_it_takes_it(api, ann, bot):
    hook = Hook(failures=2)
    api.hosts["https://bot.example"] = f"http://127.0.0.1:{hook.server_port}"
    message = ann.says("one")
    ann.says("two")
    await bot.set_webhook("https://bot.example/telegram", secret_token="s3cret", max_connections=1)
    await api.until(lambda: not api.undelivered)
    api.repeat(message)
    await api.until(lambda: not api.undelivered)
    assert [(secret, body["message"]["text"]) for secret, body in hook.got] == [
        *[("s3cret", "one")] * 3,
        ("s3cret", "two"),
        ("s3cret", "one"),
    ]
    assert [status for _, status in api.posted] == [500, 500, 200, 200, 200]
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count, info.max_connections) == ("https://bot.example/telegram", 0, 1)
    assert "500" in info.last_error_message
    hook.shutdown()
    hook.server_close()


async def test_what_a_webhook_never_took_goes_to_a_poll_and_dropping_is_on_record(api, ann, bot):
    await bot.set_webhook("http://127.0.0.1:9/")
    ann.says("one")
    await api.until(lambda: api.posted)
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook()
    assert len(await bot.get_updates()) == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == ()
    assert [call.params.get("drop_pending_updates") for call in api.called("deleteWebhook")] == [None, True]


# Sending


async def test_a_message_arrives_trimmed_with_its_entities_moved_along(api, ann, bot):
    theirs = ann.starts("from-a-leaflet")
    text = "\n 😀 Read *the* leaflet "
    sent = await bot.send_message(
        ann.id,
        text,
        entities=[bold(2, 8), MessageEntity("text_link", 15, 9, url="https://zelvanta.example")],
        reply_markup=keyboard(),
        reply_parameters=ReplyParameters(theirs["message_id"]),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        disable_notification=True,
    )
    told = ann.hears("leaflet")
    assert (sent.text, told.text, sent.message_id) == (text.strip(), text.strip(), told.message_id)
    assert (told.marked("bold"), told.marked("text_link")) == (["😀 Read "], [" leaflet"])
    assert (told.buttons, sent.reply_to_message.text) == (["Yes"], "/start from-a-leaflet")
    assert told.params["disable_notification"] is True
    assert [call.outcome for call in api.called("sendMessage")] == ["ok"]


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("", {}, "message text is empty"),
        (" \n\t ", {}, "message text is empty"),
        ("😀" * 2049, {}, "message is too long"),
        ("short", {"entities": [bold(0, 6)]}, "ends after the end"),
        ("short", {"entities": [bold(2, 0)]}, "begins at offset"),
        ("😀 x", {"entities": [bold(1, 2)]}, "middle of a UTF-16 symbol"),
        ("short", {"entities": [MessageEntity("glitter", 0, 2)]}, "unsupported type"),
        ("short", {"entities": [MessageEntity("text_link", 0, 2)]}, 'can\'t find field "url"'),
        ("*short*", {"parse_mode": "Markdown"}, "can't parse entities"),
        ("short", {"reply_markup": keyboard(callback_data="ü" * 33)}, "BUTTON_DATA_INVALID"),
        ("short", {"reply_markup": keyboard(url="leaflet")}, "BUTTON_URL_INVALID"),
        ("short", {"reply_markup": keyboard(url="https://x.example", callback_data="x")}, "exactly one"),
        ("short", {"reply_markup": keyboard(" ", callback_data="x")}, "must be non-empty"),
        ("short", {"reply_parameters": ReplyParameters(77)}, "message to be replied not found"),
        ("short", {"message_thread_id": 77}, "message thread not found"),
    ],
)
async def test_what_telegram_refuses_is_refused(api, ann, bot, text, more, why):
    ann.starts()
    with pytest.raises(BadRequest, match=f"(?i){why}"):
        await bot.send_message(ann.id, text, **more)
    assert [call.outcome for call in api.called("sendMessage")] == ["refused 400"]
    assert ann.told == []


async def test_whoever_did_not_write_or_shut_the_bot_out_gets_nothing(api, ann, bot):
    with pytest.raises(BadRequest, match="(?i)chat not found"):
        await bot.send_message(ann.id, "hello")
    ann.says("hello")
    ann.blocks()
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(ann.id, "hello")
    ann.unblocks()
    await bot.send_message(ann.id, "hello")
    ann.deactivates()
    with pytest.raises(Forbidden, match="deactivated"):
        await bot.send_chat_action(ann.id, "typing")
    assert ann.texts == ["hello"]


async def test_a_press_is_answered_once_and_buttons_can_change_and_go(api, ann, bot):
    ann.starts()
    asked = await bot.send_message(ann.id, "Are you a doctor?", reply_markup=keyboard())
    ann.presses("Yes")
    update = (await bot.get_updates())[-1]
    assert (update.callback_query.data, update.callback_query.message) == ("yes", asked)
    assert len(ann.unanswered) == 1
    await update.callback_query.answer("Thank you")
    with pytest.raises(BadRequest, match="(?i)query is too old"):
        await update.callback_query.answer("Thank you")
    assert (ann.toasts, ann.unanswered) == (["Thank you"], set())
    await asked.edit_text("You are a doctor.", reply_markup=keyboard("No"))
    assert (ann.texts, ann.told[0].buttons) == (["You are a doctor."], ["No"])
    await asked.edit_reply_markup()
    with pytest.raises(BadRequest, match="(?i)not modified"):
        await asked.edit_reply_markup()
    await asked.delete()
    with pytest.raises(BadRequest, match="(?i)message to edit not found"):
        await asked.edit_text("gone")
    assert (ann.told[0].buttons, ann.told[0].deleted, ann.told[0].edits) == ([], True, 2)


async def test_an_old_press_comes_with_a_message_that_cannot_be_seen(api, ann, bot):
    ann.presses_data("old")
    api.forget_presses()
    (update,) = await bot.get_updates()
    assert not update.callback_query.message.is_accessible
    with pytest.raises(BadRequest, match="(?i)query is too old"):
        await update.callback_query.answer()


async def test_commands_and_descriptions_are_kept_by_scope_and_language(api, ann, bot):
    ann.starts()
    commands = [BotCommand("help", "What I can do")]
    await bot.set_my_commands(commands)
    await bot.set_my_commands([BotCommand("hilfe", "Was ich kann")], language_code="de")
    await bot.set_my_commands([], scope=BotCommandScopeChat(ann.id))
    assert await bot.get_my_commands() == tuple(commands)
    assert set(api.commands) == {("default", ""), ("default", "de"), (f"chat:{ann.id}", "")}
    await bot.delete_my_commands(language_code="de")
    assert await bot.get_my_commands(language_code="de") == ()
    with pytest.raises(BadRequest, match="(?i)BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand("Help", "What I can do")])
    with pytest.raises(BadRequest, match="(?i)DESCRIPTION_INVALID"):
        await bot.set_my_commands([BotCommand("help", "x" * 257)])
    await bot.set_my_description("Answers about Zelvanta", "en")
    assert (await bot.get_my_description("en")).description == "Answers about Zelvanta"
    assert (await bot.get_me()).username == api.bot_username
    assert (await bot.get_chat(ann.id)).first_name == "Ann"


async def test_files_are_fetched_unless_they_are_too_big_or_gone(api, ann, bot):
    ann.sends_photo(content=PNG)
    ann.sends_document(file_size=20 * 2**20 + 1)
    photo, document = (update.message for update in await bot.get_updates())
    assert bytes(await (await photo.photo[-1].get_file()).download_as_bytearray()) == PNG
    with pytest.raises(BadRequest, match="(?i)file is too big"):
        await document.document.get_file()
    with pytest.raises(BadRequest, match="(?i)wrong file_id"):
        await bot.get_file("nonsense")
    file = await photo.photo[0].get_file()
    api.files.clear()
    with pytest.raises(InvalidToken):  # the client's name for any 404
        await file.download_as_bytearray()


# Trouble


async def test_a_wrong_token_and_an_unknown_method_are_told(api, bot):
    with pytest.raises(InvalidToken):
        await client(api, "123456:another").initialize()
    with pytest.raises(TelegramError, match="not found"):
        await bot.do_api_request("sendGlitter")


TROUBLES: list[tuple[Trouble, type[TelegramError], str, int]] = [
    (Trouble.status(500), NetworkError, "500", 0),
    (Trouble.status(429, retry_after=3), RetryAfter, "429", 0),
    (Trouble.status(403, description="Forbidden: no"), Forbidden, "403", 0),
    (Trouble.garbage(), TelegramError, "garbage", 0),
    (Trouble.drop_before(), NetworkError, "dropped before", 0),
    (Trouble.drop_after(), NetworkError, "dropped after", 1),
]


@pytest.mark.parametrize(("trouble", "error", "outcome", "delivered"), TROUBLES, ids=[t[2] for t in TROUBLES])
async def test_trouble_befalls_one_call(api, ann, bot, trouble, error, outcome, delivered):
    ann.starts()
    api.troubles("sendMessage", trouble)
    with pytest.raises(TelegramError) as raised:
        await bot.send_message(ann.id, "one")
    assert type(raised.value) is error
    assert len(ann.told) == delivered
    await bot.send_message(ann.id, "two")
    assert [call.outcome for call in api.called("sendMessage")] == [outcome, "ok"]


async def test_what_hangs_goes_on_when_released_unless_its_caller_has_gone(api, ann, bot):
    ann.starts()
    api.troubles("sendMessage", Trouble.hang(), Trouble.hang())
    with pytest.raises(TimedOut):
        await bot.send_message(ann.id, "one", read_timeout=0.05)
    await api.until(lambda: [call.outcome for call in api.called("sendMessage")] == ["gone"])
    sending = asyncio.create_task(bot.send_message(ann.id, "two"))
    await api.until(lambda: api.calls[-1].outcome == "hanging")
    api.release()
    await sending
    assert ann.texts == ["two"]


async def test_while_it_is_down_everything_fails_even_an_open_poll(api, ann, bot):
    ann.starts()
    polling = asyncio.create_task(bot.get_updates(offset=api.pending[-1]["update_id"] + 1, timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    with api.down(502):
        with pytest.raises(NetworkError, match="Bad Gateway"):
            await polling
        with pytest.raises(NetworkError):
            await bot.send_message(ann.id, "one")
    api.down(0)
    with pytest.raises(NetworkError):
        await bot.send_message(ann.id, "two")
    api.up()
    await bot.send_message(ann.id, "three")
    assert ann.texts == ["three"]


async def test_too_many_messages_must_wait(api, ann, bot):
    ann.starts()
    api.limits(per_chat=1, overall=30, burst=3)
    for number in range(3):
        await bot.send_message(ann.id, str(number))
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(ann.id, "too many")
    assert 1 <= refused.value._retry_after.total_seconds() <= 3
    bob = api.person("Bob")
    bob.starts()
    await bot.send_message(bob.id, "nobody else waits")


SENDS_TWICE = """
import asyncio, sys
from telegram import Bot

async def main():
    async with Bot(sys.argv[1], base_url=sys.argv[2] + "/bot") as bot:
        for text in ("one", "two"):
            await bot.send_message(int(sys.argv[3]), text)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("when", "told", "outcome"), [("before", [], "dropped before"), ("after", ["one"], "dropped after")]
)
def test_a_bot_can_be_killed_before_and_after_its_call_is_executed(api, ann, when, told, outcome):
    ann.starts()
    process = subprocess.Popen([sys.executable, "-c", SENDS_TWICE, TOKEN, api.url, str(ann.id)])

    def kill(method: str, at: str) -> bool:
        if (method, at) != ("sendMessage", when):
            return False
        os.kill(process.pid, signal.SIGKILL)
        return True

    api.on_call = kill
    assert process.wait(20) == -signal.SIGKILL
    api.wait(lambda: [call.outcome for call in api.called("sendMessage")] == [outcome])
    assert ann.texts == told


def test_it_starts_and_ends_at_once_even_with_a_poll_open():
    began = time.monotonic()
    with BotApi() as api:
        assert time.monotonic() - began < 0.3
        poll = f"import httpx; httpx.get('{api.url}/bot{TOKEN}/getUpdates?timeout=50', timeout=60, trust_env=False)"
        polling = subprocess.Popen([sys.executable, "-c", poll], stderr=subprocess.DEVNULL)
        api.wait(lambda: api.called("getUpdates"))
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    assert polling.wait(20) == 1  # its connection broke


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


@asynccontextmanager
async def polling(application: Application) -> AsyncIterator[None]:
    async with application:
        await application.start()
        await application.updater.start_polling(timeout=5)
        yield
        await application.updater.stop()
        await application.stop()


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
    with pytest.raises(AssertionError, match="will_hear"):
        ann.hears("hello")
