"""What the facts of a product make of the vocabularies: what is inside its label and what is another illness, form,
dose, age or combination. The rules of triage name no product."""

from collections.abc import Iterable, Iterator

from smi_bot.library.model import Product
from smi_bot.triage.draft import Draft, Words
from smi_bot.triage.lexicon import words_of

#: Concepts made here whose words keep their own meanings: "twice daily dosing" is a dose as well as an excluded use.
LOOSE = frozenset({"excluded-use", "other-form", "other-rhythm", "other-day-part", "compare-word"})
#: Vocabularies in which the approved illness is no other illness.
_OTHER_ILLNESSES = ("other-disease", "condition", "condition-named", "chronic-ill", "illness")
#: Ways of counting that a dose of more than one unit, or more than one dose a day, makes ordinary.
_COUNTS = {2: ("2", "two", "twice", "both", "couple of", "a couple", "2x", "x2"), 3: ("3", "three", "3x", "x3")}
_YOUNGEST_TEEN = 13
_AGES = ("y", "yo", "yr", "yrs")


def product_words(product: Product) -> dict[str, list[str]]:
    """Concept -> lines of words."""
    minor = [str(n) for n in range(1, product.minimum_age)]
    grown = [str(n) for n in range(product.minimum_age, 100)]
    youth = (f"under {product.minimum_age}", f"under {product.minimum_age}s", f"below {product.minimum_age}")
    return {
        "product": [product.name, product.generic, *product.names, *product.misspellings],
        "company": [product.company, product.company.split()[0]],
        "illness-name": list(product.illness_names),
        "indication": [*product.illness_names, *product.illness_places],
        "sign": list(product.illness_signs),
        "other-kind": list(product.illness_kinds_excluded),
        "excluded-use": list(product.excluded_uses),
        "usable-together": list(product.approved_combinations),
        "tablet": list(product.units),
        "own-dose": list(_own_doses(product)),
        "fewer-units": list(_fewer_units(product)),
        "child": list(youth) if product.minimum_age > 1 else [],
        "minor-number": minor,
        "minor-age": [n + suffix for n in minor for suffix in _AGES],
        "own-age-number": grown,
        "own-age": [n + suffix for n in grown for suffix in _AGES],
        "not-started": [f"start {name}" for name in product.names],
        "compare-word": [f"is {name} a" for name in product.names],
    }


def fit_to_product(draft: Draft, product: Product) -> None:
    """Called once all vocabularies of a language are gathered."""
    for form in _starting(draft, "form-"):
        if not _is_own(draft.phrases_of(form), product):
            draft.share(form, "other-form")
    for rhythm in _starting(draft, "times-"):
        if rhythm != f"times-{product.doses_per_day}":
            draft.share(rhythm, "other-rhythm")
    if product.doses_per_day == 1:
        draft.share("day-part", "other-day-part")
    # A context takes the force out of `condition`, not the name: "does it help with diabetes?"
    draft.share("condition", "condition-named")
    _gather_medicines(draft, "not-with", product.excluded_combinations)
    _gather_medicines(draft, "interacting", product.interacting)
    draft.concepts |= {"other-form", "other-rhythm", "other-day-part"}
    _withhold_own(draft, product)


def _withhold_own(draft: Draft, product: Product) -> None:
    draft.withhold(_read(product.illness_names), _OTHER_ILLNESSES)
    draft.withhold(_read(_own_doses(product)), ("other-dose",))
    draft.withhold(_single(product.forms, product.routes), ("work-around",))
    for count in {product.units_per_dose, product.doses_per_day}:
        draft.withhold(_read(_COUNTS.get(count, ())), ("two-or-more",))
    if product.minimum_age <= _YOUNGEST_TEEN:
        draft.withhold(draft.phrases_of("teen"), ("child",))


def _gather_medicines(draft: Draft, concept: str, groups: Iterable[str]) -> None:
    """A group is a vocabulary of medicines.yaml or a name."""
    draft.concepts.add(concept)
    for group in groups:
        if group in draft.concepts:
            draft.share(group, concept)
        else:
            draft.add(concept, [group], typos=True)


def _starting(draft: Draft, beginning: str) -> list[str]:
    return sorted(concept for concept in draft.concepts if concept.startswith(beginning))


def _is_own(words: Iterable[Words], product: Product) -> bool:
    return not set(_single(product.forms, product.routes)).isdisjoint(w for w in words if len(w) == 1)


def _single(*facts: Iterable[str]) -> Iterator[Words]:
    """Every word by itself: "film-coated tablet" gives film, coated and tablet."""
    return ((word,) for lines in facts for words in _read(lines) for word in words)


def _read(lines: Iterable[str]) -> Iterator[Words]:
    return (words for line in lines for words in words_of(line))


def _own_doses(product: Product) -> Iterator[str]:
    once = product.strength_mg * product.units_per_dose
    for amount in sorted({product.strength_mg, once, once * product.doses_per_day}):
        yield from (f"{amount}mg", f"{amount} mg")


def _fewer_units(product: Product) -> Iterator[str]:
    """One puff, where two are the dose."""
    if product.units_per_dose > 1:
        yield from (f"{one} {unit}" for one in ("one", "1", "a single", "only one") for unit in product.units)
