"""`smi-bot library recall`: who got a version of a text, by names that say nothing about them."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from by_hand import CONFIRM, Talk, by_hand
from commands import command
from serving import FORGOT, RASH

from channels.delivery import part_sent
from escalation.card_lines import pseudonym
from smi_bot.assistant import Knowledge
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import Refused
from smi_bot.inquiry import Action
from smi_bot.library import read_library
from smi_bot.library.approval import has_placeholder
from smi_bot.library.model import PLACEHOLDER
from smi_bot.receiving import enqueue
from smi_bot.workbench.recalling import recipients

RESPONSES = Path(__file__).parent.parent / "responses"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GRAPEFRUIT = "can I take it with grapefruit juice?"


@pytest.fixture
async def talk(database_url: str, clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


async def found(talk: Talk, document: str = "zelvanta/missed-dose", version: int = 1):
    async with talk.app.database.reading() as tx:
        return await recipients(tx, document, version)


async def recalled(talk: Talk, monkeypatch, *arguments: str):
    """`smi-bot library recall` beside the service; notices go into the folder `out`."""
    monkeypatch.setenv("SMI_DATABASE_URL", talk.app.database.url)
    return await asyncio.to_thread(command, "library", "recall", *arguments, "--to", "out")


# --- who


async def test_everybody_who_got_the_version_is_listed_in_the_order_of_sending(talk):
    await talk.says(FORGOT)
    talk.clock.advance(minutes=5)
    await talk.says(FORGOT, "bob")
    await talk.says(GRAPEFRUIT, "eve")
    first, second = (await found(talk)).recipients
    assert (first.requester, second.requester) == (pseudonym("fake:ann"), pseudonym("fake:bob"))
    assert (first.state, first.channel, first.audience, first.country) == ("sent", "fake", "patient", "US")
    assert (second.at - first.at).total_seconds() == 300
    assert (await found(talk)).unaccounted == 0


async def test_another_version_and_another_text_are_no_part_of_it(talk):
    await talk.says(FORGOT)
    assert (await found(talk, version=2)).recipients == ()
    assert (await found(talk, version=11)).recipients == ()
    assert (await found(talk, "zelvanta/dose")).recipients == ()
    assert len((await found(talk, "wording/first-contact.en")).recipients) == 1


@on_sqlite
async def test_what_a_specialist_sent_counts_and_the_cases_of_the_requester_are_named(talk, knowledge):
    await talk.says(RASH)
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("answer", case.id, knowledge.library.entries["missed-dose"], "press-1")
    await talk.works()
    (recipient,) = (await found(talk)).recipients
    assert recipient.cases == (case.number,)


@on_sqlite
async def test_what_still_waits_is_listed_and_what_failed_before_anything_arrived_is_not(talk):
    await enqueue(talk.app.inbox, talk.requester.inquiry(FORGOT, "bob"))
    await talk.works("inbox")
    (waiting,) = (await found(talk)).recipients
    assert (waiting.state, waiting.requester) == ("waiting", pseudonym("fake:bob"))
    (row,) = await talk.rows(OutboxRow, OutboxRow.payload["part"]["kind"].as_string() == "entry")
    await talk.change(OutboxRow, row.id, state="failed", error=str(Refused("no")))
    assert (await found(talk)).recipients == ()


@on_sqlite
async def test_what_arrived_in_part_is_listed_whatever_became_of_the_rest(talk):
    await enqueue(talk.app.inbox, talk.requester.inquiry(FORGOT))
    await talk.works("inbox")
    (row,) = await talk.rows(OutboxRow, OutboxRow.payload["part"]["kind"].as_string() == "entry")
    await part_sent(talk.app.database, row.key, 0, "m1")
    for state in ("open", "failed", "dropped"):
        await talk.change(OutboxRow, row.id, state=state)
        assert [each.state for each in (await found(talk)).recipients] == ["sent in part"]


@on_sqlite
async def test_whoever_had_their_data_erased_is_listed_as_such(talk):
    await talk.says(FORGOT)
    await talk.presses(CONFIRM)
    (recipient,) = (await found(talk)).recipients
    assert recipient.erased


@on_sqlite
async def test_replies_that_only_the_journal_knows_of_are_counted(talk):
    await talk.says(FORGOT)
    (row,) = await talk.rows(OutboxRow, OutboxRow.sent["source"].as_string() == "zelvanta/missed-dose v1")
    async with talk.app.database.transaction() as tx:
        await tx.delete(await tx.get_one(OutboxRow, row.id))
    assert await found(talk) == ((), 1)


# --- the command


@on_sqlite
async def test_the_list_holds_neither_words_nor_addresses_and_a_notice_is_drafted(talk, monkeypatch):
    await talk.says(f"{FORGOT} jo@example.org")
    await talk.presses(Action(verb="specialist"))
    await talk.says(FORGOT, "bob")
    ended = await recalled(talk, monkeypatch, "missed-dose", "--version", "1")
    assert (ended.code, ended.err) == (0, "")
    assert pseudonym("fake:ann") in ended.lines[0]
    assert "SMI-1" in ended.lines[0]
    assert "zelvanta/missed-dose v1: 2 sent" in ended.lines
    for personal in ("fake:ann", "fake:bob", "jo@example", "forget"):
        assert personal not in ended.out
    notice = Path("out/wording/correction-missed-dose.md.j2")
    assert f"correction notice: {notice}" in ended.lines
    wording = read_library(Path("out")).wordings["correction-missed-dose", "en"]
    assert (wording.version, has_placeholder(wording)) == (1, True)
    assert "What should I do if I forget a tablet" in wording.body


@on_sqlite
async def test_a_notice_that_was_begun_is_left_as_it_is(talk, monkeypatch):
    await talk.says(FORGOT)
    await recalled(talk, monkeypatch, "missed-dose", "--version", "1")
    notice = Path("out/wording/correction-missed-dose.md.j2")
    notice.write_text("begun", "utf-8")
    ended = await recalled(talk, monkeypatch, "missed-dose", "--version", "1", "--json")
    told = json.loads(ended.out)
    assert notice.read_text("utf-8") == "begun"
    assert (told["document"], told["version"], told["notice"]) == ("zelvanta/missed-dose", 1, str(notice))
    assert [each["requester"] for each in told["recipients"]] == [pseudonym("fake:ann")]


@on_sqlite
async def test_a_notice_can_be_sent_once_it_is_written_and_approved(talk, monkeypatch):
    await talk.says(FORGOT)
    folder = shutil.copytree(RESPONSES, "out")
    await recalled(talk, monkeypatch, "missed-dose", "--version", "1")
    shown = ("library", "show", "wording/correction-missed-dose.en", "--country", "DE", "--library", folder)
    assert "NOT SENT NOW" in command(*shown).out
    notice = Path("out/wording/correction-missed-dose.md.j2")
    notice.write_text(notice.read_text("utf-8").replace(PLACEHOLDER, "Said plainly"), "utf-8")
    command("library", "sign-demo", "--library", folder)
    ended = command(*shown)
    assert ended.code == 0
    assert "to the question “What should I do if I forget a tablet?” (version 1)" in ended.out
    assert "In an emergency, call 112." in ended.out


@on_sqlite
async def test_nobody_got_it_and_no_notice_is_drafted(talk, monkeypatch):
    for topic in ("missed-dose", "long-gone", "zelvanta/long-gone"):
        ended = await recalled(talk, monkeypatch, topic, "--version", "1")
        assert (ended.code, len(ended.lines)) == (0, 1)
        assert ended.lines[0].endswith("v1: nobody got it")
    assert not Path("out").exists()


def test_without_a_database_there_is_one_line_and_exit_code_2():
    ended = command("library", "recall", "missed-dose", "--version", "1", "--library", str(RESPONSES))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "there is no database" in ended.err
