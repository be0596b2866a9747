"""Tampering with the journal, and with what it vouches for: every change is found."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from audited import AT, HEAD, ROWS, all_rows, audit, change_row, recorded  # noqa: F401 (fixtures)
from sqlmodel import col

from smi_bot import journal
from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.journal import Audit


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
