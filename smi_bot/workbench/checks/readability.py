"""How hard a text is to read, and findings about texts for patients that are too hard.

Flesch-Kincaid grade level: J. P. Kincaid, R. P. Fishburne, R. L. Rogers, B. S. Chissom, "Derivation of new readability
formulas for Navy enlisted personnel", Research Branch Report 8-75, 1975. It knows only the length of words and
sentences, so it can hint at a text that is hard, never vouch for one that is easy: a warning, no gate.
"""

import re
from collections.abc import Iterable, Iterator

from smi_bot.library import Product, StandardResponse
from smi_bot.markup import to_text
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject
from smi_bot.workbench.checks.syllables import syllables

#: School grade that most adults can read.
HARDEST = 8.0
#: Words below which the formula tells nothing.
FEWEST = 30
#: What a product's name is read as: whatever the medicine is called, its reader knows the name.
_MASK = "product"

_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|\+?\d[\d -]{6,}\d")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+(?:[.,:]\d+)*%?")
_END = re.compile(r"[.!?:]+(?=[\s\"'\u201d\u2019)]|$)|\n+")
_SHORT_FORM = re.compile(r"\b(e\.g|i\.e|etc|vs|approx|Dr|Mr|Mrs|Ms|St|No)\.(?=\s)", re.IGNORECASE)


def grade(markdown: str, names: Iterable[str] = ()) -> float | None:
    """0.39 words/sentences + 11.8 syllables/words - 15.59; None for a text of fewer than FEWEST words.

    `names`: product names, each counted as a word of two syllables; so are addresses and telephone numbers. An item of
    a list is a sentence, and so is what ends with a colon. Words in capitals count as the formula counts all others.
    """
    sentences = [words for words in map(_WORD.findall, _END.split(_masked(to_text(markdown), names))) if words]
    words = [word for sentence in sentences for word in sentence]
    if len(words) < FEWEST:
        return None
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def _masked(text: str, names: Iterable[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", _MASK, text, flags=re.IGNORECASE)
    return _SHORT_FORM.sub(lambda found: found[1].replace(".", ""), _ADDRESS.sub(_MASK, text))


def readability(subject: Subject) -> Iterator[Finding]:
    """Of what a patient reads in one message: the text and its safety text."""
    product = subject.library.product
    names = _names(product) if product else ()
    for entry, source in subject.entries():
        yield from _entry(entry, source, names)


def _names(product: Product) -> tuple[str, ...]:
    return (product.name, product.generic, product.company, *product.names)


def _entry(entry: StandardResponse, source: Source, names: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for region in entry.regions if "patient" in entry.audiences else ():
        text = f"{entry.text('patient', region)}\n\n{entry.safety('patient', region)}"
        found = None if text in seen else grade(text, names)
        seen.add(text)
        if found is not None and found > HARDEST:
            name = f"patient {region}" if f"patient {region}" in entry.sections else "patient"
            reason = f"section '# {name}' with its safety text reads like grade {found:.1f} (Flesch-Kincaid)"
            mend = f"shorten sentences and words, towards grade {HARDEST:.0f}"
            yield source.finding("readability", "warning", source.section(name), reason, mend)
