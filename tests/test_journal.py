"""The journal: every change is found, nobody's words stand in it, and many writers make one chain."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from commands import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel, col

from smi_bot import journal
from smi_bot.attachments import keep
from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Action
from smi_bot.journal import Audit, JournalHead, JournalRow

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
ROWS, HEAD = JournalRow.__table__, JournalHead.__table__


async def audit(database: Database) -> Audit:
    async with database.reading() as tx:
        return await journal.verify(tx)


async def settled(service) -> None:
    """Waits until nothing is to be done any more."""
    async with asyncio.timeout(20):
        while await service.app.inbox.idle_seconds() is not None or await _open_replies(service.app.database):
            await asyncio.sleep(0.02)


async def _open_replies(database: Database) -> int:
    async with database.reading() as tx:
        count = sa.select(sa.func.count()).select_from(OutboxRow).where(col(OutboxRow.state) == "open")
        return (await tx.execute(count)).scalar_one()


#: All tables of a service in which something of every kind has happened, by the kind of database.
_RECORDED: dict[bool, dict[str, list[dict[str, Any]]]] = {}


@pytest.fixture
async def recorded(database, open_service) -> Database:
    """A database in which something of every kind has happened, and nothing happens now."""
    if database.is_sqlite not in _RECORDED:
        async with open_service() as service:
            await _record(service)
        async with database.reading() as tx:
            _RECORDED[database.is_sqlite] = {
                table.name: [dict(row) for row in (await tx.execute(sa.select(table))).mappings()]
                for table in SQLModel.metadata.sorted_tables
            }
        return database
    async with database.transaction() as tx:
        await tx.execute(sa.delete(HEAD))
        for table in SQLModel.metadata.sorted_tables:
            if rows := _RECORDED[database.is_sqlite][table.name]:
                await tx.execute(sa.insert(table), rows)
    return database


async def _record(service) -> None:
    await service.requester.says("what if I forget a tablet?")
    await service.requester.hears("zelvanta/missed-dose")
    await service.requester.presses(Action(verb="helpful"))
    await service.requester.says("I got a rash after two weeks on Zelvanta")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.desk.replies(case.id, "Please show it to a doctor.")
    await service.requester.hears("specialist")
    await settled(service)


async def all_rows(database: Database) -> list[dict[str, Any]]:
    async with database.reading() as tx:
        return [dict(row) for row in (await tx.execute(sa.select(ROWS).order_by(ROWS.c.seq))).mappings()]


async def is_found(database: Database, change: Callable[[Transaction], Any]) -> str:
    """Changes the tables behind the journal's back, verifies, and takes the change back."""
    async with database.reading() as tx:
        await change(tx)
        found = await journal.verify(tx)
        await tx.rollback()
    assert found.fault is not None
    return found.fault


def setting(seq: int, /, **values: Any) -> Callable[[Transaction], Any]:
    return lambda tx: tx.execute(sa.update(ROWS).where(ROWS.c.seq == seq).values(**values))


def removing(*seqs: int) -> Callable[[Transaction], Any]:
    return lambda tx: tx.execute(sa.delete(ROWS).where(ROWS.c.seq.in_(seqs)))


def other_values(column: str, value: Any) -> list[Any]:
    match value:
        case datetime():
            return [value + timedelta(microseconds=1), value - timedelta(days=1)]
        case int():
            return [value + 1000, -value]
        case str():
            return [value + " ", value[:-1] + ("0" if value[-1:] != "0" else "1"), ""]
        case dict():
            without = [{k: v for k, v in value.items() if k != key} for key in value]
            changed = [value | {key: [value[key], "more"]} for key in value]
            return [*without, *changed, value | {"more": 1}, {}]
    raise AssertionError(column)


async def test_any_change_of_any_column_of_any_entry_is_found(recorded):
    rows = await all_rows(recorded)
    assert {row["kind"] for row in rows} >= {"received", "decided", "sent", "pressed"}
    assert (await audit(recorded)) == Audit(len(rows), rows[-1]["hash"])
    seen: set[tuple[str, tuple[str, ...], str]] = set()
    for row in rows:
        for column, value in row.items():
            shape = (row["kind"], tuple(row["body"]), column)
            if shape in seen and column in ("body", "subject", "kind"):
                continue  # another entry of the very same shape
            seen.add(shape)
            for other in other_values(column, value)[:: 1 if column != "body" else 2]:
                if other != value:
                    fault = await is_found(recorded, setting(row["seq"], **{column: other}))
                    assert fault.startswith(("entry ", "entries "))


async def test_a_missing_entry_is_found_wherever_it_was(recorded):
    rows = await all_rows(recorded)
    last = rows[-1]["seq"]
    assert await is_found(recorded, removing(1)) == "entry 1 is missing"
    assert await is_found(recorded, removing(last // 2)) == f"entry {last // 2} is missing"
    assert await is_found(recorded, removing(last)) == f"entries after {last - 1} are missing"
    assert await is_found(recorded, removing(last - 1, last)) == f"entries after {last - 2} are missing"
    assert await is_found(recorded, removing(*range(1, last + 1))) == "entries after 0 are missing"


async def test_a_missing_entry_is_found_even_where_the_gap_is_closed(recorded):
    rows = await all_rows(recorded)
    gone = len(rows) // 2

    async def close_the_gap(tx: Transaction) -> None:
        await removing(gone)(tx)
        for row in rows[gone:]:
            await setting(row["seq"], seq=row["seq"] - 1)(tx)
        await tx.execute(sa.update(HEAD).values(seq=len(rows) - 1))

    assert await is_found(recorded, close_the_gap) == f"entry {gone} does not follow the one before it"


async def test_exchanged_entries_are_found(recorded):
    rows = await all_rows(recorded)
    first, second = rows[1], rows[2]

    async def exchange_places(tx: Transaction) -> None:
        for old, new in ((first["seq"], 10_000), (second["seq"], first["seq"]), (10_000, second["seq"])):
            await setting(old, seq=new)(tx)

    async def exchange_contents(tx: Transaction) -> None:
        for one, other in ((first, second), (second, first)):
            await setting(one["seq"], **{k: other[k] for k in ("at", "kind", "subject", "body")})(tx)

    for exchange in (exchange_places, exchange_contents):
        assert (await is_found(recorded, exchange)).startswith(f"entry {first['seq']} ")


async def test_a_changed_or_missing_head_is_found(recorded):
    rows = await all_rows(recorded)
    last = rows[-1]
    changes = (
        {"seq": last["seq"] + 1},
        {"seq": last["seq"] - 1, "hash": rows[-2]["hash"]},
        {"hash": "0" * 64},
        {"id": 2},
    )
    for values in changes:
        fault = await is_found(recorded, lambda tx, values=values: tx.execute(sa.update(HEAD).values(**values)))
        assert fault == f"entries after {last['seq']} are missing"
    await is_found(recorded, lambda tx: tx.execute(sa.delete(HEAD)))


async def test_an_entry_added_behind_the_journals_back_is_found(recorded):
    last = (await all_rows(recorded))[-1]
    entry = journal.Entry(AT, "decided", "1", {"messages": []})
    forged = {**journal._columns(last["seq"] + 1, entry), "previous": last["hash"]}
    forged["hash"] = journal._hash(last["seq"] + 1, last["hash"], entry)
    await is_found(recorded, lambda tx: tx.execute(sa.insert(ROWS).values(**forged)))


async def change_row(database: Database, table: Any, id: int, **values: Any) -> None:
    async with database.transaction() as tx:
        await tx.execute(sa.update(table.__table__).where(table.__table__.c.id == id).values(**values))


async def stored(database: Database, table: Any) -> list[Any]:
    async with database.reading() as tx:
        return list((await tx.execute(sa.select(table).order_by(col(table.id)))).scalars())


async def test_a_changed_message_or_reply_is_found(recorded):
    messages = await stored(recorded, InboxRow)
    replies = [row for row in await stored(recorded, OutboxRow) if row.way == "delivery"]
    assert len(messages) == 3
    assert {row.sent["author"] for row in replies} == {"bot", "specialist"}
    cases = [(InboxRow, row.id, "payload", row.payload, "text") for row in messages]
    cases += [(OutboxRow, row.id, "sent", row.sent, "markdown") for row in replies]
    for table, id, column, content, words in cases:
        for other in (
            content | {words: content[words] + "."},
            content | {words: ""} if content[words] else content | {words: "now with words"},
            content | {"salt": "0"},
            content | {words: "other words", "erased": True},
            {},
        ):
            await change_row(recorded, table, id, **{column: other})
            fault = (await audit(recorded)).fault
            assert fault is not None
            assert fault.endswith(("was changed", "is gone"))
        await change_row(recorded, table, id, **{column: content})
        assert (await audit(recorded)).fault is None


async def test_a_message_that_is_gone_is_found(recorded):
    async with recorded.transaction() as tx:
        await tx.execute(sa.delete(InboxRow.__table__).where(InboxRow.__table__.c.id == 1))
    assert (await audit(recorded)).fault == "entry 1: the message it names is gone"


async def test_a_reply_that_is_no_longer_said_to_be_sent_is_found(recorded):
    reply = next(row for row in await stored(recorded, OutboxRow) if row.way == "delivery")
    await change_row(recorded, OutboxRow, reply.id, sent=None)
    assert "is gone" in str((await audit(recorded)).fault)


async def test_erased_messages_and_replies_are_no_fault(recorded):
    before = await audit(recorded)
    for row in await stored(recorded, InboxRow):
        await change_row(recorded, InboxRow, row.id, payload=row.payload | {"text": "", "salt": "", "erased": True})
    for row in await stored(recorded, OutboxRow):
        if row.sent is not None and row.way == "delivery":
            sent = row.sent | {"markdown": "", "salt": "", "erased": True}
            await change_row(recorded, OutboxRow, row.id, sent=sent)
    assert await audit(recorded) == before


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
