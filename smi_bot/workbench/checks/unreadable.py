"""Findings about files that cannot be read: what reading says of them, with the line it speaks of."""

import re
from collections.abc import Iterator

from smi_bot.workbench.checks.finding import Finding, Kind
from smi_bot.workbench.checks.subject import Source, Subject

_FILE = re.compile(r"(.+?\.(?:md|yaml|md\.j2|json)): (.*)", re.DOTALL)
_FIELD = re.compile(r"field (\S+|\(whole file\)): ")
_YAML_LINE = re.compile(r"YAML: line (\d+): ")
_TEMPLATE_LINE = re.compile(r"text: line (\d+) of the template")
_JSON_LINE = re.compile(r"JSON: .*\bline (\d+) column")
#: What is said of 2028-13-01 or 2027-02-29, with no line.
_DAY_FAULT = re.compile(r"YAML: (?:month must be|day is out of range)")
_SECTION = re.compile(r"section '# (.+?)'")
#: Fields that belong to another kind than the form.
_KINDS: dict[str, Kind] = {
    "effective": "dates",
    "review_due": "dates",
    "expires": "dates",
    "references": "references",
    "label_version": "references",
    "audiences": "variants",
    "regions": "variants",
    "near_misses": "near-miss",
}


def unreadable(subject: Subject) -> Iterator[Finding]:
    """All of them are errors: such a file cannot be served."""
    for problem in subject.problems:
        source, said = _parted(subject, problem)
        reason, _, mend = said.rpartition("; ")
        if not reason:
            reason, mend = said, "correct it"
        yield source.finding(_kind(said), "error", _line(source, said), reason, mend)


def _parted(subject: Subject, problem: str) -> tuple[Source, str]:
    folder = f"{subject.folder}: "
    if problem.startswith(folder):
        return Source(subject.folder), problem.removeprefix(folder)
    match = _FILE.match(problem)
    return (Source(subject.folder.joinpath(match[1])), match[2]) if match else (Source(subject.folder), problem)


def _kind(said: str) -> Kind:
    if "is no name a template knows" in said:
        return "terms"
    if "there is no text for" in said or "is never shown" in said:
        return "variants"
    if "must follow each other" in said or _DAY_FAULT.match(said):
        return "dates"
    field = _FIELD.match(said)
    return _KINDS.get(field[1].split(".")[0], "schema") if field else "schema"


def _line(source: Source, said: str) -> int | None:
    if _DAY_FAULT.match(said):
        return source.impossible_day()
    if numbered := _YAML_LINE.match(said) or _JSON_LINE.match(said):
        return int(numbered[1])
    if said.startswith("text: "):
        template = _TEMPLATE_LINE.match(said)
        return source.body(line=int(template[1]) if template else 1)
    if (section := _SECTION.search(said)) and (line := source.section(section[1])):
        return line
    return _field_line(source, said)


def _field_line(source: Source, said: str) -> int | None:
    if "must follow each other" in said:
        return source.line("effective")
    if "there is no text for" in said:
        return source.line("audiences")
    if field := _FIELD.match(said):
        return source.line(*(int(part) if part.isdigit() else part for part in field[1].split(".")))
    return 1 if said.startswith("front matter") else None
