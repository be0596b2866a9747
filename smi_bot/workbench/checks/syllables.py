"""How many syllables an English word has, judged by its spelling."""

import re

_VOWELS = re.compile(r"[aeiouy\u00e0-\u00f6\u00f8-\u00ff]+")
#: Vowels beside each other that are spoken apart.
_APART = re.compile(
    r"(?<![tcsg])ia"  # psori-asis, not spe-cial
    r"|(?<![tcsgx])io|(?<![tcsg])i(?=um|us)"  # bi-ologic, medi-um, not medica-tion
    r"|(?<![tc])(?<!fr)ie(?=[tn])|sci(?=e)"  # di-et, sci-ence, not pa-tient
    r"|(?<![qg])ua|uous"  # usu-al, continu-ous, not lan-guage
    r"|crea(?!m|s)|rea(?=ct)|(?:ar|id)ea"  # cre-ate, re-act, are-a
    r"|[aeou]ing"  # do-ing
    r"|(?<=[a-z])y(?:[aiou]|e(?!s?$|d$))"  # be-yond, lay-er, not eyes
)
#: An e that is not spoken: at the end ("take", not "able"), before s ("takes", not "doses"), before d ("used", not
#: "wanted", "settled"), and before the endings of compound words ("safe-ty", "move-ment").
_SILENT = re.compile(
    r"(?:[^aeiouyl]|[aeiouy]l)(?:e$|e(?=(?:ly|ty|ments?|ful|less|ness|things?|times?|fore)$))"
    r"|(?:[^aeiouylcgsxzh]|[aeiouy]l|[^cs]h)es$"
    r"|(?:[^aeiouyltd]|[aeiouy]l)ed$"
)
#: Common words that break these rules.
_OTHERWISE = {"every": 2, "business": 2, "people": 2, "different": 2, "friend": 1, "diabetes": 4, "fluid": 2, "area": 3}


def syllables(word: str) -> int:
    """Groups of vowels, one more for vowels spoken apart, one less for a silent e; at least one.

    An estimate, right for most words (tests/test_check_readability.py says for how many). A number is one syllable.
    """
    letters = word.casefold().replace("'", "").replace("\u2019", "")
    if not letters.isalpha():
        return 1
    if letters in _OTHERWISE:
        return _OTHERWISE[letters]
    count = len(_VOWELS.findall(letters)) + len(_APART.findall(letters)) - len(_SILENT.findall(letters))
    return max(count, 1)
