"""Writes signatures into a library: approvals, stops, and those of the demo."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.library.approval import demo_key, demo_signers, has_placeholder, sign, verified
from smi_bot.library.library import Document, Library
from smi_bot.library.model import Approval, Signer, Stop
from smi_bot.plain_yaml import dump_yaml

_NOTE = "# Written by 'make sign-demo' with keys that anybody can derive: worthless by design.\n"


def sign_with_demo_keys(folder: Path, library: Library, at: datetime) -> int:
    """Signs every document whose demo signatures are missing or out of date; returns how many.

    What was stopped stays stopped: nobody takes that back in passing.
    """
    signers = {signer.id: signer for signer in demo_signers()}
    _write_signers(folder / "signers.yaml", signers.values())
    count = 0
    for document, content in library.documents():
        if not has_placeholder(content) and not _is_signed(library, document, content, signers):
            approvals = [sign(content, document, content.version, s, demo_key(s.id), at) for s in signers.values()]
            write_approvals(folder / "approvals" / f"{document}.json", approvals)
            count += 1
    return count


def _is_signed(library: Library, document: str, content: Document, signers: dict[str, Signer]) -> bool:
    approvals = library.approvals.get(document, ())
    try:
        verified(content, document, content.version, content.last_author, approvals, signers)
    except NotApproved:
        return False
    return True


def write_approvals(path: Path, approvals: Sequence[Approval]) -> None:
    """One file of approvals: written by commands only, so JSON. Raises LibraryError."""
    _write_signed(path, approvals)


def write_stops(path: Path, stops: Sequence[Stop]) -> None:
    """The same for stops; the caller adds to them and takes none away."""
    _write_signed(path, stops)


def _write_signed(path: Path, signed: Sequence[Approval | Stop]) -> None:
    """Whole or not at all: half a file of stops would let out what was stopped."""
    text = json.dumps([each.model_dump(mode="json") for each in signed], indent=1) + "\n"
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise LibraryError(f"{path}: cannot be written ({error.strerror}); make its folder writable") from None


def _write_signers(path: Path, signers: Iterable[Signer]) -> None:
    path.write_text(_NOTE + dump_yaml({"signers": [signer.model_dump(mode="json") for signer in signers]}), "utf-8")
