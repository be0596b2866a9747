"""What specialists said of labels, as data to measure triage by: masked texts, and nobody's name, number or case."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from escalation import store
from escalation.case import Case
from escalation.judging import Judgement, judgements
from escalation.redaction import redact
from escalation.said import is_erased, masked
from escalation.store import CaseEventRow
from smi_bot import journal
from smi_bot.burst import inquiry_of
from smi_bot.database import Transaction
from smi_bot.durable.rows import InboxRow
from smi_bot.screening import ScreeningRow
from smi_bot.text import without_controls


class JudgedLabel(NamedTuple):
    """A label of a case as it was judged last. `text`: all that raised it by then, masked, in one line.

    `rule`: names with commas between them; `gate` where no rule but the gate gave the label, empty where a specialist
    did. `date`: of the judgement, UTC. `rules_version`: of the rules by which the last of the text was read.
    """

    text: str
    label: str
    rule: str
    verdict: str
    date: str
    rules_version: str


async def judged_labels(tx: Transaction, since: datetime | None) -> list[JudgedLabel]:
    """In the order of their judgement. Labels whose words are erased say nothing any more, and are left out."""
    found = [each async for each in _judged(tx) if since is None or each[0] >= since]
    return [row for _, row in sorted(found) if row.text]


async def _judged(tx: Transaction) -> AsyncIterator[tuple[datetime, JudgedLabel]]:
    ids = sa.select(col(CaseEventRow.case_id)).where(col(CaseEventRow.kind) == "judged").distinct()
    for id in (await tx.execute(ids.order_by(col(CaseEventRow.case_id)))).scalars().all():
        case = await store.case(tx, id)
        for judgement in judgements(case.events).values():
            yield judgement.at, await _row(tx, case, judgement)


async def _row(tx: Transaction, case: Case, judgement: Judgement) -> JudgedLabel:
    rows = await store.messages(tx, _about(case, judgement))
    country = case.events[0].body["country"]
    texts = [_words(row, country) for row in _in_order(rows) if not is_erased(row)]
    return JudgedLabel(
        text=" ".join(" ".join(texts).split()),
        label=judgement.label,
        rule=", ".join(judgement.raised.rules),
        verdict=judgement.verdict,
        date=f"{judgement.at:%Y-%m-%d}",
        rules_version=await _version(tx, case, judgement, max(rows, default=0)),
    )


def _about(case: Case, judgement: Judgement) -> list[int]:
    """What raised the label; where only a specialist saw it, all that they had read."""
    before = (each for each in case.events if each.kind == "message" and each.at <= judgement.at)
    return list(judgement.raised.messages) or [id for event in before for id in event.body["messages"]]


def _in_order(rows: Mapping[int, InboxRow]) -> list[InboxRow]:
    return [rows[id] for id in sorted(rows)]


def _words(row: InboxRow, country: str | None) -> str:
    """All that triage read of a message, and that is shown of it."""
    inquiry = inquiry_of(row)
    names = [attachment.name for attachment in inquiry.attachments]
    read = [masked(row, country), *(redact(words, country) for words in (*names, inquiry.quoted) if words)]
    return without_controls(" ".join(read))


async def _version(tx: Transaction, case: Case, judgement: Judgement, message: int) -> str:
    event = next((each for each in case.events if each.id == judgement.raised.event), None)
    if event is not None and event.body.get("screening"):  # which read it by the rules of its own time
        return (await tx.get_one(ScreeningRow, event.body["screening"])).rules
    decisions = await journal.decisions_on(tx, message)
    return str(decisions[-1].body["versions"]["rules"]) if decisions else ""
