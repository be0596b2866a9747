"""The terminal: a line in, approved text out, numbers press buttons; and `smi-bot chat` as it is typed or piped."""

import asyncio
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from fakes import FakeDesk, until
from serving import FORGOT, RASH, environment

from channels.console import ConsoleChannel
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action, Button, Rendered

COMMAND = [sys.executable, "-m", "smi_bot.cli", "chat"]


class Terminal:
    """A console channel on a running service, and what it showed."""

    def __init__(self, service) -> None:
        self.shown: list[str] = []
        self._bell = service.app.database.bell
        self.channel = ConsoleChannel(service.app.database, service.app.inbox, service.clock, show=self.shown.append)
        service.app.join(self.channel)

    async def types(self, line: str) -> None:
        await self.channel.say(line)
        await self.channel.answered()

    async def shows(self, words: str) -> str:
        await until(lambda: any(words in text for text in self.shown), self._bell)
        return next(text for text in self.shown if words in text)


@pytest.fixture
def database_url(sqlite_url):
    """The channel is the same on both databases; one is enough."""
    return sqlite_url


@pytest.fixture
def terminal(service):
    return Terminal(service)


async def test_a_line_in_is_approved_text_out_with_numbered_buttons(terminal):
    await terminal.types(FORGOT)
    answer = await terminal.shows("missed-dose, version 1, approved 2026-")
    assert "References" in answer
    assert answer.splitlines()[-3:] == ["  1) Yes, this helped", "  2) No, not really", "  3) Talk to a specialist"]
    assert "**" not in answer
    assert "<p>" not in answer


async def test_a_number_presses_the_button_of_the_latest_buttons(terminal):
    await terminal.types(FORGOT)
    await terminal.shows("  2) I am a healthcare professional")
    await terminal.types(" 2 ")
    await terminal.shows("  1) United States")
    await terminal.types("1")
    assert "United States" in terminal.shown[-1]


async def test_a_number_that_is_no_button_is_a_message(terminal, service):
    await terminal.types(FORGOT)
    lines = ["0", "99", "-1", "1.0", "١٢", "12345678901234567890"]
    for line in lines:
        await terminal.types(line)
    async with service.app.database.reading() as tx:
        rows = (await tx.execute(sa.select(InboxRow).order_by(InboxRow.id))).scalars()
        assert [(row.kind, row.payload["text"]) for row in rows] == [("message", line) for line in (FORGOT, *lines)]


async def test_a_side_effect_opens_a_case_and_the_specialist_is_told_apart(terminal, service):
    await terminal.types(RASH)
    await terminal.shows("drug safety team")
    desk = FakeDesk(service.app, service.clock)
    (case,) = await desk.sees(lambda cases: len(cases) == 1)
    await desk.presses("claim", case.id)
    await desk.replies(case.id, "Please **rest**.")
    assert (await terminal.shows("[MI]")).strip() == "[MI] Please **rest**."


async def test_control_characters_cannot_reach_the_terminal(terminal):
    hostile = "\x1b]0;title\x07\x1b[2J red\x9b31m back\b\b\r over\u202e reversed \u200bhidden\x00 10\u00a0mg\tx"
    button = Button(text="press\x1b[1m me", action=Action(verb="specialist"))
    rendered = Rendered(reply="r1", conversation="c", markdown=hostile, source="specialist", buttons=(button,))
    await terminal.channel.send(rendered)
    (shown,) = terminal.shown
    assert not [c for c in shown if not c.isprintable() and c not in "\n\t"]
    assert "10 mg" in shown
    assert "  1) press[1m me" in shown


async def test_any_line_is_survived(terminal):
    for line in ("", " ", "\x00", "\x1b[2J", "\ufffd\ufffd", "é" * 20_000):
        await terminal.types(line)
    await terminal.types(FORGOT)
    await terminal.shows("missed-dose, version 1")


@asynccontextmanager
async def chatting(folder):
    given = environment(data_dir=folder / "data", port=0, burst_pause=0.05)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, cwd=folder, env=given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_question_piped_in_is_answered_before_the_process_ends(tmp_path):
    async with chatting(tmp_path) as process:
        out, errors = await process.communicate(f"hi\n{FORGOT}\n".encode() + b"\xff\xfe\n")
    assert process.returncode == 0, errors.decode()
    assert "requester's chat   http://127.0.0.1:" in out.decode()
    assert "missed-dose, version 1, approved 2026-" in out.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("text", [FORGOT, f"hi\r\n{FORGOT}\r\n"])
async def test_a_file_of_questions_is_answered_before_the_end_is_told(terminal, tmp_path, monkeypatch, text):
    (tmp_path / "questions").write_text(text)
    shown_at_end = []
    terminal.channel.at_end = lambda: shown_at_end.extend(terminal.shown)
    with (tmp_path / "questions").open() as questions:
        monkeypatch.setattr(sys, "stdin", questions)
        await terminal.channel.run()
    assert any("missed-dose, version 1" in shown for shown in shown_at_end)


async def test_a_conversation_goes_to_and_fro_and_ctrl_c_ends_it(tmp_path):
    async def until_shown(words: str) -> None:
        while words not in (line := (await process.stdout.readline()).decode()):
            assert line, "the process ended"

    async with chatting(tmp_path) as process, asyncio.timeout(60):
        process.stdin.write(f"{FORGOT}\n".encode())
        await until_shown("  2) I am a healthcare professional")
        process.stdin.write(b"2\n")
        await until_shown("  1) United States")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert b"Traceback" not in await process.stderr.read()
