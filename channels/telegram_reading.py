"""What people send on Telegram, as inquiries. Pure: an update in, an inquiry and its address out.

Shapes and terms: Bot API documentation, "Available types".
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from telegram import (
    Animation,
    Audio,
    Document,
    Message,
    PhotoSize,
    Update,
    User,
    Video,
    VideoNote,
    Voice,
)
from telegram.constants import ChatType, MessageEntityType
from telegram.ext import filters

from smi_bot.addresses import Address
from smi_bot.assistant import COMMANDS
from smi_bot.inquiry import Action, Attachment, Inquiry, PublicPost, Shared

NAME = "telegram"

#: What a deep link may carry (Bot API, "Deep linking").
_START = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PUBLIC = (ChatType.GROUP, ChatType.SUPERGROUP, ChatType.CHANNEL)


class Arrival(NamedTuple):
    """A message and where it is from. `forum`: the group whose members may be invited; None for a private chat."""

    inquiry: Inquiry
    address: Address
    forum: Address | None = None


def arrival(update: Update, us: User) -> Arrival | None:
    """What a person said, in private or in public; None for what nobody said, such as 'Ann joined the group'."""
    message = update.effective_message
    if message is None or update.callback_query is not None:
        return None
    if _is_silent(update, message):
        return None
    inquiry = _inquiry(update, message, us)
    if message.chat.type == ChatType.PRIVATE:
        return Arrival(_command(inquiry, us), Address(NAME, str(us.id), str(message.chat.id)))
    return _public(inquiry, message, us)


def replied_to(update: Update, us: User) -> Arrival | None:
    """The message that somebody replies to, as its author's own. Ours, a channel's copy and notices are no such."""
    message = update.effective_message
    to = message.reply_to_message if message is not None else None
    if to is None or to.is_automatic_forward or (to.from_user is not None and to.from_user.id == us.id):
        return None
    found = arrival(Update(update.update_id, message=to), us)
    if found is None:
        return None
    key = f"{NAME}:{us.id}:{to.chat.id}:{to.message_id}"
    return found._replace(inquiry=found.inquiry.model_copy(update={"key": key}))


def unreadable(raw: Mapping[str, Any], update_id: int, us_id: int, now: datetime) -> Arrival:
    """An update that the library cannot read, as its words and its chat: a person has to look at it."""
    kind, message = next(((k, v) for k, v in raw.items() if isinstance(v, dict)), ("", {}))
    said_in = message.get("chat")
    chat: dict[str, Any] = said_in if isinstance(said_in, dict) else {}
    words = [str(message[key]) for key in ("text", "caption", "data") if isinstance(message.get(key), str)]
    number, sent = chat.get("id"), message.get("edit_date") or message.get("date")
    at = datetime.fromtimestamp(sent, UTC) if isinstance(sent, int) and 0 < sent < 2**32 else None
    # A chat we know nothing of counts as private: then a person looks. But people's numbers are never negative.
    is_public = chat.get("type") in _PUBLIC or (isinstance(number, int) and number < 0)
    inquiry = Inquiry(
        key=_key(us_id, update_id, sent if isinstance(sent, int) else 0),
        channel=NAME,
        conversation="",
        sent_at=at or now,
        is_dated=at is not None,
        text="\n".join(words),
        edited=kind.startswith("edited"),
        shared="other",
        public=PublicPost() if is_public else None,
    )
    # Telegram refuses what is sent to chat 0, and the case says so.
    where = str(number) if isinstance(number, int) else "0"
    return Arrival(inquiry, Address(NAME, str(us_id), where, public=is_public))


def _is_silent(update: Update, message: Message) -> bool:
    """Service messages without words, and the positions of somebody who shares where they walk."""
    is_notice = bool(filters.StatusUpdate.ALL.check_update(update)) and not _noticed(message)
    return is_notice or (message.edit_date is not None and message.location is not None)


def _noticed(message: Message) -> list[str]:
    """What somebody typed into a list, a poll or the name of a topic: the platform tells of it by a notice."""
    words = [task.text for task in message.checklist_tasks_added.tasks] if message.checklist_tasks_added else []
    words += [message.poll_option_added.option_text] if message.poll_option_added else []
    topics = (message.forum_topic_created, message.forum_topic_edited)
    return words + [topic.name for topic in topics if topic is not None and topic.name]


def _inquiry(update: Update, message: Message, us: User) -> Inquiry:
    return Inquiry(
        key=_key(us.id, update.update_id, int((message.edit_date or message.date).timestamp())),
        channel=NAME,
        conversation="",
        sent_at=(message.edit_date or message.date).astimezone(UTC),
        text=_words(message),
        attachments=tuple(_attachments(message)),
        message=str(message.message_id),
        edited=message.edit_date is not None,
        reply_to=str(message.reply_to_message.message_id) if message.reply_to_message else "",
        forwarded=message.forward_origin is not None,
        quoted=_quoted(message),
        album=message.media_group_id or "",
        shared=_shared(message),
        locale=locale_of(message.from_user),
    )


def locale_of(sender: User | None) -> str:
    """ISO 639-1 code of the language their app is set to; empty where Telegram does not say."""
    code = (sender.language_code or "")[:2].lower() if sender else ""
    return code if code.isascii() and code.isalpha() else ""  # apps of all makes send it


def _key(us: int, update_id: int, at: int) -> str:
    """After a week of silence the platform begins its numbers anew, at random (Bot API, Update): with the time, too."""
    return f"{NAME}:{us}:{update_id}:{at}"


def _words(message: Message) -> str:
    """Everything a message says in words."""
    words = [message.text, message.caption]
    if message.contact:
        contact = message.contact
        words.append(" ".join(filter(None, (contact.first_name, contact.last_name, contact.phone_number))))
    if message.venue:
        words.append(message.venue.title)
    if message.poll:
        words += [message.poll.question, *(option.text for option in message.poll.options)]
    if message.checklist:
        words += [message.checklist.title, *(task.text for task in message.checklist.tasks)]
    words += _noticed(message)
    if message.sticker:
        words.append(message.sticker.emoji)
    if message.dice:
        words.append(message.dice.emoji)
    return "\n".join(filter(None, words))


def _quoted(message: Message) -> str:
    """Somebody else's words that were sent along from another chat; what stands in this chat has been read."""
    return message.quote.text if message.quote and message.external_reply else ""


def _shared(message: Message) -> Shared | None:
    if message.contact:
        return "contact"
    if message.location or message.venue:
        return "location"
    known = (message.text, message.caption, message.sticker, message.dice, *_files(message))
    return None if any(known) else "other"


_File = PhotoSize | Document | Voice | Audio | Video | VideoNote | Animation


def _files(message: Message) -> list[_File]:
    largest = message.photo[-1:]
    # An animation is sent as a document, too, for older bots.
    document = None if message.animation else message.document
    single = (document, message.voice, message.audio, message.video, message.video_note, message.animation)
    return [*largest, *(file for file in single if file is not None)]


def _attachments(message: Message) -> Iterator[Attachment]:
    for file in _files(message):
        yield Attachment(
            id=secrets.token_urlsafe(16),
            name=getattr(file, "file_name", None) or _default_name(file),
            media_type=getattr(file, "mime_type", None) or "application/octet-stream",
            size=file.file_size or 0,
            source=file.file_id,
        )


def _default_name(file: _File) -> str:
    names: dict[type, str] = {PhotoSize: "photo.jpg", Voice: "voice.ogg", Audio: "audio", VideoNote: "video.mp4"}
    return names.get(type(file), "video.mp4" if isinstance(file, Video | Animation) else "file")


def _command(inquiry: Inquiry, us: User) -> Inquiry:
    """A command by its plain name; with anything more than a start token behind it, it is a message like others."""
    if inquiry.edited or inquiry.forwarded or inquiry.attachments or inquiry.shared:
        return inquiry
    name, _, rest = inquiry.text.strip().partition(" ")
    plain, _, bot = name.partition("@")
    plain = plain.lower()
    if plain not in COMMANDS or (bot and bot.lower() != us.username.lower() if us.username else bot):
        return inquiry
    if not rest:
        return inquiry.model_copy(update={"text": plain})
    if plain == "/start" and _START.fullmatch(rest):
        action = Action(verb="start", value=rest)
        # The word stays in the text: it may have been typed, and is read for safety.
        return inquiry.model_copy(update={"text": f"{plain} {rest}", "action": action, "prompted_by": "menu"})
    return inquiry


def _public(inquiry: Inquiry, message: Message, us: User) -> Arrival:
    """A post in a group or channel. Who posts has a conversation of their own, in which nothing is ever said."""
    chat, sender = str(message.chat.id), message.sender_chat or message.from_user
    is_person = message.sender_chat is None and message.from_user is not None
    post = PublicPost(link=message.link or "", asks_us=is_person and _asks_us(message, us), place=_place(message))
    address = Address(NAME, str(us.id), chat, str(sender.id) if sender else "-", public=True)
    forum = Address(NAME, str(us.id), chat, public=True) if is_person else None
    return Arrival(inquiry.model_copy(update={"public": post}), address, forum)


def _asks_us(message: Message, us: User) -> bool:
    """Addressed to the bot: by name, by a command, as a reply, or as a comment under a post of the channel."""
    to = message.reply_to_message
    if to is not None and (to.is_automatic_forward or (to.from_user is not None and to.from_user.id == us.id)):
        return True
    mine = f"@{us.username}".lower()
    entities = {**message.parse_entities(), **message.parse_caption_entities()}
    return any(
        (entity.type == MessageEntityType.BOT_COMMAND and _is_for_us(words.lower(), mine))
        or (entity.type == MessageEntityType.MENTION and words.lower() == mine)
        or (entity.type == MessageEntityType.TEXT_MENTION and entity.user is not None and entity.user.id == us.id)
        for entity, words in entities.items()
    )


def _is_for_us(command: str, mine: str) -> bool:
    """In a group there may be other bots with commands of their own."""
    name, at, bot = command.partition("@")
    return at + bot == mine if at else name in COMMANDS


def _place(message: Message) -> str:
    """Where an invitation belongs: the forum topic, or under the channel's post that was commented."""
    if message.is_topic_message and message.message_thread_id:
        return f"topic:{message.message_thread_id}"
    to = message.reply_to_message
    return f"comment:{to.message_id}" if to is not None and to.is_automatic_forward else ""
