"""Findings about what a library lacks: signatures, service texts, buttons."""

from collections.abc import Iterator

from smi_bot.library import StandardResponse
from smi_bot.library.approval import has_placeholder
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject


def approvals(subject: Subject) -> Iterator[Finding]:
    """Who stopped an entry knows of it; what nobody has approved yet is still to be done."""
    documents = dict(subject.library.documents())
    for name, reason in subject.library.unapproved().items():
        content = documents[name]
        if has_placeholder(content):  # told elsewhere, with its line
            continue
        source = subject.source(content)
        stopped = isinstance(content, StandardResponse) and bool(subject.library.stops.get(name)) and "since" in reason
        known = stopped or (isinstance(content, StandardResponse) and subject.is_withdrawn(name, content))
        said, _, mend = reason.rpartition("; ")
        yield source.finding("approval", "warning" if known else "error", source.line("version"), said, mend)


def missing(subject: Subject) -> Iterator[Finding]:
    """Service texts and buttons without which the bot would fall silent."""
    source = Source(subject.folder)
    for problem in subject.library.missing():
        reason, _, mend = problem.rpartition("; ")
        yield source.finding("schema", "error", None, reason, mend)
    if subject.library.product is None and not list(subject.folder.glob("*/product.yaml")):
        yield source.finding(
            "schema", "error", None, "product.yaml: is missing", "add <product>/product.yaml to the library"
        )
