"""The library of a running service: what it starts with, and the change from one published version to the next."""

import asyncio
import gc
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_context
from typing import Any

import sqlalchemy as sa
import structlog

from smi_bot.assistant import Knowledge
from smi_bot.bundle import Bundle
from smi_bot.database import Database
from smi_bot.errors import LibraryError, SettingsError
from smi_bot.knowledge import refuse_unfit
from smi_bot.publishing import (
    LIBRARY,
    BundleRow,
    Force,
    add_stops,
    force,
    in_force,
    prepared,
    publish,
    read_bundle,
    stops_in,
    with_stops,
)
from smi_bot.settings import Settings
from smi_bot.shelf import Shelf

log = structlog.get_logger()

#: Who publishes where nobody does.
_TRIAL = "trial run"
#: Levels of priority that the process which reads a new library gives up.
_NICE = 10


async def first_knowledge(database: Database, settings: Settings, now: datetime) -> Knowledge:
    """What a service starts with: the published library. A trial run publishes what lies in the folder by itself.

    Raises SettingsError or LibraryError with what to do.
    """
    if settings.publishes_itself:
        found = await _published_by_trial(database, settings, now)
    else:
        found = await knowledge_in_force(database, settings)
    async with database.reading() as tx:
        found = replace(found, library=await with_stops(tx, found.library))
    refuse_unfit(found.library, settings)
    return found


async def knowledge_in_force(database: Database, settings: Settings) -> Knowledge:
    """By the version that was published last. Raises SettingsError where none was."""
    async with database.reading() as tx:
        version = await in_force(tx)
        row = await tx.get(BundleRow, version) if version else None
    if row is None:
        raise SettingsError("SMI_LIBRARY: nothing is published in this database; run 'smi-bot library publish'")
    return await asyncio.to_thread(read_bundle, row.bundle, settings)


async def _published_by_trial(database: Database, settings: Settings, now: datetime) -> Knowledge:
    found, bundle = await asyncio.to_thread(prepared, settings)
    async with database.transaction() as tx:
        if not database.is_sqlite:  # workers that start together publish once
            await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(LIBRARY))))
        before = await in_force(tx)
        version = await publish(tx, bundle, found.library.version, _TRIAL, now)
        await add_stops(tx, stops_in(found.library), _TRIAL, now)
    if version != before:
        log.info("library published", version=version, by=_TRIAL)
    return found


class Librarian:
    """Keeps on the shelf what is in force: one of the loop's works."""

    def __init__(self, database: Database, shelf: Shelf, settings: Settings) -> None:
        self._database = database
        self._shelf = shelf
        self._settings = settings
        self._force = Force(None, 0)  # what is on the shelf
        self._refused: tuple[int, str] | None = None

    def not_ready(self) -> list[str]:
        return [f"library: version {self._refused[0]} is not used: {self._refused[1]}"] if self._refused else []

    async def begin(self) -> None:
        """What is on the shelf now is what is in force now."""
        async with self._database.reading() as tx:
            self._force = await force(tx)

    async def step(self) -> bool:
        """Changes to another library if another is in force, and heeds new stops."""
        async with self._database.reading() as tx:
            found = await force(tx)
            is_new = found.version != self._force.version and (self._refused or (None,))[0] != found.version
            row = await tx.get(BundleRow, found.version) if is_new else None
        if row is not None:
            await self._change_to(row, found)
        if found.stop != self._force.stop:
            await self._put(self._shelf.knowledge, self._force._replace(stop=found.stop))
        return False

    async def idle_seconds(self) -> float | None:
        return None

    async def finish(self) -> None:
        """Nothing outlives a step."""

    async def _change_to(self, row: BundleRow, to: Force) -> None:
        """What cannot be used leaves the library before in force, visibly."""
        try:
            found = await self._read(row.bundle)
            refuse_unfit(found.library, self._settings)
        except (LibraryError, SettingsError) as error:
            self._refused = (row.version, str(error).splitlines()[0])
            log.error("library not used", version=row.version, reason=self._refused[1])
            return
        self._refused = None
        await self._put(found, to)

    async def _put(self, found: Knowledge, to: Force) -> None:
        async with self._database.reading() as tx:
            library = await with_stops(tx, found.library)
        self._shelf.put(replace(found, library=library))
        gc.freeze()  # it stays: no round of the garbage collector need look through it and hold everybody up
        self._force = to
        log.info("library in force", version=to.version, library=library.version, stops=to.stop)

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
        library, matcher = await asyncio.to_thread(_unpickled, content)
        rules = self._shelf.knowledge.rules
        if rules.version != rules_version:  # seldom, and a second's work
            rules = (await asyncio.to_thread(read_bundle, bundle, self._settings)).rules
        return Knowledge(library, rules, matcher, self._settings.flood_limit)


def _read_apart(bundle: Bundle, settings: Settings) -> tuple[bytes, str]:
    """Library and matcher, pickled; and the version of the rules, whose compiled patterns no pickle holds."""
    found = read_bundle(bundle, settings)
    return pickle.dumps((found.library, found.matcher)), found.rules.version


def spare_what_stays() -> None:
    """The garbage collector looks no more through what was built once and for all: each time took 0.1 s from everybody."""
    gc.collect()
    gc.freeze()


def _unpickled(content: bytes) -> Any:
    """Some 25 ms. With the garbage collector, which so many new objects call up, it would be 150 for everybody."""
    gc.disable()
    try:
        return pickle.loads(content)  # noqa: S301  made by our own process, a moment ago
    finally:
        gc.enable()
