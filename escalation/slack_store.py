"""What stands where in Slack, and what specialists have begun to write there."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from smi_bot.database import BigKey, Transaction


class SlackPostRow(SQLModel, table=True):
    """One message of ours in Slack. Without `ts` it was tried, and nobody knows whether it arrived."""

    __tablename__ = "slack_post"

    case_id: int = Field(sa_type=BigKey, primary_key=True, sa_column_kwargs={"autoincrement": False})
    channel: str = Field(primary_key=True)
    key: str = Field(primary_key=True)  # see slack_cards.Post
    ts: str | None = None
    digest: str = ""  # of what it shows


class SlackDraftRow(SQLModel, table=True):
    """A reply that somebody has begun to write."""

    __tablename__ = "slack_draft"

    case_id: int = Field(sa_type=BigKey, primary_key=True, sa_column_kwargs={"autoincrement": False})
    actor: str = Field(primary_key=True)
    text: str


async def posts(tx: Transaction, case_id: int, channel: str) -> dict[str, SlackPostRow]:
    """What stands in the channel of a case, by its key."""
    there = (col(SlackPostRow.case_id) == case_id, col(SlackPostRow.channel) == channel)
    return {row.key: row for row in (await tx.execute(sa.select(SlackPostRow).where(*there))).scalars()}


async def case_at(tx: Transaction, channel: str, ts: str) -> int | None:
    """The case whose card stands at this place."""
    card = (col(SlackPostRow.channel) == channel, col(SlackPostRow.key) == "card", col(SlackPostRow.ts) == ts)
    return (await tx.execute(sa.select(col(SlackPostRow.case_id)).where(*card))).scalar()


async def forget(tx: Transaction, case_id: int, channel: str) -> None:
    """The card is gone, and with it its thread: all of it is to be posted anew."""
    for row in (await posts(tx, case_id, channel)).values():
        await tx.delete(row)
