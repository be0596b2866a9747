"""Whether somebody may sign a document, and what it still needs afterwards. Nothing is read or written here."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from smi_bot.errors import NotApproved
from smi_bot.library import Library, Product
from smi_bot.library.approval import (
    counting,
    has_placeholder,
    independent,
    is_author,
    same_person,
    stops_of,
    unverified,
)
from smi_bot.library.library import Document
from smi_bot.library.model import PLACEHOLDER, Approval, Signer, StandardResponse
from smi_bot.workbench.keys import NotSigned


def signer_named(library: Library, id: str) -> Signer:
    """Raises NotSigned where the library does not trust them."""
    if id not in library.signers:
        known = ", ".join(sorted(library.signers)) or "nobody"
        raise NotSigned(f"{id}: is not in signers.yaml ({known}); have your line added there first")
    return library.signers[id]


def standing_approvals(library: Library, name: str, content: Document) -> list[Approval]:
    """Those that a further one joins: genuine, of just this text, since its last stop, and not its author's."""
    approvals, stops = library.approvals.get(name, ()), library.stops.get(name, ())
    found = counting(content, name, content.version, approvals, library.signers, stops)
    return [each for each in found if not is_author(library.signers[each.signer], content.last_author)]


def refuse_unfit(library: Library, name: str, content: Document, signer: Signer, now: datetime) -> None:
    """Raises NotSigned unless a signature of theirs would count."""
    subject = f"{name} v{content.version}"
    if is_author(signer, content.last_author):
        raise NotSigned(f"{subject}: field last_author: is {signer.name}; somebody else must approve it")
    if has_placeholder(content):
        raise NotSigned(f"{subject}: holds '{PLACEHOLDER}'; write the text, then have it approved")
    _refuse_stopped(library, name, content, now)
    for approval in standing_approvals(library, name, content):
        _refuse_again(subject, library.signers[approval.signer], approval, signer)


def _refuse_stopped(library: Library, name: str, content: Document, now: datetime) -> None:
    subject = f"{name} v{content.version}"
    for stop in stops_of(content.version, library.stops.get(name, ())):
        if stop.kind == "withdrawn":
            raise NotSigned(
                f"{subject}: field version: was withdrawn on {stop.at[:10]} ({stop.reason});"
                " write a new version and raise the number"
            )
        if unverified([stop], library.signers):
            raise NotSigned(f"{subject}: holds a stop that nobody can verify; see 'smi-bot library verify' first")
        if datetime.fromisoformat(stop.at) >= now:
            raise NotSigned(f"{subject}: its suspension is dated {stop.at}, after now; correct this machine's clock")


def _refuse_again(subject: str, other: Signer, approval: Approval, signer: Signer) -> None:
    if same_person(other, signer):
        raise NotSigned(f"{subject}: you signed it on {approval.at[:10]}, as {other.id}; somebody else must")
    if not independent(other, signer):
        raise NotSigned(
            f"{subject}: {other.name} signed it for {other.role} already; somebody in another role must sign"
        )


def with_approvals(library: Library, name: str, approvals: Sequence[Approval]) -> Library:
    """The library as it is once these are written."""
    return replace(library, approvals={**library.approvals, name: tuple(approvals)})


def still_needed(library: Library, name: str, content: Document) -> str | None:
    """What keeps a text from being approved; None where it is."""
    try:
        library.approved(name, content)
    except NotApproved:
        roles = " and ".join(sorted({each.role for each in standing_approvals(library, name, content)}))
        return f"one more signature, by another person in another role than {roles}"
    return None


def cautions(library: Library, content: Document, today: date) -> list[str]:
    """Why an approved text is not sent, or not for long: a signature changes none of it."""
    found: list[str] = []
    if today < content.effective:
        found.append(f"field effective: it is not sent before {content.effective}")
    if not isinstance(content, Product) and today >= content.expires:
        found.append(f"field expires: it is not sent since {content.expires}; move the date")
    elif not isinstance(content, Product) and today >= content.review_due:
        found.append(f"field review_due: its review was due on {content.review_due}")
    label = library.product.label_version if library.product else None
    if isinstance(content, StandardResponse) and label and content.label_version != label:
        found.append(
            f"field label_version: rests on {content.label_version}; the product has {label}, so it is not sent"
        )
    return found
