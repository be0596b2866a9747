"""Findings about questions that suggest a use for which the medicine is not approved."""

import re
from collections.abc import Iterator

from smi_bot.library import StandardResponse
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject


def suggestions(subject: Subject) -> Iterator[Finding]:
    """A title stands on buttons, offered to people who asked something else: it must put no such use into their minds.

    A phrasing is never shown. It is named only where the entry does not speak of that use at all.
    """
    uses = subject.library.product.excluded_uses if subject.library.product else ()
    patterns = [(use, re.compile(rf"(?<!\w){_words(use)}(?!\w)", re.IGNORECASE)) for use in uses]
    for entry, source in subject.entries():
        for use, pattern in patterns:
            yield from _named(entry, source, use, pattern)


def _words(use: str) -> str:
    """The words of a use, however they are spaced."""
    return r"[\s-]+".join(map(re.escape, use.split()))


def _named(entry: StandardResponse, source: Source, use: str, pattern: re.Pattern[str]) -> Iterator[Finding]:
    if pattern.search(entry.title):
        reason = f"the title stands on buttons and names '{use}', an excluded use of product.yaml"
        yield source.finding("suggestion", "error", source.line("title"), reason, "ask for the approved use only")
    texts = (entry.title, *entry.sections.values())
    if any(pattern.search(text) for text in texts):
        return
    for place, phrasing in enumerate(entry.phrasings):
        if pattern.search(phrasing):
            reason = f"'{phrasing}' names '{use}', an excluded use, of which the answer says nothing"
            mend = "make it a near miss that belongs to off-label"
            yield source.finding("suggestion", "warning", source.line("phrasings", place), reason, mend)
