"""What stands where in Slack, and what specialists have begun to write there."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from escalation.store import CaseEventRow, CaseRow
from smi_bot.database import BigKey, Transaction

CARD = "card"
#: What `digest` says of a file that Slack does not take.
REFUSED = "refused"
#: What `digest` says of a card that is gone: remembered only because people may still write in its thread.
GONE = "gone"
_OLD = "old:"


class SlackPostRow(SQLModel, table=True):
    """One message of ours in Slack. Without `ts` it was tried, and nobody knows whether it arrived."""

    __tablename__ = "slack_post"

    case_id: int = Field(sa_type=BigKey, primary_key=True, sa_column_kwargs={"autoincrement": False})
    channel: str = Field(primary_key=True)
    key: str = Field(primary_key=True)  # see slack_cards.Post; of what is to be removed: see `retire`
    ts: str | None = None
    digest: str = ""  # of what it shows


class SlackDraftRow(SQLModel, table=True):
    """A reply that somebody has begun to write."""

    __tablename__ = "slack_draft"

    case_id: int = Field(sa_type=BigKey, primary_key=True, sa_column_kwargs={"autoincrement": False})
    actor: str = Field(primary_key=True)
    text: str


async def rows(tx: Transaction, case_id: int) -> list[SlackPostRow]:
    """Everything of a case, in whatever channel, in a stable order."""
    of_case = sa.select(SlackPostRow).where(col(SlackPostRow.case_id) == case_id)
    return list((await tx.execute(of_case.order_by(col(SlackPostRow.channel), col(SlackPostRow.key)))).scalars())


async def posts(tx: Transaction, case_id: int, channel: str) -> dict[str, SlackPostRow]:
    """What is to stand in the channel of a case, by its key."""
    return standing(await rows(tx, case_id), channel)


def standing(rows: list[SlackPostRow], channel: str) -> dict[str, SlackPostRow]:
    return {row.key: row for row in rows if row.channel == channel and not is_old(row)}


# --- cards and their threads


async def card_at(tx: Transaction, channel: str, ts: str) -> SlackPostRow | None:
    """The card that stands or stood at this place."""
    is_card = sa.or_(col(SlackPostRow.key) == CARD, col(SlackPostRow.key).like(f"{_OLD}%:{CARD}"))
    there = (col(SlackPostRow.channel) == channel, col(SlackPostRow.ts) == ts, is_card)
    return (await tx.execute(sa.select(SlackPostRow).where(*there))).scalars().first()


async def thread_of(tx: Transaction, case_id: int, channel: str) -> str:
    """The place of a case's thread; empty where its card stands nowhere yet."""
    card = await tx.get(SlackPostRow, (case_id, channel, CARD))
    return (card.ts if card else None) or ""


async def is_in_doubt(tx: Transaction, channel: str) -> bool:
    """Whether a card may stand there of which nobody knows the place yet."""
    there = (col(SlackPostRow.channel) == channel, col(SlackPostRow.key) == CARD, col(SlackPostRow.ts).is_(None))
    return (await tx.execute(sa.select(col(SlackPostRow.case_id)).where(*there).limit(1))).first() is not None


async def channels(tx: Transaction) -> set[str]:
    """Where cards ever stood."""
    return set((await tx.execute(sa.select(col(SlackPostRow.channel)).distinct())).scalars())


async def without_card(tx: Transaction, channel: str) -> list[int]:
    """Unfinished cases that the channel does not show."""
    closed = sa.select(col(CaseEventRow.case_id)).where(col(CaseEventRow.kind) == "closed")
    shown = sa.select(col(SlackPostRow.case_id)).where(
        col(SlackPostRow.channel) == channel, col(SlackPostRow.key) == CARD
    )
    wanted = sa.select(col(CaseRow.id)).where(col(CaseRow.id).not_in(closed), col(CaseRow.id).not_in(shown))
    return [id for id in (await tx.execute(wanted.order_by(col(CaseRow.id)))).scalars() if id is not None]


# --- what is to go


async def retire(tx: Transaction, case_id: int, channel: str) -> None:
    """The card in this channel is gone, or is to go: the case is shown anew, and all that is left of it removed.

    A row of what is to be removed is named by the thread it stands in and by the key it had.
    """
    present = await posts(tx, case_id, channel)
    thread = present[CARD].ts if CARD in present else None
    for row in present.values():
        await tx.delete(row)
        await tx.merge(SlackPostRow(case_id=case_id, channel=channel, key=f"{_OLD}{thread or ''}:{row.key}", ts=row.ts))


def is_old(row: SlackPostRow) -> bool:
    return row.key.startswith(_OLD)


def origin(row: SlackPostRow) -> tuple[str, str]:
    """Of what was retired: the thread it stands in, if that is known, and the key it had."""
    _, thread, key = row.key.split(":", 2)
    return thread, key


def next_old(rows: list[SlackPostRow]) -> SlackPostRow | None:
    """What is to be removed next: a card after its thread, or a remnant of it would stand in the channel."""
    old = [row for row in rows if is_old(row) and row.digest != GONE]
    return min(old, key=lambda row: origin(row)[1] == CARD, default=None)


async def removed(tx: Transaction, row: SlackPostRow) -> None:
    """It stands in Slack no longer."""
    if is_old(row) and row.ts and origin(row)[1] == CARD:
        await tx.merge(SlackPostRow(**row.model_dump() | {"digest": GONE}))
    else:
        await tx.delete(row)


async def drop_drafts(tx: Transaction, case_id: int) -> None:
    """Nobody will send them."""
    await tx.execute(sa.delete(SlackDraftRow).where(col(SlackDraftRow.case_id) == case_id))
