"""Erasing what a requester wrote and was told, but for what a case keeps under a legal duty.

The rows stay, without words and without the salt of their digests, so the journal's chain stays whole and says nothing.
"""

from collections.abc import Collection, Sequence
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
#: What is left of a message: when it came and what was pressed. All else goes, whatever fields messages may get.
_LEFT = ("key", "channel", "conversation", "sent_at", "is_dated", "action", "prompted_by")


async def erase(
    tx: Transaction,
    conversation: ConversationRow,
    until: int,
    messages: Collection[int],
    cases: Collection[int],
    now: datetime,
) -> None:
    """Erases a conversation but for the `messages` and `cases` that are kept.

    `until`: the message that asked for it. What came later nobody has read yet, and it may be a report.
    """
    kept_files: set[str] = set()
    said = sa.select(InboxRow).where(col(InboxRow.lane) == conversation.id)
    for row in (await tx.execute(said)).scalars():
        if row.id in messages or (row.id or 0) > until:
            kept_files |= {attachment.id for attachment in inquiry_of(row).attachments}
        else:
            _erase_message(row)
    await _erase_files(tx, conversation.id, kept_files, now)
    await _erase_replies(tx, conversation.id, cases, now)
    _reset(conversation)
    journal.note(tx, now, "erased", conversation.id, cases_kept=sorted(cases))
    if not cases:
        due = now + _LOOK_AGAIN
        await set_timer(tx, key=f"forget:{conversation.id}", kind="forget", subject=conversation.id, due=due)


def _erase_message(row: InboxRow) -> None:
    left = {key: row.payload[key] for key in _LEFT if key in row.payload} | {"erased": True}
    if (left["action"] or {}).get("verb") == "start":  # the word of a link, or whatever somebody typed there
        left["action"] = {**left["action"], "value": ""}
    row.payload = left


async def forget_posts(tx: Transaction, conversation: ConversationRow, rows: Sequence[InboxRow]) -> None:
    """Posts in public that are on no case: read for safety, and then none of our business, as who wrote them."""
    for row in rows:
        _erase_message(row)
    await tx.flush()
    if not await _has_words(tx, conversation.id):
        await addresses.forget(tx, conversation.id)
        await tx.delete(conversation)


async def _has_words(tx: Transaction, conversation: str) -> bool:
    is_erased = col(InboxRow.payload)["erased"].as_boolean()
    unerased = sa.select(col(InboxRow.id)).where(col(InboxRow.lane) == conversation, is_erased.is_not(True))
    return (await tx.execute(unerased.limit(1))).first() is not None


async def _erase_files(tx: Transaction, conversation: str, kept: Collection[str], now: datetime) -> None:
    """With the orders to fetch them, which name them."""
    files = sa.delete(AttachmentRow).where(
        col(AttachmentRow.conversation) == conversation, col(AttachmentRow.id).not_in(kept)
    )
    orders = [f"fetch:{id}" for id in (await tx.execute(files.returning(col(AttachmentRow.id)))).scalars()]
    for row in await _locked(tx, col(OutboxRow.key).in_(orders)):
        _drop(row, now)
        row.payload = {"conversation": conversation}


async def _erase_replies(tx: Transaction, conversation: str, cases: Collection[int], now: datetime) -> None:
    """What is still to be said is dropped: once said, its words would be kept again."""
    for row in await _locked(tx, col(OutboxRow.lane) == conversation):
        if row.payload.get("case") in cases:
            continue
        if _drop(row, now):
            journal.note(tx, now, "dropped", row.key, reply=row.id, conversation=conversation, attempts=row.attempts)
        if row.sent is not None:
            row.sent = {**{k: v for k, v in row.sent.items() if k != "salt"}, "markdown": "", "erased": True}
        if "text" in row.payload["part"]:
            row.payload = {**row.payload, "part": {**row.payload["part"], "text": ""}}


async def _locked(tx: Transaction, which: sa.ColumnElement[bool]) -> Sequence[OutboxRow]:
    """What is being settled at this moment is settled first, or finds itself dropped."""
    rows = sa.select(OutboxRow).where(which).order_by(col(OutboxRow.id)).with_for_update()
    return (await tx.execute(rows)).scalars().all()


def _drop(row: OutboxRow, now: datetime) -> bool:
    """Whether it was still to be done. The row stays: SQLite would give its number to the next one."""
    if row.state != "open":
        return False
    row.state, row.settled_at = "dropped", now
    return True


def _reset(conversation: ConversationRow) -> None:
    """As if they had never written; the notice comes again should they do so."""
    conversation.audience, conversation.audience_asked = None, False
    conversation.country, conversation.country_asked = None, False
    conversation.notice_version = conversation.notice_accepted = conversation.came_from = None


async def forget(tx: Transaction, row: TimerRow, now: datetime) -> datetime | None:
    """The handler of `forget` timers: deletes the address once the last reply has gone out.

    Not if the person wrote or pressed again: that is a new conversation in the same chat, which they may erase again.
    """
    waiting = sa.select(col(OutboxRow.id)).where(is_open(OutboxRow), col(OutboxRow.lane) == row.subject)
    if (await tx.execute(waiting.limit(1))).first() is not None:
        return now + _LOOK_AGAIN
    if not await _has_words(tx, row.subject):
        await addresses.forget(tx, row.subject)
    return None
