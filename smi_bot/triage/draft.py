"""The meanings of all words while they are gathered."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from smi_bot.triage.lexicon import words_of

Words = tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """`phrases`: word sequence -> concepts. `stems`: beginning of a word -> concepts."""

    phrases: dict[Words, set[str]] = field(default_factory=dict)
    stems: dict[str, set[str]] = field(default_factory=dict)
    typos: set[str] = field(default_factory=set)
    concepts: set[str] = field(default_factory=set)
    loose: dict[str, list[Words]] = field(default_factory=dict)

    def add(self, concept: str, lines: Iterable[str], typos: bool = False) -> None:
        self.concepts.add(concept)
        for words in (w for line in lines for w in words_of(line)):
            if len(words) == 1 and words[0].endswith("*"):
                self.stems.setdefault(words[0][:-1], set()).add(concept)
                continue
            self.phrases.setdefault(words, set()).add(concept)
            if typos:
                self.typos.update(words)

    def loosen(self, concepts: frozenset[str]) -> None:
        """Takes the phrases of these concepts apart: their words keep their own meanings."""
        for words in [w for w in self.phrases if len(w) > 1]:
            if not self.phrases[words] <= concepts:
                continue
            for concept in sorted(self.phrases.pop(words)):
                self.loose.setdefault(concept, []).append(words)
            for word in words:
                self.phrases.setdefault((word,), set()).add("=" + word)

    def name(self, phrases: Iterable[Words]) -> None:
        """Lets patterns write these phrases as plain words, although each stands as one symbol."""
        for words in phrases:
            self.phrases[words].add("=" + " ".join(words))

    def share(self, source: str, target: str) -> None:
        """What belongs to `source` belongs to `target` as well."""
        self.concepts.add(target)
        for concepts in (*self.phrases.values(), *self.stems.values()):
            if source in concepts:
                concepts.add(target)

    def withhold(self, words: Iterable[Words], concepts: Iterable[str]) -> None:
        """These words no longer belong to `concepts`."""
        for each in words:
            self.phrases.get(each, set()).difference_update(concepts)
            for stem, meanings in self.stems.items():
                if len(each) == 1 and each[0].startswith(stem):
                    meanings.difference_update(concepts)

    def phrases_of(self, concept: str) -> list[Words]:
        return [words for words, concepts in self.phrases.items() if concept in concepts]
