"""Messages through the whole durable way, beside the plain commit rate of the same engine, and the cost of idling."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from benchmarks.figures import Figure, latencies, middle
from benchmarks.messages import MESSAGES
from benchmarks.requesters import RecordingChannel, running, settled, talk
from smi_bot.app import App
from smi_bot.assistant import Knowledge
from smi_bot.durable.rows import Clock, TimerRow
from smi_bot.settings import Settings

TEXTS_EACH = 5  # messages of one conversation
GENTLE = 0.5  # seconds between two messages
TIMERS = 10_000

_COMMITTED = sa.Table(
    "bench_commit", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text)
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. `requesters`: how many write at the same time. `during_changes`: messages timed while a
    published library takes the place of another, again and again.
    """

    repetitions: int
    conversations: int
    requesters: int
    gentle_messages: int
    commit_seconds: float
    idle_seconds: float
    during_changes: int


@dataclass(frozen=True, slots=True)
class Burst:
    """One repetition at saturation. `seconds`: from accepting to the first answer, of each message."""

    seconds: Sequence[float]
    rate: float
    plain_rate: float
    statements: float  # a message
    commits: float  # likewise
    processor: float  # seconds of this process, likewise


@dataclass(slots=True)
class Work:
    """What engines were asked to do."""

    statements: int = 0
    commits: int = 0


async def measure(
    name: str, settings: Settings, clock: Clock, knowledge: Knowledge, effort: Effort
) -> AsyncIterator[Figure]:
    async with running(settings, clock, knowledge) as (app, channel):
        await _create_commit_table(app)
        await talk(app, channel, "warm", _texts(0, 10), clock())  # not counted
        bursts = [await _saturate(app, channel, clock, effort, str(i)) for i in range(effort.repetitions)]
        for figure in _at_saturation(f"{name}: {effort.requesters} at once,", bursts):
            yield figure
        seconds = await talk(app, channel, "gentle", _texts(0, effort.gentle_messages), clock(), every=GENTLE)
        for figure in latencies(f"{name}: {1 / GENTLE:g} a second,", seconds):
            yield figure
        await _add_timers(app, clock)
        await settled(app)
        yield Figure(f"{name}: idle with {TIMERS} timers", await _busy_share(effort.idle_seconds) * 100, "% CPU")


def _at_saturation(name: str, bursts: Sequence[Burst]) -> Iterator[Figure]:
    yield middle(f"{name} plain commits", [burst.plain_rate for burst in bursts], "commits/s")
    yield middle(f"{name} whole way", [burst.rate for burst in bursts], "messages/s")
    yield middle(f"{name} ratio", [burst.plain_rate / burst.rate for burst in bursts], "plain commits/message")
    yield middle(f"{name} commits", [burst.commits for burst in bursts], "a message")
    yield middle(f"{name} statements", [burst.statements for burst in bursts], "a message")
    yield middle(f"{name} own CPU", [burst.processor * 1000 for burst in bursts], "ms a message")
    yield from latencies(name, [each for burst in bursts for each in burst.seconds])


async def _saturate(app: App, channel: RecordingChannel, clock: Clock, effort: Effort, name: str) -> Burst:
    """The commit rate is taken just before, so that both meet the same machine."""
    plain_rate = await _commits_a_second(app, effort.commit_seconds)
    waiting = iter(range(effort.conversations))
    seconds: list[float] = []

    async def requester() -> None:
        for number in waiting:
            texts = _texts(number * TEXTS_EACH, TEXTS_EACH)
            seconds.extend(await talk(app, channel, f"{name}-{number}", texts, clock()))

    with _counted() as work:
        began, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(requester() for _ in range(effort.requesters)))
        await settled(app)
        took, busy = time.perf_counter() - began, time.process_time() - busy
    count = len(seconds)
    return Burst(seconds, count / took, plain_rate, work.statements / count, work.commits / count, busy / count)


def _texts(first: int, count: int) -> list[str]:
    return [MESSAGES[(first + i) % len(MESSAGES)] for i in range(count)]


@contextmanager
def _counted() -> Iterator[Work]:
    work = Work()

    def statement(*_: object) -> None:
        work.statements += 1

    def commit(_: object) -> None:
        work.commits += 1

    sa.event.listen(sa.Engine, "after_cursor_execute", statement)
    sa.event.listen(sa.Engine, "commit", commit)
    try:
        yield work
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", statement)
        sa.event.remove(sa.Engine, "commit", commit)


async def _create_commit_table(app: App) -> None:
    async with app.database.transaction() as tx:
        await tx.execute(sa.schema.CreateTable(_COMMITTED))


async def _commits_a_second(app: App, seconds: float) -> float:
    """One row a transaction, one transaction after another."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        async with app.database.transaction() as tx:
            await tx.execute(sa.insert(_COMMITTED).values(text="x" * 200))
        count += 1
    return count / (time.perf_counter() - began)


async def _add_timers(app: App, clock: Clock) -> None:
    due = clock() + timedelta(days=365)
    rows = [
        {"key": f"bench:{i}", "kind": "due", "subject": "0", "state": "open", "failures": 0, "next_attempt_at": due}
        for i in range(TIMERS)
    ]
    async with app.database.transaction() as tx:
        await tx.execute(sa.insert(TimerRow), rows)


async def _busy_share(seconds: float) -> float:
    """Processor time of this process in that time, as a share of one core."""
    await asyncio.sleep(1.0)  # what was begun before ends
    busy, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (time.process_time() - busy) / (time.perf_counter() - began)
