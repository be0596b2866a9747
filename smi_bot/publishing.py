"""Published libraries in the database, which of them is in force, and the stops that count for all of them.

A bundle is kept for ever under its version. What is in force is the last line of a list that only grows: publishing,
and going back, each add one. All workers look there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from sqlmodel import Field, SQLModel, col

from smi_bot import journal
from smi_bot.assistant import Knowledge
from smi_bot.bundle import Bundle, pack, unpack
from smi_bot.database import BigKey, Instant, Json, Transaction
from smi_bot.errors import LibraryError
from smi_bot.knowledge import content_folder, knowledge, read_knowledge, refuse_unfit
from smi_bot.library import Library, read_library
from smi_bot.library.model import Stop
from smi_bot.settings import Settings

log = structlog.get_logger()

#: The topic that is rung when another library is in force, and the loop's name for looking after it.
LIBRARY = "library"


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


class StopRow(SQLModel, table=True):
    """A stop that counts whichever version is in force: going back must not bring back what was withdrawn since."""

    __tablename__ = "library_stop"

    id: int = Field(default=None, sa_type=BigKey, primary_key=True)
    signature: str = Field(unique=True)
    document: str
    body: dict[str, Any] = Field(sa_type=Json)
    at: datetime = Field(sa_type=Instant)


class Force(NamedTuple):
    """What counts at one moment: the version in force, None where there is none, and the last stop of all."""

    version: int | None
    stop: int


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


async def add_stops(tx: Transaction, stops: Iterable[Stop], by: str, now: datetime) -> int:
    """Stops that were not there yet, from now on for every version of the library; returns how many."""
    known = set((await tx.execute(sa.select(col(StopRow.signature)))).scalars())
    new = [stop for stop in stops if stop.signature not in known]
    for stop in new:
        body = stop.model_dump(mode="json")
        tx.add(StopRow(signature=stop.signature, document=stop.document, body=body, at=now))
        journal.note(tx, now, "library", stop.document, stopped=stop.kind, version=stop.version, by=by)
        tx.rings.add(LIBRARY)
    return len(new)


async def with_stops(tx: Transaction, library: Library) -> Library:
    """The library with all stops that were ever published, its own included."""
    stops = {name: dict.fromkeys(own) for name, own in library.stops.items()}
    for row in (await tx.execute(sa.select(StopRow).order_by(col(StopRow.id)))).scalars():
        stops.setdefault(row.document, {})[Stop.model_validate(row.body)] = None
    return replace(library, stops={name: tuple(own) for name, own in stops.items()})


async def force(tx: Transaction) -> Force:
    last = (await tx.execute(sa.select(sa.func.max(col(StopRow.id))))).scalar()
    return Force(await in_force(tx), last or 0)


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


def stops_in(library: Library) -> list[Stop]:
    return [stop for own in library.stops.values() for stop in own]


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
