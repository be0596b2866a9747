"""The whole service with specialists in Slack, for every test of that desk: at a clock of its own, with anybody asking.

    async with slack_service(tmp_path, knowledge, database_url=database_url) as desk:
        case = await desk.asks(RASH)
        card = await desk.card(case)
        await desk.rao.presses(card, "case_claim").comes_through()

Requesters write on a fake platform (`fake`), or on Telegram where a test asks for it. What people do in Slack is not
awaited unless a test wants to see it acknowledged; whatever the bot does is waited for.
"""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot_api import BotApi
from fakes import Clock, FakeChannel, FakeDesk
from service import Served
from serving import served
from slack_api import SIGNING_SECRET, SlackApi
from slack_api_people import Person
from slack_api_world import Message, View
from sqlmodel import col

from escalation.case import Case
from escalation.slack_events import CALM
from escalation.slack_manifest import SCOPES
from smi_bot.assistant import Knowledge
from smi_bot.conversations import ConversationRow
from smi_bot.durable.rows import InboxRow, is_open
from smi_bot.inquiry import Attachment, Rendered
from smi_bot.markup import to_styled

WAYS = ("socket", "http")
EVENTS = "/slack/events"


@dataclass
class SlackService(Served):
    """What a test of the Slack desk has in hand. `rao`, `lee`: two specialists."""

    slack: SlackApi
    fake: FakeChannel
    local: FakeDesk
    rao: Person
    lee: Person
    telegram: BotApi | None = None
    _names: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def flow(self, *waiting: Any) -> None:
        await asyncio.gather(super().flow(*waiting), self._calm())

    async def _calm(self) -> None:
        """Jumps to the moment for which a 📤 waits, once nothing is on its way that might come before it."""
        while True:
            await asyncio.sleep(0.02)
            if self.is_underway() or not any(m.reactions for m in list(self.slack.place().messages.values())):
                continue
            rows = await self.rows(InboxRow, is_open(InboxRow), col(InboxRow.kind) == "slack")
            due = [row.next_attempt_at for row in rows if row.next_attempt_at - row.received_at == CALM]
            if due and min(due) > self.clock():
                self.later(seconds=(min(due) - self.clock()).total_seconds())

    def is_underway(self) -> bool:
        return bool(self.slack.undelivered or (self.telegram and self.telegram.undelivered))

    # Requesters

    def somebody(self) -> str:
        """A requester on the fake platform whom nobody has met."""
        return f"requester-{next(self._names)}"

    async def regular(self, audience: str = "patient", country: str | None = None) -> str:
        """Somebody who has been here before: nothing is asked of them, and no greeting comes before an answer."""
        who = self.somebody()
        known: dict[str, Any] = {"notice_version": 1, "audience_asked": True, "country_asked": True}
        known |= {"audience": audience, "country": country}
        async with self.app.database.transaction() as tx:
            tx.add(ConversationRow(id=f"fake:{who}", channel="fake", created_at=self.clock(), **known))
        return who

    async def asks(self, text: str, who: str | None = None, files: tuple[Attachment, ...] = ()) -> Case:
        """A regular requester (a new one, unless named) writes what is for a specialist; waits for the case."""
        who = who or await self.regular()
        await self.fake.says(text, who, f"fake:{uuid.uuid4().hex}", files)
        return await self.case(who)

    async def case(self, who: str, happened: Callable[[Case], object] = lambda case: True) -> Case:
        """Waits until a requester on the fake platform has a case of which this is so; returns the newest such."""

        async def found() -> list[Case]:
            cases = await self.local.cases()
            return [case for case in cases if case.conversation == f"fake:{who}" and happened(case)]

        cases: list[Case] = await self.until(found)
        return cases[-1]

    def told(self, case: Case) -> list[Rendered]:
        """All that the requester of a case was sent."""
        return self.fake.told(case.conversation.removeprefix("fake:"))

    async def hears(self, case: Case, source: str, times: int = 1) -> Rendered:
        """Waits until the requester of a case was sent a text from that source: `specialist`, `wording/case-closed`."""
        return await self.fake.hears(source, case.conversation.removeprefix("fake:"), times)

    def replies(self, case: Case) -> list[str]:
        """The specialists' own words as the requester of a case reads them."""
        return [to_styled(said.markdown).text for said in self.told(case) if said.source.startswith("specialist")]

    # Slack

    def cards(self, case: Case) -> list[Message]:
        """The cards of a case: one, if all is well."""
        return [m for m in self.slack.messages(self.slack.channel) if m.all_text.startswith(f"{case.number} · ")]

    async def card(self, case: Case, *words: str) -> Message:
        """Waits until the card of a case shows all these words."""

        def there() -> list[Message]:
            return [card for card in self.cards(case) if all(word in card.all_text for word in words)]

        await self.slack.until(there)
        return there()[0]

    def thread(self, case: Case) -> list[Message]:
        """What stands in the thread of a case, in order."""
        return self.slack.thread(self.cards(case)[0])

    async def line(self, case: Case, *words: str, times: int = 1) -> Message:
        """Waits until so many messages in the thread of a case show all these words; returns the last."""

        def there() -> list[Message]:
            cards = self.cards(case)
            found = self.slack.thread(cards[0]) if cards else []
            return [message for message in found if all(word in message.all_text for word in words)]

        await self.slack.until(lambda: len(there()) >= times)
        return there()[-1]

    async def claimed(self, case: Case, by: Person | None = None) -> Message:
        """A specialist claims a case; returns its card when it shows that."""
        by = by or self.rao
        await by.presses(await self.card(case), "case_claim").comes_through()
        return await self.card(case, f"Owner: <@{by.id}>")

    async def opens(self, card: Message, action: str, by: Person | None = None, value: Any = None) -> View:
        """A specialist opens a window by a button."""
        by = by or self.rao
        by.presses(card, action, value)
        view: View = await by.will_see_modal()
        return view

    async def writes(self, card: Message, text: str, by: Person | None = None) -> Message:
        """A specialist writes in the thread of a card; returns when that is noted."""
        message = (by or self.rao).writes(card, text)
        await self.quiet()
        return message

    async def whisper(self, to: Person, words: str, times: int = 1) -> Message:
        """Waits until somebody alone was told so."""

        def there() -> list[Message]:
            return [message for message in to.ephemerals if words in message.all_text]

        await self.slack.until(lambda: len(there()) >= times)
        return there()[-1]


@asynccontextmanager
async def slack_service(
    folder: Path,
    knowledge: Knowledge,
    *,
    way: str = "socket",
    slack: SlackApi | None = None,
    telegram: BotApi | None = None,
    clock: Clock | None = None,
    flows: bool = True,
    connected: bool = True,
    **settings: Any,
) -> AsyncIterator[SlackService]:
    """Serves the app with its Slack desk. `folder`: of its data; `way`: `socket` or `http`.

    `slack`, `clock`: those of an earlier service, for a restart; `telegram`: people who write there are heard, too.
    `flows`: time passes by itself while the pace holds a message back; every other wait needs `later()`.
    `connected`: whether to wait for the connection of Socket Mode.
    """
    clock = clock or Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with ExitStack() as stack:
        slack = slack or stack.enter_context(SlackApi(clock=clock))
        slack.scopes = set(SCOPES)  # those of the manifest, and no more
        given: dict[str, Any] = {"slack_api": slack.url, "slack_bot_token": slack.bot_token}
        given |= {"slack_channel": slack.channel, "allow_demo_library": True}
        given |= {"slack_signing_secret": SIGNING_SECRET} if way == "http" else {"slack_app_token": slack.app_token}
        if telegram:
            given |= {"telegram_token": telegram.token, "telegram_api": telegram.url}
        async with served(folder, knowledge, clock, **given | settings) as (app, url):
            slack.request_url = f"{url}{EVENTS}" if way == "http" else ""
            fake = FakeChannel(app.inbox, clock, app.database.bell)
            app.join(fake)
            rao, lee = _people(slack)
            desk = SlackService(app, url, clock, slack, fake, FakeDesk(app, clock), rao, lee, telegram)
            if way == "socket" and connected:
                await slack.until(lambda: slack.sockets)
            flowing = asyncio.create_task(desk.flow()) if flows else None
            try:
                yield desk
            finally:
                if flowing:
                    flowing.cancel()
                    await asyncio.wait([flowing])


def _people(slack: SlackApi) -> tuple[Person, Person]:
    """The two specialists, who are there already after a restart."""
    there = [person for person in slack.people.values() if isinstance(person, Person)][:2]
    rao, lee = there if len(there) == 2 else (slack.person("Dr. Rao"), slack.person("Dr. Lee"))
    return rao, lee
