"""Findings about words that nobody explains: names that a template does not know, abbreviations before patients."""

import re
from collections.abc import Iterator

from smi_bot.errors import LibraryError
from smi_bot.library import StandardResponse
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject
from smi_bot.workbench.checks.wordings import attempts

#: Abbreviations that are better known than their words.
_WELL_KNOWN = """US USA EU UK AIDS HIV DNA RNA mRNA COVID SARS FDA EMA NHS PDF SMS TV OK ID AM PM ER PIN QR FAQ pH MRI
    CT ICU CD DVD USB II III IV VI VII CET CEST GMT UTC EST EDT PST PDT"""
#: Everyday words that are written in capitals to stress them, and those that placeholders are made of.
_STRESSED = "NOT NO NEVER ALWAYS DO AND OR ONLY MUST STOP ALL BEFORE AFTER TODO TBD TBC FIXME"
_KNOWN = frozenset((*_WELL_KNOWN.split(), *_STRESSED.split()))
_SHOUTED = re.compile(r"\b[A-Z]{2,}(?:\s+[A-Z]{2,})+\b")
#: Two capitals or more. With a digit it is the name of a molecule or a study, which has no words; in quotation marks,
#: what is printed on something.
_ABBREVIATION = re.compile(r"(?<![\w@./\"\u201c-])(?=\w*[A-Z]\w*[A-Z])[A-Za-z]{2,}(?![\w@\"\u201d]|-\d)")
#: A name with a capital inside: "McDonald", "PharmaCo".
_NAME = re.compile(r"[A-Z][a-z]+[A-Z][a-z]+")


def terms(subject: Subject) -> Iterator[Finding]:
    yield from _templates(subject)
    product = subject.library.product
    known = _KNOWN | {*product.regions, product.name.upper(), product.generic.upper()} if product else _KNOWN
    for entry, source in subject.entries():
        if "patient" in entry.audiences:
            yield from _abbreviations(entry, source, known)


def _templates(subject: Subject) -> Iterator[Finding]:
    """Service texts that do not come out, because a name in them is not there for every region."""
    told: set[str] = set()
    for wording, region, words in attempts(subject):
        if isinstance(words, LibraryError) and str(words) not in told:
            told.add(str(words))
            yield _unknown(subject.source(wording), region, str(words))


def _unknown(source: Source, region: str, fault: str) -> Finding:
    """`fault`: what rendering says, with the name that it did not find in quotation marks."""
    name = re.search(r"attribute '(\w+)'", fault)
    if name is None:
        return source.finding(
            "terms", "error", source.body(), f"cannot be said in {region}: {fault}", "correct the mark"
        )
    reason = f"a mark names '{name[1]}', which there is not for somebody in {region}"
    return source.finding("terms", "error", source.body(name[1]), reason, "correct it, or add it to product.yaml")


def _abbreviations(entry: StandardResponse, source: Source, known: frozenset[str]) -> Iterator[Finding]:
    """Of each text for patients, those that are nowhere explained in what the same patient reads."""
    told: set[str] = set()
    for region in entry.regions:
        text = f"{entry.text('patient', region)}\n\n{entry.safety('patient', region)}"
        calm = _SHOUTED.sub(" ", text)
        found = [each for each in dict.fromkeys(_ABBREVIATION.findall(calm)) if each not in known | told]
        unclear = [each for each in found if not _NAME.fullmatch(each) and not is_explained(each, text)]
        told.update(unclear)
        if unclear:
            named = ", ".join(f"'{each}'" for each in unclear)
            reason = f"{named} {'is' if len(unclear) == 1 else 'are'} never explained to patients"
            mend = f"write what it stands for, then '({unclear[0]})', or do without"
            yield source.finding("terms", "warning", _line(entry, source, region, unclear[0]), reason, mend)


#: Words before an abbreviation that tell what it is.
_WHAT = r"(?:called|named|known as|short for|names? (?:is|are)|(?:value|test|score|protein|enzyme|hormone|programme)s?)"


def is_explained(abbreviation: str, text: str) -> bool:
    """Whether a reader is told what it is, once.

    "side effects (SE)", "SE (side effects)", "a score called PASI", "the liver value ALT", "CPK, a muscle value".
    """
    short = re.escape(abbreviation)
    ways = (
        rf"[a-z]{{3,}}[^.\n(]*\((?:[^)]*\W)?{short}\b[^)]*\)",
        rf"\b{short}\b[^.\n(,]*\([^)]*[a-z]{{3,}}",
        rf"\b{_WHAT} {short}\b",
        rf"\b{short}\b[^.\n,]*, (?:an?|the|which|often|also|that is)\b",
        rf"\b{short}\b (?:(?:is|are) (?:an?|the|short)|means|stands for) ",
    )
    return any(re.search(way, text) for way in ways)


def _line(entry: StandardResponse, source: Source, region: str, words: str) -> int | None:
    shown = (entry.text("patient", region), entry.safety("patient", region))
    for name, text in entry.sections.items():
        if text in shown and words in text:
            return source.section(name, words)
    return None
