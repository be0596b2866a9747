"""The append-only record: what came in, what was decided and why, what went out, what specialists did.

Entries are chained by SHA-256, each over its own canonical JSON and the hash before it, so that a change, a gap or
a reordering anywhere is found by `verify`. Entries hold no words of a requester: they name the message and carry a
salted digest of it, so that erasing a message leaves the chain whole and says nothing.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from smi_bot.database import BigKey, Instant, Json, Transaction
from smi_bot.durable.rows import InboxRow, OutboxRow

_GENESIS = "0" * 64


class JournalRow(SQLModel, table=True):
    """One entry. `hash` covers `previous` and everything else in the row."""

    __tablename__ = "journal"
    __table_args__ = (sa.Index("journal_subject", "subject", "kind"),)

    seq: int = Field(sa_type=BigKey, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    kind: str
    subject: str
    body: dict[str, Any] = Field(sa_type=Json)
    previous: str
    hash: str


class JournalHead(SQLModel, table=True):
    """The end of the chain, in one row: locking it is what puts concurrent writers in line."""

    __tablename__ = "journal_head"

    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigKey)
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to be journalled when the transaction commits. `subject` is what one would look it up by."""

    at: datetime
    kind: str
    subject: str
    body: dict[str, Any]


def note(tx: Transaction, at: datetime, kind: str, subject: str, **body: Any) -> None:
    """Journals with the caller's transaction: both happen or neither."""
    tx.entries.append(Entry(at, kind, subject, body))


async def chain(tx: Transaction) -> None:
    """Appends the noted entries as the last act of a transaction."""
    if not tx.entries:
        return
    head = await tx.get(JournalHead, 1, with_for_update=True)
    if head is None:
        raise RuntimeError("journal_head is empty; run 'smi-bot migrate'")
    for entry in tx.entries:
        seq, previous = head.seq + 1, head.hash
        head.seq, head.hash = seq, _hash(seq, previous, entry)
        tx.add(JournalRow(previous=previous, hash=head.hash, **_columns(seq, entry)))
    tx.entries.clear()
    await tx.flush()


def _columns(seq: int, entry: Entry) -> dict[str, Any]:
    return {"seq": seq, "at": entry.at, "kind": entry.kind, "subject": entry.subject, "body": entry.body}


def _hash(seq: int, previous: str, entry: Entry) -> str:
    fields = [seq, previous, entry.at.astimezone(UTC).isoformat(), entry.kind, entry.subject, entry.body]
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def digest(salt: str, text: str) -> str:
    """Salted digest of a person's words; the salt is erased with them."""
    return hashlib.sha256(f"{salt}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of a verification: how many entries, the last hash, and the first thing that does not add up."""

    entries: int
    head: str
    fault: str | None = None


async def verify(tx: Transaction) -> Audit:
    """Walks the whole chain and compares the messages and replies it names with what is stored now."""
    seq, previous = 0, _GENESIS
    async for row in _rows(tx):
        fault = _fault(row, seq + 1, previous) or await _changed_text(tx, row)
        if fault:
            return Audit(seq, previous, fault)
        seq, previous = row.seq, row.hash
    head = await tx.get(JournalHead, 1)
    if head is None or (head.seq, head.hash) != (seq, previous):
        return Audit(seq, previous, f"entries after {seq} are missing")
    return Audit(seq, previous)


async def _rows(tx: Transaction) -> AsyncIterator[JournalRow]:
    result = await tx.stream_scalars(sa.select(JournalRow).order_by(col(JournalRow.seq)))
    async for row in result:
        yield row


def _fault(row: JournalRow, seq: int, previous: str) -> str | None:
    if row.seq != seq:
        return f"entry {seq} is missing"
    if row.previous != previous:
        return f"entry {seq} does not follow the one before it"
    if row.hash != _hash(row.seq, row.previous, Entry(row.at, row.kind, row.subject, row.body)):
        return f"entry {seq} was changed"
    return None


async def _changed_text(tx: Transaction, row: JournalRow) -> str | None:
    """Whether the words an entry vouches for are still the same; erased ones are no fault."""
    stored: dict[str, Any] | None = None
    if row.kind == "received":
        inbound = await tx.get(InboxRow, row.body["message"])
        stored = inbound.payload if inbound else None
        text = _words(stored or {})
    elif row.kind == "sent":
        outbound = await tx.get(OutboxRow, row.body["reply"])
        stored = outbound.sent if outbound else None
        text = (stored or {}).get("markdown", "")
    else:
        return None
    if stored is None:
        return f"entry {row.seq}: the message it names is gone"
    if stored.get("erased") and not text.strip():
        return None
    same = digest(stored.get("salt", ""), text) == row.body["digest"]
    return None if same else f"entry {row.seq}: the text of the message it names was changed"


def _words(payload: Mapping[str, Any]) -> str:
    """What a stored message says: its text, the names of its files and what it quotes."""
    names = (each["name"] for each in payload.get("attachments", ()))
    return "\n".join([payload.get("text", ""), *names, *filter(None, [payload.get("quoted")])])


async def decisions_on(tx: Transaction, message: int) -> list[JournalRow]:
    """The decisions in which a message took part: journalled right behind its arrival, in one transaction."""
    arrivals = (col(JournalRow.kind) == "received", col(JournalRow.subject) == str(message))
    found: list[JournalRow] = []
    for arrived in (await tx.execute(sa.select(col(JournalRow.seq)).where(*arrivals))).scalars().all():
        behind = (col(JournalRow.kind) == "decided", col(JournalRow.seq) > arrived)
        query = sa.select(JournalRow).where(*behind).order_by(col(JournalRow.seq)).limit(1)
        row = (await tx.execute(query)).scalars().first()
        if row is not None and message in row.body["messages"]:
            found.append(row)
    return found


async def message_with_key(tx: Transaction, key: str) -> int | None:
    """The number of the message that a platform knows by this key, or that a page knows by its last part."""
    known = sa.or_(col(InboxRow.key) == key, col(InboxRow.key).endswith(f":{key}", autoescape=True))
    return (await tx.execute(sa.select(col(InboxRow.id)).where(known).limit(1))).scalar()
