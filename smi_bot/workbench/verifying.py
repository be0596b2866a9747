"""Every signature and every stop, one by one: which do not count, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from smi_bot.library import Library
from smi_bot.library.approval import (
    MEANING,
    canonical_hash,
    has_placeholder,
    independent,
    is_author,
    is_genuine,
    same_person,
)
from smi_bot.library.library import Document
from smi_bot.library.model import PLACEHOLDER, Approval, Signer, Stop


@dataclass(frozen=True)
class Fault:
    """A signature or a stop that is not what it should be."""

    file: str
    signer: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.signer}: {self.reason}"


def faults(library: Library, now: datetime) -> Iterator[Fault]:
    """Those of approvals, then those of stops, by document."""
    documents = dict(library.documents())
    for name, approvals in sorted(library.approvals.items()):
        file, content = f"approvals/{name}.json", documents.get(name)
        if content is None:
            yield Fault(file, "-", "there is no such document; remove this file, or bring the text back")
        else:
            yield from (Fault(file, who, why) for who, why in _of_approvals(library, name, content, approvals))
    for name, stops in sorted(library.stops.items()):
        file, content = f"stops/{name}.json", documents.get(name)
        for stop in stops:
            if why := _stop_fault(library, content, stop, now):
                yield Fault(file, stop.signer, why)


def lost_stops(before: Library, after: Library) -> Iterator[Fault]:
    """Those that were there: what was stopped is let out by two signatures or a new version, never by a deletion."""
    for name, stops in sorted(before.stops.items()):
        for stop in stops:
            if stop not in after.stops.get(name, ()):
                reason = f"v{stop.version} was {stop.kind} on {stop.at[:10]}, and that is gone; bring it back"
                yield Fault(f"stops/{name}.json", stop.signer, reason)


def _of_approvals(
    library: Library, name: str, content: Document, approvals: tuple[Approval, ...]
) -> Iterator[tuple[str, str]]:
    counting: list[Approval] = []
    for approval in approvals:
        if why := _approval_fault(library, name, content, approval):
            yield approval.signer, f"does not count: {why}"
        else:
            counting.append(approval)
    people = [library.signers[each.signer] for each in counting]
    if not any(independent(one, other) for one, other in combinations(people, 2)):
        for one, other in combinations(people, 2):
            yield other.id, f"does not count beside {one.id}: {_sameness(one, other)}"


def _approval_fault(library: Library, name: str, content: Document, approval: Approval) -> str | None:
    if why := _signature_fault(library, approval):
        return why
    if approval.document != name:
        return f"was given to '{approval.document}'; have this text approved"
    if approval.version != content.version:
        return f"was given to version {approval.version}, and this is {content.version}; have it approved"
    if approval.hash != canonical_hash(content):
        return "the text was changed since; have it approved again"
    return _text_fault(library.signers[approval.signer], content)  # what a stop took back is as it should be


def _text_fault(signer: Signer, content: Document) -> str | None:
    if has_placeholder(content):
        return f"the text holds '{PLACEHOLDER}'; write it, then have it approved"
    if is_author(signer, content.last_author):
        return "they are the last author; somebody else must approve it"
    return None


def _signature_fault(library: Library, signed: Approval | Stop) -> str | None:
    signer = library.signers.get(signed.signer)
    if signer is None:
        return "is not in signers.yaml; add them there, or have somebody sign who is"
    if signer.role != signed.role:
        return f"signed as {signed.role} and is {signer.role} in signers.yaml; let them sign again"
    if isinstance(signed, Approval) and signed.meaning != MEANING:
        return "signed another sentence; let them sign again"
    if not is_genuine(signed, library.signers):
        return "the signature is not theirs, or something was changed after it; find out in git who did that"
    return None


def _sameness(one: Signer, other: Signer) -> str:
    if same_person(one, other):
        return "they are one person; somebody else must sign"
    return f"both are {one.role}; somebody in another role must sign"


def _stop_fault(library: Library, content: Document | None, stop: Stop, now: datetime) -> str | None:
    """It stops all the same: in doubt, nothing is sent."""
    if why := _signature_fault(library, stop):
        return f"v{stop.version} is {stop.kind}, and nobody can tell by whom: {why}"
    if datetime.fromisoformat(stop.at) > now:
        return f"v{stop.version} is {stop.kind} from {stop.at} on, after now; correct the clock it was signed by"
    if content is not None and stop.version > content.version:
        return f"v{stop.version} is {stop.kind}, and the text is at {content.version} yet; correct the version"
    return None
