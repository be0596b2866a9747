"""Rates as rows: no window ever holds more than the pace allows, whoever asks, however often the service restarts."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import col

from smi_bot.database import Database
from smi_bot.durable.pace import Pace, PaceRow, take_turn

#: The database outlives the examples of a test, as it outlives lives of the service; each example has its own streams.
with_one_database = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
STREAMS = (f"stream {number}" for number in itertools.count())
TICK = timedelta(microseconds=1)  # what a database can tell apart

EVERY = st.sampled_from([1 / 25, 1 / 3, 0.7, 1.0])  # seconds
BURST = st.integers(0, 5)


class Ask(NamedTuple):
    """Somebody asks for a turn. `after`: seconds since the ask before; a worker's clock may be behind another's."""

    after: float
    worker: int
    restarts: bool = False


ASKS = st.lists(st.builds(Ask, st.floats(-0.5, 1.5), st.integers(0, 1), st.booleans()), min_size=2, max_size=15)
#: As hard as one can press.
RUSH = [Ask(0.01, number % 2, restarts=number % 5 == 4) for number in range(25)]


class Workers:
    """Several workers on one database, each of which may start anew."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self.databases = [Database(url) for _ in range(count)]

    async def restart(self, worker: int) -> None:
        await self.databases[worker].close()
        self.databases[worker] = Database(self._url)


@pytest.fixture
def workers(database_url) -> Callable[[int], Awaitable[AsyncIterator[Workers]]]:
    @asynccontextmanager
    async def at_work(count: int) -> AsyncIterator[Workers]:
        workers = Workers(database_url, count)
        try:
            yield workers
        finally:
            for database in workers.databases:
                await database.close()

    return at_work


def a_pace(every: float = 1.0, burst: int = 0) -> Pace:
    return Pace(next(STREAMS), every, burst)


@with_one_database
@given(EVERY, BURST, ASKS)
@example(1 / 25, 5, RUSH)
async def test_no_window_holds_more_than_pace_and_burst_allow_among_workers_and_over_restarts(
    workers, clock, every, burst, asks
):
    pace, granted, now = a_pace(every, burst), [], clock()
    async with workers(2) as at_work:
        for ask in asks:
            now += timedelta(seconds=ask.after)
            if ask.restarts:
                await at_work.restart(ask.worker)
            if await take_turn(at_work.databases[ask.worker], (pace,), now) == 0:
                granted.append(now)
    assert granted, "the first one never waits"
    for first, last in itertools.combinations(range(len(granted)), 2):
        least = timedelta(seconds=every) * (last - first - burst)
        assert granted[last] - granted[first] >= least


@with_one_database
@given(EVERY, BURST, st.integers(1, 15))
async def test_who_waits_as_long_as_told_gets_a_turn_at_once_and_nobody_waits_longer_than_needed(
    database, clock, every, burst, count
):
    pace, now, granted = a_pace(every, burst), clock(), []
    for _ in range(count):
        if wait := await take_turn(database, (pace,), now):
            now += timedelta(seconds=wait)  # as the outbox does
            assert await take_turn(database, (pace,), now) == 0
        granted.append(now)
    expected = [clock() + timedelta(seconds=every) * max(0, number - burst) for number in range(count)]
    assert all(abs(one - other) <= TICK for one, other in zip(granted, expected, strict=True))


async def test_asking_too_early_takes_nothing_from_whoever_asks(database, clock):
    pace, now = a_pace(), clock()
    assert await take_turn(database, (pace,), now) == 0
    for _ in range(10):
        assert await take_turn(database, (pace,), now) == pytest.approx(1)
    assert await take_turn(database, (pace,), now + timedelta(seconds=1)) == 0


async def test_after_a_rest_only_the_burst_has_been_saved(database, clock):
    pace, now = a_pace(burst=3), clock()
    assert await take_turn(database, (pace,), now) == 0
    later = now + timedelta(days=30)
    turns = [await take_turn(database, (pace,), later) for _ in range(6)]
    assert turns == [0, 0, 0, 0, pytest.approx(1), pytest.approx(1)]


async def test_a_turn_is_taken_on_all_streams_or_on_none(database, clock):
    """A chat that must wait uses up nothing of what all chats share."""
    everybody, ann, bob = a_pace(), a_pace(10), a_pace(10)
    now = clock()
    assert await take_turn(database, (everybody, ann), now) == 0
    now += timedelta(seconds=1)
    assert await take_turn(database, (everybody, ann), now) == pytest.approx(9)
    assert await take_turn(database, (everybody, bob), now) == 0
    assert await take_turn(database, (everybody, bob), now) == pytest.approx(10)


async def test_the_longest_wait_of_all_streams_is_told(database, clock):
    short, long = a_pace(2), a_pace(7)
    assert await take_turn(database, (short, long), clock()) == 0
    assert await take_turn(database, (long, short), clock()) == pytest.approx(7)


async def test_of_many_who_ask_at_the_same_moment_as_many_get_a_turn_as_the_burst_allows(workers, clock):
    pace = a_pace(burst=4)
    async with workers(2) as at_work:
        turns = await asyncio.gather(*(take_turn(db, (pace,), clock()) for db in at_work.databases * 6))
    assert sorted(turns)[:5] == [0] * 5
    assert all(wait == pytest.approx(1) for wait in sorted(turns)[5:])


async def test_those_who_ask_for_the_same_streams_in_another_order_do_not_block_each_other(workers, clock):
    one, other = a_pace(), a_pace()
    async with workers(2) as at_work, asyncio.timeout(10):
        first, second = at_work.databases
        for second_number in range(10):
            now = clock() + timedelta(seconds=second_number)
            asking = (take_turn(first, (one, other), now), take_turn(second, (other, one), now))
            assert sorted(await asyncio.gather(*asking)) == [0, pytest.approx(1)]


async def test_a_stream_is_one_row_however_often_it_is_asked_for(database, clock):
    pace = a_pace()
    for seconds in range(5):
        await take_turn(database, (pace,), clock() + timedelta(seconds=seconds))
    rows = sa.select(sa.func.count()).select_from(PaceRow).where(col(PaceRow.name) == pace.name)
    async with database.reading() as tx:
        assert (await tx.execute(rows)).scalar_one() == 1
