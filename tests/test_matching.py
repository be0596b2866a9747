"""Matching: what may be answered at once, what is asked, and what must never be sure."""

import random
import time
from datetime import date
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smi_bot.decision import Match
from smi_bot.inquiry import Audience
from smi_bot.library.model import Contact, NearMiss, Product, StandardResponse
from smi_bot.matching import Matcher, build_matcher, match
from smi_bot.text import read

DAY = date(2026, 1, 1)
CONTACT = Contact(medical_information="1", emergency_number="2", poison_centre="3", email="a@b", safety_email="c@d")
PRODUCT = Product(
    id="velmora",
    version=1,
    name="Velmora",
    generic="tesparolin",
    company="Example",
    fictional=True,
    label_version="1",
    indication="a fictional disease",
    minimum_age=18,
    strength_mg=5,
    doses_per_day=1,
    forms=("tablet",),
    routes=("oral",),
    names=("Velmora", "tesparolin"),
    misspellings=("velmoora",),
    regions={"US": ("US",), "EU": ("DE",)},
    contacts={"US": CONTACT, "EU": CONTACT},
    effective=DAY,
    owner="Example",
    last_author="Example",
)
PHRASINGS = {
    "keeping": (
        "Where should I keep the tablets?",
        "how to store Velmora at home",
        "does it belong in the refrigerator",
        "which room temperature is right for the bottle",
        "can the box stand in the bathroom",
        "storage conditions of Velmora",
        "is it bad if the tablets get warm",
    ),
    "forgotten": (
        "What if I forgot a tablet?",
        "I missed my dose this morning",
        "forgot Velmora yesterday evening, what now",
        "skipped a pill by mistake",
        "how late may I take a missed dose",
        "what to do about a dose I did not remember",
    ),
    "beer": (
        "May I drink alcohol with it?",
        "can I have a beer while on Velmora",
        "glass of wine in the evening allowed",
        "is drinking alcohol a problem with this medicine",
        "champagne at a wedding during treatment",
        "alcohol and Velmora",
    ),
    "painkillers": (
        "Can I take ibuprofen with Velmora?",
        "paracetamol for a sore back together with the tablets",
        "are painkillers allowed",
        "ibuprofen interaction",
        "which pain tablets go with Velmora",
        "is paracetamol safe alongside",
    ),
    "kinetics": (
        "What is the half-life?",
        "elimination half-life of tesparolin",
        "protein binding and volume of distribution",
        "how is tesparolin metabolised",
        "renal excretion in percent",
        "time to peak plasma concentration",
    ),
    "coupon": (
        "Is there a savings card?",
        "how do I get the savings card for Velmora",
        "co-pay help for people with insurance",
        "voucher towards the pharmacy bill",
        "phone number of the savings programme",
        "who can join the savings programme",
    ),
    "surface": (
        "Are the tablets coated?",
        "what colour are the tablets",
        "shape and marking of a tablet",
        "what do the pills look like",
        "is the tablet round or oval",
        "describe the appearance of Velmora",
    ),
}
ALL: tuple[Audience, ...] = ("patient", "hcp")
AUDIENCES: dict[str, tuple[Audience, ...]] = {"kinetics": ("hcp",), "coupon": ("patient",)}
TWICE = "I swallowed twice as much because I forgot a tablet yesterday"
NEAR_MISSES = {
    "forgotten": (NearMiss(text=TWICE, belongs="special-situation"),),
    "surface": (NearMiss(text="what colour is a Zorvalex capsule", belongs="unapproved"),),
}


def entry(name: str, phrasings: tuple[str, ...]) -> StandardResponse:
    sections = {"patient": f"About {name}.", "hcp": f"About {name}."}
    audiences = AUDIENCES.get(name, ALL)
    if name == "surface":
        sections |= {"patient EU": "Blister.", "hcp EU": "Blister."}
    return StandardResponse(
        id=name,
        version=1,
        product="velmora",
        title=phrasings[0],
        audiences=audiences,
        regions=("US",) if name == "coupon" else ("US", "EU"),
        label_version="1",
        references=("Sheet",),
        effective=DAY,
        review_due=DAY,
        expires=DAY,
        owner="Example",
        last_author="Example",
        phrasings=phrasings[1:] if len(phrasings) > 5 else phrasings,
        near_misses=NEAR_MISSES.get(name, ()),
        sections={key: text for key, text in sections.items() if key.split()[0] in audiences},
    )


ENTRIES = [entry(name, phrasings) for name, phrasings in PHRASINGS.items()]


@cache
def matcher() -> Matcher:
    return build_matcher(
        ENTRIES, PRODUCT, background=("who won the football", "sing me a song"), medicines=("Brandol",)
    )


def ask(text: str, audience: Audience = "patient", region: str | None = "US") -> Match:
    return match(read(text), matcher(), audience, region)


def best(text: str, audience: Audience = "patient", region: str | None = "US") -> str:
    return ask(text, audience, region).candidates[0].entry


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in PHRASINGS.items() for text in texts])
def test_a_phrasing_of_an_entry_comes_first_and_is_sure(name: str, text: str) -> None:
    audience = AUDIENCES.get(name, ALL)[0]
    found = ask(text, audience)
    assert (found.verdict, found.candidates[0].entry) == ("sure", name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("where do I store velmora", "keeping"),
        ("I forgot my dose", "forgotten"),
        ("can i drink wine with velmora", "beer"),
        ("is ibuprofen safe with the tablets", "painkillers"),
        ("savings card number", "coupon"),
    ],
)
def test_a_new_wording_finds_its_entry(text: str, name: str) -> None:
    assert best(text) == name


def test_our_medicine_may_be_misspelt_or_called_by_its_generic_name() -> None:
    for spelled in ("Velmora", "velmoora", "tesparolin", "velmorra", "VELMORA"):
        assert ask(f"alcohol and {spelled}").verdict == "sure"


def test_a_typo_is_repaired_towards_the_words_of_the_library() -> None:
    assert best("storrage condtions") == "keeping"


@pytest.mark.parametrize("other", ["Brandol", "warfarin", "adalimumab", "atorvastatin", "omeprazole"])
@pytest.mark.parametrize("text", ["alcohol and {}", "how to store {} at home", "I missed my dose of {} this morning"])
def test_a_question_that_names_another_medicine_is_never_sure(text: str, other: str) -> None:
    assert ask(text.format(other)).verdict == "nothing"


def test_a_medicine_that_the_entry_names_is_no_obstacle() -> None:
    assert ask("ibuprofen interaction").verdict == "sure"


def test_a_typo_is_not_repaired_towards_another_medicine() -> None:
    assert "ibuprofen" not in matcher().corpus.lexicon.words(read("ibuprofan interaction")).plain


def test_a_name_that_nobody_knows_is_not_sure() -> None:
    assert ask("what do the qworzel pills look like").verdict != "sure"


def test_a_name_does_not_become_known_by_standing_in_a_near_miss() -> None:
    assert ask("shape and marking of Zorvalex").verdict != "sure"


def test_a_question_as_close_to_a_near_miss_as_to_the_phrasings_is_not_sure() -> None:
    assert ask(TWICE).verdict == "nothing"
    assert ask("swallowed twice as much because I forgot").verdict == "nothing"


@pytest.mark.parametrize("text", ["", " ", "???", "👍", "\x00", "zzzz", "the and of", "Velmora", "x" * 100_000])
def test_text_without_a_question_is_not_answered(text: str) -> None:
    assert ask(text).verdict == "nothing"


def test_an_unrelated_question_is_not_answered() -> None:
    for text in ("what is the capital of France", "play some music please", "how tall is the tower"):
        assert ask(text).verdict == "nothing"


def test_a_text_longer_than_the_matcher_reads_is_never_sure() -> None:
    assert ask("alcohol and Velmora " * 100).verdict == "nothing"


def test_an_entry_for_professionals_is_no_candidate_for_patients() -> None:
    assert best("elimination half-life of tesparolin", "hcp") == "kinetics"
    assert "kinetics" not in {c.entry for c in ask("elimination half-life of tesparolin").candidates}


def test_an_entry_of_one_region_is_no_candidate_in_another_or_in_none() -> None:
    text = "how do I get the savings card for Velmora"
    assert best(text) == "coupon"
    for region in ("EU", None, "XX"):
        assert "coupon" not in {c.entry for c in ask(text, "patient", region).candidates}


def test_while_the_region_is_unknown_only_texts_equal_everywhere_are_candidates() -> None:
    assert best("what colour are the tablets") == "surface"
    assert "surface" not in {c.entry for c in ask("what colour are the tablets", "patient", None).candidates}
    assert best("alcohol and Velmora", "patient", None) == "beer"


def test_an_empty_library_matches_nothing() -> None:
    assert match(read("alcohol"), build_matcher([], PRODUCT), "patient", "US") == Match()


def test_one_entry_alone_still_abstains_from_other_questions() -> None:
    lonely = build_matcher([ENTRIES[0]], PRODUCT)
    assert match(read("how to store Velmora at home"), lonely, "patient", "US").verdict == "sure"
    assert match(read("who pays for it"), lonely, "patient", "US").verdict == "nothing"


def test_a_library_without_a_product_is_served_in_its_own_regions() -> None:
    free = build_matcher(ENTRIES, None)
    assert match(read("champagne at a wedding during treatment"), free, "patient", "EU").candidates[0].entry == "beer"


def test_two_entries_with_the_same_phrasing_are_not_sure() -> None:
    twin = ENTRIES[0].model_copy(update={"id": "twin"})
    found = match(read("how to store Velmora at home"), build_matcher([*ENTRIES, twin], PRODUCT), "patient", "US")
    assert found.verdict != "sure"
    assert {c.entry for c in found.candidates[:2]} == {"keeping", "twin"}


def test_building_stays_quick_for_a_large_library() -> None:
    dice = random.Random(7)
    words = [
        f"{a}{b}{c}" for a in ("ba", "ko", "li", "mu") for b in ("ra", "ste", "no") for c in ("n", "t", "lo", "vi")
    ]
    many = [
        entry(f"e{i}", tuple(dict.fromkeys(" ".join(dice.choices(words, k=6)) for _ in range(15)))) for i in range(150)
    ]
    start = time.perf_counter()
    large = build_matcher(many, None)
    assert time.perf_counter() - start < 30
    assert match(read(many[3].phrasings[2]), large, "patient", "US").candidates[0].entry == "e3"


VOCABULARY = sorted({token.word for texts in PHRASINGS.values() for text in texts for token in read(text).tokens})
messages = st.one_of(
    st.text(max_size=200), st.lists(st.sampled_from([*VOCABULARY, "warfarin", "not", "7"]), max_size=12).map(" ".join)
)
audiences = st.sampled_from(ALL)
regions = st.sampled_from(["US", "EU", None, "XX", ""])


@settings(max_examples=200, deadline=None)
@given(messages, audiences, regions)
def test_any_text_gives_up_to_three_candidates_with_falling_confidence(
    text: str, audience: Audience, region: str | None
) -> None:
    found = ask(text, audience, region)
    scores = [c.score for c in found.candidates]
    assert len(scores) <= 3
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert len({c.entry for c in found.candidates}) == len(scores)
    assert found.candidates or found.verdict == "nothing"


@settings(max_examples=200, deadline=None)
@given(messages, audiences, regions)
def test_no_candidate_is_meant_for_somebody_else(text: str, audience: Audience, region: str | None) -> None:
    entries = {entry.id: entry for entry in ENTRIES}
    assert all(entries[c.entry].text(audience, region) for c in ask(text, audience, region).candidates)


@settings(max_examples=100, deadline=None)
@given(messages, audiences, regions)
def test_the_same_message_gets_the_same_match(text: str, audience: Audience, region: str | None) -> None:
    assert ask(text, audience, region) == ask(text, audience, region)


@settings(max_examples=15, deadline=None)
@given(st.permutations(ENTRIES), st.lists(messages, max_size=5))
def test_the_order_of_the_entries_does_not_matter(entries: list[StandardResponse], texts: list[str]) -> None:
    shuffled = build_matcher(
        entries, PRODUCT, background=("who won the football", "sing me a song"), medicines=("Brandol",)
    )
    for text in [*texts, *VOCABULARY[:5], "alcohol and Velmora"]:
        assert match(read(text), shuffled, "patient", "US") == ask(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(VOCABULARY), max_size=8), st.sampled_from(["warfarin", "Brandol", "infliximab"]))
def test_no_words_beside_it_make_another_medicine_sure(words: list[str], other: str) -> None:
    assert ask(" ".join([*words, other])).verdict != "sure"
