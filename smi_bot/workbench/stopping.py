"""Suspending and withdrawing: the one thing that must also work while other files of a library are broken."""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smi_bot.errors import LibraryError
from smi_bot.library import Library, read_library
from smi_bot.library.approval import stops_of
from smi_bot.library.model import Stop
from smi_bot.workbench.commands import content_of, document_named, folder_of, settings_of
from smi_bot.workbench.keys import NotSigned

Kind = Literal["suspended", "withdrawn"]

_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]*/[A-Za-z0-9][A-Za-z0-9_\-]*(\.[a-z]{2})?")


@dataclass(frozen=True)
class Stopping:
    """The document and version to stop, beside what is known of its signers and stops."""

    library: Library
    name: str
    version: int
    approved: bool  # whether this version carries its signatures here, as far as is known

    @property
    def stops(self) -> tuple[Stop, ...]:
        """All there are of this document: a further one is added, none is taken away."""
        return self.library.stops.get(self.name, ())


def to_stop(library: Path | None, topic: str, version: int | None) -> Stopping:
    """Raises LibraryError. With the full name and a version, no text is read: it may be broken, or gone."""
    try:
        content = content_of(library)
        name = document_named(content, topic)
    except LibraryError as error:
        if version is None or not _was_signed(folder_of(library), topic):
            raise LibraryError(f"{error}\n{topic}: to stop it all the same, give its full name and --version") from None
        return Stopping(without_texts(library), topic, version, approved=True)
    current = dict(content.documents())[name].version
    approved = name not in content.unapproved() if version in (None, current) else True
    return Stopping(content, name, version or current, approved)


def _was_signed(folder: Path, name: str) -> bool:
    """Whether this is a document's full name, as far as its file of approvals can tell."""
    return _FULL_NAME.fullmatch(name) is not None and (folder / "approvals" / f"{name}.json").is_file()


def without_texts(library: Path | None) -> Library:
    """Signers and stops alone, which commands wrote and reviewers read."""
    folder, signers = folder_of(library), settings_of(library).signers
    with tempfile.TemporaryDirectory() as empty:
        if (folder / "stops").is_dir():
            shutil.copytree(folder / "stops", Path(empty) / "stops")
        return read_library(Path(empty), signers or folder / "signers.yaml")


def refuse_repeated(found: Stopping, kind: Kind) -> None:
    """Raises NotSigned where it is stopped in this way already, and nobody approved it since."""
    for stop in stops_of(found.version, found.stops):
        if stop.kind == "withdrawn" or (kind == "suspended" and not found.approved):
            raise NotSigned(
                f"{found.name} v{found.version}: is {stop.kind} since {stop.at[:10]} already ({stop.reason});"
                " nothing more is needed"
            )


def reason_given(words: str) -> str:
    """On one line, as lists and refusals show it. Raises NotSigned where it says nothing."""
    if not words.split():
        raise NotSigned('--reason: is empty; say why, such as "the maximum dose is out of date"')
    return " ".join(words.split())
