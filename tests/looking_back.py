"""Look-back screening in a test's hand: messages that came in while the rules knew nothing of reports, and reading again."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from by_hand import Talk, by_hand
from fakes import Clock

from escalation.board import context
from escalation.cards import Card, card
from escalation.sla import windows
from smi_bot import assistant
from smi_bot.assistant import Knowledge
from smi_bot.decision import Triage
from smi_bot.journal import JournalRow
from smi_bot.screening import LookBack, ScreeningRow

#: Answered as a question where the rules find no report in it, and a report where they do.
MISSED = "what if I forget a tablet? I got a rash"
MISSED_EMERGENCY = "what if I forget a tablet? I can't breathe"
MISSED_DEFECT = "what if I forget a tablet? the blister was broken"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
#: For what does not depend on the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def talk(database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


@contextlib.contextmanager
def blind() -> Iterator[None]:
    """Rules that find nothing, as far as messages that come in are concerned."""
    with mock.patch.object(assistant, "triage_burst", lambda texts, rules: Triage()):
        yield


def looking(talk: Talk, knowledge: Knowledge, page: int = 200) -> LookBack:
    return LookBack(talk.app.database, talk.app.handoff, knowledge.rules, talk.clock, "US", page)


@pytest.fixture
def look(talk: Talk, knowledge: Knowledge) -> LookBack:
    return looking(talk, knowledge)


async def screened(
    look: LookBack, since: datetime = LONG_AGO, until: datetime | None = None, by: str = "dora"
) -> ScreeningRow:
    """A screening a moment later, from its beginning, or from where it stopped, to its end."""
    look._clock.advance(seconds=1)  # it reads what came in before it began
    screening = await look.begin(since, until, by)
    while await look.step(screening):
        pass
    return await look.finish(screening)


async def missed(talk: Talk, text: str = MISSED, who: str = "ann", **more: Any) -> datetime:
    """Somebody reports what the rules of the time do not see; two days go by. Returns when it came in."""
    came = talk.clock()
    with blind():
        await talk.says(text, who, **more)
    talk.clock.advance(days=2)
    return came


async def entries(talk: Talk, kind: str) -> list[dict[str, Any]]:
    """What the journal holds of a kind, in order."""
    async with talk.app.database.reading() as tx:
        rows = await tx.execute(JournalRow.__table__.select().where(JournalRow.kind == kind).order_by(JournalRow.seq))
        return [row.body for row in rows]


async def shown(talk: Talk, who: str = "ann") -> Card:
    """The card of somebody's newest case."""
    case, limits = await talk.case(who), windows(talk.app.settings)
    async with talk.app.database.reading() as tx:
        return card(case, await context(tx, [case], talk.app.shelf.library, limits, "Dr. Rao", talk.clock()))
