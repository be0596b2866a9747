"""Replies to Telegram: at its pace, in as many messages as they need, each once if Telegram lets us know."""

import asyncio
from collections.abc import Sequence
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters
from telegram.error import ChatMigrated, TelegramError

from channels.delivery import part_sent, parts_sent
from channels.telegram_client import WatchedBot, meaning
from channels.telegram_presses import carried
from channels.telegram_reading import NAME
from channels.telegram_text import Part, parts
from smi_bot.addresses import Address, address_of, chat_moved
from smi_bot.database import Database
from smi_bot.durable.pace import Pace, take_turn
from smi_bot.durable.rows import Clock
from smi_bot.errors import TryAgain, Unreachable
from smi_bot.inquiry import Button, Rendered
from smi_bot.public import INVITATION

_SEND = 8.0  # seconds for one message; below the outbox's own, after which it would count as a failure of ours
_SHORT = 16  # characters of a button that needs no more than half of a phone's width
_BETWEEN = 1.0  # seconds between two messages in one chat
_OVERALL = 1 / 25  # seconds between any two messages; Telegram allows about 30 a second
_BURST = 5  # messages at once after a rest


class Sending:
    """What goes out."""

    def __init__(self, database: Database, bot: WatchedBot, clock: Clock) -> None:
        self._database = database
        self._bot = bot
        self._clock = clock

    async def send(self, rendered: Rendered) -> str:
        """Sends the next message of a reply that is still to go; one that needs several asks to be called again."""
        async with self._database.reading() as tx:
            address = await address_of(tx, rendered.conversation)
        if address is None:
            raise Unreachable("the requester's address was erased")
        if address.account != str(self._bot.id):
            raise Unreachable("the requester wrote to another bot, which this service had before")
        is_public = address.public or address.chat.startswith("-")  # a person's number is never negative
        if is_public and not rendered.source.startswith(f"wording/{INVITATION}."):
            raise Unreachable("nothing is ever said in public")
        messages = parts(rendered)
        done = await parts_sent(self._database, rendered.reply) if len(messages) > 1 else 0
        await self._keep_pace(rendered.conversation)
        sent = await self._send(address, rendered, messages, min(done, len(messages) - 1))
        if done + 1 < len(messages):
            await part_sent(self._database, rendered.reply, done, sent)
            raise TryAgain("the rest of it is to follow", after=_BETWEEN)
        return sent

    async def _keep_pace(self, conversation: str) -> None:
        """Telegram's limits, held over restarts and among workers: one message a second a chat, and about 30 in all."""
        account = Pace(f"{NAME}:{self._bot.id}", _OVERALL, _BURST)
        wait = await take_turn(self._database, (account, Pace(conversation, _BETWEEN)), self._clock())
        if wait:
            raise TryAgain("Telegram's pace", after=wait)

    async def _send(self, address: Address, rendered: Rendered, messages: Sequence[Part], number: int) -> str:
        part, is_last = messages[number], number == len(messages) - 1
        try:
            async with asyncio.timeout(_SEND):
                message = await self._bot.send_message(
                    int(address.chat),
                    part.text,
                    entities=part.entities,
                    reply_markup=self._keyboard(rendered.buttons) if is_last else None,
                    # A preview would show what nobody approved.
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                    **_placed(rendered.place),
                )
        except ChatMigrated as moved:
            await chat_moved(self._database, NAME, address.account, address.chat, str(moved.new_chat_id))
            raise meaning(moved) from moved
        except TelegramError as error:
            raise meaning(error) from error
        except TimeoutError as slow:
            raise TryAgain("Telegram: too slow") from slow
        return str(message.message_id)

    def _keyboard(self, buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
        made = [self._button(button, place) for place, button in enumerate(buttons)]
        # Side by side only where the words of each are sure to be seen whole on a phone.
        columns = 2 if all(len(button.text) <= _SHORT for button in buttons) else 1
        rows = [made[first : first + columns] for first in range(0, len(made), columns)]
        return InlineKeyboardMarkup(rows) if rows else None

    def _button(self, button: Button, place: int) -> InlineKeyboardButton:
        if button.action.verb == "private-chat":  # a link that is the same for everybody
            return InlineKeyboardButton(button.text, url=f"{self._bot.bot.link}?start=forum")
        return InlineKeyboardButton(button.text, callback_data=carried(button.action, place))


def _placed(place: str) -> dict[str, Any]:
    """Where in a forum a message goes: a topic, or the comments under a post."""
    kind, _, number = place.partition(":")
    if kind == "topic":
        return {"message_thread_id": int(number)}
    if kind == "comment":
        return {"reply_parameters": ReplyParameters(int(number), allow_sending_without_reply=True)}
    return {}
