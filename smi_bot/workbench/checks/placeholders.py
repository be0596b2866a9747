"""Findings about what somebody meant to write later."""

import re
from collections.abc import Iterator

from smi_bot.library import Product, StandardResponse, Wording
from smi_bot.library.library import Document
from smi_bot.library.model import PLACEHOLDER
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject

_UNWRITTEN = re.compile(
    rf"{PLACEHOLDER}|\b(?:TODO|TBD|TBC|FIXME|XX+|xx+)\b|\b(?i:lorem ipsum)\b|\?\?\?|"
    r"\[(?:[ _.…]*|(?i:insert|add|enter|fill in|your|name of|date of|tbd|xx)\b[^\]]*)\](?!\()"
)
_TEMPLATE_MARK = re.compile(r"\{\{|\{%|\{#|\}\}|%\}")


def placeholders(subject: Subject) -> Iterator[Finding]:
    for _, content in subject.library.documents():
        source = subject.source(content)
        for line, words in _passages(source, content):
            if found := _UNWRITTEN.search(words):
                reason = f"'{found[0]}' is a placeholder"
                yield source.finding("placeholder", "error", line(found[0]), reason, "write what belongs there")
            elif isinstance(content, StandardResponse) and (mark := _TEMPLATE_MARK.search(words)):
                reason = f"'{mark[0]}' is a template mark, which entries do not have"
                yield source.finding("placeholder", "error", line(mark[0]), reason, "write the words themselves")


class _Line:
    """Where words of a passage stand, looked up only when they are asked for."""

    def __init__(self, source: Source, *place: str | int, section: str | None = None) -> None:
        self._source, self._place, self._section = source, place, section

    def __call__(self, words: str) -> int | None:
        if self._section is not None:
            return self._source.section(self._section, words)
        return self._source.line(*self._place) if self._place else self._source.body(words)


def _passages(source: Source, content: Document) -> Iterator[tuple[_Line, str]]:
    """All that people read, or asked."""
    if isinstance(content, StandardResponse):
        yield from _entry(source, content)
    elif isinstance(content, Product):
        for field in ("name", "generic", "company", "indication"):
            yield _Line(source, field), str(getattr(content, field))
        for region, contact in content.contacts.items():
            yield from ((_Line(source, "contacts", region, key), str(value)) for key, value in contact)
    elif isinstance(content, Wording):
        yield _Line(source), content.body
    else:
        yield from ((_Line(source, "labels", key), words) for key, words in content.labels.items())


def _entry(source: Source, entry: StandardResponse) -> Iterator[tuple[_Line, str]]:
    for field in ("title", "owner", "last_author"):
        yield _Line(source, field), str(getattr(entry, field))
    for field in ("references", "phrasings"):
        yield from ((_Line(source, field, place), words) for place, words in enumerate(getattr(entry, field)))
    yield from ((_Line(source, "near_misses", place), near.text) for place, near in enumerate(entry.near_misses))
    yield from ((_Line(source, section=name), text) for name, text in entry.sections.items())
