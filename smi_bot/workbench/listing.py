"""All documents of a library, with where they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from smi_bot.library import Library, Product
from smi_bot.library.approval import counting
from smi_bot.library.library import Document
from smi_bot.library.standing import Standing, standing

#: Standings of texts that somebody means to go on with.
_KEPT = frozenset({"approved", "effective", "suspended"})


@dataclass(frozen=True)
class Listed:
    """One document. A product has no day of review and none of its end."""

    document: str
    version: int
    standing: Standing
    effective: date
    review_due: date | None
    expires: date | None
    owner: str
    signed_by: tuple[str, ...]
    review_overdue: bool

    def __str__(self) -> str:
        end = self.expires or "-"
        who = ", ".join(self.signed_by) or "nobody"
        return f"{self.standing:<10} {self.document} v{self.version}  {self.effective} to {end}  {self.owner}  signed: {who}"


def listed(library: Library, today: date) -> Iterator[Listed]:
    """By the documents' names."""
    for name, content in sorted(library.documents(), key=lambda named: named[0]):
        yield _one(library, name, content, today)


def _one(library: Library, name: str, content: Document, today: date) -> Listed:
    stands = standing(library, name, content, today)
    review_due, expires = (None, None) if isinstance(content, Product) else (content.review_due, content.expires)
    return Listed(
        document=name,
        version=content.version,
        standing=stands,
        effective=content.effective,
        review_due=review_due,
        expires=expires,
        owner=content.owner,
        signed_by=_signed_by(library, name, content),
        review_overdue=stands in _KEPT and review_due is not None and today >= review_due,
    )


def _signed_by(library: Library, name: str, content: Document) -> tuple[str, ...]:
    approvals, stops = library.approvals.get(name, ()), library.stops.get(name, ())
    signed = counting(content, name, content.version, approvals, library.signers, stops)
    return tuple(dict.fromkeys(each.signer for each in signed))
