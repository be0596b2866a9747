"""The terminal as a channel: typed lines in, approved text out; numbers press buttons."""

import asyncio
import sys
import uuid
from collections.abc import Callable

from smi_bot.durable.inbox import Inbox
from smi_bot.durable.rows import Clock
from smi_bot.inquiry import Action, Button, Inquiry, Rendered
from smi_bot.markup import to_text
from smi_bot.receiving import enqueue


class ConsoleChannel:
    """One conversation with whoever sits at the keyboard."""

    name = "console"

    def __init__(
        self, inbox: Inbox, clock: Clock, *, show: Callable[[str], None] = print, conversation: str = "console:local"
    ) -> None:
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
        """Reads lines until the input ends. Each is durable before the next is read."""
        reader = asyncio.StreamReader(limit=2**22)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            await self.say(line.decode("utf-8", "replace").rstrip("\n"))
        self.at_end()

    async def say(self, line: str) -> None:
        action = self._pressed(line.strip())
        await enqueue(
            self._inbox,
            Inquiry(
                key=f"{self._conversation}:{uuid.uuid4()}",
                channel=self.name,
                conversation=self._conversation,
                sent_at=self._clock(),
                text="" if action else line,
                action=action,
                prompted_by="nothing" if action is None else "suggestion" if action.verb == "answer" else "menu",
            ),
        )

    def _pressed(self, line: str) -> Action | None:
        if line.isdecimal() and len(line) <= 2 and 1 <= int(line) <= len(self._buttons):
            return self._buttons[int(line) - 1].action
        return None


def _harmless(text: str) -> str:
    """Without control characters: what a specialist pasted must not steer a terminal."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
