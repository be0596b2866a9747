"""Two editions of a library side by side: what was published or committed, and what lies in the folder now."""

import asyncio
import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from smi_bot.assistant import Knowledge
from smi_bot.database import Transaction
from smi_bot.errors import LibraryError
from smi_bot.knowledge import knowledge
from smi_bot.library import Library, StandardResponse, read_library
from smi_bot.library.approval import has_placeholder, stops_of
from smi_bot.publishing import BundleRow, in_force, read_bundle
from smi_bot.settings import Settings
from smi_bot.workbench.records import is_there, looking


class Edition(NamedTuple):
    """`name`: what a reader of a report knows it by."""

    name: str
    knowledge: Knowledge


def published(settings: Settings, folder: Path, named: str | None) -> Edition:
    """A folder, a published version by its number, or a git revision of `folder`.

    Unless `named`: the version in force in the database, else what is committed. Raises LibraryError.
    """
    if named is None or (named.isdecimal() and not Path(named).is_dir()):
        row = _bundle(settings, named)
        if row is not None:
            return Edition(f"published version {row.version}", read_bundle(row.bundle, settings))
    if named is not None and Path(named).is_dir():
        return Edition(named, _approved_only(Path(named), settings))
    with committed(folder, named or "HEAD") as copy:
        return Edition(f"git {named or 'HEAD'}", _approved_only(copy, settings))


def changed(settings: Settings, folder: Path, today: date) -> Edition:
    """What lies in a folder, as if all of it that can be approved were approved and in force."""
    library = as_if_approved(read_library(folder, settings.signers), today)
    return Edition(str(folder), knowledge(library, folder / "triage", settings.flood_limit))


def as_if_approved(library: Library, today: date) -> Library:
    """Without what no signature can put in force: stopped, expired, on another label, or still to be written."""
    kept = {id: entry for id, entry in library.entries.items() if _may_be_approved(library, entry, today)}
    return replace(library, entries=kept, drafts=True)


def _may_be_approved(library: Library, entry: StandardResponse, today: date) -> bool:
    name = f"{entry.product}/{entry.id}"
    is_stopped = bool(stops_of(entry.version, library.stops.get(name, ()))) and name in library.unapproved()
    rests_on_label = library.product is None or entry.label_version == library.product.label_version
    return not is_stopped and today < entry.expires and rests_on_label and not has_placeholder(entry)


def _approved_only(folder: Path, settings: Settings) -> Knowledge:
    return knowledge(read_library(folder, settings.signers), folder / "triage", settings.flood_limit)


def _bundle(settings: Settings, named: str | None) -> BundleRow | None:
    """A published version; the one in force, if there is a database with one, unless `named`."""
    if named is None and not is_there(settings):
        return None

    async def find(tx: Transaction) -> BundleRow | None:
        version = int(named[:18]) if named else await in_force(tx)
        row = await tx.get(BundleRow, version) if version else None
        if row is None and named:
            raise LibraryError(f"--published {named}: was never published here; see 'smi-bot library versions'")
        return row

    return asyncio.run(looking(settings, find))


# --- git


@contextmanager
def committed(folder: Path, revision: str) -> Iterator[Path]:
    """A copy of a folder as it was committed. Raises LibraryError where git does not know it."""
    named = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    commit = _git(folder, revision, *named).decode().strip()
    archive = _git(folder, revision, "archive", "--format=tar", commit, "--", ".")
    with TemporaryDirectory(prefix="smi-library-") as copy, tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(copy, filter="data")
        yield Path(copy)


def _git(folder: Path, revision: str, *arguments: str) -> bytes:
    try:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603  # nothing of it is read by a shell
    except FileNotFoundError:
        raise LibraryError("--published: git is not installed; name a folder with the published library") from None
    except subprocess.CalledProcessError:
        raise LibraryError(
            f"--published {revision}: git has no such revision of {folder}, and it is no folder;"
            " name a folder with the published library"
        ) from None
