"""What is checked: a library as far as it can be read, and the file and line on which each part of it stands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path

from smi_bot.errors import LibraryError
from smi_bot.library import Library, Product, StandardResponse
from smi_bot.library.approval import stops_of
from smi_bot.library.library import Document
from smi_bot.library.reading import collect, entry_files
from smi_bot.plain_yaml import YamlFault, lines_of
from smi_bot.workbench.checks.finding import Finding, Kind, Severity

_FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)
_DAY = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b")


@dataclass(frozen=True)
class Source:
    """A file of the library."""

    path: Path

    @property
    def shown(self) -> str:
        """Its path as people type it: from the folder they work in."""
        here = Path.cwd()
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)

    def line(self, *place: str | int) -> int | None:
        """The line of a field, or of the closest one around it that exists."""
        for end in range(len(place), -1, -1):
            if place[:end] in self._lines:
                return self._lines[place[:end]]
        return None

    def section(self, name: str, words: str = "") -> int | None:
        """The line of `words` below the heading `# name`, else that of the heading."""
        heading = re.search(rf"^# +{re.escape(name)} *$", self._text, re.MULTILINE)
        if heading is None:
            return None
        found = _place(words, self._text, heading.end())
        return self._line_at(heading.start() if found is None else found)

    def body(self, words: str = "", line: int = 1) -> int | None:
        """The line of `words` below the front matter, else the given line of what stands there."""
        front = _FRONT_MATTER.match(self._text)
        start = front.end() if front else 0
        found = _place(words, self._text, start)
        return self._line_at(start) + line - 1 if found is None else self._line_at(found)

    def impossible_day(self) -> int | None:
        """The line of the first date that no calendar has."""
        for written in _DAY.finditer(self._text):
            try:
                date.fromisoformat(written[0])
            except ValueError:
                return self._line_at(written.start())
        return None

    def _line_at(self, offset: int) -> int:
        return self._text.count("\n", 0, offset) + 1

    @cached_property
    def _text(self) -> str:
        try:
            return self.path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):  # told by whoever reads it as content
            return ""

    @cached_property
    def _lines(self) -> Mapping[tuple[str | int, ...], int]:
        front = _FRONT_MATTER.match(self._text)
        try:
            lines = lines_of(front[1] if front else self._text)
        except YamlFault:
            return {}
        return {place: line + (1 if front else 0) for place, line in lines.items()}

    def finding(
        self, kind: Kind, severity: Severity, line: int | None, reason: str, mend: str, beside: str = ""
    ) -> Finding:
        return Finding(kind, severity, self.shown, line, reason, mend, beside)


def _place(words: str, text: str, start: int) -> int | None:
    """Where words stand that are not part of longer ones."""
    before, after = (r"(?<!\w)" if words[:1].isalnum() else "", r"(?!\w)" if words[-1:].isalnum() else "")
    found = re.compile(before + re.escape(words) + after).search(text, start) if words else None
    return found.start() if found else None


@dataclass(frozen=True)
class Subject:
    """`library`: what could be read, approved or not. `problems`: what could not, as reading tells it."""

    folder: Path
    library: Library
    problems: tuple[str, ...]
    today: date

    def source(self, content: Document) -> Source:
        if isinstance(content, StandardResponse):
            return self._entry_sources[content.id]
        if isinstance(content, Product):
            return self.product_source
        language = "" if content.language == "en" else f".{content.language}"
        ending = "yaml" if content.id == "page" else "md.j2"
        return Source(self.folder / "wording" / f"{content.id}{language}.{ending}")

    @cached_property
    def product_source(self) -> Source:
        """Where product.yaml stands, or should."""
        return Source(next(iter(sorted(self.folder.glob("*/product.yaml"))), self.folder / "product.yaml"))

    @cached_property
    def _entry_sources(self) -> Mapping[str, Source]:
        return {path.stem: Source(path) for path in self.entry_files()}

    def entry_files(self) -> Iterator[Path]:
        return entry_files(self.folder)

    def entries(self) -> Iterator[tuple[StandardResponse, Source]]:
        """All entries that may still be served one day, with their files: not the withdrawn, not the expired."""
        for entry in self.library.entries.values():
            if self.today < entry.expires and not self.is_withdrawn(f"{entry.product}/{entry.id}", entry):
                yield entry, self._entry_sources[entry.id]

    def is_withdrawn(self, name: str, content: Document) -> bool:
        stops = stops_of(content.version, self.library.stops.get(name, ()))
        return any(stop.kind == "withdrawn" for stop in stops)

    @property
    def midday(self) -> datetime:
        return datetime.combine(self.today, time(12), UTC)

    @cached_property
    def drafts(self) -> Library:
        """The same library, every text of which may be rendered."""
        return replace(self.library, drafts=True)


def read_subject(folder: Path, signers: Path | None, today: date) -> Subject:
    """Reads on where a file is broken. Raises LibraryError where there is no folder."""
    if not folder.is_dir():
        raise LibraryError(f"{folder}: no such folder; set SMI_LIBRARY to a folder of approved content")
    problems: list[str] = []
    library = collect(folder, signers or folder / "signers.yaml", False, problems)
    lines = [line for problem in problems for line in problem.splitlines()]
    return Subject(folder, library, tuple(lines), today)
