"""Buttons under our messages: what they carry to Telegram, and what comes back when one is pressed.

A button carries the reply it stands under and its place there; what it means is looked up in what was really offered,
so nobody can press what nobody showed them.
"""

import re
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col
from telegram import CallbackQuery, Update

from channels.telegram_reading import NAME, locale_of
from smi_bot.database import Database
from smi_bot.durable.rows import OutboxRow
from smi_bot.inquiry import Action, Inquiry, PromptedBy, Reply

#: Buttons that mean the same however often they are pressed; those that ask for something or set it are no such.
_ONCE = {
    "answer",
    "details",
    "none-of-these",
    "helpful",
    "not-helpful",
    "accept-notice",
    "delete-confirm",
    "delete-cancel",
    "follow-up",
    "follow-up-end",
}
STALE = Action(verb="stale")
#: What we let buttons carry. An app can be made to send anything else, NULs and lone surrogates too: no database takes
#: these, and what cannot be asked of the database can never be committed.
_CARRIED = re.compile(r"([A-Za-z0-9_.-]{1,60}):(0|[1-9][0-9]{0,2})")


def carried(action: Action, place: int) -> str:
    """What a button carries: at most 64 bytes (Bot API, InlineKeyboardButton)."""
    return f"{action.reply}:{place}"


async def press(
    database: Database, conversation: str, update: Update, query: CallbackQuery, us: int, now: datetime
) -> Inquiry:
    """The press as an inquiry. A button that we do not know, or not from this chat, is stale."""
    known = _CARRIED.fullmatch(query.data or "")
    reply, place = known.groups() if known else ("", "")
    action = await _offered(database, conversation, reply, int(place)) if known else STALE
    key = f"{NAME}:{us}:{update.update_id}:{query.id}"
    if action.verb in _ONCE:  # the same key again: a repeat, whoever repeats it
        key = f"{NAME}:{us}:press:{conversation}:{reply}:{place}"
    return Inquiry(
        key=key,
        channel=NAME,
        conversation=conversation,
        sent_at=now,
        is_dated=False,  # Telegram does not say when a button was pressed
        text="" if known else query.data or "",  # no button of ours, so words perhaps: they are read for safety
        action=action,
        prompted_by=_prompted_by(action),
        locale=locale_of(query.from_user),
    )


async def _offered(database: Database, conversation: str, reply: str, number: int) -> Action:
    query = sa.select(OutboxRow).where(col(OutboxRow.key) == reply, col(OutboxRow.lane) == conversation)
    async with database.reading() as tx:
        row = (await tx.execute(query)).scalars().first()
    if row is None or row.way != "delivery":
        return STALE
    choices = Reply.model_validate(row.payload).choices
    return choices[number].action.model_copy(update={"reply": reply}) if number < len(choices) else STALE


def _prompted_by(action: Action) -> PromptedBy:
    return "suggestion" if action.verb == "answer" else "menu"
