"""The whole check of a library: every finding that any part of it has, sorted by place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from smi_bot.errors import LibraryError
from smi_bot.matching import build_matcher
from smi_bot.triage import Rules, load_rules
from smi_bot.workbench.checks.asked import Questions
from smi_bot.workbench.checks.confusables import confusables
from smi_bot.workbench.checks.dates import dates
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.finding_home import near_misses, sample, strays
from smi_bot.workbench.checks.lacking import approvals, missing
from smi_bot.workbench.checks.lengths import lengths
from smi_bot.workbench.checks.lookalikes import lookalikes
from smi_bot.workbench.checks.number_traps import number_traps
from smi_bot.workbench.checks.placeholders import placeholders
from smi_bot.workbench.checks.readability import readability
from smi_bot.workbench.checks.references import references
from smi_bot.workbench.checks.subject import Source, Subject, read_subject
from smi_bot.workbench.checks.suggestions import suggestions
from smi_bot.workbench.checks.terms import terms
from smi_bot.workbench.checks.unreadable import unreadable
from smi_bot.workbench.checks.variants import safety, variants

#: Those that look at texts alone.
_OF_TEXTS = (
    *(unreadable, missing, approvals, dates, references, variants, safety),
    *(lengths, terms, placeholders, number_traps, suggestions, readability),
)


@dataclass(frozen=True, slots=True)
class Checked:
    """`notes`: what was not looked at, and why."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity == "error")


def check(folder: Path, signers: Path | None, today: date, topic: str | None = None) -> Checked:
    """Everything, also behind a file that is broken. `topic`: only what concerns this document, by its full name or id.

    Raises LibraryError where there is no such folder or topic.
    """
    subject = read_subject(folder, signers, today)
    file = _file_of(subject, topic) if topic else None
    found = [finding for part in _OF_TEXTS for finding in part(subject)]
    rules, broken = _rules(subject)
    asked, notes = _of_questions(subject, rules, file)
    everything = {*found, *broken, *asked, *lookalikes(subject, rules.medicines if rules else frozenset())}
    concerned = (each for each in everything if file is None or file.shown in (each.file, each.beside))
    return Checked(tuple(sorted(concerned, key=lambda each: each.order)), notes)


def _file_of(subject: Subject, topic: str) -> Source:
    """The file of a topic, which may be broken. Raises LibraryError."""
    documents = {name: subject.source(content) for name, content in subject.library.documents()}
    files = {**documents, **{path.stem: Source(path) for path in subject.entry_files()}}
    found = {source.path: source for name, source in files.items() if topic in (name, name.rpartition("/")[2])}
    if len(found) != 1:
        raise LibraryError(f"{topic}: names {len(found) or 'no'} documents; see 'smi-bot library list'")
    return next(iter(found.values()))


def _rules(subject: Subject) -> tuple[Rules | None, Iterable[Finding]]:
    """Triage as it stands in the library, or why it cannot be read."""
    product, folder = subject.library.product, subject.folder / "triage"
    if product is None:  # told elsewhere
        return None, ()
    try:
        return load_rules(folder, product), ()
    except LibraryError as error:
        return None, list(_unread(folder, str(error)))


def _unread(folder: Path, problem: str) -> Iterator[Finding]:
    for line in problem.splitlines():
        reason, _, mend = line.removeprefix(f"{folder}: ").rpartition("; ")
        yield Source(folder).finding("schema", "error", None, reason or line, mend or "correct it")


def _of_questions(subject: Subject, rules: Rules | None, file: Source | None) -> tuple[list[Finding], tuple[str, ...]]:
    """What the matcher makes of the questions of one file, or of all."""
    entries = [entry for entry, _ in subject.entries()]
    if not entries:
        return [], ()
    matcher = build_matcher(entries, subject.library.product, medicines=sorted(rules.medicines) if rules else ())
    topic = next((entry.id for entry, source in subject.entries() if file and source.path == file.path), None)
    if file is not None and topic is None:  # a service text, or an entry that cannot be read: it asks nothing
        return [], ()
    questions = Questions(subject, matcher, rules, topic)
    tried = sample(questions)
    found = [*confusables(questions), *strays(questions, tried.phrasings), *near_misses(questions, tried.near_misses)]
    return found, tried.notes
