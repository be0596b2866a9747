"""Who got a version of a text: from what was sent, by names that say nothing about the person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from channels.delivery import PartRow
from escalation.card_lines import pseudonym
from escalation.store import CaseRow
from smi_bot.database import Transaction
from smi_bot.durable.rows import OutboxRow
from smi_bot.journal import JournalRow

#: `sent in part`: some messages of it arrived, then it failed or was given up; which version it was is not recorded.
State = Literal["sent", "waiting", "sent in part"]
_AT_ONCE = 500  # values in one query


@dataclass(frozen=True, slots=True)
class Recipient:
    """One reply with the text. `at`: when it was sent, or queued. `erased`: the requester had their data erased since."""

    requester: str
    cases: tuple[str, ...]
    channel: str
    at: datetime
    state: State
    audience: str
    country: str
    seen: bool
    erased: bool


class Recall(NamedTuple):
    """`unaccounted`: texts that the journal says were sent, of which no reply is stored."""

    recipients: tuple[Recipient, ...]
    unaccounted: int


async def recipients(tx: Transaction, document: str, version: int) -> Recall:
    """`document`: "zelvanta/missed-dose", or "wording/greeting.en". The first who got it comes first."""
    source = f"{document} v{version}"
    sent = await _sent(tx, source)
    others = await _unsettled(tx, document)
    parts = await _partly_sent(tx, [row.key for row in others])
    doubtful = [row for row in others if row.state == "open" or row.key in parts]
    cases = await _cases(tx, {row.lane for row in (*sent, *doubtful)})
    found = [_recipient(row, "sent", cases) for row in sent]
    found += [_recipient(row, "sent in part" if row.key in parts else "waiting", cases) for row in doubtful]
    journalled = await _journalled(tx, source)
    return Recall(tuple(sorted(found, key=lambda each: each.at)), max(0, journalled - len(sent)))


async def _sent(tx: Transaction, source: str) -> Sequence[OutboxRow]:
    of_source = (col(OutboxRow.state) == "sent", col(OutboxRow.sent)["source"].as_string() == source)
    return (await tx.execute(sa.select(OutboxRow).where(*of_source).order_by(col(OutboxRow.id)))).scalars().all()


async def _unsettled(tx: Transaction, document: str) -> Sequence[OutboxRow]:
    """Replies with the text that are still to go, and those that failed: of several messages some may be out."""
    part = col(OutboxRow.payload)["part"]
    name, _, language = document.rpartition("/")[2].partition(".")
    of_text = [part["wording" if language else "entry"].as_string() == name]
    of_text += [part["language"].as_string() == language] if language not in ("", "en") else []
    unsettled = (col(OutboxRow.way) == "delivery", col(OutboxRow.state).in_(("open", "failed", "dropped")))
    return (
        (await tx.execute(sa.select(OutboxRow).where(*unsettled, *of_text).order_by(col(OutboxRow.id)))).scalars().all()
    )


async def _partly_sent(tx: Transaction, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in _chunks(keys):
        query = sa.select(col(PartRow.reply)).where(col(PartRow.reply).in_(some))
        found |= set((await tx.execute(query)).scalars())
    return found


async def _cases(tx: Transaction, conversations: set[str]) -> dict[str, list[str]]:
    """The cases of each conversation, by which a specialist finds the person."""
    found: dict[str, list[str]] = {}
    for some in _chunks(sorted(conversations)):
        query = sa.select(CaseRow).where(col(CaseRow.conversation).in_(some)).order_by(col(CaseRow.id))
        for row in (await tx.execute(query)).scalars():
            found.setdefault(row.conversation, []).append(f"SMI-{row.id}")
    return found


async def _journalled(tx: Transaction, source: str) -> int:
    of_source = (col(JournalRow.kind) == "sent", col(JournalRow.body)["source"].as_string() == source)
    return int((await tx.execute(sa.select(sa.func.count()).select_from(JournalRow).where(*of_source))).scalar_one())


def _chunks(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[first : first + _AT_ONCE] for first in range(0, len(values), _AT_ONCE)]


def _recipient(row: OutboxRow, state: State, cases: Mapping[str, Sequence[str]]) -> Recipient:
    part: dict[str, Any] = row.payload["part"]
    return Recipient(
        requester=pseudonym(row.lane),
        cases=tuple(cases.get(row.lane, ())),
        channel=row.payload["channel"],
        at=row.settled_at or row.created_at,
        state=state,
        audience=part.get("audience") or "",
        country=part.get("country") or "",
        seen=row.seen_at is not None,
        erased=bool((row.sent or {}).get("erased")),
    )
