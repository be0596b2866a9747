"""Fakes that speak the domain: a requester who says and hears, a specialist who presses and replies."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from escalation import store
from escalation.case import Case
from smi_bot.app import App
from smi_bot.database import Bell
from smi_bot.durable.inbox import Inbox
from smi_bot.errors import Refused, TryAgain
from smi_bot.inquiry import Action, Attachment, Inquiry, Rendered
from smi_bot.receiving import enqueue

PATIENCE = 20.0  # seconds before a test gives up waiting for an event


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **how_far: float) -> None:
        self.now += timedelta(**how_far)


async def until(happened: Callable[[], bool], bell: Bell) -> None:
    """Waits for rings until something is so; fails after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        with bell.ear() as event:
            while not happened():
                event.clear()
                try:
                    async with asyncio.timeout(0.2):
                        await event.wait()
                except TimeoutError:
                    continue


class FakeChannel:
    """A platform on which anybody can write. `received` holds what each conversation was told, in order."""

    name = "fake"

    def __init__(self, inbox: Inbox, clock: Callable[[], datetime], bell: Bell) -> None:
        self._inbox = inbox
        self._clock = clock
        self._bell = bell
        self._numbers = itertools.count(1)
        self.received: list[Rendered] = []
        self.troubles: list[TryAgain | Refused | Exception] = []  # raised, one a send, before anything is delivered

    async def says(
        self, text: str, who: str = "ann", key: str | None = None, files: tuple[Attachment, ...] = ()
    ) -> bool:
        return await enqueue(self._inbox, self.inquiry(text, who, key, files))

    async def presses(self, action: Action, who: str = "ann") -> bool:
        prompted = "suggestion" if action.verb == "answer" else "menu"
        inquiry = self.inquiry("", who).model_copy(update={"action": action, "prompted_by": prompted})
        return await enqueue(self._inbox, inquiry)

    def inquiry(
        self, text: str, who: str = "ann", key: str | None = None, files: tuple[Attachment, ...] = ()
    ) -> Inquiry:
        return Inquiry(
            key=key or f"fake:{who}:{next(self._numbers)}",
            channel=self.name,
            conversation=f"fake:{who}",
            sent_at=self._clock(),
            text=text,
            attachments=files,
        )

    async def send(self, rendered: Rendered) -> str:
        if self.troubles:
            raise self.troubles.pop(0)
        self.received.append(rendered)
        return f"platform-{rendered.reply}"

    async def run(self) -> None:
        await asyncio.Event().wait()

    def not_ready(self) -> list[str]:
        return []

    def told(self, who: str = "ann") -> list[Rendered]:
        return [rendered for rendered in self.received if rendered.conversation == f"fake:{who}"]

    def sources(self, who: str = "ann") -> list[str]:
        """Where each text came from: `wording/greeting.en`, `zelvanta/missed-dose`, `specialist`."""
        return [rendered.source.split(" v")[0].split(",")[0] for rendered in self.told(who)]

    async def hears(self, source: str, who: str = "ann", times: int = 1) -> Rendered:
        """Waits until a text from that source arrived so many times; returns the last of them."""
        await until(lambda: self.sources(who).count(source) >= times, self._bell)
        return [r for r, s in zip(self.told(who), self.sources(who), strict=True) if s == source][-1]


@dataclass
class FakeDesk:
    """A specialist's hands: each press is one transaction of the real hand-off."""

    app: App
    clock: Callable[[], datetime]
    name: str = "Dr. Rao"
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def presses(self, what: str, case: int, *args: object, by: str | None = None) -> None:
        async with self.app.database.transaction() as tx:
            await getattr(self.app.handoff, what)(tx, case, by or self.name, *args, self.clock())

    async def replies(self, case: int, text: str, id: str | None = None, by: str | None = None) -> None:
        await self.presses("reply", case, text, id or f"reply-{next(self._numbers)}", by=by)

    async def cases(self) -> list[Case]:
        async with self.app.database.reading() as tx:
            return sorted(await store.cases(tx), key=lambda case: case.id)

    async def sees(self, happened: Callable[[list[Case]], bool]) -> list[Case]:
        """Waits until the cases are so."""
        async with asyncio.timeout(PATIENCE):
            with self.app.database.bell.ear() as event:
                while True:
                    event.clear()
                    cases = await self.cases()
                    if happened(cases):
                        return cases
                    try:
                        async with asyncio.timeout(0.2):
                            await event.wait()
                    except TimeoutError:
                        continue


@dataclass
class Service:
    """What a conversation test has in hand."""

    app: App
    requester: FakeChannel
    desk: FakeDesk
    clock: Clock
