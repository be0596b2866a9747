"""The journal: nobody's words in it, one unbroken chain, and the command that verifies it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from audited import AT, all_rows, audit, change_row, recorded, settled  # noqa: F401 (fixtures)
from commands import command
from hypothesis import given, settings
from hypothesis import strategies as st

from smi_bot import journal
from smi_bot.attachments import keep
from smi_bot.database import Database
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action

# --- nobody's words


async def test_no_words_of_a_requester_or_a_specialist_stand_in_the_journal(service):
    says = service.requester.says
    async with service.app.database.transaction() as tx:
        name = "xenolith-of-my-rash.png"
        file = await keep(tx, "fake:ann", name, b"\x89PNG\r\n\x1a\n xylophone", 1000, service.clock())
    await says("xanthic what if I forget a tablet?")
    await says("I got a xanthous rash from Zelvanta, my name is Xaverius Quetzalcoatl")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await says("xerothermic", files=(file,))
    await service.desk.presses("claim", case.id)
    await service.desk.replies(case.id, "xyloid words of mine")
    await service.requester.hears("specialist")
    await says("xenial: he can't breathe and his lips are blue")
    await service.requester.presses(Action(verb="specialist"))
    await says("\u0445\u0430 \U0001f92e\ud800")
    await settled(service)
    rows = await all_rows(service.app.database)
    text = "\n".join(json.dumps(row, default=str, ensure_ascii=False) for row in rows)
    assert sum(row["kind"] == "received" for row in rows) == 6
    for words in (
        "xan",
        "Xav",
        "xer",
        "xen",
        "xyl",
        "rash",
        "tablet?",
        "breathe",
        "lips",
        "Quetz",
        "\u0445\u0430",
        "\U0001f92e",
    ):
        assert words not in text
    assert (await audit(service.app.database)).fault is None


@settings(deadline=None)
@given(text=st.text(st.characters()), salt=st.text("0123456789abcdef", min_size=32, max_size=32))
def test_a_digest_takes_any_text_and_tells_nothing_without_its_salt(text, salt):
    digest = journal.digest(salt, text)
    assert len(digest) == 64
    assert digest == journal.digest(salt, text)
    assert digest != journal.digest("", text)
    assert digest != journal.digest(salt, text + ".")


# --- one chain


async def test_what_is_noted_is_journalled_with_its_transaction_or_not_at_all(database):
    async with database.transaction() as tx:
        journal.note(tx, AT, "first", "a", number=1.5, words="ä\u2028😀", nested={"b": [1, None, True], "a": {}})
        journal.note(tx, AT.astimezone(), "second", "b")
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            journal.note(tx, AT, "never", "c")
            raise ZeroDivisionError
    async with database.transaction():
        pass
    assert [row["kind"] for row in await all_rows(database)] == ["first", "second"]
    found = await audit(database)
    assert (found.entries, found.fault) == (2, None)


@settings(deadline=None, max_examples=50)
@given(
    body=st.dictionaries(
        st.text("abcé", max_size=3),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.integers(0, 10_000).map(lambda n: n / 10_000)
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner, max_size=3),
            max_leaves=5,
        ),
        max_size=3,
    )
)  # fmt: skip
def test_the_hash_of_an_entry_is_the_same_after_a_round_through_json(body):
    entry = journal.Entry(AT, "kind", "subject", body)
    again = journal.Entry(AT, "kind", "subject", json.loads(json.dumps(body)))
    assert journal._hash(1, "0", entry) == journal._hash(1, "0", again)


async def test_many_writers_on_one_database_make_one_unbroken_chain(database_url):
    """Several pools as several workers have them; on SQLite one process writes, task by task."""
    workers = [
        Database(database_url, before_commit=(journal.chain,)) for _ in range(1 if "sqlite" in database_url else 3)
    ]

    async def write(worker: Database, name: str) -> None:
        for number in range(5):
            async with worker.transaction() as tx:
                journal.note(tx, AT, "wrote", name, number=number)
                journal.note(tx, AT, "wrote again", name, number=number)

    await asyncio.gather(*(write(worker, f"{w}.{t}") for w, worker in enumerate(workers) for t in range(6)))
    found = await audit(workers[0])
    rows = await all_rows(workers[0])
    for worker in workers:
        await worker.close()
    assert found.fault is None
    assert found.entries == len(rows) == len(workers) * 6 * 5 * 2
    for one, two in zip(rows[::2], rows[1::2], strict=True):  # what one transaction notes stands together
        assert (one["kind"], two["kind"]) == ("wrote", "wrote again")
        assert (one["subject"], one["body"]) == (two["subject"], two["body"])


async def test_a_journal_that_is_being_written_is_intact(postgres_url):
    """Chain and head are read as of one instant."""
    worker, going = Database(postgres_url, before_commit=(journal.chain,)), True

    async def write() -> None:
        while going:
            async with worker.transaction() as tx:
                journal.note(tx, AT, "wrote", "somebody")

    writing = asyncio.create_task(write())
    faults = {(await audit(worker)).fault for _ in range(20)}
    going = False
    await writing
    await worker.close()
    assert faults == {None}


# --- the command


async def verified(database: Database, monkeypatch):
    monkeypatch.setenv("SMI_DATABASE_URL", database.url)
    return await asyncio.to_thread(command, "journal", "verify")


async def test_the_command_says_intact_with_the_head_and_ends_with_0(recorded, monkeypatch):
    rows = await all_rows(recorded)
    ended = await verified(recorded, monkeypatch)
    assert (ended.code, ended.out, ended.err) == (0, f"intact: {len(rows)} entries, head {rows[-1]['hash']}\n", "")


async def test_the_command_names_the_first_fault_and_ends_with_1(recorded, monkeypatch):
    await change_row(recorded, InboxRow, 1, payload={"text": "other words"})
    ended = await verified(recorded, monkeypatch)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "NOT INTACT: entry 1: the text of the message it names was changed\n"


async def test_an_empty_journal_is_intact(database, monkeypatch):
    ended = await verified(database, monkeypatch)
    assert (ended.code, ended.out) == (0, f"intact: 0 entries, head {'0' * 64}\n")


def test_without_a_database_the_command_ends_with_one_line(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "smi_bot.cli", "journal", "verify"],
        env={"PYTHONPATH": str(Path(journal.__file__).parent.parent), "SMI_DATA_DIR": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
