"""Findings about whom an entry forgets: a label region, an audience, the safety text of one of them."""

import re
from collections.abc import Iterator

from smi_bot.inquiry import Audience
from smi_bot.library import Product, StandardResponse
from smi_bot.library.library import ELSEWHERE
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject

_OF_A_PATIENT = """doctor dermatologist cardiologist nurse gp prescriber pharmacist skin tablets? pills? medicine dose
    mother mum mom father dad husband wife son daughter sister brother child baby body blood liver kidneys?"""
#: How people ask, in whose words an entry for the others alone should not be asked for.
_VOICES: dict[Audience, re.Pattern[str]] = {
    "patient": re.compile(rf"\bmy (?:{'|'.join(_OF_A_PATIENT.split())})\b", re.IGNORECASE),
    "hcp": re.compile(r"\b(?:(?:a|my|our|your) patients?|pts?)\b", re.IGNORECASE),
}
#: Words of a text that says what the medicine does for somebody.
_BENEFIT = re.compile(
    r"\b(?:works?|worked|effective(?:ness|ly)?|efficacy|benefits?|improve(?:s|d|ment)?|relie(?:f|ves?)|reduces?|clear"
    r"(?:s|ed|ance|er)?|respon(?:se|ses|ders?|ded)|superior|better|helps?|cures?|heals?|prevents?|treats?|PASI|approved"
    r" for)\b",
    re.IGNORECASE,
)


def variants(subject: Subject) -> Iterator[Finding]:
    product = subject.library.product
    if product is None:
        return
    yield from _contacts(product, subject.product_source)
    for entry, source in subject.entries():
        yield from _regions(product, entry, source)
        yield from _audiences(entry, source)


def _contacts(product: Product, source: Source) -> Iterator[Finding]:
    for region in product.regions:
        if region not in product.contacts and ELSEWHERE not in product.contacts:
            reason = f"field contacts: has none for {region}, nor for {ELSEWHERE}"
            yield source.finding("variants", "error", source.line("contacts"), reason, "add them")


def _regions(product: Product, entry: StandardResponse, source: Source) -> Iterator[Finding]:
    """An entry that says for which regions it is, in its id or title, is meant so."""
    named = {*re.findall(r"[A-Z]{2,}", entry.title), *entry.id.upper().split("-")}
    if named & set(entry.regions):
        return
    for region in sorted(set(product.regions) - set(entry.regions)):
        reason = f"field regions: {region}, where {product.name} is served, gets no answer"
        mend = f"add {region} and its text, or name {', '.join(entry.regions)} in the title"
        yield source.finding("variants", "warning", source.line("regions"), reason, mend)


def _audiences(entry: StandardResponse, source: Source) -> Iterator[Finding]:
    """An entry may be for one audience alone, but then it should not be asked for in the words of the other."""
    for audience, voice in _VOICES.items():
        others = [other for other in _VOICES if other != audience]
        asked = [place for place, text in enumerate(entry.phrasings) if voice.search(text)]
        if audience in entry.audiences or not asked or _is_of_both(entry.phrasings[asked[0]], others):
            continue
        reason = f"'{entry.phrasings[asked[0]]}' is asked as {audience}, for whom there is no text"
        mend = f"write a section '# {audience}', or take the phrasing out"
        yield source.finding("variants", "warning", source.line("phrasings", asked[0]), reason, mend)


def _is_of_both(phrasing: str, others: list[Audience]) -> bool:
    return any(_VOICES[other].search(phrasing) for other in others)


def safety(subject: Subject) -> Iterator[Finding]:
    """A text that tells of a benefit, or whose other variants have a safety text, needs one."""
    for entry, source in subject.entries():
        bare = [(a, r) for a in entry.audiences for r in entry.regions if not entry.safety(a, r)]
        some = len(bare) < len(entry.audiences) * len(entry.regions)
        told: set[str] = set()
        for audience, region in bare:
            text = entry.text(audience, region) or ""
            if text in told:
                continue
            told.add(text)
            yield _unsafe(source, entry, audience, region, _BENEFIT.search(text), some)


def _unsafe(
    source: Source, entry: StandardResponse, audience: str, region: str, benefit: re.Match[str] | None, some: bool
) -> Finding:
    name = f"{audience} {region}" if f"{audience} {region}" in entry.sections else audience
    line = source.section(name, benefit[0] if benefit else "")
    mend = f"add a section '# safety' or '# safety {audience}'"
    if benefit:
        reason = f"section '# {name}' tells of a benefit ('{benefit[0]}') and has no safety text in {region}"
        return source.finding("safety", "error", line, reason, mend)
    if some:
        reason = f"section '# {name}' has no safety text in {region}, though other variants have one"
        return source.finding("safety", "error", line, reason, mend)
    reason = f"section '# {name}' has no safety text in {region}"
    return source.finding("safety", "warning", line, reason, f"{mend}, if anything in it can do harm")
