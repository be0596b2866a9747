"""Every number in the texts is read back from the facts of the label: a wrong one cannot land."""

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from label_facts import Facts, Reading
from label_numbers import WORDS, Number, Passage, Text, passages
from reading_libraries import RESPONSES

from smi_bot.library import Library, read_library
from smi_bot.library.model import StandardResponse
from smi_bot.library.reading import entry_files, read_entry

FACTS = Facts(Path(__file__).with_name("label_facts.yaml"))
REFERENCE = re.compile(r"Zelvanta label sheet 1\.0, section (?P<number>\d+) \((?P<title>.+)\)")

#: Changes that leave a text as true as it was. Each needs a reason.
SAME = {
    # A title that names both trials has no figure of either beside it.
    ("How well did Zelvanta work in the MARLOWE-1 and MARLOWE-2 studies?", "1", "2"),
    ("How well did Zelvanta work in the MARLOWE-1 and MARLOWE-2 studies?", "2", "1"),
}

#: How a unit is written after its number, and a wrong one.
UNITS = {
    r"[ -]?h(?:ours?)?\b": " weeks",
    r"[ -](?:more )?weeks?\b": " days",
    r" days?\b": " weeks",
    r" months?\b": " weeks",
    r" mg\b": " mL",
    r" mL\b": " mg",
    " °C": " °F",
    " °F": " °C",
    "%": " mg",
    "x ULN": "%",
}

#: Names that change places, in texts that give numbers of both.
NAMES = [
    *(("placebo", "apremilast"), ("Zelvanta", "placebo"), ("MARLOWE-1", "MARLOWE-2"), ("first study", "second")),
    *(("week 16", "week 24"), ("PASI 75", "PASI 90"), ("headache", "nausea"), ("acne", "folliculitis")),
]

RIGHT = [
    "Take it if you are less than twelve hours late. Is it 12 hours late, or later? Then leave it out.",
    "The tablet is taken once a day. One tablet holds 15 mg of the medicine and 42 mg of milk sugar.",
    "US|Keep the tablets between 20 and 25 °C (68 to 77 °F). Short excursions to 15 °C or 30 °C are allowed.",
    "EU|Do not store above 30 °C. There are 28 tablets in a blister pack.",
    "US|A bottle holds 30 tablets.",
    "In MARLOWE-2, 58.6% on Zelvanta, 10.5% on placebo and 37.7% on apremilast reached PASI 75 at week 16.",
    "PASI 90 was reached at week 24 by 45.3% on Zelvanta and 21.6% on apremilast in MARLOWE-1.",
    "At week 52, 81% of the week-24 PASI 75 responders had kept their response.",
    "Do not breastfeed until one week after the last tablet. Use birth control for four weeks.",
    "Pause when ALT is more than five times the limit, or three times with bilirubin more than twice its limit.",
    "Blood tests for the liver are done before the start and in weeks 4 and 12. Lipids are checked at week 12.",
    "Nausea was seen in 5.4% of people, compared with 3.0% on placebo.",
    "Strong CYP3A4 inhibitors raised AUC 2.4-fold, moderate ones 1.5-fold; strong inducers lowered it by 68%.",
    "No dose adjustment is needed in patients aged 65 years and older; data at 75 years and older are few.",
    "Adverse reactions in weeks 0 to 16: acne 3.8% vs 0.9%. Nobody under 18 should take it.",
    "Half-life: 14 hours; washed out after about 3 days. eGFR of at least 15 mL/min: no change.",
    "In the US, call +1 202-555-0142 to report a side effect; in the EU, call +353 20 910 0142.",
    "EU|Call the nurse line, +353 20 910 0173, from 9:00 to 17:00 CET on weekdays.",
    "No one knows. One of them may help, once you have asked.",
]

WRONG = [
    "Take it if fewer than 24 hours late.",
    "Take it if fewer than 12 weeks late.",
    "Take it if fewer than twenty hours late.",
    "The dose is two tablets once daily.",
    "The dose of Zelvanta is 15 mg twice daily.",
    "The dose of Zelvanta is 150 mg once daily.",
    "The dose is half a tablet.",
    "The dose is 7.5 mg (half a tablet).",
    "Randomised to Zelvanta, placebo or apremilast 15 mg twice daily.",
    "Interrupt if ALT/AST >3x ULN, or >5x ULN with bilirubin >2x ULN.",
    "PASI 75 at week 16 in MARLOWE-1: 36.2% on Zelvanta, 11.8% on placebo, 61.2% on apremilast.",
    "PASI 75 at week 16 in MARLOWE-1: 61.2% on Zelvanta, 11.8% on apremilast, 36.2% on placebo.",
    "PASI 75 at week 16 in MARLOWE-2: 61.2% / 11.8% / 36.2%.",
    "PASI 75 at week 24 in MARLOWE-1: 61.2% / 11.8% / 36.2%.",
    "PASI 90 at week 16 in MARLOWE-1: 61.2% / 11.8% / 36.2%.",
    "PASI 75 at week 16 in MARLOWE-1, apremilast / placebo / Zelvanta: 61.2% / 11.8% / 36.2%.",
    "Headache occurred in 7.2%.",
    "Nausea 7.2% vs 5.1%; headache 5.4% vs 3.0%.",
    "Serious infections 0.8 vs 0.9 per 100 patient-years with placebo.",
    "Serious infections 0.9 vs 0.8 per 1,000 patient-years with placebo.",
    "MACE 0.1 and VTE 0.2 per 100 PY.",
    "Check ALT, AST and bilirubin at week 4 and week 16.",
    "Avoid live vaccines from 1 week before until 4 weeks after treatment.",
    "Do not breastfeed for 4 weeks after the last dose, and use contraception for 1 week.",
    "Strong CYP3A4 inhibitors: AUC x1.5. Moderate inhibitors: AUC x2.4.",
    "Strong inducers: AUC +68%.",
    "EU|Keep at 20-25 °C.",
    "EU|Bottles of 30 with desiccant.",
    "US|Keep below 30 °C.",
    "US|To report a side effect, call +353 20 910 0142.",
    "To report a side effect, call +1 202-555-0142.",
    "Four people felt better.",
    "About 40% of people in our clinic felt better.",
]


def _entry_texts(path: Path) -> Iterator[Text]:
    entry = read_entry(path)
    cited = frozenset(int(match["number"]) for match in map(REFERENCE.fullmatch, entry.references) if match)
    for name, body in [("title", entry.title), *entry.sections.items()]:
        yield Text(
            f"{path.parent.name}/{path.name}",
            name,
            body,
            title="" if name == "title" else entry.title,
            audience=_audience(entry, name),
            regions=_regions(entry, name),
            sections=cited,
        )


def _audience(entry: StandardResponse, name: str) -> str:
    """Who reads a section. What patients and HCPs both read is held to what HCPs are to be told."""
    shared = name == "safety" and "safety hcp" not in entry.sections and "hcp" in entry.audiences
    return "hcp" if "hcp" in name or shared or entry.audiences == ("hcp",) else "patient"


def _regions(entry: StandardResponse, name: str) -> frozenset[str]:
    """Where a section is shown: in its own region, or in all that have none of their own."""
    own = name.rsplit(maxsplit=1)[-1]
    if own in entry.regions:
        return frozenset({own})
    return frozenset(region for region in entry.regions if f"{name} {region}" not in entry.sections)


def _service_texts(library: Library) -> Iterator[Text]:
    for (name, language), wording in library.wordings.items():
        file = f"wording/{name}.md.j2" if language == "en" else f"wording/{name}.{language}.md.j2"
        yield Text(file, "text", wording.body, audience="patient", language=language)
    for language, page in library.pages.items():
        file = "wording/page.yaml" if language == "en" else f"wording/page.{language}.yaml"
        yield Text(file, "labels", "\n\n".join(page.labels.values()), language=language)


def _product_texts(library: Library) -> Iterator[Text]:
    product = library.product
    assert product is not None
    numbers = (
        f"strength: {product.strength_mg} mg",
        f"minimum age: {product.minimum_age} years",
        f"doses per day: {product.doses_per_day}",
    )
    yield Text("zelvanta/product.yaml", "facts", "\n\n".join((product.indication, *numbers)))
    for region, contact in product.contacts.items():
        body = "\n\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in contact.model_dump().items())
        served = frozenset({region}) if region in product.regions else frozenset(product.regions)
        yield Text("zelvanta/product.yaml", f"contacts {region}", body, regions=served)


def _texts() -> list[Text]:
    library = read_library(RESPONSES)
    entries = [text for path in entry_files(RESPONSES) for text in _entry_texts(path)]
    return [*entries, *_service_texts(library), *_product_texts(library)]


@pytest.fixture(scope="module")
def texts() -> list[Text]:
    return _texts()


@pytest.fixture(scope="module")
def said(texts: list[Text]) -> list[Passage]:
    """Every passage with a number in it that is right, once: boilerplate stands in many entries."""
    found = {
        (passage.said, text.audience, text.regions, text.sections): passage
        for text in texts
        for passage in passages(text)
        if re.search(r"\d", passage.said[passage.begins :]) or Reading(FACTS, passage).numbers
        if not FACTS.issues(passage)
    }
    assert len(found) > 200  # so that the tests below have something to change
    return list(found.values())


def test_every_number_in_every_text_is_one_that_the_label_says(texts: list[Text]) -> None:
    issues = [str(issue) for text in texts for passage in passages(text) for issue in FACTS.issues(passage)]
    assert not issues, "\n" + "\n".join(issues)


def test_texts_for_hcps_give_tables_whole(texts: list[Text]) -> None:
    issues = [str(issue) for text in texts if text.audience == "hcp" for issue in FACTS.torn_tables(text)]
    assert not issues, "\n" + "\n".join(issues)


def test_references_name_sections_of_the_label_sheet_as_they_are_called() -> None:
    for path in entry_files(RESPONSES):
        for reference in read_entry(path).references:
            match = REFERENCE.fullmatch(reference)
            assert match, f"{path.name}: {reference}: write 'Zelvanta label sheet 1.0, section 2 (Dose and …)'"
            assert FACTS.sections[int(match["number"])] == match["title"], f"{path.name}: {reference}"


def test_a_change_of_any_number_in_any_text_is_found(said: list[Passage]) -> None:
    unseen = [
        f"{passage.text.file} # {passage.text.section}: {old} -> {new}: {passage.quote(start)}"
        for passage in said
        for start, old, new in _changes(passage)
        if (passage.quote(start), old, new) not in SAME and _is_fine(_with(passage, (start, old, new)))
    ]
    assert not unseen, f"{len(unseen)}\n" + "\n".join(unseen)


def test_two_numbers_of_a_sentence_that_change_places_are_found(said: list[Passage]) -> None:
    unseen = [
        f"{passage.text.file} # {passage.text.section}: {one} <-> {other}: {passage.quote(start)}"
        for passage in said
        for (start, one), (end, other) in _pairs(passage)
        if _is_fine(_with(passage, (end, other, one), (start, one, other)))
    ]
    assert not unseen, f"{len(unseen)}\n" + "\n".join(unseen)


def test_a_number_of_another_unit_is_found(said: list[Passage]) -> None:
    changes = [
        (passage, (match.start(), match[0], other))
        for passage in said
        for number in Reading(FACTS, passage).numbers
        for unit, other in UNITS.items()
        if (match := re.compile(unit).match(passage.said, number.end))
    ]
    assert changes
    assert not [f"{change}: {passage.said}" for passage, change in changes if _is_fine(_with(passage, change))]


def test_a_number_of_one_region_is_not_said_in_another(said: list[Passage]) -> None:
    for passage in said:
        text = passage.text
        if len(text.regions) == 1 and any(fact.region for fact in Reading(FACTS, passage).used()):
            abroad = replace(text, regions=frozenset({"US", "EU"}) - text.regions)
            assert not _is_fine(replace(passage, text=abroad)), passage.said
            everywhere = replace(text, regions=frozenset({"US", "EU"}))
            named = re.search(r"\b(?:US|EU)\b", passage.said[passage.begins :])
            assert named or not _is_fine(replace(passage, text=everywhere)), passage.said


def test_a_row_that_lacks_one_of_its_numbers_is_found(said: list[Passage]) -> None:
    for passage in said:
        reading = Reading(FACTS, passage)
        rows = {value for fact in reading.used() if fact.arms for row in fact.say + fact.patient for value in row}
        for number in (each for each in reading.numbers if each.value in rows and each.unit in {"percent", "plain"}):
            raw = _raw(passage, number)
            assert not _is_fine(_with(passage, (number.start, raw, "some"))), f"{raw}: {passage.said}"


@pytest.mark.parametrize(("one", "other"), NAMES)
def test_numbers_of_somebody_or_something_else_are_found(said: list[Passage], one: str, other: str) -> None:
    for passage in said:
        place = passage.begins
        used = [fact for fact in Reading(FACTS, passage).used() if fact.arms or fact.table]
        if used and one in passage.said[place:] and other in passage.said[place:] and "dummy" not in passage.said:
            new = re.sub(f"{one}|{other}", lambda match: other if match[0] == one else one, passage.said[place:])
            assert not _is_fine(replace(passage, said=passage.said[:place] + new)), passage.said


@pytest.mark.parametrize("words", RIGHT)
def test_what_the_label_says_may_be_said_in_other_words(words: str) -> None:
    assert [str(issue) for passage in passages(_text(words)) for issue in FACTS.issues(passage)] == []


@pytest.mark.parametrize("words", WRONG)
def test_what_the_label_does_not_say_is_found(words: str) -> None:
    assert [issue for passage in passages(_text(words)) for issue in FACTS.issues(passage)]


def _text(words: str) -> Text:
    """`EU|…` is a text for the EU alone; all others are for HCPs everywhere."""
    region, _, body = words.rpartition("|")
    return Text("x.md", "hcp", body, audience="hcp", regions=frozenset({region} if region else {"US", "EU"}))


def _is_fine(passage: Passage) -> bool:
    return not FACTS.issues(passage)


def _with(passage: Passage, *changes: tuple[int, str, str]) -> Passage:
    """The passage with each change made; the last place first, so that places stay what they were."""
    said = passage.said
    for start, old, new in changes:
        assert said[start : start + len(old)] == old
        said = said[:start] + new + said[start + len(old) :]
    return replace(passage, said=said)


def _raw(passage: Passage, number: Number) -> str:
    return passage.said[number.start : number.end]


def _changes(passage: Passage) -> Iterator[tuple[int, str, str]]:
    """What somebody might write instead: a nought too many, one too many, another number of the unit."""
    found = Reading(FACTS, passage).numbers
    for number in found:
        raw = _raw(passage, number)
        others = {_raw(passage, other) for other in found if other.unit == number.unit and other.value != number.value}
        if number.unit not in {"percent", "every"}:  # of percentages there are too many for a test that runs often
            others |= {value for value in FACTS.values(number.unit) if value != number.value}
        for new in sorted({*_slips(raw), *others} - {raw}):
            yield number.start, raw, new
    yield from _changed_names(passage)


def _changed_names(passage: Passage) -> Iterator[tuple[int, str, str]]:
    """The digits of names, fixed words and numbers of sections."""
    fixed = {span for span in Reading(FACTS, passage).fixed if span[0] >= passage.begins}
    for start, end in sorted(fixed):
        for match in re.finditer(r"\d+(?:\.\d+)?", passage.said[start:end]):
            for new in _slips(match[0])[:2] if not passage.said.startswith("section", start) else ("99",):
                yield start + match.start(), match[0], new


def _slips(raw: str) -> list[str]:
    if raw[0] == "+" and " " in raw:  # a phone number
        return [raw[:-1] + str((int(raw[-1]) + 1) % 10), raw + "0", raw[:-2] + raw[:-3:-1]]
    if raw.lower() in WORDS:
        return ["three", "ten"] if raw[0].islower() else ["Three"]
    if not re.search(r"\d", raw):
        return ["weekly" if "ly" in raw else "every week"]
    sign = raw[0] if raw[0] in "+-" else ""
    digits = raw.removeprefix(sign).replace(",", "")
    if not re.fullmatch(r"[\d.]+", digits):  # 6 in 10
        return [re.sub(r"\d+", lambda match: str(int(match[0]) + 1), raw, count=1)]
    value = Decimal(digits)
    last = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return [sign + f"{new:f}" for new in (value * 10, value + 1, abs(value - last)) if new != value]


def _pairs(passage: Passage) -> Iterator[tuple[tuple[int, str], tuple[int, str]]]:
    found = Reading(FACTS, passage).numbers
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            together = passage.sentence(one.start) == passage.sentence(other.start)
            if together and one.unit == other.unit and one.value != other.value:
                yield (one.start, _raw(passage, one)), (other.start, _raw(passage, other))
