"""What a requester's message says, for the person who reads it: masked, and as it was written. Pure."""

from collections.abc import Sequence

from escalation.redaction import redact, redact_contact
from smi_bot.burst import inquiry_of
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Inquiry, Shared

ERASED = "[erased at the requester's request]"
#: What stands for something that is neither words nor a file.
_SIGNS: dict[Shared, str] = {
    "contact": "[contact card]",
    "location": "[location; where exactly is not stored]",
    "other": "[something the bot cannot read]",
}
_SHORT = 80  # characters


def is_erased(row: InboxRow) -> bool:
    return bool(row.payload.get("erased"))


def masked(row: InboxRow, country: str | None) -> str:
    """A message for a card. `country`: see `redact`."""
    if is_erased(row):
        return ERASED
    inquiry = inquiry_of(row)
    mask = redact_contact if inquiry.shared == "contact" else redact
    return _in_words(inquiry, mask(inquiry.text, country))


def revealed(row: InboxRow, earlier: Sequence[InboxRow]) -> str:
    """Everything of a message as it was written. `earlier`: its versions before it was edited."""
    inquiry = inquiry_of(row)
    parts = [_written(row)]
    parts += [f"[quoted] {inquiry.quoted}"] if inquiry.quoted else []
    parts += [f"[file] {attachment.name}" for attachment in inquiry.attachments]
    parts += [f"[before it was edited] {_written(version)}" for version in earlier]
    return "\n".join(filter(None, parts))


def shortened(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[:_SHORT].rstrip()}…"


def _written(row: InboxRow) -> str:
    inquiry = inquiry_of(row)
    return ERASED if is_erased(row) else _in_words(inquiry, inquiry.text)


def _in_words(inquiry: Inquiry, text: str) -> str:
    if inquiry.action:
        carried = f" {text}" if inquiry.action.verb == "stale" else ""
        return f"[pressed: {inquiry.action.verb} {inquiry.action.value}]".replace(" ]", "]") + carried.rstrip()
    return f"{_SIGNS[inquiry.shared]} {text}".rstrip() if inquiry.shared else text
