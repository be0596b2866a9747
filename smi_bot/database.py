"""The one database: SQLite for one process, PostgreSQL for several workers. Transactions, wakes and migrations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

log = structlog.get_logger()

#: 64-bit keys where the database has them; SQLite counts rows only in a plain INTEGER.
BigKey = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(JSONB, "postgresql")

_NOTIFY = "smi_bot"


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite, which has no time zones, keeps it without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Bell:
    """Wakes whoever waits for a topic. Losing a ring costs a poll, never a row: rows are the truth."""

    def __init__(self) -> None:
        self._ears: set[tuple[tuple[str, ...], asyncio.Event]] = set()

    def ring(self, topic: str) -> None:
        for wanted, event in self._ears:
            if not wanted or topic in wanted:
                event.set()

    @contextmanager
    def ear(self, *topics: str) -> Iterator[asyncio.Event]:
        """An event that is set at each ring of one of `topics`, or of any topic where none is given."""
        ear = (topics, asyncio.Event())
        self._ears.add(ear)
        try:
            yield ear[1]
        finally:
            self._ears.discard(ear)


class Transaction(AsyncSession):
    """A session in one transaction, with what is to happen when it commits.

    `rings`: topics to wake afterwards. `entries`: journal entries, chained last so that the chain's lock is held
    only briefly and always taken after every other lock.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rings: set[str] = set()
        self.entries: list[Any] = []


BeforeCommit = Callable[[Transaction], Awaitable[None]]


class Database:
    """Engine and sessions. Two engines on SQLite: a single writing connection is the queue of writers."""

    def __init__(self, url: str, before_commit: Sequence[BeforeCommit] = ()) -> None:
        self.url = url
        self.bell = Bell()
        self._before_commit = before_commit
        self._reader, self._writer = _engines(url)
        self._reading = async_sessionmaker(self._reader, class_=Transaction, expire_on_commit=False)
        self._writing = async_sessionmaker(self._writer, class_=Transaction, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commits at the end, or rolls back on any error; then wakes whom the transaction concerns."""
        async with self._writing() as tx:
            async with tx.begin():
                yield tx
                for step in self._before_commit:
                    await step(tx)
                if tx.rings and not self.is_sqlite:
                    topics = sa.literal(sorted(tx.rings), ARRAY(sa.Text))
                    await tx.execute(sa.select(sa.func.pg_notify(_NOTIFY, sa.func.unnest(topics))))
            for topic in tx.rings:
                self.bell.ring(topic)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        async with self._reading() as tx:
            yield tx

    async def ping(self) -> None:
        """Raises SQLAlchemyError where the database does not answer."""
        async with self.reading() as tx:
            await tx.execute(sa.select(1))

    async def listen(self, retry_after: float = 1.0) -> None:
        """Turns other workers' notifications into rings, until cancelled. SQLite has no other workers."""
        if self.is_sqlite:
            return
        address = self.url.replace("postgresql+psycopg://", "postgresql://", 1)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {_NOTIFY}")
                    async for notice in connection.notifies():
                        self.bell.ring(notice.payload)
            except psycopg.Error as error:
                log.warning("not listening to other workers", error=type(error).__name__)
            await asyncio.sleep(retry_after)  # polling carries the work meanwhile

    async def alone(self, name: str, work: Callable[[], Awaitable[None]], retry_after: float = 1.0) -> None:
        """Works while no other worker does under this name; SQLite has no other workers.

        PostgreSQL's session lock: the database itself gives it up when its holder's connection ends. Whoever loses it
        so stops working and waits for another turn.
        """
        if self.is_sqlite:
            await work()
            return
        address = self.url.replace("postgresql+psycopg://", "postgresql://", 1)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
                    await connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (name,))
                    await _while_connected(connection, work)
                    return
            except psycopg.Error as error:
                log.warning("not alone", name=name, error=type(error).__name__)
            await asyncio.sleep(retry_after)

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


async def _while_connected(connection: psycopg.AsyncConnection[Any], work: Callable[[], Awaitable[None]]) -> None:
    """Raises psycopg.Error where the connection ends before the work does."""

    async def watch() -> None:
        async for _ in connection.notifies():
            pass

    tasks = [asyncio.ensure_future(work()), asyncio.create_task(watch())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # the work must have ended before somebody else begins
    for task in done:
        task.result()


def _engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    if not url.startswith("sqlite"):
        # hide_parameters: what people wrote must not reach a log through an error's text.
        engine = create_async_engine(url, pool_pre_ping=True, pool_size=10, hide_parameters=True)
        # As on SQLite, whoever reads sees one instant: else a journal that is being written would not look intact.
        return engine.execution_options(isolation_level="REPEATABLE READ"), engine
    reader = create_async_engine(url, hide_parameters=True)
    writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=60, hide_parameters=True)
    for engine, begin in ((reader, "BEGIN"), (writer, "BEGIN IMMEDIATE")):
        sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        sa.event.listen(engine.sync_engine, "begin", _beginning_with(begin))
    return reader, writer


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own: SQLAlchemy's documentation, "Serializable isolation /
    # Savepoints / Transactional DDL" of the SQLite dialect.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _beginning_with(statement: str) -> Callable[[sa.Connection], None]:
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def migrate(url: str) -> None:
    """Brings the database at `url` to this version's tables. Runs from the wheel; safe to repeat."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url.replace("sqlite+aiosqlite:", "sqlite:", 1)
    command.upgrade(config, "head")
