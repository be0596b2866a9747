"""Where the requester of a conversation is reached: the only place that knows the platform's own numbers of people.

A conversation has a random name, so that journal, cases and logs tell nothing of whom it belongs to; deleting its
address cuts what is left of it loose from the person.
"""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from smi_bot.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Address:
    """A chat on a platform. `account`: ours there; `person`: who posts in a public chat, empty for a private one."""

    channel: str
    account: str
    chat: str
    person: str = ""
    public: bool = False


class AddressRow(SQLModel, table=True):
    """One conversation's address."""

    __tablename__ = "address"
    __table_args__ = (sa.Index("address_place", "channel", "account", "chat", "person", unique=True),)

    conversation: str = Field(primary_key=True)
    channel: str
    account: str
    chat: str
    person: str = ""
    public: bool = False


async def conversation_at(database: Database, address: Address) -> str:
    """The conversation with whoever is there; a new one at first contact."""
    async with database.reading() as tx:
        known = (await tx.execute(_conversation(address))).scalar()
    if known is not None:
        return str(known)
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    fresh = insert(AddressRow).values(conversation=f"{address.channel}:{secrets.token_hex(12)}", **_columns(address))
    async with database.transaction() as tx:
        await tx.execute(fresh.on_conflict_do_nothing())  # somebody else was quicker: theirs counts
        return str((await tx.execute(_conversation(address))).scalar_one())


def _conversation(address: Address) -> sa.Select[str]:
    place = {name: value for name, value in _columns(address).items() if name != "public"}
    return sa.select(col(AddressRow.conversation)).filter_by(**place)


def _columns(address: Address) -> dict[str, str | bool]:
    return {
        "channel": address.channel,
        "account": address.account,
        "chat": address.chat,
        "person": address.person,
        "public": address.public,
    }


async def address_of(tx: Transaction, conversation: str) -> Address | None:
    """None where it was never known or is erased."""
    row = await tx.get(AddressRow, conversation)
    return Address(row.channel, row.account, row.chat, row.person, row.public) if row else None


async def chat_moved(database: Database, channel: str, account: str, old: str, new: str) -> None:
    """The platform gave a chat a new number."""
    there = (col(AddressRow.channel) == channel, col(AddressRow.account) == account)
    taken = sa.select(col(AddressRow.person)).where(*there, col(AddressRow.chat) == new)
    async with database.transaction() as tx:
        people = set((await tx.execute(taken)).scalars())
        moving = sa.update(AddressRow).where(*there, col(AddressRow.chat) == old)
        await tx.execute(moving.where(col(AddressRow.person).not_in(people)).values(chat=new))
        # Who wrote there before we knew of the move has a conversation there already.
        await tx.execute(sa.delete(AddressRow).where(*there, col(AddressRow.chat) == old))


async def forget(tx: Transaction, conversation: str) -> None:
    """Nothing leads from the conversation to the person any more."""
    await tx.execute(sa.delete(AddressRow).where(col(AddressRow.conversation) == conversation))
