"""Where a document stands in its life: from a draft to what is sent, and out again."""

from datetime import date
from typing import Literal

from smi_bot.errors import NotApproved
from smi_bot.library.approval import counting, stops_of
from smi_bot.library.library import Document, Library
from smi_bot.library.model import Product, StandardResponse

Standing = Literal["draft", "in review", "approved", "effective", "suspended", "expired", "retired"]


def standing(library: Library, name: str, content: Document, today: date) -> Standing:
    """`name`: what its approvals are kept under. Only what is effective is ever sent."""
    stops = library.stops.get(name, ())
    effective = stops_of(content.version, stops)
    if any(stop.kind == "withdrawn" for stop in effective):
        return "retired"
    try:
        library.approved(name, content)
    except NotApproved:
        if effective:
            return "suspended"
        signed = counting(content, name, content.version, library.approvals.get(name, ()), library.signers)
        return "in review" if signed else "draft"
    return _in_force(library, content, today)


def _in_force(library: Library, content: Document, today: date) -> Standing:
    """Of what two people approved. A new version of the label suspends all that rests on the one before."""
    if today < content.effective:
        return "approved"
    if not isinstance(content, Product) and today >= content.expires:
        return "expired"
    rests_on = content.label_version if isinstance(content, StandardResponse) else None
    if rests_on is not None and library.product and rests_on != library.product.label_version:
        return "suspended"
    return "effective"
