"""Every question of a library beside the row in which its matcher holds it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from smi_bot.library import StandardResponse
from smi_bot.library.model import NearMiss
from smi_bot.matching import Matcher
from smi_bot.matching.words import Words
from smi_bot.triage import Rules
from smi_bot.workbench.checks.subject import Source, Subject


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in the file of `entry`. `owner`: place of the entry it belongs to, -1 for none.

    `place`: its field. `belongs`: of a near miss, where it belongs.
    """

    text: str
    row: int
    owner: int
    entry: StandardResponse
    source: Source
    place: tuple[str | int, ...]
    belongs: str = ""

    @property
    def line(self) -> int | None:
        return self.source.line(*self.place)

    @property
    def shown_at(self) -> str:
        return f"{self.source.shown}:{self.line}"


@dataclass(frozen=True)
class Questions:
    """`rules`: triage, where there is any. `topic`: the only entry whose questions are tried, if not all."""

    subject: Subject
    matcher: Matcher
    rules: Rules | None
    topic: str | None = None

    def words(self, asked: Asked) -> Words:
        return self.matcher.corpus.rows[asked.row].words

    @cached_property
    def learned(self) -> frozenset[int]:
        """Rows from which the matcher has learned."""
        return frozenset(self.matcher.corpus.anchors.tolist())

    @cached_property
    def phrasings(self) -> Sequence[Asked]:
        """Phrasings and titles, by entry."""
        corpus = self.matcher.corpus
        return [
            Asked(text, corpus.spans[owner][0] + number, owner, *self._files[id], place)
            for owner, id in enumerate(corpus.ids)
            for number, (text, place) in enumerate(_own(self._files[id][0]))
        ]

    @cached_property
    def near_misses(self) -> Sequence[Asked]:
        """Each in the file in which it stands first."""
        rows = self._near_rows()
        return [
            Asked(near.text, *rows[near.text, near.belongs], entry, source, ("near_misses", number), near.belongs)
            for (entry, source), number, near in self._stated()
        ]

    def _stated(self) -> Iterator[tuple[tuple[StandardResponse, Source], int, NearMiss]]:
        seen: set[tuple[str, str]] = set()
        for id in self.matcher.corpus.ids:
            for number, near in enumerate(self._files[id][0].near_misses):
                if (near.text, near.belongs) not in seen:
                    seen.add((near.text, near.belongs))
                    yield self._files[id], number, near

    def _near_rows(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Row and owner of each: a corpus holds them in their alphabetical order, after their owner's own questions."""
        corpus = self.matcher.corpus
        owners = {id: owner for owner, id in enumerate(corpus.ids)}
        first = {
            owner: a + len(self._files[corpus.ids[owner]][0].phrasings) + 1 for owner, (a, _) in enumerate(corpus.spans)
        }
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for text, belongs in sorted({(near.text, near.belongs) for _, _, near in self._stated()}):
            owner = owners.get(belongs, -1)
            row = first.setdefault(owner, 0)
            found[text, belongs] = (row, owner)
            first[owner] = row + 1
        return found

    @cached_property
    def _files(self) -> Mapping[str, tuple[StandardResponse, Source]]:
        return {entry.id: (entry, source) for entry, source in self.subject.entries()}


def _own(entry: StandardResponse) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    yield from ((text, ("phrasings", number)) for number, text in enumerate(entry.phrasings))
    yield entry.title, ("title",)
