"""The queues by themselves: an inbox with its receiver, an outbox with its platform."""

from datetime import datetime

import sqlalchemy as sa
from fakes import Clock
from sqlmodel import col

from smi_bot.database import Database, Transaction
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.outbox import Sent, post
from smi_bot.durable.rows import InboxRow, OutboxRow


class Receiver:
    """Handles messages by writing them down; raises for the texts it is told to."""

    def __init__(self, poison: set[str] | None = None) -> None:
        self.handled: list[list[str]] = []
        self.given_up: list[str] = []
        self.poison = poison or set()
        self.wait_until: datetime | None = None

    async def handle(self, tx: Transaction, rows, now: datetime) -> datetime | None:
        texts = [row.payload["text"] for row in rows]
        if self.poison & set(texts):
            raise ValueError("poison")
        if self.wait_until and now < self.wait_until:
            return self.wait_until
        self.handled.append(texts)
        return None

    async def give_up(self, tx: Transaction, row: InboxRow, now: datetime) -> None:
        self.given_up.append(row.payload["text"])


class Platform:
    """Sends by writing down; `troubles` are raised first, one a send."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.sent: list[str] = []
        self.settled_states: list[str] = []

    async def send(self, row: OutboxRow) -> Sent:
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append(row.key)
        return Sent(f"p-{row.key}", {"text": row.key})

    async def settled(self, tx: Transaction, row: OutboxRow, now: datetime) -> None:
        self.settled_states.append(row.state)


def an_inbox(database: Database, clock: Clock, receiver: Receiver, **options) -> Inbox:
    inbox = Inbox(database, clock, **options)
    inbox.handled_by({"message": (receiver.handle, receiver.give_up), "press": (receiver.handle, receiver.give_up)})
    return inbox


async def accept(inbox: Inbox, text: str, lane: str = "a", kind: str = "message") -> bool:
    return await inbox.accept(f"{lane}:{text}", lane, kind, {"text": text})


async def drained(work) -> None:
    while await work.step():
        pass


async def queue(database: Database, now: datetime, *keys: str, lane: str = "a") -> None:
    async with database.transaction() as tx:
        for key in keys:
            await post(tx, now, key=key, lane=lane, way="w", payload={})


async def the_row(database: Database, table, key: str):
    async with database.reading() as tx:
        return (await tx.execute(sa.select(table).where(col(table.key) == key))).scalar_one()
