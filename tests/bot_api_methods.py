"""What each method of the Bot API does, and what it refuses in which words."""

import json
import re
from collections.abc import Callable
from typing import Any

from bot_api_refusals import Refusal, bad
from bot_api_world import Place, Told, World, units
from loopback import Json

LONGEST = 4096  # UTF-16 code units of a message
LARGEST = 20 * 2**20  # bytes of a file that a bot may fetch

STYLES = {
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
}
NAMES = {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"}
NEEDS = {"text_link": "url", "text_mention": "user", "custom_emoji": "custom_emoji_id", "date_time": "unix_time"}
ENTITIES = STYLES | NAMES | NEEDS.keys()

ACTIONS = {"typing", "choose_sticker", "find_location"} | {
    *("upload_photo", "upload_document", "upload_video", "upload_voice", "upload_video_note"),
    *("record_video", "record_voice", "record_video_note"),
}


# Messages


def send_message(world: World, params: Json) -> Json:
    place = _addressed(world, params)
    content = _words(params) | _keyboard(params) | _thread(place, params) | _replied(place, params)
    if preview := params.get("link_preview_options"):
        content["link_preview_options"] = preview
    return place.shows(params, **content)


def edit_message_text(world: World, params: Json) -> Json:
    parts = ("text", "entities", "reply_markup", "link_preview_options")
    return _edit(world, params, parts, lambda: _words(params) | _keyboard(params))


def edit_message_reply_markup(world: World, params: Json) -> Json:
    return _edit(world, params, ("reply_markup",), lambda: _keyboard(params))


def _edit(world: World, params: Json, parts: tuple[str, ...], content: Callable[[], Json]) -> Json:
    """Replaces these parts of a message of the bot's; a part that is not given goes."""
    told, new = _own(world, params), content()
    if new == {part: told.message[part] for part in parts if part in told.message}:
        raise bad(
            "message is not modified: specified new message content and reply markup are exactly the same"
            " as a current content and reply markup of the message"
        )
    kept = {name: value for name, value in told.message.items() if name not in parts}
    told.message = kept | new | {"edit_date": world.now()}
    told.edits += 1
    world.chats[told.message["chat"]["id"]].messages[told.message_id] = told.message
    return told.message


def delete_message(world: World, params: Json) -> bool:
    place = _addressed(world, params)
    if place.messages.pop(params["message_id"], None) is None:
        raise bad("message to delete not found")
    for told in place.told:
        told.deleted |= told.message_id == params["message_id"]
    return True


def send_chat_action(world: World, params: Json) -> bool:
    place = _addressed(world, params)
    if params.get("action") not in ACTIONS:
        raise bad("wrong parameter action in request")
    place.typing += params["action"] == "typing"
    return True


def answer_callback_query(world: World, params: Json) -> bool:
    shows_toast = world.presses.pop(str(params.get("callback_query_id")), None)
    if shows_toast is None:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    if len(text := params.get("text", "")) > 200:
        raise bad("MESSAGE_TOO_LONG")
    shows_toast(text)
    return True


def _addressed(world: World, params: Json) -> Place:
    """Where the bot wants to write, if it may."""
    id = params.get("chat_id")
    if id in world.migrated:
        why = "Bad Request: group chat was upgraded to a supergroup chat"
        raise Refusal(400, why, migrate_to_chat_id=world.migrated[id])
    named = {f"@{place.username}": place for place in world.chats.values() if place.kind != "private"}
    place = named.get(id) if isinstance(id, str) else world.chats.get(id)  # type: ignore[arg-type]
    if place is None or not place.known:
        raise bad("chat not found")
    if place.refuses:
        raise Refusal(403, f"Forbidden: {place.refuses}")
    return place


def _own(world: World, params: Json) -> Told:
    """The message of its own that the bot wants to edit."""
    place, id = _addressed(world, params), params.get("message_id")
    if id not in place.messages:
        raise bad("message to edit not found")
    own = [told for told in place.told if told.message_id == id]
    if not own:
        raise bad("message can't be edited")
    return own[0]


def _thread(place: Place, params: Json) -> Json:
    thread = params.get("message_thread_id")
    if thread is not None and thread not in place.threads:
        raise bad("message thread not found")
    return place.in_thread(thread)


def _replied(place: Place, params: Json) -> Json:
    wanted = params.get("reply_parameters")
    if not wanted:
        return {}
    message = place.messages.get(wanted["message_id"])
    if message is None:
        if wanted.get("allow_sending_without_reply"):
            return {}
        raise bad("message to be replied not found")
    if wanted.get("quote", "") not in (message.get("text") or message.get("caption") or ""):
        raise bad("QUOTE_TEXT_INVALID")
    return {"reply_to_message": {name: value for name, value in message.items() if name != "reply_to_message"}}


# Words and buttons


def _words(params: Json) -> Json:
    """Text and entities as Telegram keeps them: trimmed, and the entities moved along."""
    if "parse_mode" in params:
        raise bad("can't parse entities: this bot writes entities, not markup")  # ours: approved words are no markup
    given = str(params.get("text", ""))
    text = given.strip()
    if not text:
        raise bad("message text is empty")
    if units(text) > LONGEST:
        raise bad("message is too long")
    entities = params.get("entities") or []
    for entity in entities:
        _check_entity(entity, given)
    kept = _trimmed(entities, units(given) - units(given.lstrip()), units(text))
    return {"text": text, **({"entities": kept} if kept else {})}


def _check_entity(entity: Json, text: str) -> None:
    start, end = entity["offset"], entity["offset"] + entity["length"]
    if start < 0 or end <= start:
        raise bad(f"can't parse MessageEntity: it begins at offset {start} and ends at {end}")
    if end > units(text):
        raise bad(f"entity beginning at UTF-16 offset {start} ends after the end of the text at {units(text)}")
    if _splits_a_pair(text, start) or _splits_a_pair(text, end):
        raise bad(f"entity beginning at UTF-16 offset {start} begins or ends in a middle of a UTF-16 symbol")
    type = entity["type"]
    if type not in ENTITIES:
        raise bad("can't parse MessageEntity: unsupported type specified")
    if type in NEEDS and not entity.get(NEEDS[type]):
        raise bad(f"can't parse MessageEntity: can't find field \"{NEEDS[type]}\"")


def _trimmed(entities: list[Json], lead: int, length: int) -> list[Json]:
    """Entities of the text without the space around it. Of more than 100 Telegram keeps the first."""
    kept = []
    for entity in entities[:100]:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] + entity["length"] - lead, length)
        if start < end:
            kept.append(entity | {"offset": start, "length": end - start})
    return kept


def _splits_a_pair(text: str, offset: int) -> bool:
    try:
        text.encode("utf-16-le")[: offset * 2].decode("utf-16-le")
    except UnicodeDecodeError:
        return True
    return False


def _keyboard(params: Json) -> Json:
    markup = params.get("reply_markup")
    if not markup:
        return {}
    rows = markup.get("inline_keyboard")
    if rows is None:
        raise bad("this bot has inline keyboards only")  # ours: other keyboards put words into people's mouths
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100:
        raise bad("REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        _check_button(button)
    return {"reply_markup": {"inline_keyboard": rows}} if buttons else {}


def _check_button(button: Json) -> None:
    if not str(button.get("text", "")).strip():
        raise bad("can't parse inline keyboard button: button text must be non-empty")
    if ("callback_data" in button) == ("url" in button):
        raise bad("can't parse inline keyboard button: exactly one of callback_data and url must be given")
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https?|tg)://\S+$", button["url"]):
        raise bad("BUTTON_URL_INVALID")


# The bot itself


def get_me(world: World, params: Json) -> Json:
    abilities = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries", "has_main_web_app")
    return world.bot | dict.fromkeys(abilities, False)


def get_chat(world: World, params: Json) -> Json:
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    full = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(gifts, False)}
    return _addressed(world, params).json | full


def set_my_commands(world: World, params: Json) -> bool:
    commands = params.get("commands") or []
    if len(commands) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= len(command["description"]) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    world.commands[_for_whom(params)] = commands
    return True


def get_my_commands(world: World, params: Json) -> list[Json]:
    return world.commands.get(_for_whom(params), [])


def delete_my_commands(world: World, params: Json) -> bool:
    world.commands.pop(_for_whom(params), None)
    return True


def _for_whom(params: Json) -> tuple[str, str]:
    scope = params.get("scope") or {"type": "default"}
    return ":".join(str(scope[name]) for name in ("type", "chat_id", "user_id") if name in scope), _language(params)


def _language(params: Json) -> str:
    language = params.get("language_code") or ""
    if not re.fullmatch(r"([a-z]{2})?", language):
        raise bad("LANG_CODE_INVALID")
    return language


def _describes(name: str, longest: int) -> "Method":
    def set_description(world: World, params: Json) -> bool:
        if len(words := params.get(name) or "") > longest:
            raise bad(f"{name} is too long")
        world.descriptions[name, _language(params)] = words
        return True

    return set_description


def _described(name: str) -> "Method":
    return lambda world, params: {name: world.descriptions.get((name, _language(params)), "")}


# Files


def get_file(world: World, params: Json) -> Json:
    file = world.files.get(params.get("file_id", ""))
    if file is None:
        raise bad("wrong file_id or the file is temporarily unavailable")
    if file.size > LARGEST:
        raise bad("file is too big")
    return {**file.ids, "file_size": file.size, "file_path": file.path}


def file(world: World, params: Json) -> bytes:
    """Not a method: a file fetched under the path that getFile told."""
    found = [file.content for file in world.files.values() if file.path == params["path"]]
    if not found:
        raise Refusal(404, "Not Found")
    return found[0]


# Webhooks


def set_webhook(world: World, params: Json) -> bool:
    url = params.get("url", "")
    if url and not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", url):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", params.get("secret_token", "")):
        raise bad("secret token contains unallowed characters")
    return _listen(world, params, {"url": url} if url else {})


def delete_webhook(world: World, params: Json) -> bool:
    return _listen(world, params, {})


def _listen(world: World, params: Json, webhook: Json) -> bool:
    if params.get("drop_pending_updates"):
        world.pending.clear()
    if "allowed_updates" in params:
        world.allowed = params["allowed_updates"]
    if webhook:
        webhook |= {"max_connections": params.get("max_connections", 40), "secret": params.get("secret_token", "")}
    world.webhook = webhook
    return True


def get_webhook_info(world: World, params: Json) -> Json:
    shown = {name: value for name, value in world.webhook.items() if name != "secret"}
    fixed = {"url": "", "has_custom_certificate": False, "pending_update_count": len(world.undelivered)}
    return fixed | shown | ({"allowed_updates": world.allowed} if world.allowed else {})


# By name, and how their parameters are read

Method = Callable[[World, Json], Any]

METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "sendChatAction": send_chat_action,
    "answerCallbackQuery": answer_callback_query,
    "getMe": get_me,
    "getChat": get_chat,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "setMyDescription": _describes("description", 512),
    "getMyDescription": _described("description"),
    "setMyShortDescription": _describes("short_description", 120),
    "getMyShortDescription": _described("short_description"),
    "getFile": get_file,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
}

WORDS = {"text", "callback_query_id", "url", "secret_token", "file_id", "path", "action", "parse_mode"} | {
    *("description", "short_description", "language_code"),
}


def read(name: str, value: Any) -> Any:
    """A parameter of a form. Words stay words even if they look like a number."""
    if name in WORDS or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
