"""`smi-bot decide`: the live decision, stateless, on one JSON object a line; and `explain`, which computes one again."""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from smi_bot import journal
from smi_bot.assistant import Knowledge, Message, by_match, decide
from smi_bot.burst import inquiry_of, message_of
from smi_bot.database import Database
from smi_bot.decision import Decision
from smi_bot.durable.rows import InboxRow
from smi_bot.errors import JournalError
from smi_bot.inquiry import Audience, Conversation, UserText
from smi_bot.library import Library
from smi_bot.matching import Matcher
from smi_bot.text import read, repair
from smi_bot.trace import case_of, record, versions

#: The decision of one question, from its text, audience and country.
Decide = Callable[[str, Conversation], Decision]
#: What decisions rest on with a version of the library.
KnowledgeOf = Callable[[str], Awaitable[Knowledge]]


class Question(BaseModel):
    """One line of input."""

    model_config = ConfigDict(extra="ignore")

    text: UserText
    audience: Audience = "patient"
    country: str | None = None


def live(knowledge: Knowledge, today: date) -> Decide:
    """The same function as the bot's."""
    return lambda text, conversation: decide(Message((text,)), conversation, None, knowledge, today)


def match_only(library: Library, matcher: Matcher, today: date) -> Decide:
    """Without triage and service intents, for libraries about anything."""
    return lambda text, conversation: by_match(read(text), conversation, library, matcher, today)


def decide_lines(lines: Iterable[bytes], decide_one: Decide, home: str | None) -> Iterator[dict[str, Any]]:
    """One object a line, in order; a malformed line yields its error and stops nothing."""
    for number, line in enumerate(lines, start=1):
        try:
            question = Question.model_validate(json.loads(line))
        except (ValueError, ValidationError, RecursionError) as error:
            yield {"error": f"line {number}: {_reason(error)}"}
            continue
        yield _decided(question, decide_one, home)


def _decided(question: Question, decide_one: Decide, home: str | None) -> dict[str, Any]:
    country = question.country.upper() if question.country else home
    conversation = Conversation(id="decide", channel="decide", audience=question.audience, country=country)
    began = time.perf_counter()
    decision = record(decide_one(question.text, conversation))
    return {**decision, "ms": round((time.perf_counter() - began) * 1000, 3)}


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"field {'.'.join(map(str, first['loc'])) or '(line)'}: {first['msg']}"
    return "is not JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else "is not UTF-8 JSON"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision as it was journalled and as it would be taken now."""

    at: datetime
    journalled: dict[str, Any]
    again: dict[str, Any]
    text: str

    @property
    def same(self) -> bool:
        return bool(self.journalled["decision"] == self.again["decision"])


async def explain(database: Database, knowledge_of: KnowledgeOf, message: str) -> Explanation:
    """Computes the decision on a stored message again. Raises JournalError where there is none to compare with."""
    async with database.reading() as tx:
        id = await _row_id(tx, message)
        entries = await journal.decisions_on(tx, id)
        if not entries:
            raise JournalError(
                f"message {message}: no decision is journalled; give a number shown on the desk or in the log"
            )
        body = entries[-1].body
        rows = [row for each in body["messages"] if (row := await tx.get(InboxRow, each))]
    if len(rows) < len(body["messages"]):
        raise JournalError(f"message {message}: is gone from the inbox; run 'smi-bot journal verify'")
    if any(row.payload.get("erased") for row in rows):
        raise JournalError(f"message {message}: its words were erased; only the journalled decision is left")
    knowledge = await knowledge_of(body["versions"]["library"])
    asked = message_of([inquiry_of(row) for row in rows])
    case = case_of(body["case"]) if body["case"] else None
    conversation = Conversation.model_validate(body["conversation"])
    decision = decide(asked, conversation, case, knowledge, date.fromisoformat(body["today"]))
    again = {"decision": record(decision), "versions": versions(knowledge)}
    return Explanation(entries[-1].at, body, again, asked.text)


async def _row_id(tx: Any, message: str) -> int:
    if message.isdecimal():
        return int(message[:18])
    row = await journal.message_with_key(tx, repair(message))
    if row is None:
        raise JournalError(f"message {message}: is not known")
    return row
