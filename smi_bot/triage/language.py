"""Which language a message is written in. Short texts count as English unless there is evidence of another."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from smi_bot.text import Reading
from smi_bot.triage.lexicon import plain
from smi_bot.triage.schema import Languages

# The beginning of a message tells its language; more is not read.
_LETTERS_READ = 4000
_WORDS_READ = 400
# py3langid is only asked about texts with no known word at all, and believed only when it is this sure.
_SURE = 0.97
_FEWEST_WORDS = 4


@dataclass(frozen=True, slots=True)
class LanguageDetector:
    """Evidence, strongest first: script, words and letters that one language alone has, a statistical guess."""

    english: frozenset[str]
    markers: Mapping[str, frozenset[str]]
    accents: Mapping[str, frozenset[str]]
    scripts: Mapping[str, str]
    guess: Callable[[str], tuple[str, float]]

    def detect(self, reading: Reading, is_english: Callable[[str], bool]) -> str:
        """ISO 639-1 code. `is_english` says whether the English vocabulary has a word."""
        if script := self._by_script(reading.folded[:_LETTERS_READ]):
            return script
        words = [plain(t.word) for t in reading.tokens[:_WORDS_READ] if not t.word.isdecimal()]
        return self._by_words(words, reading.folded[:_LETTERS_READ], is_english) or "en"

    def clues(self, reading: Reading, language: str) -> bool:
        """Whether the message may be in the language: a word of its own, or no plain English word at all."""
        words = {plain(t.word) for t in reading.tokens}
        return not words.isdisjoint(self.markers.get(language, ())) or words.isdisjoint(self.english)

    def _by_script(self, text: str) -> str | None:
        foreign: Counter[str] = Counter()
        latin = 0
        for c in text:
            if c.isalpha() and c > "\u02af":
                foreign[self.scripts.get(unicodedata.name(c, "?").split()[0], "")] += 1
            elif c.isalpha():
                latin += 1
        del foreign[""]
        if not foreign or foreign.total() * 2 < latin or foreign.total() < 2:
            return None
        # Japanese mixes its syllables with Chinese characters.
        return "ja" if foreign["ja"] else foreign.most_common(1)[0][0]

    def _by_words(self, words: list[str], text: str, is_english: Callable[[str], bool]) -> str | None:
        english = sum(w in self.english for w in words)
        scores = {code: self._score(code, words, text) for code in self.markers}
        best = max(scores, key=lambda code: scores[code], default="en")
        if scores and scores[best] >= 2 and scores[best] > english:
            return best
        if scores and scores[best] >= 1 and english == 0 and len(words) <= 6 and not all(map(is_english, words)):
            return best
        return self._by_statistics(words, text, is_english)

    def _score(self, code: str, words: list[str], text: str) -> int:
        markers = self.markers[code]
        accents = self.accents.get(code, frozenset())
        return sum(w in markers for w in words) + (1 if not accents.isdisjoint(text) else 0)

    def _by_statistics(self, words: list[str], text: str, is_english: Callable[[str], bool]) -> str | None:
        long_words = [w for w in words if len(w) > 2]
        if len(long_words) < _FEWEST_WORDS or any(w in self.english or is_english(w) for w in words):
            return None
        code, probability = self.guess(text)
        return code if probability >= _SURE else None


def build_detector(content: Languages) -> LanguageDetector:
    """Loads the statistical model as well (about 0.1 s)."""
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def guess(text: str) -> tuple[str, float]:
        code, probability = model.classify(text)
        return str(code), float(probability)

    return LanguageDetector(
        english=frozenset(map(plain, content.english)),
        markers={code: frozenset(map(plain, words)) for code, words in content.markers.items()},
        accents={code: frozenset(letters) for code, letters in content.accents.items()},
        scripts=content.scripts,
        guess=guess,
    )
