"""Findings about names of our product that are nearly, or wholly, those of other medicines."""

from collections.abc import Iterator

from rapidfuzz import process
from rapidfuzz.distance import OSA

from smi_bot.library import Product
from smi_bot.matching.medicines import medicines
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject

#: Letters from which on a name is long enough for one slip to be a slip, and not another word.
_LONG = 5


def lookalikes(subject: Subject, others: frozenset[str]) -> Iterator[Finding]:
    """`others`: further known medicines, beside those of smi_bot/matching/medicines.txt.

    One slip: a letter more, less, changed, or two neighbours swapped (optimal string alignment).
    """
    product = subject.library.product
    known = sorted(medicines(sorted(others), ()).names) if product else []
    for place, name in _names(product) if product else ():
        found = process.extractOne(name, known, scorer=OSA.distance, score_cutoff=1)
        if found is not None and (found[1] == 0 or min(len(name), len(found[0])) >= _LONG):
            source = subject.product_source
            yield _named(source, source.line(*place), name, "" if found[1] == 0 else found[0])


def _named(source: Source, line: int | None, name: str, other: str) -> Finding:
    """`other`: the medicine it is one slip away from; empty where it is that medicine itself."""
    if not other:
        reason, mend = f"'{name}' is the name of another medicine", "take it out: its questions would be taken for ours"
        return source.finding("look-alike", "error", line, reason, mend)
    reason = f"'{name}' is one slip of the keyboard away from '{other}', another medicine"
    mend = "take it out, or make sure that questions about the other are never answered"
    return source.finding("look-alike", "warning", line, reason, mend)


def _names(product: Product) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """With their fields; a name that stands in several fields once."""
    seen: set[str] = set()
    fields = [(("name",), product.name), (("generic",), product.generic)]
    listed = [(("names", i), name) for i, name in enumerate(product.names)]
    listed += [(("misspellings", i), name) for i, name in enumerate(product.misspellings)]
    for place, name in (*fields, *listed):
        if name.casefold() not in seen:
            seen.add(name.casefold())
            yield place, name.casefold()
