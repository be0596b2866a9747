"""What is known of each conversation between two messages, and what was said in it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from smi_bot.database import Instant, Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Action, Conversation

#: How long pieces of one album are taken for one: a platform may deliver the rest late.
_ALBUM_LASTS = timedelta(hours=24)


class ConversationRow(SQLModel, table=True):
    """One requester's chat on one channel. No name, no handle: the channel knows whom it serves."""

    __tablename__ = "conversation"

    id: str = Field(primary_key=True)
    channel: str
    created_at: datetime = Field(sa_type=Instant)
    audience: str | None = None
    audience_asked: bool = False
    country: str | None = None
    country_asked: bool = False
    language: str = "en"
    notice_version: int | None = None
    notice_accepted: int | None = None
    slowed_at: datetime | None = Field(default=None, sa_type=Instant)
    public: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    came_from: str | None = None  # what the link named by which they came here first


async def load(tx: Transaction, id: str, channel: str, now: datetime, *, public: bool = False) -> ConversationRow:
    """The conversation's row, made at its first message; locked, so that two transactions cannot both open a case."""
    row = await tx.get(ConversationRow, id, with_for_update=True)
    if row is None:
        fresh = ConversationRow(id=id, channel=channel, created_at=now, public=public).model_dump()
        insert = sqlite.insert if tx.get_bind().dialect.name == "sqlite" else postgresql.insert
        # Two people may write at once where nobody wrote before, in a forum: whoever is quicker makes the row.
        await tx.execute(insert(ConversationRow).values(**fresh).on_conflict_do_nothing())
        row = await tx.get_one(ConversationRow, id, with_for_update=True)
    return row


async def recent_messages(tx: Transaction, id: str, since: datetime) -> int:
    """How many messages the requester sent after `since`."""
    count = sa.select(sa.func.count()).select_from(InboxRow)
    lately = (col(InboxRow.lane) == id, col(InboxRow.received_at) > since)
    return int((await tx.execute(count.where(*lately))).scalar_one())


async def snapshot(tx: Transaction, row: ConversationRow, home: str | None, now: datetime) -> Conversation:
    """The conversation as a decision sees it. `home`: the country of somebody who has not named one."""
    minute = timedelta(minutes=1)
    return Conversation(
        id=row.id,
        channel=row.channel,
        audience="hcp" if row.audience == "hcp" else "patient",
        audience_known=row.audience is not None,
        country=row.country or home,
        country_known=row.country is not None,
        language=row.language,
        notice_version=row.notice_version,
        notice_accepted=row.notice_accepted,
        recent=await recent_messages(tx, row.id, now - minute),
        slowed=row.slowed_at is not None and row.slowed_at > now - minute,
        public=row.public,
    )


def apply(row: ConversationRow, action: Action) -> None:
    """A pressed button or a command that tells something of the requester."""
    if action.verb == "audience" and action.value in ("patient", "hcp"):
        row.audience, row.audience_asked = action.value, True
    elif action.verb == "country":
        row.country, row.country_asked = _country(action.value), True
    elif action.verb == "accept-notice" and action.value.isdecimal():
        row.notice_accepted = int(action.value[:6])
    elif action.verb == "start" and action.value:
        row.came_from = row.came_from or action.value


def _country(value: str) -> str:
    # ZZ: ISO 3166-1 leaves it to users; here "somewhere we do not serve".
    return value if len(value) == 2 and value.isascii() and value.isalpha() else "ZZ"


async def versions_before(tx: Transaction, id: str, message: str, before: int) -> Sequence[InboxRow]:
    """The rows of a message that was edited, oldest first: what it said before an inbox row."""
    same = (col(InboxRow.lane) == id, col(InboxRow.payload)["message"].as_string() == message)
    query = sa.select(InboxRow).where(*same, col(InboxRow.id) < before).order_by(col(InboxRow.id))
    return (await tx.execute(query)).scalars().all()


async def is_known(tx: Transaction, id: str, message: str) -> bool:
    """Whether a message of this conversation was received before."""
    same = (col(InboxRow.lane) == id, col(InboxRow.payload)["message"].as_string() == message)
    return (await tx.execute(sa.select(col(InboxRow.id)).where(*same).limit(1))).first() is not None


async def knows_album(tx: Transaction, id: str, album: str, before: int, now: datetime) -> bool:
    """Whether another message of this album came before this inbox row, in the last day. No album: no."""
    if not album:
        return False
    same = (col(InboxRow.lane) == id, col(InboxRow.payload)["album"].as_string() == album)
    before_it = (col(InboxRow.id) < before, col(InboxRow.received_at) > now - _ALBUM_LASTS)
    earlier = sa.select(col(InboxRow.id)).where(*same, *before_it)
    return (await tx.execute(earlier.limit(1))).first() is not None


async def said_before(tx: Transaction, id: str, before: int, since: datetime, limit: int = 5) -> Sequence[InboxRow]:
    """The requester's latest messages before an inbox row, oldest first: what a pressed button refers to."""
    earlier = (
        col(InboxRow.lane) == id,
        col(InboxRow.kind) == "message",
        col(InboxRow.id) < before,
        col(InboxRow.received_at) > since,
    )
    query = sa.select(InboxRow).where(*earlier).order_by(col(InboxRow.id).desc()).limit(limit)
    return tuple(reversed((await tx.execute(query)).scalars().all()))


async def history(tx: Transaction, id: str, limit: int = 200) -> list[InboxRow | OutboxRow]:
    """What was said in a conversation, by both sides, in the order it was received or sent."""
    inbound = sa.select(InboxRow).where(col(InboxRow.lane) == id)
    outbound = sa.select(OutboxRow).where(col(OutboxRow.lane) == id, col(OutboxRow.settled_at).is_not(None))
    asked = (await tx.execute(inbound.order_by(col(InboxRow.id).desc()).limit(limit))).scalars().all()
    told = (await tx.execute(outbound.order_by(col(OutboxRow.settled_at).desc()).limit(limit))).scalars().all()
    both: list[InboxRow | OutboxRow] = [*asked, *(row for row in told if row.state == "sent")]
    return sorted(both, key=moment)[-limit:]


def moment(row: InboxRow | OutboxRow) -> datetime:
    """When a message took its place in the conversation."""
    if isinstance(row, InboxRow):
        return row.received_at
    return row.settled_at or row.created_at
