"""Our Telegram: what it sends, edits, refuses and keeps."""

import pytest
from bot_api_client import ann, api, bot, keyboard  # noqa: F401 (fixtures)
from serving import PNG
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)
from telegram.error import (
    BadRequest,
    Forbidden,
    InvalidToken,
)

# The client writes "Bad Request: …" anew, its first letter great and all others small: hence (?i) below.
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),  # it warns of its own RetryAfter
]


def bold(offset: int, length: int) -> MessageEntity:
    return MessageEntity("bold", offset, length)


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
