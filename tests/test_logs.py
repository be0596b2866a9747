"""Logs are JSON lines that tell where something went wrong and never what a person wrote."""

import asyncio
import gc
import io
import json
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa
from bot_api import TOKEN, BotApi
from fakes import PATIENCE
from loopback_troubles import Trouble
from serving import PNG
from telegram_service import SECRET, TelegramService, hurry, telegram_service

from smi_bot.durable.rows import InboxRow, OutboxRow, TimerRow
from smi_bot.journal import JournalRow
from smi_bot.logs import configure_logs

PROGRAM = """
import logging, structlog
from smi_bot.logs import configure_logs
configure_logs()
try:
    raise ValueError("what Ann wrote")
except ValueError as error:
    logging.getLogger("a.library").error("it failed %s times", 3, exc_info=True)
    structlog.get_logger().error("we failed", exc_info=error)
logging.getLogger("a.library").info("GET https://example.com/token")
"""


def test_an_error_of_ours_or_of_a_library_is_one_json_line_with_its_type_and_place_and_no_message():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["level"], line["error"]) for line in lines] == [
        ("it failed %s times", "error", "ValueError"),
        ("we failed", "error", "ValueError"),
    ]
    assert all("<string>:6" in line["frames"][0] for line in lines)
    assert "Ann" not in done.stderr


async def test_a_task_whose_error_nobody_asks_for_is_logged_without_its_words(logs):
    """asyncio itself shows the error and the arguments of callbacks."""

    async def fails(words: str) -> None:
        raise ValueError(words)

    def breaks(words: str) -> None:
        raise ValueError(words)

    loop = asyncio.get_running_loop()
    loop.create_task(fails("what Ann wrote"))
    loop.call_soon(breaks, "what Ann wrote")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    lines = [json.loads(line) for line in logs.getvalue().splitlines() if "ValueError" in line]
    assert sorted(line["frames"][-1].split()[-1] for line in lines) == ["breaks", "fails"]
    assert "Ann" not in logs.getvalue()


# --- a whole story, with everything that libraries would say about it

WORD = "marmalade"  # in whatever she writes
HERS = (WORD, "Annegret", "Quillfeather", "annegret_q", "Bobbington", "15550199", "-48.137", "leaf-of-hers")
OURS = (TOKEN, TOKEN.partition(":")[2], SECRET, "rhubarb")  # the last one: a specialist's words


@pytest.fixture
def logs(monkeypatch) -> Iterator[io.StringIO]:
    """Everything that is logged, by whomever and at whatever level."""
    written = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        configure_logs(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    yield written
    configure_logs()


@pytest.mark.parametrize("webhook", [False, True], ids=["polling", "webhook"])
async def test_neither_logs_nor_readyz_nor_errors_nor_the_journal_tell_who_wrote_what_or_any_secret(
    webhook, logs, tmp_path, knowledge, sqlite_url, monkeypatch
):
    hurry(monkeypatch)
    with BotApi() as api:
        api.troubles("getMe", Trouble.status(502), Trouble.status(401))
        given = {"database_url": sqlite_url, "webhook": webhook, "api": api}
        async with telegram_service(tmp_path / "data", knowledge, **given) as telegram:
            told = await readyz(telegram, "refuses SMI_TELEGRAM_TOKEN")
            ann = api.person("Annegret", last_name="Quillfeather", username="annegret_q")
            told += await everything_happens(telegram, ann) + await errors_and_journal(telegram)
            where_she_is = str(ann.id)
    told += logs.getvalue()
    for library in ("HTTP Request: ", "Calling Bot API endpoint", "send_request_headers", "executing "):
        assert library in told  # they were asked to speak
    for secret in (*HERS, *OURS, where_she_is):
        assert secret.lower() not in told.lower()


async def everything_happens(telegram: TelegramService, ann) -> str:
    """What can be said and what can go wrong; returns what /readyz said of it."""
    ann.says(f"I got a rash after {WORD} on Zelvanta")
    case = await telegram.case(person=ann)
    await telegram.hears("wording/first-contact.en", ann)
    await telegram.desk.presses("claim", case.id)
    ann.edits(ann.says(WORD), f"{WORD} again")
    ann.sends_contact("+15550199", "Bobbington", WORD)
    ann.sends_location(latitude=-48.137)
    telegram.api.troubles("getFile", Trouble.status(500))
    telegram.api.troubles("file", Trouble.drop_before(), Trouble.status(500))
    ann.sends_photo(WORD, PNG)
    ann.sends_document("leaf-of-hers.pdf")
    ann.presses_data(WORD)
    ann.at(telegram.api.group("Patients")).says(f"zelvanta and {WORD} gave me a rash")
    telegram.api.update({"message": {"message_id": 1, "text": WORD, "from": ann.user, "chat": ann.json}})
    telegram.api.update({"message": {"message_id": 1, "text": WORD, "from": ann.user}})
    said = await whatever_goes_wrong(telegram, ann, case.id)
    said += await time_goes_by(telegram)
    ann.blocks()
    await telegram.desk.replies(case.id, "more rhubarb")
    return said + await time_goes_by(telegram)


async def time_goes_by(telegram: TelegramService) -> str:
    """Until all that was tried again has come to an end."""
    said = ""
    async with asyncio.timeout(3 * PATIENCE):
        while not await telegram.is_quiet():
            said += await readyz(telegram)
            await asyncio.sleep(0.1)  # whatever is on its way may arrive before its claim runs out
            telegram.later(minutes=1)
    return said


async def whatever_goes_wrong(telegram: TelegramService, ann, case: int) -> str:
    troubles = (Trouble.status(429, retry_after=9), Trouble.garbage(), Trouble.garbage(403), Trouble.drop_after())
    telegram.api.troubles("sendMessage", *troubles, Trouble.status(400, description="Bad Request: chat not found"))
    telegram.api.troubles("getUpdates", Trouble.status(500), Trouble.garbage(), Trouble.status(401))
    error = sa.exc.OperationalError(f"INSERT {WORD}", {"text": WORD}, ValueError(f"{WORD} {TOKEN}"))
    handlers = telegram.app.inbox._handlers
    telegram.app.inbox.handled_by(
        {k: (raising(handle, ValueError(WORD)), end) for k, (handle, end) in handlers.items()}
    )
    accept = raising(telegram.app.inbox.accept, error, ValueError(WORD))
    is_held = raising(telegram.channel._is_held, ValueError(f"{WORD} {ann.id}"))
    send = raising(telegram.app.delivery.send, RuntimeError(f"rhubarb {TOKEN}"))
    with (
        mock.patch.object(telegram.app.inbox, "accept", accept),
        mock.patch.object(telegram.channel, "_is_held", is_held),
        mock.patch.object(telegram.app.delivery, "send", send),
    ):
        await telegram.desk.replies(case, "rhubarb")
        ann.says(f"{WORD} once more")
        said = await readyz(telegram)
        await telegram.api.until(lambda: not telegram.api.undelivered)
    return said


def raising(function: Callable[..., Awaitable[Any]], *errors: Exception) -> Callable[..., Awaitable[Any]]:
    """A function that raises these first, one a call."""
    waiting = list(errors)

    async def call(*args: Any) -> Any:
        if waiting:
            raise waiting.pop(0)
        return await function(*args)

    return call


async def readyz(telegram: TelegramService, words: str = "") -> str:
    """What /readyz says, as soon as these words are in it."""
    async with telegram.http() as http:

        async def said() -> str:
            text = (await http.get("/readyz")).text
            return text if words in text else ""

        return str(await telegram.until(said))


async def errors_and_journal(telegram: TelegramService) -> str:
    errors = [row.error for table in (InboxRow, OutboxRow, TimerRow) for row in await telegram.rows(table)]
    entries = [(entry.kind, entry.subject, entry.body) for entry in await telegram.rows(JournalRow)]
    assert any(errors)
    assert len(entries) > 10
    return repr(errors) + repr(entries)
