"""Who works alone: one worker at a time, whatever happens to it, and nobody for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
import sqlalchemy as sa
from fakes import PATIENCE

from smi_bot.database import Database

HELD = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
BY_LIBPQ = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_advisory%'"


class Worker:
    """Somebody who wants to be alone."""

    def __init__(self, url: str, name: str = "polling") -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.times_cut_short = 0
        self._database = Database(url)
        self.task = asyncio.create_task(self._database.alone(name, self._work, retry_after=0.02))

    async def _work(self) -> None:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.times_cut_short += 1
            raise
        finally:
            self.began.clear()

    async def begins(self) -> None:
        await asyncio.wait_for(self.began.wait(), PATIENCE)

    async def ends(self) -> None:
        self.may_end.set()
        await asyncio.wait_for(self.task, PATIENCE)

    async def leaves(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(self.task, PATIENCE)
        await self._database.close()


@pytest.fixture
async def hires() -> AsyncIterator[Callable[..., Worker]]:
    hired: list[Worker] = []

    def hire(url: str, name: str = "polling") -> Worker:
        hired.append(Worker(url, name))
        return hired[-1]

    yield hire
    for worker in hired:
        await worker.leaves()


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Callable[[str], Coroutine[None, None, list[int]]]]:
    """Asks the database itself."""
    database = Database(url)

    async def ask(question: str) -> list[int]:
        async with database.transaction() as tx:
            return list((await tx.execute(sa.text(question))).scalars())

    yield ask
    await database.close()


async def becomes(ask: Callable[[str], Coroutine[None, None, list[int]]], question: str, count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE):
        while len(found := await ask(question)) != count:
            await asyncio.sleep(0.01)
    return found


async def test_the_second_begins_when_the_first_has_ended(postgres_url, hires):
    one = hires(postgres_url)
    await one.begins()
    two = hires(postgres_url)
    async with looking(postgres_url) as ask:
        await becomes(ask, WAITING, 1)
        assert not two.began.is_set()
        await one.ends()
        await two.begins()
        assert len(await ask(HELD)) == 1


async def test_who_works_under_another_name_waits_for_nobody(postgres_url, hires):
    for name in ("polling", "counting"):
        await hires(postgres_url, name).begins()


async def test_when_the_connection_of_the_first_is_killed_it_stops_and_the_second_takes_over(postgres_url, hires):
    one = hires(postgres_url)
    await one.begins()
    two = hires(postgres_url)
    async with looking(postgres_url) as ask:
        await becomes(ask, WAITING, 1)
        (killed,) = await ask(HELD)
        assert await ask(f"SELECT pg_terminate_backend({killed})") == [True]
        await two.begins()
        async with asyncio.timeout(PATIENCE):
            while one.times_cut_short == 0:  # else both would work
                await asyncio.sleep(0.01)
        assert await becomes(ask, HELD, 1) != [killed]
        await becomes(ask, WAITING, 1)
    await two.ends()
    await one.begins()  # it waited for its next turn
    assert one.times_cut_short == 1


@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "waiting"])
async def test_who_is_cancelled_leaves_neither_a_lock_nor_a_connection(at_work, postgres_url, hires):
    async with looking(postgres_url) as ask:
        one = hires(postgres_url)
        await one.begins()
        two = hires(postgres_url)
        await becomes(ask, WAITING, 1)
        await (one if at_work else two).leaves()
        await becomes(ask, BY_LIBPQ, 1)
        await becomes(ask, WAITING, 0)
        other = two if at_work else one
        await other.begins()
        await other.ends()
        await becomes(ask, HELD, 0)


async def test_what_the_work_raises_is_raised_and_the_next_one_begins(postgres_url, hires):
    async def fails() -> None:
        raise ValueError("of the work")

    database = Database(postgres_url)
    with pytest.raises(ValueError, match="of the work"):
        await database.alone("polling", fails)
    await database.close()
    await hires(postgres_url).begins()


async def test_a_database_that_is_not_there_yet_is_waited_for(postgres_server, postgres_url, hires):
    later = postgres_url.replace("/smi_", "/later_", 1)
    name = sa.make_url(later).database
    worker = hires(later)
    await asyncio.sleep(0.1)
    assert not worker.began.is_set()
    assert not worker.task.done()
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        await worker.begins()
        await worker.leaves()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_on_sqlite_there_is_nobody_to_wait_for(sqlite_url, hires):
    worker = hires(sqlite_url)
    await worker.begins()
    await worker.ends()
