"""Writes signers and approvals of the demo. Real people's keys never come here."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from smi_bot.errors import NotApproved
from smi_bot.library.approval import demo_key, demo_signers, sign, verified
from smi_bot.library.library import Library
from smi_bot.library.model import Approval, Signer
from smi_bot.plain_yaml import dump_yaml

_NOTE = "# Written by 'make sign-demo' with keys that anybody can derive: worthless by design.\n"


def sign_with_demo_keys(folder: Path, library: Library, at: datetime) -> int:
    """Signs every document whose demo signatures are missing or out of date; returns how many."""
    signers = {signer.id: signer for signer in demo_signers()}
    _write_signers(folder / "signers.yaml", signers.values())
    count = 0
    for document, content in library.documents():
        try:
            verified(
                content, document, content.version, content.last_author, library.approvals.get(document, ()), signers
            )
        except NotApproved:
            approvals = [sign(content, document, content.version, s, demo_key(s.id), at) for s in signers.values()]
            write_approvals(folder / "approvals" / f"{document}.json", approvals)
            count += 1
    return count


def write_approvals(path: Path, approvals: Sequence[Approval]) -> None:
    """One file of approvals: written by commands only, so JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([approval.model_dump(mode="json") for approval in approvals], indent=1) + "\n", "utf-8")


def _write_signers(path: Path, signers: Iterable[Signer]) -> None:
    path.write_text(_NOTE + dump_yaml({"signers": [signer.model_dump(mode="json") for signer in signers]}), "utf-8")
