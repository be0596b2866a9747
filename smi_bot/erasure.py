"""Erasing what a requester wrote and was told, but for what a case keeps under a legal duty.

The rows stay, without words and without the salt of their digests, so the journal's chain stays whole and says nothing.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import col

from smi_bot import addresses, journal
from smi_bot.attachments import AttachmentRow
from smi_bot.burst import inquiry_of
from smi_bot.conversations import ConversationRow
from smi_bot.database import Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow, TimerRow, is_open
from smi_bot.durable.timers import set_timer

_LOOK_AGAIN = timedelta(minutes=1)


async def erase(
    tx: Transaction, conversation: ConversationRow, messages: Collection[int], cases: Collection[int], now: datetime
) -> None:
    """Erases a conversation but for the `messages` and `cases` that are kept."""
    inbound = sa.select(InboxRow).where(col(InboxRow.lane) == conversation.id, col(InboxRow.id).not_in(messages))
    kept_files: set[str] = set()
    for row in (await tx.execute(inbound)).scalars():
        _erase_message(row)
    for id in messages:
        kept_files |= {attachment.id for attachment in inquiry_of(await tx.get_one(InboxRow, id)).attachments}
    files = sa.delete(AttachmentRow).where(col(AttachmentRow.conversation) == conversation.id)
    await tx.execute(files.where(col(AttachmentRow.id).not_in(kept_files)))
    await _erase_replies(tx, conversation.id, cases)
    _reset(conversation)
    journal.note(tx, now, "erased", conversation.id, cases_kept=sorted(cases))
    if not cases:
        due = now + _LOOK_AGAIN
        await set_timer(tx, key=f"forget:{conversation.id}", kind="forget", subject=conversation.id, due=due)


def _erase_message(row: InboxRow) -> None:
    words = {"text": "", "quoted": "", "attachments": [], "erased": True}
    row.payload = {key: value for key, value in {**row.payload, **words}.items() if key != "salt"}


async def _erase_replies(tx: Transaction, conversation: str, cases: Collection[int]) -> None:
    told = sa.select(OutboxRow).where(col(OutboxRow.lane) == conversation, col(OutboxRow.state) != "open")
    for row in (await tx.execute(told)).scalars():
        if row.payload.get("case") in cases:
            continue
        if row.sent is not None:
            row.sent = {**{k: v for k, v in row.sent.items() if k != "salt"}, "markdown": "", "erased": True}
        if "text" in row.payload["part"]:
            row.payload = {**row.payload, "part": {**row.payload["part"], "text": ""}}


def _reset(conversation: ConversationRow) -> None:
    """As if they had never written; the notice comes again should they do so."""
    conversation.audience, conversation.audience_asked = None, False
    conversation.country, conversation.country_asked = None, False
    conversation.notice_version = conversation.notice_accepted = conversation.came_from = None


async def forget(tx: Transaction, row: TimerRow, now: datetime) -> datetime | None:
    """The handler of `forget` timers: deletes the address once the last reply has gone out.

    Not if the person wrote again: that is a new conversation in the same chat, which they may erase again.
    """
    waiting = sa.select(col(OutboxRow.id)).where(is_open(OutboxRow), col(OutboxRow.lane) == row.subject)
    if (await tx.execute(waiting.limit(1))).first() is not None:
        return now + _LOOK_AGAIN
    unerased = sa.select(col(InboxRow.id)).where(
        col(InboxRow.lane) == row.subject, col(InboxRow.kind) == "message", col(InboxRow.payload)["erased"].is_(None)
    )
    if (await tx.execute(unerased.limit(1))).first() is None:
        await addresses.forget(tx, row.subject)
    return None
