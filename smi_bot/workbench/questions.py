"""Questions of the past, to be decided again: from a file, or from the messages that the journal names."""

import csv
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import col

from escalation.redaction import redact
from smi_bot.assistant import Message
from smi_bot.burst import inquiry_of, message_of
from smi_bot.database import Transaction
from smi_bot.durable.rows import InboxRow
from smi_bot.errors import SmiError
from smi_bot.inquiry import Audience, Conversation
from smi_bot.journal import JournalRow
from smi_bot.trying import Question

_AT_ONCE = 500  # journal entries


class QuestionsError(SmiError):
    """A file of questions cannot be read; names file, line and mend."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and who asked it from where. `country`: ISO 3166-1, or None where it is unknown."""

    message: Message
    audience: Audience
    country: str | None

    @property
    def masked(self) -> str:
        """Its words without what identifies a person, as cards show them."""
        return redact(self.message.text, self.country)

    @property
    def conversation(self) -> Conversation:
        return Conversation(id="trial", channel="trial", audience=self.audience, country=self.country)


class Questions(NamedTuple):
    """Each question once, and how often it was asked. `left_out`: messages whose words were erased."""

    asked: Counter[Asked]
    left_out: int = 0


# --- from a file


def read_questions(path: Path, home: str | None) -> Questions:
    """Lines of text, JSON objects as `smi-bot decide` takes them, or a table with a column `text`.

    `home`: the country of questions that name none. Raises QuestionsError.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            found = Counter(_asked(path, *each, home) for each in _records(path, lines))
    except UnicodeDecodeError as error:
        raise QuestionsError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise QuestionsError(f"{path}: {error.strerror}; name a file of questions, or 'journal'") from None
    if not found:
        raise QuestionsError(f"{path}: holds no question")
    return Questions(found)


def _asked(path: Path, number: int, record: Mapping[str, Any], home: str | None) -> Asked:
    given = {key: value for key, value in record.items() if key is not None and value not in (None, "")}
    try:
        question = Question.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(line)"
        raise QuestionsError(f"{path}: line {number}: field {field}: {first['msg']}; correct it") from None
    country = question.country.upper() if question.country else home
    return Asked(Message((question.text,)), question.audience, country)


def _records(path: Path, lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records with their line, from 1."""
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        yield from _table(path, lines, "\t" if ending == ".tsv" else ",")
        return
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and (ending in (".json", ".jsonl", ".ndjson") or text.startswith("{")):
            yield number, _object(path, number, text)
        elif text:
            yield number, {"text": text}


def _object(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise QuestionsError(f'{path}: line {number}: is no JSON object; write it like {{"text": "…"}}')
    return found


def _table(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    # In tab-separated files quotation marks are words like any other.
    table = csv.DictReader(
        lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    )
    try:
        if "text" not in (table.fieldnames or ()):
            raise QuestionsError(f"{path}: line 1: has no column 'text'; name it in the first line")
        for row in table:
            if (row["text"] or "").strip():
                yield table.line_num, row
    except csv.Error as error:
        raise QuestionsError(f"{path}: line {table.line_num}: {error}; correct it") from None


# --- from the journal


async def journalled_questions(tx: Transaction) -> Questions:
    """All messages that were decided, with the audience and country of that time; no presses, no public posts."""
    found: Counter[Asked] = Counter()
    left_out = 0
    async for entry, rows in decided(tx):
        if entry.body["conversation"].get("public"):
            continue
        if any(row.payload.get("erased") for row in rows) or len(rows) < len(entry.body["messages"]):
            left_out += 1
        elif rows and not any(row.payload.get("action") for row in rows):
            seen = Conversation.model_validate(entry.body["conversation"])
            found[Asked(message_of([inquiry_of(row) for row in rows]), seen.audience, seen.country)] += 1
    return Questions(found, left_out)


async def decided(tx: Transaction) -> AsyncIterator[tuple[JournalRow, list[InboxRow]]]:
    """Each journalled decision with the messages that it was taken on, oldest first."""
    last = 0
    while entries := await _next_decisions(tx, last):
        ids = {id for entry in entries for id in entry.body["messages"]}
        rows = {
            row.id: row for row in (await tx.execute(sa.select(InboxRow).where(col(InboxRow.id).in_(ids)))).scalars()
        }
        for entry in entries:
            yield entry, [rows[id] for id in entry.body["messages"] if id in rows]
        last = entries[-1].seq


async def _next_decisions(tx: Transaction, after: int) -> list[JournalRow]:
    query = sa.select(JournalRow).where(col(JournalRow.kind) == "decided", col(JournalRow.seq) > after)
    return list((await tx.execute(query.order_by(col(JournalRow.seq)).limit(_AT_ONCE))).scalars())
