"""Published libraries in the database, which of them is in force, and the change from one to the next while we run.

A bundle is kept for ever under its version. What is in force is the last line of a list that only grows: publishing,
and going back, each add one. All workers look there.
"""

import asyncio
import os
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
import structlog
from sqlmodel import Field, SQLModel, col

from smi_bot import journal
from smi_bot.assistant import Knowledge
from smi_bot.bundle import Bundle, pack, unpack
from smi_bot.database import BigKey, Database, Instant, Transaction
from smi_bot.errors import LibraryError, SettingsError
from smi_bot.knowledge import content_folder, knowledge, read_knowledge, refuse_unfit
from smi_bot.library import read_library
from smi_bot.settings import Settings
from smi_bot.shelf import Shelf

log = structlog.get_logger()

#: The topic that is rung when another library is in force, and the loop's name for looking after it.
LIBRARY = "library"
#: Levels of priority that the process which reads a new library gives up.
_NICE = 10


class BundleRow(SQLModel, table=True):
    """One published library. `library`: the version of its content, as decisions name it."""

    __tablename__ = "library_bundle"

    version: int = Field(default=None, sa_type=BigKey, primary_key=True)
    digest: str = Field(unique=True)
    library: str = Field(index=True)
    made_at: datetime = Field(sa_type=Instant)
    made_by: str
    content: bytes = Field(sa_type=sa.LargeBinary)

    @property
    def bundle(self) -> Bundle:
        return Bundle(self.content, self.digest)


class InForceRow(SQLModel, table=True):
    """A version was put in force."""

    __tablename__ = "library_in_force"

    id: int = Field(default=None, sa_type=BigKey, primary_key=True)
    version: int = Field(sa_type=BigKey, foreign_key="library_bundle.version")
    at: datetime = Field(sa_type=Instant)
    by: str


async def publish(tx: Transaction, bundle: Bundle, library: str, by: str, now: datetime) -> int:
    """Puts a bundle in force and returns its version. What was published before keeps its version."""
    same = sa.select(col(BundleRow.version)).where(col(BundleRow.digest) == bundle.digest)
    version = (await tx.execute(same)).scalar()
    if version is None:
        row = BundleRow(digest=bundle.digest, library=library, made_at=now, made_by=by, content=bundle.content)
        tx.add(row)
        await tx.flush()
        version = row.version
    if version != await in_force(tx):
        await put_in_force(tx, version, by, now)
    return version


async def put_in_force(tx: Transaction, version: int, by: str, now: datetime) -> None:
    """Raises LibraryError where there is no such version."""
    row = await tx.get(BundleRow, version)
    if row is None:
        raise LibraryError(f"library version {version}: was never published here; see 'smi-bot library versions'")
    tx.add(InForceRow(version=version, at=now, by=by))
    journal.note(tx, now, "library", str(version), digest=row.digest, library=row.library, by=by)
    tx.rings.add(LIBRARY)


async def in_force(tx: Transaction) -> int | None:
    """The version in force; None where nothing was ever published."""
    latest = sa.select(col(InForceRow.version)).order_by(col(InForceRow.id).desc()).limit(1)
    return (await tx.execute(latest)).scalar()


async def history(tx: Transaction) -> Sequence[InForceRow]:
    """What was in force, the latest first."""
    return (await tx.execute(sa.select(InForceRow).order_by(col(InForceRow.id).desc()))).scalars().all()


async def bundle_of(tx: Transaction, library: str) -> BundleRow | None:
    """A bundle that holds this version of the content."""
    holding = sa.select(BundleRow).where(col(BundleRow.library) == library).order_by(col(BundleRow.version).desc())
    return (await tx.execute(holding.limit(1))).scalar()


def prepared(settings: Settings) -> tuple[Knowledge, Bundle]:
    """The folder's content, read, verified, calibrated and packed. Raises LibraryError or SettingsError."""
    found = read_knowledge(settings)
    refuse_unfit(found.library, settings)
    return found, pack(content_folder(settings), settings.signers, found.matcher.cuts)


def read_bundle(bundle: Bundle, settings: Settings) -> Knowledge:
    """What decisions rest on, from a published library. Raises LibraryError."""
    with TemporaryDirectory(prefix="smi-library-") as folder:
        cuts = unpack(bundle, Path(folder))
        content = read_library(Path(folder), settings.signers)
        return knowledge(content, Path(folder) / "triage", settings.flood_limit, cuts)


async def first_knowledge(database: Database, settings: Settings, now: datetime) -> Knowledge:
    """What a service starts with: the published library. A trial run publishes what lies in the folder by itself.

    Raises SettingsError or LibraryError with what to do.
    """
    if settings.publishes_itself:
        found, bundle = await asyncio.to_thread(prepared, settings)
        await _publish_if_new(database, found, bundle, now)
        return found
    async with database.reading() as tx:
        version = await in_force(tx)
        row = await tx.get(BundleRow, version) if version else None
    if row is None:
        raise SettingsError("SMI_LIBRARY: nothing is published in this database; run 'smi-bot library publish'")
    found = await asyncio.to_thread(read_bundle, row.bundle, settings)
    refuse_unfit(found.library, settings)
    return found


async def _publish_if_new(database: Database, found: Knowledge, bundle: Bundle, now: datetime) -> None:
    async with database.transaction() as tx:
        if not database.is_sqlite:  # workers that start together publish once
            await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(LIBRARY))))
        version = await in_force(tx)
        row = await tx.get(BundleRow, version) if version else None
        if row is None or row.digest != bundle.digest:
            version = await publish(tx, bundle, found.library.version, "trial run", now)
            log.info("library published", version=version, by="trial run")


class Librarian:
    """Keeps on the shelf what is in force: one of the loop's works."""

    def __init__(self, database: Database, shelf: Shelf, settings: Settings) -> None:
        self._database = database
        self._shelf = shelf
        self._settings = settings
        self._version: int | None = None  # the one on the shelf; None before the first look
        self._refused: tuple[int, str] | None = None

    def not_ready(self) -> list[str]:
        return [f"library: version {self._refused[0]} is not used: {self._refused[1]}"] if self._refused else []

    async def begin(self) -> None:
        """What is on the shelf now is what is in force now."""
        async with self._database.reading() as tx:
            self._version = await in_force(tx)

    async def step(self) -> bool:
        """Changes to another library if another is in force."""
        async with self._database.reading() as tx:
            version = await in_force(tx)
            if version is None or version in (self._version, self._refused and self._refused[0]):
                return False
            row = await tx.get_one(BundleRow, version)
        await self._change_to(row)
        return False

    async def idle_seconds(self) -> float | None:
        return None

    async def finish(self) -> None:
        """Nothing outlives a step."""

    async def _change_to(self, row: BundleRow) -> None:
        """What cannot be used leaves the library before in force, visibly."""
        try:
            found = await self._read(row.bundle)
            refuse_unfit(found.library, self._settings)
        except (LibraryError, SettingsError) as error:
            self._refused = (row.version, str(error).splitlines()[0])
            log.error("library not used", version=row.version, reason=self._refused[1])
            return
        self._shelf.put(found)
        self._version, self._refused = row.version, None
        log.info("library in force", version=row.version, library=row.library)

    async def _read(self, bundle: Bundle) -> Knowledge:
        """In a process of its own that gives way to ours: no conversation waits for the work, or for Python's lock."""
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os.nice, initargs=(_NICE,))
        try:
            reading = asyncio.get_running_loop().run_in_executor(pool, _read_apart, bundle, self._settings)
            content, rules_version = await reading
        except BrokenProcessPool as error:  # killed, for want of memory perhaps: the loop says so and tries again
            raise OSError("reading the published library was cut short") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        library, matcher = await asyncio.to_thread(pickle.loads, content)
        rules = self._shelf.knowledge.rules
        if rules.version != rules_version:  # seldom, and a second's work
            rules = (await asyncio.to_thread(read_bundle, bundle, self._settings)).rules
        return Knowledge(library, rules, matcher, self._settings.flood_limit)


def _read_apart(bundle: Bundle, settings: Settings) -> tuple[bytes, str]:
    """Library and matcher, pickled; and the version of the rules, whose compiled patterns no pickle holds."""
    found = read_bundle(bundle, settings)
    return pickle.dumps((found.library, found.matcher)), found.rules.version
