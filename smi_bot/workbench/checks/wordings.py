"""Service texts as they come out for each region, with stand-ins for what their sender passes them."""

from collections.abc import Iterator

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import WordingPart
from smi_bot.library import Wording
from smi_bot.library.library import ELSEWHERE
from smi_bot.workbench.checks.subject import Subject

#: What the senders of wordings pass them (responses/README.md, "A wording"). All others are passed nothing.
FIELDS: dict[str, dict[str, str | list[str]]] = {
    "answer": {
        "text": "Text.",
        "safety": "Safety.",
        "id": "topic",
        "version": "1",
        "approved_on": "2026-01-01",
        "references": ["Label sheet 1.0, section 1"],
    },
    "language": {"language": "Portuguese"},
    "settings": {"audience": "a patient or caregiver", "country": "the Netherlands"},
    "audience-saved": {"audience": "a patient or caregiver"},
    "country-saved": {"country": "the Netherlands"},
    "delete-done-kept": {"cases": "SMI-1234, SMI-5678"},
    "file-too-big": {"limit": "10 MB"},
}


def attempts(subject: Subject) -> Iterator[tuple[Wording, str, str | LibraryError]]:
    """Each wording for each region, in the words it has there, or why it has none."""
    product = subject.library.product
    if product is None:
        return
    for wording in subject.library.wordings.values():
        for region in (*product.regions, ELSEWHERE):
            yield wording, region, _said(subject, wording, None if region == ELSEWHERE else region)


def rendered(subject: Subject) -> Iterator[tuple[Wording, str, str]]:
    for wording, region, words in attempts(subject):
        if isinstance(words, str):
            yield wording, region, words


def _said(subject: Subject, wording: Wording, country: str | None) -> str | LibraryError:
    part = WordingPart(
        wording=wording.id, language=wording.language, country=country, fields=FIELDS.get(wording.id, {})
    )
    try:
        return subject.drafts.wording_markdown(part, subject.midday)[0]
    except (LibraryError, NotApproved) as error:
        return LibraryError(str(error))
