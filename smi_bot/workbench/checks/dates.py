"""Findings about when a text may be sent."""

from collections.abc import Iterator
from datetime import timedelta

from smi_bot.library import Product, StandardResponse, Wording
from smi_bot.library.model import Page
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject

#: How long before its review is due a text is named.
SOON = timedelta(days=60)


def dates(subject: Subject) -> Iterator[Finding]:
    for name, content in subject.library.documents():
        if not isinstance(content, Product) and not subject.is_withdrawn(name, content):
            yield from _of(subject, subject.source(content), content)


def _of(subject: Subject, source: Source, content: StandardResponse | Wording | Page) -> Iterator[Finding]:
    today = subject.today
    if content.expires <= today:
        reason, mend = f"is served from {content.effective} until {content.expires} only", "review it and set new dates"
        yield source.finding("dates", "error", source.line("expires"), f"field expires: {reason}", mend)
    elif today < content.effective and not isinstance(content, StandardResponse):
        reason = f"is served from {content.effective} until {content.expires} only"
        yield source.finding("dates", "error", source.line("effective"), f"field effective: {reason}", "correct it")
    elif content.review_due <= today + SOON:
        overdue = content.review_due <= today
        reason = f"the review {'was' if overdue else 'is'} due on {content.review_due}"
        mend = "review the text and set the next date"
        yield source.finding("dates", "warning", source.line("review_due"), f"field review_due: {reason}", mend)
