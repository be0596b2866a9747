"""A library as it was: from git, or from another folder."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smi_bot.errors import LibraryError
from smi_bot.library import Library, read_library
from smi_bot.library.library import Document

_LONGEST = 60  # seconds that git may take
_COMMITS = 5  # in which a text's last approval is looked for


def library_at(folder: Path, against: str, signers: Path | None) -> Library:
    """Another folder, or this one as it was in a git revision. Raises LibraryError."""
    if against and Path(against).is_dir():
        return read_library(Path(against), signers)
    return _read_at(folder, _commit(folder, against), against, signers)


def _commit(folder: Path, name: str) -> str:
    if name.startswith("-"):
        raise LibraryError(f"{name}: is neither a folder nor a git revision; name one")
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", fault=name).decode().strip()


def _read_at(folder: Path, commit: str, name: str, signers: Path | None, only: Sequence[str] = ()) -> Library:
    """`only`: paths inside the library, all of them where none is named."""
    archive = _git(folder, "archive", "--format=tar", commit, "--", *(only or ["."]), fault=name)
    with tempfile.TemporaryDirectory() as there:
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(there, filter="data")
            return read_library(Path(there), signers)
        except LibraryError as error:
            raise LibraryError(str(error).replace(there, f"{name}:{folder}")) from None
        except tarfile.TarError as error:  # a link that leads out of the folder
            raise LibraryError(f"{name}: {error}; compare with another folder") from None


def last_approved(folder: Path, signers: Path, name: str) -> tuple[str, Document] | None:
    """The commit and the text that two people whom we still trust approved last; None where git knows of none."""
    try:
        log = _git(folder, "log", f"-{_COMMITS}", "--format=%H", "--", f"approvals/{name}.json", fault=name)
        for commit in log.decode().split():
            then = _read_at(folder, commit, commit, signers, _files_of(folder, commit, name))
            content = dict(then.documents()).get(name)
            if content and name not in then.unapproved():
                return commit[:10], content
    except LibraryError:  # no git here, or a text of a form that is no longer read: the whole text is shown instead
        return None
    return None


def _files_of(folder: Path, commit: str, name: str) -> list[str]:
    """The document itself, wherever it stands, and who approved it: one entry of thousands is read alone."""
    stem = name.rpartition("/")[2].partition(".")[0]
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, fault=name).decode().split("\0")
    return [file for file in listed if Path(file).name.partition(".")[0] == stem]


def _git(folder: Path, *arguments: str, fault: str) -> bytes:
    """Raises LibraryError where there is no git, no checkout, or no such revision."""
    try:
        ended = _ended(folder, arguments)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = "git is not installed" if isinstance(error, FileNotFoundError) else "git does not answer"
        raise LibraryError(f"{fault}: {reason}; name another folder with --against DIR") from None
    if ended.returncode:
        said = (ended.stderr.decode(errors="replace").strip().splitlines() or ["has no such revision"])[-1]
        raise LibraryError(f"{fault}: git: {said}; name a revision that holds {folder}, or another folder")
    return ended.stdout


def _ended(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), *arguments]
    # No shell, git is where the PATH says, and the one name from outside begins with no dash.
    return subprocess.run(command, capture_output=True, timeout=_LONGEST, check=False)  # noqa: S603
