"""The Slack desk under load: specialists press, write and send while requesters ask; seconds to acknowledge and to show.

Slack and its specialists are another process (slack_people.py) on the same machine, and the database may be a third:
they share its cores with the service, so what is measured is no better than what the service does by itself.

The clock jumps over Slack's pace while cases are set up and what has queued up is shown in the end; the measured time
in between is real. Seconds to a card are those of the service's clock, so the jumps are counted as if waited for.
"""

import asyncio
import multiprocessing
import time
from bisect import bisect
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, pairwise
from multiprocessing.connection import Connection
from statistics import median
from typing import Literal, NamedTuple

import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import col

from benchmarks.figures import Figure, latencies
from benchmarks.jumping import JumpingClock
from benchmarks.requesters import running, settled
from benchmarks.slack_people import KEPT, Called, Card, Done, Place, Shown, live
from escalation import sla, store
from escalation.board import context
from escalation.cards import card
from escalation.slack import EVENTS_PATH
from escalation.slack_cards import card_post
from escalation.slack_lines import line_posts
from escalation.store import CaseEventRow, CaseRow
from smi_bot.app import App
from smi_bot.assistant import Knowledge
from smi_bot.conversations import ConversationRow
from smi_bot.durable.rows import OutboxRow
from smi_bot.inquiry import Inquiry
from smi_bot.receiving import enqueue
from smi_bot.settings import Settings

QUESTION = "Could you compare it to adalimumab in terms of safety and cost per year?"
REPORT = "Since Tuesday I have had a rash on both arms and it itches terribly"
ASK_EVERY = 2.0  # seconds between two new requesters
_CHANNEL = "bench"
_PATIENCE = 600.0  # seconds until everything is shown, at the most

Way = Literal["socket", "http"]


@dataclass(frozen=True, slots=True)
class Load:
    """`cases`: open from the beginning; `seconds`: measured."""

    cases: int
    seconds: float


class Asked(NamedTuple):
    """A requester wrote, at this monotonic time."""

    conversation: str
    at: float
    is_report: bool


class Run(NamedTuple):
    """What happened from the beginning of the measured time until everything was shown."""

    done: Done
    shown: Shown
    asked: list[Asked]
    busy: float  # share of one core that the service took meanwhile
    events: Counter[str]  # of cases, by kind
    told: list[str]  # to specialists, privately


async def measure(
    name: str, way: Way, settings: Settings, beginning: datetime, knowledge: Knowledge, load: Load
) -> AsyncIterator[Figure]:
    clock, address = JumpingClock(beginning), asyncio.get_running_loop().create_future()
    with _slack(beginning) as (pipe, place):
        serving = running(_in_slack(settings, place, way), clock, knowledge, address.set_result)
        async with serving as (app, _):
            pipe.send(f"{await address}{EVENTS_PATH}" if way == "http" else "")
            await _open_cases(app, clock, place, load.cases)
            run = await _run(app, clock, pipe, load.seconds)
            faults = await _faults(app, clock, run)
            waits = await _waits(app, clock, run)
    for figure in _figures(f"slack {name} {way}:", run, waits):
        yield figure
    yield Figure(f"slack {name} {way}: failures", faults, "")


@contextmanager
def _slack(beginning: datetime) -> Iterator[tuple[Connection, Place]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=live, args=(theirs, beginning, time.monotonic()))
    process.start()
    theirs.close()  # so that its end is heard
    try:
        yield ours, ours.recv()
    finally:
        ours.close()
        process.terminate()
        process.join()


def _in_slack(settings: Settings, place: Place, way: Way) -> Settings:
    given = {"slack_api": place.url, "slack_channel": place.channel, "allow_demo_library": True}
    secrets = {"slack_bot_token": place.bot_token}
    secrets |= {"slack_signing_secret": place.signing_secret} if way == "http" else {"slack_app_token": place.app_token}
    return settings.model_copy(update=given | {name: SecretStr(secret) for name, secret in secrets.items()})


# --- what goes on


async def _open_cases(app: App, clock: JumpingClock, place: Place, count: int) -> None:
    """One in ten is a report; three in four are claimed. Returns when Slack shows it all."""
    for number in range(count):
        await _ask(app, clock, f"old-{number}", is_report=number % 10 == 0)
    with app.database.bell.ear() as ring:
        while len(cases := await _cases(app)) < count:
            await ring.wait()
            ring.clear()
    claimed = [case for number, case in enumerate(cases.values()) if number % 4]
    for case, person in zip(claimed, cycle(place.people), strict=False):
        async with app.database.transaction() as tx:
            await app.handoff.claim(tx, case, f"slack:{person}", clock())
    with clock.hurrying():
        await settled(app, _PATIENCE)


async def _run(app: App, clock: JumpingClock, pipe: Connection, seconds: float) -> Run:
    before, whispers = await _events(app), len(await _told(app))
    pipe.send(seconds)
    began, busy = time.perf_counter(), time.process_time()
    asked, done = await asyncio.gather(_new_requesters(app, clock, seconds), asyncio.to_thread(pipe.recv))
    busy = (time.process_time() - busy) / (time.perf_counter() - began)
    with clock.hurrying():
        await settled(app, _PATIENCE)
    pipe.send(None)
    shown = await asyncio.to_thread(pipe.recv)
    return Run(done, shown, asked, busy, await _events(app) - before, (await _told(app))[whispers:])


async def _new_requesters(app: App, clock: JumpingClock, seconds: float) -> list[Asked]:
    """One in three reports a side effect."""
    began, asked = time.monotonic(), []
    for number in range(int(seconds / ASK_EVERY)):
        await asyncio.sleep(max(0.0, began + number * ASK_EVERY - time.monotonic()))
        asked.append(await _ask(app, clock, f"new-{number}", is_report=number % 3 == 1))
    return asked


async def _ask(app: App, clock: JumpingClock, who: str, *, is_report: bool) -> Asked:
    """Somebody who has been here before writes what is for a specialist."""
    at, conversation = time.monotonic(), f"{_CHANNEL}:{who}"
    row = ConversationRow(id=conversation, channel=_CHANNEL, created_at=clock(), notice_version=1, audience="patient")
    row.audience_asked = row.country_asked = True
    async with app.database.transaction() as tx:
        tx.add(row)
    text = REPORT if is_report else QUESTION
    inquiry = Inquiry(key=conversation, channel=_CHANNEL, conversation=conversation, sent_at=clock(), text=text)
    await enqueue(app.inbox, inquiry)
    return Asked(conversation, at, is_report)


# --- what came of it


async def _cases(app: App) -> dict[str, int]:
    """By conversation, in their order."""
    rows = sa.select(col(CaseRow.conversation), col(CaseRow.id)).order_by(col(CaseRow.id))
    async with app.database.reading() as tx:
        return {conversation: case for conversation, case in await tx.execute(rows) if case is not None}


async def _events(app: App) -> Counter[str]:
    counts = sa.select(col(CaseEventRow.kind), sa.func.count()).group_by(col(CaseEventRow.kind))
    async with app.database.reading() as tx:
        return Counter(dict((await tx.execute(counts)).tuples().all()))


async def _told(app: App) -> list[str]:
    whispers = sa.select(OutboxRow).where(col(OutboxRow.way) == "whisper").order_by(col(OutboxRow.id))
    async with app.database.reading() as tx:
        return [str(row.payload["text"]) for row in (await tx.execute(whispers)).scalars()]


async def _faults(app: App, clock: JumpingClock, run: Run) -> int:
    """Cards that are not as they should be, acts of which nobody knows, interactions and rows that failed."""
    expected = [await _expected(app, clock, case) for case in (await _cases(app)).values()]
    wrong = (Counter(expected) - Counter(run.shown.cards)).total() + abs(len(expected) - len(run.shown.cards))
    written = sum(run.done.kinds.get(act, 0) for act in KEPT)
    lost = max(0, written - sum(run.events[kind] for kind in set(KEPT.values())) - len(run.told))
    return wrong + lost + run.done.troubled + run.shown.warnings + len(await app.not_ready())


async def _expected(app: App, clock: JumpingClock, case_id: int) -> Card:
    windows = sla.windows(app.settings)
    async with app.database.reading() as tx:
        case = await store.case(tx, case_id)
        shown = card(case, await context(tx, [case], app.shelf.library, windows, "", clock()))
    post = card_post(shown)
    return Card(post.blocks[0]["text"]["text"], post.text, len(line_posts(shown)))


async def _waits(app: App, clock: JumpingClock, run: Run) -> dict[bool, list[float]]:
    """Seconds from each message to its card: of reports, and of others."""
    cases, posted = await _cases(app), {call.case: call.at for call in run.shown.calls if call.case is not None}
    waits: dict[bool, list[float]] = {True: [], False: []}
    for each in run.asked:
        shown_at = clock.at(posted[cases[each.conversation]])
        waits[each.is_report].append((shown_at - clock.at(each.at)).total_seconds())
    return waits


def _figures(name: str, run: Run, waits: dict[bool, list[float]]) -> Iterator[Figure]:
    yield from latencies(f"{name} ack", run.done.acks)
    yield Figure(f"{name} ack max", max(run.done.acks) * 1000, "ms")
    yield Figure(f"{name} interactions", (len(run.done.acks) - 1) / (run.done.ended - run.done.began), "a second")
    yield from _paces(name, run.done, run.shown.calls)
    later = [call for call in run.shown.calls if call.at >= run.done.began]
    yield Figure(f"{name} case events", run.events.total() / len(later), "a Slack call")
    for what, seconds in (("safety", waits[True]), ("ordinary", waits[False])):
        yield Figure(f"{name} {what} card median", median(seconds), "s")
        yield Figure(f"{name} {what} card max", max(seconds), "s")
    yield Figure(f"{name} refused, privately", len(run.told), "")
    yield Figure(f"{name} own CPU", run.busy * 100, "% of a core")


def _paces(name: str, done: Done, calls: Sequence[Called]) -> Iterator[Figure]:
    """Of the calls to the channel in the measured time."""
    at = [call.at for call in calls if done.began <= call.at <= done.ended]
    yield Figure(f"{name} Slack calls", len(at) / (done.ended - done.began), "a second")
    yield Figure(f"{name} calls, most", max(bisect(at, each + 1.0) - i for i, each in enumerate(at)), "in 1 s")
    yield Figure(f"{name} calls, least gap", min(b - a for a, b in pairwise(at)), "s")
