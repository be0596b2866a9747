"""`smi-bot rescreen` as a person gives it."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from commands import Ended, command
from looking_back import MISSED
from serving import FORGOT

from escalation import store
from smi_bot import screening_commands
from smi_bot.assistant import Knowledge
from smi_bot.database import Database
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Inquiry

DAY = datetime(2025, 11, 23, tzinfo=UTC)
#: What came in, and when: on the day itself, at its very end, and after it.
SAID = {"ann": (MISSED, 9.0), "bob": (FORGOT, 23.99), "cleo": (MISSED, 24.0)}


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A database with old messages, as the settings name it."""
    monkeypatch.setenv("SMI_DATABASE_URL", database_url)
    monkeypatch.setenv("SMI_DATA_DIR", str(tmp_path / "data"))
    asyncio.run(_stored(database_url))
    return database_url


async def _stored(url: str) -> None:
    database = Database(url)
    async with database.transaction() as tx:
        for who, (text, hours) in SAID.items():
            at, lane = DAY + timedelta(hours=hours), f"fake:{who}"
            said = Inquiry(key=who, channel="fake", conversation=lane, sent_at=at, text=text)
            times = {"received_at": at, "next_attempt_at": at, "settled_at": at}
            tx.add(
                InboxRow(
                    key=who, lane=lane, kind="message", payload=said.model_dump(mode="json"), state="done", **times
                )
            )
    await database.close()


@pytest.fixture
def in_force(knowledge: Knowledge):
    """The shipped rules, as if they were published: reading them takes seconds."""
    with mock.patch.object(screening_commands, "knowledge_in_force", mock.AsyncMock(return_value=knowledge)):
        yield knowledge


def rescreen(*arguments: str) -> Ended:
    return command("rescreen", *arguments)


async def _cases(url: str) -> list[str]:
    database = Database(url)
    async with database.reading() as tx:
        found = [case.conversation for case in await store.cases(tx)]
    await database.close()
    return sorted(found)


def test_a_day_is_read_to_its_end_and_the_record_is_shown(url, in_force):
    ended = rescreen("--since", "2025-11-23", "--until", "2025-11-23", "--by", "dora")
    assert (ended.code, ended.err) == (0, "")  # no bar where nobody watches
    assert ended.lines == [
        f"screening 1: 2025-11-23T00:00:00Z to 2025-11-24T00:00:00Z, rules {in_force.rules.version}",
        "2 messages read, 0 without words",
        "1 newly suspected, on SMI-1",
    ]
    assert asyncio.run(_cases(url)) == ["fake:ann"]


def test_programs_get_the_record_as_json(url, in_force):
    ended = rescreen("--since", "2025-11-23T12:00+01:00", "--json")
    record = json.loads(ended.out)
    assert (record["since"], record["read"], record["suspected"]) == ("2025-11-23T11:00:00Z", 2, 1)
    assert (record["rules"], record["cases"], record["by"] != "") == (in_force.rules.version, [1], True)
    again = json.loads(rescreen("--since", "2025-11-23T12:00+01:00", "--json").out)
    assert (again["screening"], again["suspected"], again["cases"]) == (2, 0, [])


def test_who_watches_sees_a_bar(url, in_force):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with (
        mock.patch.object(screening_commands.sys, "stderr", Terminal()) as terminal,
        screening_commands._progress(3) as bar,
    ):
        bar(1)
        bar(2)
    assert "reading again" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "yesterday: is no day or moment; write 2026-11-23"),
        (("--since", "2025-11-23", "--until", "2025-11-22"), "must be earlier than --until"),
        (("--since", "2999-01-01"), "and than now"),
        (("--since", "2025-11-23", "--until", "9999-12-31"), "9999-12-31: is no day or moment"),
        ((), "--since"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_wrong_time_is_refused_and_nothing_is_read(url, in_force, arguments, words):
    ended = rescreen(*arguments)
    assert ended.code == 2
    assert words in " ".join(ended.err.replace("│", " ").split())
    assert asyncio.run(_cases(url)) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_published_library_there_are_no_rules_in_force_and_it_says_what_to_do(url):
    ended = rescreen("--since", "2025-11-23")
    assert (ended.code, "run 'smi-bot library publish'" in ended.err) == (2, True)


def test_without_a_database_none_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("SMI_DATA_DIR", str(tmp_path / "nowhere"))
    ended = rescreen("--since", "2025-11-23")
    assert (ended.code, "there is no database at" in ended.err) == (2, True)
    assert not (tmp_path / "nowhere").exists()
