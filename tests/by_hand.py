"""The service with its works done by hand: what is open stays open until a test has it done."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fakes import Clock, FakeChannel, FakeDesk
from sqlmodel import SQLModel

from escalation.case import Case
from smi_bot import journal
from smi_bot.addresses import AddressRow
from smi_bot.app import App, open_app
from smi_bot.assistant import Knowledge
from smi_bot.attachments import WrongFile, keep
from smi_bot.inquiry import Action, Attachment
from smi_bot.receiving import enqueue
from smi_bot.settings import Settings

CONFIRM = Action(verb="delete-confirm")


class Platform:
    """A platform with files: each is brought as it is found here, or refused."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def fetch(self, source: str, limit: int) -> bytes:
        self.asked.set()
        await self.answers.wait()
        if source not in self.files:
            raise WrongFile("file-failed")
        return self.files[source]


@dataclass
class Talk:
    """The whole service in hand, and people on a platform with files."""

    app: App
    requester: FakeChannel
    desk: FakeDesk
    clock: Clock
    files: Platform

    async def works(self, *names: str) -> None:
        """Does whatever is due, of these works or of all."""
        works = [self.app.loop._works[name] for name in names or ("inbox", "outbox", "timers")]
        while any([await work.step() for work in works]):
            pass

    async def says(self, text: str, who: str = "ann", **more: Any) -> None:
        inquiry = self.requester.inquiry(text, who).model_copy(update=more)
        await enqueue(self.app.inbox, inquiry)
        await self.works()

    async def presses(self, action: Action, who: str = "ann") -> None:
        await self.requester.presses(action, who)
        await self.works()

    async def erases(self, who: str = "ann") -> None:
        await self.presses(CONFIRM, who)

    async def later(self, **how_far: float) -> None:
        self.clock.advance(**how_far)
        await self.works()

    async def sends_file(self, name: str, content: bytes, who: str = "ann") -> Attachment:
        """A file that is here, as an upload is."""
        async with self.app.database.transaction() as tx:
            return await keep(tx, f"fake:{who}", name, content, 10_000, self.clock())

    async def case(self, who: str = "ann") -> Case:
        """Somebody's newest case."""
        return [case for case in await self.desk.cases() if case.conversation == f"fake:{who}"][-1]

    async def finishes(self, case: Case, *, reply: str = "", note: str = "") -> None:
        """A specialist claims a case, replies, and closes it."""
        await self.desk.presses("claim", case.id)
        if reply:
            await self.desk.replies(case.id, reply)
        await self.desk.presses("close", case.id, "answered", note)
        await self.works()

    async def rows(self, table: type[Any], *where: Any) -> Sequence[Any]:
        async with self.app.database.reading() as tx:
            return (await tx.execute(sa.select(table).where(*where).order_by(table.id))).scalars().all()

    async def change(self, table: type[Any], id: Any, **values: Any) -> None:
        async with self.app.database.transaction() as tx:
            await tx.execute(sa.update(table).where(table.id == id).values(**values))

    async def dump(self) -> str:
        """Everything that is stored, as text; of SQLite the very bytes of its files, too."""
        async with self.app.database.reading() as tx:
            tables = SQLModel.metadata.sorted_tables
            rows = [repr(tuple(row)) for table in tables for row in (await tx.execute(sa.select(table))).all()]
        if self.app.database.is_sqlite:
            rows += _bytes(Path(self.app.database.url.partition("///")[2]))
        return "\n".join(rows).casefold()

    async def is_whole(self) -> bool:
        async with self.app.database.reading() as tx:
            return (await journal.verify(tx)).fault is None

    async def journalled(self, kind: str) -> int:
        async with self.app.database.reading() as tx:
            count = sa.select(sa.func.count()).select_from(journal.JournalRow).where(journal.JournalRow.kind == kind)
            return int((await tx.execute(count)).scalar_one())

    async def has_address(self, who: str = "ann") -> bool:
        async with self.app.database.reading() as tx:
            return await tx.get(AddressRow, f"fake:{who}") is not None

    async def has_an_address(self, who: str = "ann") -> None:
        async with self.app.database.transaction() as tx:
            tx.add(AddressRow(conversation=f"fake:{who}", channel="fake", account="1", chat=f"chat-of-{who}"))


def _bytes(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        blocked, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not blocked
    connection.close()
    return [each.read_bytes().decode("latin-1") for each in file.parent.glob(f"{file.name}*")]


@asynccontextmanager
async def by_hand(database_url: str, folder: Path, clock: Clock, knowledge: Knowledge) -> AsyncIterator[Talk]:
    settings = Settings(_env_file=None, data_dir=folder, database_url=database_url, burst_pause=0)
    async with open_app(settings, clock, knowledge=knowledge) as app:
        channel, files = FakeChannel(app.inbox, clock, app.database.bell), Platform()
        app.join(channel)
        app.fetching.through({channel.name: files})
        yield Talk(app, channel, FakeDesk(app, clock), clock, files)


def found(words: Sequence[str], dump: str) -> list[str]:
    """Which of these words stand in a dump."""
    return [word for word in words if word in dump]
