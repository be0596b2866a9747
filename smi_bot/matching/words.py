"""From a reading to the words that are compared: product names as one token, light stems, cautious typo repair."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from math import log

from rapidfuzz.distance import OSA

from smi_bot.library.model import Product
from smi_bot.matching.concepts import Concepts, load_concepts
from smi_bot.matching.medicines import Medicines
from smi_bot.text import Reading, read

#: Every name of our own medicine becomes this word, so that naming it or not counts little.
PRODUCT = "zzproduct"
#: Words read of one message; a longer text is no question for a matcher, and the work stays bounded.
MAX_WORDS = 120
MAX_WORD_LENGTH = 40

_STOP_WORDS = """a about actually after again all also am an and any anybody anyone are as at be because been before being but by
    can cant cause could couldnt cuz did didnt do does doesnt doing dont else even ever for from get gets getting give
    go going gonna got had has hasnt have havent having he hello her here hers hey hi him his how hows i id if ill im in
    instead into is isnt it its ive just kind know let like lot make many maybe me mean might mine much must my myself
    need needs no not now of off ok okay on once one only or other our out over please pls put quick question really
    right said say says she should shouldnt so some someone something still such sure take taken takes taking tell than
    thank thanks that thats the their them then there theres these they theyre thing things think this those though to
    told too u up ur us use used using very want wanted wants was wasnt way we well were what whats when where which
    while who whos why will with without wont wonder wondering would wouldnt yes yet you your youre"""
_STOP = frozenset(_STOP_WORDS.split())
_NEGATIONS = """no not never none nor without cant cannot couldnt didnt doesnt dont hasnt havent isnt shouldnt wasnt wont
    wouldnt"""
_NEGATION = frozenset(_NEGATIONS.split())
_NUMBER = re.compile(r"^\d+(?:[a-z]{1,3})?$")
_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ions", "ion", "edly", "ed", "ies", "es", "ly", "s")


@dataclass(frozen=True, slots=True)
class Words:
    """A text as the matcher sees it.

    `plain`: words in order, typos repaired, product names as PRODUCT. `stems`: the same, stemmed.
    `content`: distinct stems that carry meaning. `strange`: content stems outside the library's vocabulary.
    `concepts`: stem -> the concept it expresses here. `medicines`: words of the message that name a medicine, our own left out. `unknown`: words that neither the library
    nor everyday talk has, most of them names.
    """

    plain: tuple[str, ...]
    stems: tuple[str, ...]
    content: tuple[str, ...]
    concepts: Mapping[str, str]
    strange: frozenset[str]
    medicines: frozenset[str]
    unknown: frozenset[str]
    negated: bool
    numbers: frozenset[str]

    @property
    def line(self) -> str:
        return " ".join(self.plain)


def stem(word: str) -> str:
    """A word without its commonest English ending; at least three letters stay. Not linguistics, only a join."""
    if not word.isalpha():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] in "eyi":
        return word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls" else word


Reader = Callable[[str], list[str]]


def library_reader() -> Reader:
    """Finds the words of a text as `read` does; what stands between blanks is folded once, as a library repeats its words."""

    @cache
    def words(piece: str) -> tuple[str, ...]:
        return tuple(token.word for token in read(piece).tokens)

    return lambda text: [word for piece in text.split() for word in words(piece)]


def bare(reading: Reading) -> list[str]:
    """The first MAX_WORDS words without apostrophes ("don't" and "dont" are one word)."""
    return shortened(token.word for token in reading.tokens)


def shortened(words: Iterable[str]) -> list[str]:
    """The same of words as they stand in a reading."""
    return [_joined(word)[:MAX_WORD_LENGTH] for word in islice(words, MAX_WORDS)]


def _joined(word: str) -> str:
    return word.replace("'", "")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as a lexicon knows it. `said`: before its typo was repaired; the others as in Words."""

    said: str
    plain: str
    stem: str
    is_content: bool
    is_strange: bool
    is_medicine: bool
    is_unknown: bool
    is_number: bool


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What words are known: our product's names, the library's vocabulary, medicines.

    `names`: every spelling of our product -> PRODUCT. `spellings`: the library's words by first letter, none of them
    a medicine: a typo may be repaired towards these only. `known`: words never repaired. `stems`: of the library's
    own wordings.
    `everyday`: rarity of stems of everyday talk. `passages`: stems of the answers.
    """

    names: Mapping[str, str]
    spellings: Mapping[str, tuple[str, ...]]
    known: frozenset[str]
    stems: frozenset[str]
    medicines: Medicines
    everyday: Mapping[str, float]
    passages: frozenset[str]
    concepts: Concepts

    def rarity(self, stem: str) -> float:
        """How much a word tells in general: 0 for one heard everywhere, 1 for one that everyday talk does not know."""
        return self.everyday.get(stem, 1.0)

    def words(self, reading: Reading) -> Words:
        """A message, its typos repaired."""
        return self.together([self.word(word) for word in bare(reading)])

    def word(self, raw: str, *, repair: bool = True) -> Word:
        """`repair` is off for the library's own texts, which are right as they are."""
        said = self._named(raw)
        plain = self._repaired(said) if repair else said
        root = stem(plain)
        return Word(
            said=said,
            plain=plain,
            stem=root,
            is_content=_is_content(plain),
            is_strange=root not in self.stems,
            is_medicine=said != PRODUCT and self.medicines.named(said),
            is_unknown=self._is_unknown(plain),
            is_number=_NUMBER.match(plain) is not None,
        )

    def together(self, words: Sequence[Word]) -> Words:
        """The words of one text, with the concepts they express only beside each other."""
        plain = tuple(word.plain for word in words)
        stems = tuple(word.stem for word in words)
        concepts = {stems[place]: concept for place, concept in self.concepts.found(plain)}
        last = {word.stem: word for word in words}
        content = tuple(root for root, word in last.items() if word.is_content)
        return Words(
            plain=plain,
            stems=stems,
            content=content,
            concepts=concepts,
            strange=frozenset(root for root in content if last[root].is_strange and root not in concepts),
            medicines=frozenset(word.said for word in words if word.is_medicine),
            unknown=frozenset(word.plain for word in words if word.is_unknown and word.stem not in concepts),
            negated=not _NEGATION.isdisjoint(plain),
            numbers=frozenset(word.plain for word in words if word.is_number),
        )

    def _named(self, word: str) -> str:
        """Our product's names, also with a slip of the keyboard where no other medicine is meant."""
        if word in self.names:
            return PRODUCT
        if len(word) < 6 or word in self.known or self.medicines.named(word):
            return word
        near = (name for name in self.names if len(name) > 6 and name[0] == word[0])
        return PRODUCT if any(OSA.distance(word, name, score_cutoff=1) <= 1 for name in near) else word

    def _is_unknown(self, word: str) -> bool:
        if len(word) < 4 or not word.isalpha() or word == PRODUCT or word in _STOP:
            return False
        return not any(stem(word) in known for known in (self.stems, self.everyday, self.passages))

    def _repaired(self, word: str) -> str:
        if (
            len(word) < 5
            or not word.isalpha()
            or word in self.known
            or stem(word) in self.stems
            or stem(word) in self.everyday
        ):
            return word
        if word in _STOP or word in self.concepts.names or self.medicines.named(word):
            return word
        limit = 2 if len(word) >= 9 else 1
        near = ((OSA.distance(word, other, score_cutoff=limit), other) for other in self.spellings.get(word[0], ()))
        distance, best = min(near, default=(limit + 1, word))
        return best if distance <= limit else word


def _is_content(word: str) -> bool:
    return word not in _STOP and word != PRODUCT and len(word) > 1


def build_lexicon(
    wordings: Sequence[Sequence[str]],
    foreign: Iterable[Sequence[str]],
    passages: Iterable[Collection[str]],
    product: Product | None,
    medicines: Medicines,
) -> Lexicon:
    """`wordings`: bare words of all that asks for an entry. `foreign`: of near misses that no entry answers; their
    words are right but not the library's. `passages`: words of the answers.
    """
    names = _names(product)
    known = {word for wording in wordings for word in wording} - set(names)
    spellings: dict[str, list[str]] = {}
    for word in sorted(known):
        if len(word) >= 4 and word.isalpha() and not medicines.named(word):
            spellings.setdefault(word[0], []).append(word)
    return Lexicon(
        names=names,
        spellings={first: tuple(words) for first, words in spellings.items()},
        known=frozenset(known.union(*foreign)),
        stems=frozenset(stem(word) for word in known),
        medicines=medicines,
        everyday=_everyday(),
        passages=frozenset(stem(word) for word in {_joined(word) for passage in passages for word in passage}),
        concepts=load_concepts(),
    )


def _everyday() -> dict[str, float]:
    """Stem -> rarity 0 to 1, from the number of everyday intents that its words occur in (everyday.txt)."""
    text = files("smi_bot.matching").joinpath("everyday.txt").read_text(encoding="utf-8")
    spread: dict[str, int] = {}
    for word, intents in (line.split() for line in text.splitlines() if not line.startswith("#")):
        spread[stem(word)] = max(spread.get(stem(word), 0), int(intents))
    most = log(max(spread.values()) + 1)
    return {word: 1.0 - log(intents) / most for word, intents in spread.items()}


def _names(product: Product | None) -> dict[str, str]:
    if product is None:
        return {}
    spelled = (product.name, product.generic, *product.names, *product.misspellings)
    return {name.casefold().replace("'", ""): PRODUCT for name in spelled}
