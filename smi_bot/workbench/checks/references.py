"""Findings about what an entry cites: the label it rests on, and where it is found there."""

import re
from collections.abc import Iterator

from smi_bot.library import StandardResponse
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject

_LABEL_SHEET = re.compile(r"\blabel(?: sheet)? (?:version )?v?(\d+(?:\.\d+)+)", re.IGNORECASE)
_LABEL = re.compile(r"\b(?:label(?: sheet)?|smpc|prescribing information|package (?:leaflet|insert))\b", re.IGNORECASE)
_SECTION = re.compile(r"\bsections?\b|§|\bpage\b|\btable\b", re.IGNORECASE)


def references(subject: Subject) -> Iterator[Finding]:
    """What an entry cites must be the label it rests on, and be found there."""
    product = subject.library.product
    for entry, source in subject.entries():
        if product and entry.label_version != product.label_version:
            reason = f"field label_version: rests on label {entry.label_version}; the product has another"
            reason += f", {product.label_version}, so it is not sent"
            mend = "check the text against it, raise the version and have it approved"
            yield source.finding("references", "error", source.line("label_version"), reason, mend)
        for place, reference in enumerate(entry.references):
            yield from _reference(source, entry, place, reference)
        yield from _cited(source, entry)


def _reference(source: Source, entry: StandardResponse, place: int, reference: str) -> Iterator[Finding]:
    line = source.line("references", place)
    if (sheet := _LABEL_SHEET.search(reference)) and sheet[1] != entry.label_version:
        reason = f"'{reference}' is not the label {entry.label_version} that the entry rests on"
        yield source.finding("references", "error", line, reason, "correct the reference, or label_version")
    elif _LABEL.search(reference) and not _SECTION.search(reference):
        reason = f"'{reference}' names no section"
        yield source.finding("references", "warning", line, reason, "say where in the label it stands")


def _cited(source: Source, entry: StandardResponse) -> Iterator[Finding]:
    """Sources named inside the texts."""
    for name, text in entry.sections.items():
        for sheet in _LABEL_SHEET.finditer(text):
            if sheet[1] != entry.label_version:
                reason = f"section '# {name}' cites '{sheet[0]}'; the entry rests on {entry.label_version}"
                line = source.section(name, sheet[0])
                yield source.finding("references", "error", line, reason, "correct the citation, or label_version")
