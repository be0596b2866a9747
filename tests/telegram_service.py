"""The whole service on our Telegram, for every test of that channel: it polls or is called, at a clock of its own.

    async with telegram_service(tmp_path, knowledge, database_url=database_url) as telegram:
        telegram.ann.says(FORGOT)
        answer = await telegram.hears("zelvanta/missed-dose")

People write in the test's own thread, so nothing they do is awaited; whatever the bot does is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from bot_api import BotApi
from bot_api_people import Person
from bot_api_world import Told
from fakes import Clock, FakeDesk
from service import Served
from serving import client, served
from sqlmodel import SQLModel, col
from telegram.ext._utils import networkloop

from channels import telegram as telegram_channel
from channels.telegram import TelegramChannel
from escalation.case import Case
from smi_bot.addresses import Address, conversation_at
from smi_bot.assistant import Knowledge
from smi_bot.attachments import AttachmentRow
from smi_bot.burst import inquiry_of
from smi_bot.conversations import ConversationRow
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Inquiry

PUBLIC = "https://bot.example"
WEBHOOK = f"{PUBLIC}/telegram"
SECRET = "what-only-telegram-knows"
WAYS = ("polling", "webhook")


@dataclass
class TelegramService(Served):
    """What a Telegram test has in hand. `ann`: a first requester."""

    api: BotApi
    desk: FakeDesk
    ann: Person

    @property
    def channel(self) -> TelegramChannel:
        channel = self.app.channels["telegram"]
        assert isinstance(channel, TelegramChannel)
        return channel

    async def regular(self, name: str = "Ben", language_code: str = "en") -> Person:
        """Somebody who has been here before: no first-contact text comes before an answer and no question after it."""
        person = self.api.person(name, language_code)
        person.known = True
        known: dict[str, Any] = {"notice_version": 1, "audience_asked": True, "country_asked": True}
        id = await self.conversation(person)
        async with self.app.database.transaction() as tx:
            tx.add(ConversationRow(id=id, channel="telegram", created_at=self.clock(), **known))
        return person

    def is_underway(self) -> bool:
        return bool(self.api.undelivered or self.channel._asides)

    # What people are told

    async def conversation(self, person: Person | None = None) -> str:
        """Our name for the private chat with somebody."""
        address = Address("telegram", self.api.token.partition(":")[0], str((person or self.ann).id))
        return await conversation_at(self.app.database, address)

    async def sources(self, person: Person | None = None) -> list[str]:
        """Where each text came from that somebody was sent: `wording/greeting.en`, `zelvanta/missed-dose`, `specialist`."""
        return [_source(row) for row in await self._sent(await self.conversation(person))]

    async def hears(self, source: str, person: Person | None = None, times: int = 1) -> Told:
        """Waits until somebody was sent a text from that source so many times; returns the last of them.

        Settled, too: nothing that a test does next meets the message half sent.
        """
        person = person or self.ann
        conversation = await self.conversation(person)

        async def heard() -> Sequence[OutboxRow]:
            found = [row for row in await self._sent(conversation) if _source(row) == source]
            return found if len(found) >= times else ()

        row = (await self.until(heard))[-1]
        (told,) = [told for told in list(person.told) if str(told.message_id) == row.platform_id]
        return told

    async def _sent(self, conversation: str) -> Sequence[OutboxRow]:
        sent = (col(OutboxRow.lane) == conversation, col(OutboxRow.state) == "sent")
        return await self.rows(OutboxRow, *sent)

    def label(self, key: str, language: str = "en") -> str:
        """The approved words on a button, in a toast or in a menu."""
        return self.app.shelf.knowledge.library.label(key, language)

    def title(self, entry: str) -> str:
        """The question that a button offers for an entry."""
        return self.app.shelf.knowledge.library.title(entry, self.clock().date())

    # What is stored

    async def inquiries(self, person: Person | None = None) -> list[Inquiry]:
        """What somebody said, as it was handed over."""
        rows = await self.rows(InboxRow, col(InboxRow.lane) == await self.conversation(person))
        return [inquiry_of(row) for row in rows]

    async def state(self, person: Person | None = None) -> ConversationRow:
        """What is known of somebody's conversation."""
        (row,) = await self.rows(ConversationRow, col(ConversationRow.id) == await self.conversation(person))
        return row

    async def files(self, person: Person | None = None) -> Sequence[AttachmentRow]:
        return await self.rows(AttachmentRow, col(AttachmentRow.conversation) == await self.conversation(person))

    async def dump(self) -> str:
        """Everything in the database, as text."""
        tables = SQLModel.metadata.sorted_tables
        async with self.app.database.reading() as tx:
            return "\n".join(
                [repr(tuple(row)) for table in tables for row in (await tx.execute(sa.select(table))).all()]
            )

    async def cases(self, person: Person | None = None) -> list[Case]:
        """Somebody's private cases, the first one first."""
        conversation = await self.conversation(person)
        return [case for case in await self.desk.cases() if case.conversation == conversation]

    async def case(self, happened: Callable[[Case], object] = lambda case: True, person: Person | None = None) -> Case:
        """Waits until somebody has a case of which this is so; returns the newest such."""

        async def found() -> list[Case]:
            return [case for case in await self.cases(person) if happened(case)]

        cases: list[Case] = await self.until(found)
        return cases[-1]

    # Over HTTP

    def http(self) -> httpx.AsyncClient:
        """To the service itself, as a proxy, Telegram or a browser would."""
        return client(self.url)


@asynccontextmanager
async def telegram_service(
    folder: Path,
    knowledge: Knowledge,
    *,
    webhook: bool = False,
    api: BotApi | None = None,
    clock: Clock | None = None,
    flows: bool = True,
    **settings: Any,
) -> AsyncIterator[TelegramService]:
    """Serves the app with its Telegram channel. `folder`: of its data.

    `webhook`: Telegram calls it; otherwise it polls. `api`, `clock`: those of an earlier service, for a restart.
    `flows`: time passes by itself while Telegram's pace holds a message back; every other wait needs `later()`.
    """
    clock = clock or Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with ExitStack() as stack:
        api = api or stack.enter_context(BotApi(clock=clock))
        given = {"telegram_token": api.token, "telegram_api": api.url, "allow_demo_library": True}
        if webhook:
            given |= {"telegram_webhook_url": WEBHOOK, "telegram_webhook_secret": SECRET}
        async with served(folder, knowledge, clock, **given | settings) as (app, url):
            api.hosts[PUBLIC] = url
            ann = next((p for p in api.chats.values() if isinstance(p, Person)), None) or api.person("Ann")
            telegram = TelegramService(app, url, clock, api, FakeDesk(app, clock), ann)
            flowing = asyncio.create_task(telegram.flow(col(OutboxRow.way) == "delivery")) if flows else None
            try:
                yield telegram
            finally:
                if flowing:
                    flowing.cancel()
                    await asyncio.wait([flowing])


def hurry(monkeypatch: pytest.MonkeyPatch, times: float = 50) -> None:
    """Whatever sleeps on the real clock between two tries, in our channel or in its library, sleeps so much shorter."""

    class Hasty:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds / times)

    for module in (telegram_channel, networkloop):
        monkeypatch.setattr(module, "asyncio", Hasty())


def _source(row: OutboxRow) -> str:
    return str((row.sent or {}).get("source", "")).split(" v")[0].split(",")[0]
