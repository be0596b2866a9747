"""New files for content owners to fill in. Pure: what stands in a file, not where it is written."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from smi_bot.inquiry import Audience
from smi_bot.library.model import PLACEHOLDER, Product, StandardResponse, Wording
from smi_bot.markup import literal
from smi_bot.plain_yaml import dump_yaml

#: Five kinds of asking, so that an author thinks of as many.
_PHRASINGS = (
    "as people ask it in everyday words",
    "in two or three key words",
    "as a professional asks it",
    "with the misspellings one sees",
    "within a longer story",
)
_HINTS = {
    "title": "the canonical question; shown on buttons",
    "regions": "label regions this text is approved for",
    "label_version": "version of the label it rests on",
    "effective": "served from this day …",
    "expires": "… until the day before this one",
    "last_author": "may not be one of the two approvers",
    "phrasings": "at least 5 ways people ask this, as different as people are",
    "near_misses": "look-alikes that must not get this answer: '- text: …' and, below it, 'belongs: other-entry'",
}
#: In the order of responses/README.md.
_ORDER = (
    *("id", "version", "product", "title", "audiences", "regions", "language", "label_version"),
    *("effective", "review_due", "expires", "owner", "last_author", "references", "phrasings", "near_misses"),
)
_SECTIONS: dict[Audience, str] = {"patient": "patients and caregivers", "hcp": "healthcare professionals"}


def entry_file(entry: StandardResponse) -> str:
    """A standard response as its author edits it."""
    front = {key: entry.model_dump(mode="python")[key] for key in _ORDER}
    sections = "\n".join(f"# {name}\n{text}\n" for name, text in entry.sections.items())
    return f"---\n{''.join(_lines(key, value) for key, value in front.items())}---\n{sections}"


def new_entry(
    id: str,
    title: str,
    product: Product,
    audiences: Sequence[Audience],
    regions: Sequence[str],
    author: str,
    today: date,
) -> StandardResponse:
    """A draft in which every text is still to be written. Raises ValidationError where a name is of a wrong form."""
    texts = {str(who): f"{PLACEHOLDER}: the text for {_SECTIONS[who]}, in all regions" for who in audiences}
    return StandardResponse.model_validate({
        **_dates(id, author, product.owner, today),
        "product": product.id,
        "title": title,
        "audiences": audiences,
        "regions": regions,
        "label_version": product.label_version,
        "references": [f"{PLACEHOLDER}: document, version and section"],
        "phrasings": [f"{PLACEHOLDER}: {way}" for way in _PHRASINGS],
        "sections": {**texts, "safety": f"{PLACEHOLDER}: the safety text, always sent together with the text above"},
    })  # fmt: skip


def correction(topic: str, title: str, version: int, owner: str, today: date) -> str:
    """The file of a service text for those who got a version of an answer that is taken back."""
    front = _dates(f"correction-{topic}", PLACEHOLDER, owner, today)
    body = (
        f"We sent you an answer to the question “{literal(title)}” (version {version}). It is no longer valid."
        f"\n\n{PLACEHOLDER}: what was wrong in it, and what is right."
        f"\n\n{PLACEHOLDER}: what to do if you have already acted on it."
        "\n\nIf you have questions, call {{ contact.medical_information }}. In an emergency, call"
        " {{ contact.emergency_number }}. To report a side effect, write to {{ contact.safety_email }}."
    )
    wording = Wording.model_validate({**front, "body": body})
    fields = wording.model_dump(mode="python", exclude={"body"})
    return f"---\n{''.join(_lines(key, value) for key, value in fields.items())}---\n{wording.body}\n"


def _dates(id: str, author: str, owner: str, today: date) -> dict[str, Any]:
    """What every text begins with: in force from today, to be reviewed in a year, at its end in two."""
    dates = {"effective": today, "review_due": _years_later(today, 1), "expires": _years_later(today, 2)}
    return {"id": id, "version": 1, "language": "en", **dates, "owner": owner, "last_author": author}


def _years_later(day: date, years: int) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year + years, day=28 if is_leap_day else day.day)


def _lines(key: str, value: Any) -> str:
    plain = [dict(each) if isinstance(each, dict) else each for each in value] if isinstance(value, tuple) else value
    hint = f"# {key}: {_HINTS[key]}\n" if key in _HINTS else ""
    return hint + dump_yaml({key: plain})
