"""Every query about cases."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from escalation.case import Case, CaseEvent, EventAudience, EventKind, fold
from smi_bot.database import BigKey, Instant, Json, Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow, is_open
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import SpecialistPart

#: A conversation, and the platform's id of a message in it.
MessageKey = tuple[str, str]

_NO_ID = 2**63  # more than a database can count


class CaseRow(SQLModel, table=True):
    """A case; everything about it is in its events. `previous`: the closed case it follows."""

    __tablename__ = "case"
    __table_args__ = (sa.Index("case_conversation", "conversation", "id"),)

    id: int | None = Field(default=None, sa_type=BigKey, primary_key=True)
    conversation: str
    opened_at: datetime = Field(sa_type=Instant)
    previous: int | None = Field(default=None, sa_type=BigKey)


class CaseEventRow(SQLModel, table=True):
    """One event of a case; never changed, but for erasing what people wrote."""

    __tablename__ = "case_event"
    __table_args__ = (sa.Index("case_event_case", "case_id", "id"),)

    id: int | None = Field(default=None, sa_type=BigKey, primary_key=True)
    case_id: int = Field(sa_type=BigKey, foreign_key="case.id")
    at: datetime = Field(sa_type=Instant)
    kind: str
    audience: str
    actor: str
    body: dict[str, Any] = Field(sa_type=Json)


async def new_case(tx: Transaction, conversation: str, previous: int | None, now: datetime) -> int:
    row = CaseRow(conversation=conversation, opened_at=now, previous=previous)
    tx.add(row)
    await tx.flush()
    return _id(row.id)


async def add_event(
    tx: Transaction,
    case_id: int,
    now: datetime,
    kind: EventKind,
    actor: str,
    body: dict[str, Any],
    audience: EventAudience = "internal",
) -> int:
    row = CaseEventRow(case_id=case_id, at=now, kind=kind, audience=audience, actor=actor, body=body)
    tx.add(row)
    await tx.flush()
    tx.rings.add("desk")
    return _id(row.id)


async def erase_words(tx: Transaction, case: Case) -> None:
    """Takes out of a case's events what people wrote."""
    query = sa.select(CaseEventRow).where(col(CaseEventRow.case_id) == case.id)
    for row in (await tx.execute(query)).scalars():
        row.body = {
            key: "" if key in ("text", "note") and isinstance(value, str) else value for key, value in row.body.items()
        }


async def is_told(tx: Transaction, lane: str, priority: int) -> bool:
    """Whether a desk post waits that nobody has begun to send; whatever waits gets the case's present priority.

    Locked: whoever would begin it now passes it over until this transaction, and what it changes, is there to see.
    """
    waiting = sa.select(OutboxRow).where(is_open(OutboxRow), col(OutboxRow.lane) == lane).order_by(col(OutboxRow.id))
    rows = (await tx.execute(waiting.with_for_update(skip_locked=True))).scalars().all()
    for row in rows:
        row.priority = priority
    return any(row.attempts == 0 for row in rows)


async def latest_case(tx: Transaction, conversation: str) -> Case | None:
    """The conversation's last case, open or closed, locked until the transaction ends."""
    of_conversation = sa.select(CaseRow).where(col(CaseRow.conversation) == conversation)
    row = (
        (await tx.execute(of_conversation.order_by(col(CaseRow.id).desc()).limit(1).with_for_update()))
        .scalars()
        .first()
    )
    return await _folded(tx, row) if row else None


async def cases_of(tx: Transaction, conversation: str) -> list[Case]:
    """All cases of a conversation, the first one first."""
    query = sa.select(CaseRow).where(col(CaseRow.conversation) == conversation).order_by(col(CaseRow.id))
    return [await _folded(tx, row) for row in (await tx.execute(query)).scalars()]


async def case(tx: Transaction, id: int, *, lock: bool = False) -> Case:
    """Raises NotAllowed where there is no such case."""
    row = await tx.get(CaseRow, id, with_for_update=True if lock else None) if id < _NO_ID else None
    if row is None:
        raise NotAllowed(f"There is no case SMI-{id}.")
    return await _folded(tx, row)


async def case_if_free(tx: Transaction, id: int) -> Case | None:
    """The case, locked; None while another transaction has it locked."""
    row = await tx.get(CaseRow, id, with_for_update={"skip_locked": True})
    return await _folded(tx, row) if row else None


async def cases(tx: Transaction, *, closed_limit: int = 20) -> list[Case]:
    """All cases that are not closed, and the latest closed ones; newest first."""
    closed = sa.select(col(CaseEventRow.case_id)).where(col(CaseEventRow.kind) == "closed")
    unfinished = sa.select(CaseRow).where(col(CaseRow.id).not_in(closed))
    finished = (
        sa.select(CaseRow).where(col(CaseRow.id).in_(closed)).order_by(col(CaseRow.id).desc()).limit(closed_limit)
    )
    rows = [*(await tx.execute(unfinished)).scalars(), *(await tx.execute(finished)).scalars()]
    events = await _events(tx, [_id(row.id) for row in rows])
    return [fold(_id(row.id), row.conversation, row.previous, events[_id(row.id)]) for row in rows]


async def _folded(tx: Transaction, row: CaseRow) -> Case:
    id = _id(row.id)
    return fold(id, row.conversation, row.previous, (await _events(tx, [id]))[id])


async def _events(tx: Transaction, ids: Sequence[int]) -> dict[int, list[CaseEvent]]:
    query = sa.select(CaseEventRow).where(col(CaseEventRow.case_id).in_(ids)).order_by(col(CaseEventRow.id))
    found: dict[int, list[CaseEvent]] = {id: [] for id in ids}
    for row in (await tx.execute(query)).scalars():
        found[row.case_id].append(_event(row))
    return found


def _event(row: CaseEventRow) -> CaseEvent:
    values = {"kind": row.kind, "audience": row.audience, "actor": row.actor, "body": row.body}
    return CaseEvent(id=_id(row.id), at=row.at, **values)  # type: ignore[arg-type]  # words we wrote ourselves


async def messages(tx: Transaction, ids: Sequence[int]) -> dict[int, InboxRow]:
    """Inbound messages by id."""
    rows = (await tx.execute(sa.select(InboxRow).where(col(InboxRow.id).in_(ids)))).scalars()
    return {_id(row.id): row for row in rows}


async def versions(tx: Transaction, rows: Collection[InboxRow]) -> dict[MessageKey, list[InboxRow]]:
    """What these messages edit or reply to of the requester's own: all versions of each message, oldest first."""
    found: dict[MessageKey, list[InboxRow]] = {key: [] for key in _referred_to(rows)}
    if not found:
        return found
    lanes, ids = zip(*found, strict=True)
    named = (col(InboxRow.lane).in_(lanes), col(InboxRow.payload)["message"].as_string().in_(ids))
    for row in (await tx.execute(sa.select(InboxRow).where(*named).order_by(col(InboxRow.id)))).scalars():
        if (key := (row.lane, row.payload["message"])) in found:
            found[key].append(row)
    return found


async def told(tx: Transaction, rows: Collection[InboxRow]) -> dict[MessageKey, OutboxRow]:
    """What these messages reply to of our own."""
    referred_to = _referred_to(rows)
    if not referred_to:
        return {}
    lanes, ids = zip(*referred_to, strict=True)
    named = (col(OutboxRow.lane).in_(lanes), col(OutboxRow.platform_id).in_(ids))
    replies = (await tx.execute(sa.select(OutboxRow).where(*named))).scalars()
    return {(row.lane, row.platform_id): row for row in replies if row.platform_id}


def _referred_to(rows: Collection[InboxRow]) -> set[MessageKey]:
    edited = {(row.lane, str(row.payload["message"])) for row in rows if row.payload.get("edited")}
    replied_to = {(row.lane, str(row.payload.get("reply_to", ""))) for row in rows}
    return {(lane, id) for lane, id in edited | replied_to if id}


async def deliveries(tx: Transaction, keys: Sequence[str]) -> dict[str, OutboxRow]:
    """Outbound replies by key."""
    rows = (await tx.execute(sa.select(OutboxRow).where(col(OutboxRow.key).in_(keys)))).scalars()
    return {row.key: row for row in rows}


async def bot_replies(tx: Transaction, conversations: Sequence[str]) -> dict[str, list[OutboxRow]]:
    """By conversation: the answers the bot sent by itself, and whatever of its own could not be delivered so far."""
    kind = col(OutboxRow.payload)["part"]["kind"].as_string()
    answered = sa.and_(col(OutboxRow.state) == "sent", kind == "entry")
    troubled = sa.and_(
        col(OutboxRow.state).in_(("open", "failed")), col(OutboxRow.error).is_not(None), kind != "specialist"
    )
    of_bot = (col(OutboxRow.lane).in_(conversations), col(OutboxRow.way) == "delivery", sa.or_(answered, troubled))
    found: dict[str, list[OutboxRow]] = {}
    for row in (await tx.execute(sa.select(OutboxRow).where(*of_bot).order_by(col(OutboxRow.id)))).scalars():
        found.setdefault(row.lane, []).append(row)
    return found


async def wrote(tx: Transaction, part: SpecialistPart, conversation: str) -> bool:
    """Whether a specialist really wrote these words, and to this requester. Erased words are nobody's."""
    row = await tx.get(CaseEventRow, part.event)
    if row is None or row.kind != "replied" or not part.text or row.body.get("text") != part.text:
        return False
    return (await tx.get_one(CaseRow, row.case_id)).conversation == conversation


def _id(id: int | None) -> int:
    if id is None:
        raise ValueError("the row was not stored yet")
    return id


async def is_held(tx: Transaction, conversation: str) -> bool:
    """Whether a specialist holds the conversation's case; reads without locking."""
    last = sa.select(sa.func.max(CaseRow.id)).where(col(CaseRow.conversation) == conversation)
    events = sa.select(col(CaseEventRow.kind)).where(
        col(CaseEventRow.case_id) == last.scalar_subquery(),
        col(CaseEventRow.kind).in_(("claimed", "released", "closed")),
    )
    return (await tx.execute(events.order_by(col(CaseEventRow.id).desc()).limit(1))).scalar() == "claimed"
