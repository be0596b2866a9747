"""SIGKILL of a look-back screening at every step: run again it goes on, opens no case twice and skips no message."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta

import pytest
import screening_victim
import sqlalchemy as sa
from looking_back import MISSED
from serving import FORGOT
from supervisor import FORKS, PATIENCE, _forks_find_the_victim, books  # noqa: F401 (a fixture)

from smi_bot import journal
from smi_bot.database import Database
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Inquiry
from smi_bot.screening import ScreeningRow

CAME = datetime(2025, 11, 23, 9, 0, tzinfo=UTC)
PEOPLE = {f"p{number:02}": MISSED if number % 3 else FORGOT for number in range(11)}  # and one page ends with a finding
REPORTERS = [f"fake:{who}" for who, text in PEOPLE.items() if text == MISSED]

KILLS = [
    [("begun", 1)],
    [("read", 1)],
    [("read", 3)],
    [("handing over", 1)],
    [("handing over", 4)],
    [("committing", 1)],
    [("committing", 3)],
    [("committing", 5)],
    [("advanced", 1)],
    [("advanced", 4)],
    [("finished", 1)],
    [("handing over", 2), ("advanced", 1), ("committing", 2), ("read", 2), ("handing over", 1)],
]


async def _stored(url: str) -> None:
    """What came in a year ago, and was answered."""
    database = Database(url)
    async with database.transaction() as tx:
        for number, (who, text) in enumerate(PEOPLE.items()):
            at, lane = CAME + timedelta(minutes=number), f"fake:{who}"
            said = Inquiry(key=f"k{number}", channel="fake", conversation=lane, sent_at=at, text=text)
            times = {"received_at": at, "next_attempt_at": at, "settled_at": at}
            payload = said.model_dump(mode="json") | {"salt": "s"}
            tx.add(InboxRow(key=said.key, lane=lane, kind="message", payload=payload, state="done", **times))
    await database.close()


async def _screenings(url: str) -> tuple[list[ScreeningRow], list[str]]:
    """The screenings, and what the journal says of them."""
    database = Database(url)
    async with database.reading() as tx:
        rows = list((await tx.execute(sa.select(ScreeningRow))).scalars())
        said = sa.select(journal.JournalRow).where(journal.JournalRow.kind == "screening")
        told = [row.body["what"] for row in (await tx.execute(said.order_by(journal.JournalRow.seq))).scalars()]
    await database.close()
    return rows, told


def lives(url: str, point: str, countdown: int) -> int | None:
    process = FORKS.Process(target=screening_victim.screen, args=(url, point, countdown))
    process.start()
    process.join(PATIENCE)
    return process.exitcode


@pytest.mark.parametrize("kills", KILLS, ids=[" ".join(f"{point} {n}" for point, n in kills) for kills in KILLS])
def test_a_kill_anywhere_opens_no_case_twice_and_skips_none(kills, database_url):
    asyncio.run(_stored(database_url))
    assert [lives(database_url, *kill) for kill in kills] == [-signal.SIGKILL] * len(kills)
    assert lives(database_url, "", 0) == 0
    kept, (rows, told) = books(database_url), asyncio.run(_screenings(database_url))
    assert [case.conversation for case in kept.cases] == REPORTERS
    assert [event.kind for case in kept.cases for event in case.events] == ["opened", "message"] * len(REPORTERS)
    assert kept.fault is None
    # Killed when it was done already, the next run is a screening of its own, which finds nothing new.
    first, *others = rows
    assert [(row.suspected, row.state) for row in others] == ([(0, "done")] if kills[-1][0] == "finished" else [])
    assert (first.read, first.suspected, first.state, len(first.cases)) == (11, len(REPORTERS), "done", len(REPORTERS))
    assert told.count("done") == len(rows)
