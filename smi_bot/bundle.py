"""A library as it is published: all files of a folder in one archive that never changes, named by its digest."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from smi_bot.errors import LibraryError
from smi_bot.matching.gate import Cuts

#: What a library is read from; a README or a picture beside it is none of it.
_ENDINGS = {".md", ".j2", ".yaml", ".json"}
_SIGNERS = "signers.yaml"
_CALIBRATION = "calibration.json"
#: Of every file in an archive, so that equal folders make equal archives: the earliest that the format knows.
_STAMP = (1980, 1, 1, 0, 0, 0)


class Bundle(NamedTuple):
    """`content`: a ZIP archive. `digest`: its SHA-256, hexadecimal."""

    content: bytes
    digest: str


def pack(folder: Path, signers: Path | None, cuts: Cuts) -> Bundle:
    """Equal folders and equal calibration make the same bundle, on whatever machine."""
    archive = io.BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as file:
        for name, path in _files(folder, signers):
            file.writestr(ZipInfo(name, _STAMP), path.read_bytes(), ZIP_DEFLATED)
        file.writestr(ZipInfo(_CALIBRATION, _STAMP), json.dumps(asdict(cuts)), ZIP_DEFLATED)
    content = archive.getvalue()
    return Bundle(content, hashlib.sha256(content).hexdigest())


def unpack(bundle: Bundle, into: Path) -> Cuts:
    """Writes the files into an empty folder, to be read as a library; returns the matcher's calibration.

    Raises LibraryError where the archive is not the one that was published.
    """
    if hashlib.sha256(bundle.content).hexdigest() != bundle.digest:
        raise LibraryError("the published library was changed in the database; publish it again from its folder")
    try:
        with ZipFile(io.BytesIO(bundle.content)) as file:
            file.extractall(into)
        return Cuts(**json.loads((into / _CALIBRATION).read_text("utf-8")))
    except (BadZipFile, OSError, ValueError, TypeError) as error:
        raise LibraryError(f"the published library cannot be unpacked ({error}); publish it again") from error


def _files(folder: Path, signers: Path | None) -> Iterator[tuple[str, Path]]:
    """Names inside the archive, sorted, and where the files are. Trusted signers may be kept outside the folder."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in _ENDINGS}
    beside = ("README.md", _CALIBRATION, "schemas/")
    found = {name: path for name, path in found.items() if path.is_file() and not name.startswith(beside)}
    if signers is not None:
        found[_SIGNERS] = signers
    yield from sorted(found.items())
