"""What differs in meaning between two libraries: fields, phrasings, sections; not how their files are laid out."""

import difflib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smi_bot.errors import LibraryError
from smi_bot.library import Library
from smi_bot.library.library import Document
from smi_bot.workbench.commands import document_named

#: A document by its fields: `title`, `phrasings`, `sections.hcp EU`, `contacts.US.email` …, each as lines.
Parts = dict[str, list[str]]


@dataclass(frozen=True)
class Difference:
    """One document. `before` and `after`: its parts that are not equal."""

    document: str
    change: Literal["added", "removed", "changed"]
    versions: tuple[int | None, int | None]
    before: Parts
    after: Parts

    @property
    def same_version(self) -> bool:
        """Whether two texts go by one number, so that nobody can tell later which one was sent."""
        return self.change == "changed" and self.versions[0] == self.versions[1]


def named(before: Library, after: Library, topic: str) -> str:
    """A document of either. Raises LibraryError."""
    try:
        return document_named(after, topic)
    except LibraryError:
        return document_named(before, topic)


def differences(before: Library, after: Library) -> Iterator[Difference]:
    """In the order of the documents' names."""
    old, new = dict(before.documents()), dict(after.documents())
    for name in sorted(old.keys() | new.keys()):
        if found := difference(name, old.get(name), new.get(name)):
            yield found


def difference(name: str, old: Document | None, new: Document | None) -> Difference | None:
    before, after = parts_of(old), parts_of(new)
    unequal = [part for part in {**before, **after} if before.get(part) != after.get(part)]
    if not unequal:
        return None
    return Difference(
        document=name,
        change="added" if old is None else "removed" if new is None else "changed",
        versions=(old.version if old else None, new.version if new else None),
        before={part: before[part] for part in unequal if part in before},
        after={part: after[part] for part in unequal if part in after},
    )


def parts_of(content: Document | None) -> Parts:
    """Everything that is signed, so that no two texts with different hashes have equal parts."""
    return dict(_parts("", content.model_dump(mode="json"))) if content else {}


def _parts(name: str, value: Any) -> Iterator[tuple[str, list[str]]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _parts(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list):
        yield name, [_item(each) for each in value]
    else:
        yield name, str(value).split("\n")


def _item(value: Any) -> str:
    """A near miss as its question and where that belongs."""
    if isinstance(value, Mapping) and set(value) == {"text", "belongs"}:
        return f"{value['text']}  ->  {value['belongs']}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shown_whole(content: Document) -> Iterator[str]:
    """A document as a person reads it before signing: every field, then every line of text."""
    for part, lines in parts_of(content).items():
        if len(lines) == 1 and "." not in part:
            yield f"{part}: {visible(lines[0])}"
        else:
            yield f"{part}:"
            yield from (f"    {visible(line)}" for line in lines)


def shown(found: Difference) -> Iterator[str]:
    """A difference as lines: a heading, each part that changed, what went (-) and what came (+)."""
    old, new = found.versions
    number = f"v{new}" if old is None else f"v{old}" if new is None or old == new else f"v{old} -> v{new}"
    note = " (changed without a new version)" if found.same_version else ""
    yield f"{found.change} {found.document} {number}{note}"
    for part in {**found.before, **found.after}:
        yield f"  {part}"
        yield from (f"    {line}" for line in _unified(found.before.get(part, []), found.after.get(part, [])))


def _unified(old: list[str], new: list[str]) -> Iterator[str]:
    for number, line in enumerate(difflib.unified_diff(old, new, lineterm="", n=1)):
        if number > 2:  # after the names of two files, which these are not, and the first place
            yield "..." if line.startswith("@@") else f"{line[0]} {visible(line[1:])}"


def visible(line: str) -> str:
    """With marks in the place of what a terminal would obey or hide: somebody is about to sign what they see."""
    seen = (each.isprintable() or unicodedata.category(each) == "Zs" for each in line)
    return "".join(each if plain else ascii(each)[1:-1] for each, plain in zip(line, seen, strict=True))


def as_object(found: Difference) -> dict[str, Any]:
    """For programs."""
    parts = {**found.before, **found.after}
    return {
        "document": found.document,
        "change": found.change,
        "version": {"from": found.versions[0], "to": found.versions[1]},
        "parts": [{"part": each, "from": found.before.get(each), "to": found.after.get(each)} for each in parts],
    }
