"""Words that mean nearly the same in questions about a medicine: "renal" and "kidney", "wine" and "beer"."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

#: Words of the longest phrase in concepts.txt.
LONGEST = 4


@dataclass(frozen=True, slots=True)
class Concepts:
    """`names`: words joined by "_" -> the concept, marked with "=" so that it is no word.

    `beginnings`: first words of those of several words.
    """

    names: Mapping[str, str]
    beginnings: frozenset[str]

    def found(self, words: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Each place in `words` that a concept covers, with the concept; linear in their number."""
        for start, word in enumerate(words):
            if word not in self.beginnings:
                if word in self.names:
                    yield start, self.names[word]
                continue
            for end in range(start + 1, min(start + LONGEST, len(words)) + 1):
                concept = self.names.get("_".join(words[start:end]))
                if concept is not None:
                    yield from ((place, concept) for place in range(start, end))


def load_concepts() -> Concepts:
    """From concepts.txt: the first word of a line names the concept."""
    text = files("smi_bot.matching").joinpath("concepts.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    names = {word: f"={line[0]}" for line in lines for word in line}
    return Concepts(names, frozenset(name.partition("_")[0] for name in names if "_" in name))
