"""The terminal as a channel: typed lines in, approved text out; numbers press buttons."""

import asyncio
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import sqlalchemy as sa
from sqlmodel import col

from smi_bot.database import Database
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.rows import Clock, InboxRow, OutboxRow, is_open
from smi_bot.inquiry import Action, Button, Inquiry, Rendered
from smi_bot.markup import to_text
from smi_bot.receiving import enqueue

_POLL = 1.0  # seconds
_print = partial(print, flush=True)


class ConsoleChannel:
    """One conversation with whoever sits at the keyboard."""

    name = "console"

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        clock: Clock,
        *,
        show: Callable[[str], None] = _print,
        conversation: str = "console:local",
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._clock = clock
        self._show = show
        self._conversation = conversation
        self._buttons: tuple[Button, ...] = ()
        self.at_end: Callable[[], None] = lambda: None

    async def send(self, rendered: Rendered) -> str:
        speaker = "" if rendered.author == "bot" else "[MI] "
        lines = [f"\n{speaker}{to_text(rendered.markdown)}"]
        if rendered.buttons:
            self._buttons = rendered.buttons
            lines += [f"  {number}) {button.text}" for number, button in enumerate(rendered.buttons, start=1)]
        self._show("\n".join(_harmless(line) for line in lines))
        return rendered.reply

    async def run(self) -> None:
        """Reads lines until the input ends and everything read is answered."""
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        reading = (sys.stdin.fileno(), asyncio.get_running_loop(), lines)
        threading.Thread(target=_read, args=reading, daemon=True).start()
        while line := await lines.get():
            await self.say(line.decode("utf-8", "replace").rstrip("\r\n"))
        await self.answered()
        self.at_end()

    def not_ready(self) -> list[str]:
        """The keyboard is always there."""
        return []

    async def say(self, line: str) -> None:
        action = self._pressed(line.strip())
        await enqueue(
            self._inbox,
            Inquiry(
                key=f"{self._conversation}:{uuid.uuid4()}",
                channel=self.name,
                conversation=self._conversation,
                sent_at=self._clock(),
                is_dated=False,
                text="" if action else line,
                action=action,
                prompted_by="nothing" if action is None else "suggestion" if action.verb == "answer" else "menu",
            ),
        )

    async def answered(self) -> None:
        """Waits until nothing that was said is still to be handled, and no reply still to be shown."""
        with self._database.bell.ear(self._conversation) as event:
            while await self._anything_open():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await event.wait()
                event.clear()

    async def _anything_open(self) -> bool:
        asked = sa.select(col(InboxRow.id)).where(is_open(InboxRow), col(InboxRow.lane) == self._conversation)
        told = sa.select(col(OutboxRow.id)).where(is_open(OutboxRow), col(OutboxRow.lane) == self._conversation)
        async with self._database.reading() as tx:
            return (await tx.execute(asked.union_all(told).limit(1))).first() is not None

    def _pressed(self, line: str) -> Action | None:
        if line.isdecimal() and len(line) <= 2 and 1 <= int(line) <= len(self._buttons):
            return self._buttons[int(line) - 1].action
        return None


def _read(descriptor: int, loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[bytes]") -> None:
    """A thread, because the event loop can wait for terminals and pipes but not for files."""
    with suppress(RuntimeError), open(descriptor, "rb", closefd=False) as source:  # the loop may be closed by now
        for line in source:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")


def _harmless(text: str) -> str:
    """Without control characters: what a specialist pasted must not steer a terminal."""
    kept = (" " if c.isspace() and c not in "\n\t" else c for c in text)  # not joining words at a no-break space
    return "".join(c for c in kept if c.isprintable() or c in "\n\t")
