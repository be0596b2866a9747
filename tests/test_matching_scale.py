"""A large library is made ready fast: by other sums than one would write by hand, with the same results."""

import random
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from plain_vectors import PlainVectors

from smi_bot.library import Library, StandardResponse, read_library
from smi_bot.library.model import PLACEHOLDER
from smi_bot.library.reading import _has_break
from smi_bot.matching import Matcher, build_matcher, corpus, match, matcher
from smi_bot.matching.gate import Cuts
from smi_bot.matching.index import Vectors, build_head, grams, ranges
from smi_bot.matching.words import library_reader
from smi_bot.text import read

CHECKOUT = Path(__file__).parent.parent
TODAY = date(2026, 11, 23)
pieces = st.text(alphabet="ab c-*_>\t\n", max_size=40)


@cache
def shipped() -> Library:
    return read_library(CHECKOUT / "responses", drafts=True)


def ready(cuts: Cuts | None = None) -> Matcher:
    return build_matcher(list(shipped().entries.values()), shipped().product, cuts=cuts)


@cache
def quick() -> Matcher:
    return ready()


def messages() -> list[str]:
    """Questions as the library has them, and with words changed, left out and added."""
    dice = random.Random(5)
    asked = [text for entry in shipped().entries.values() for text in (*entry.phrasings[:2], entry.title)]
    words = sorted({word for text in asked for word in text.split()})
    changed = [" ".join(dice.choice(words) if dice.random() < 0.2 else word for word in t.split()) for t in asked]
    shorter = [" ".join(word for word in text.split() if dice.random() < 0.8) for text in asked]
    return [*asked, *changed, *shorter, "", "xyzzy", "warfarin and my tablet", "tell me about my pension"]


def test_the_shipped_library_decides_as_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "Vectors", PlainVectors)
    by_hand = ready()
    assert by_hand.cuts.answer == pytest.approx(quick().cuts.answer, abs=1e-9)
    for text in messages():
        ours, theirs = (match(read(text), each, "patient", "US") for each in (quick(), by_hand))
        assert ours.verdict == theirs.verdict
        assert [c.entry for c in ours.candidates] == [c.entry for c in theirs.candidates]
        assert [c.score for c in ours.candidates] == pytest.approx([c.score for c in theirs.candidates], abs=1e-9)


words = st.lists(st.sampled_from(["dose", "doses", "dosing", "a", "night", "nights", "beer"]), max_size=8)


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=30), st.data())
def test_likenesses_are_those_computed_by_hand(texts: list[list[str]], data: st.DataObject) -> None:
    ours, theirs = Vectors.of(texts, grams), PlainVectors.of(texts, grams)
    message = [gram for word in data.draw(words) for gram in grams(word)]
    assert ours.likeness(message) == pytest.approx(theirs.likeness(message), abs=1e-12)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, len(texts) - 1)))), dtype=np.int64)
    assert ours.among(rows) == pytest.approx(theirs.among(rows), abs=1e-12)


def test_a_feature_that_many_rows_hold_is_multiplied_as_one_that_few_hold() -> None:
    texts = [["all", f"own{i}", f"some{i % 20}"] for i in range(200)]
    rows = np.arange(200)
    assert Vectors.of(texts).among(rows) == pytest.approx(PlainVectors.of(texts).among(rows), abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=9))
def test_ranges_stand_one_after_another(spans: list[tuple[int, int]]) -> None:
    starts, counts = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    assert ranges(starts, counts).tolist() == [i for start, count in spans for i in range(start, start + count)]


def learned(owners: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """A kernel of random rows, and their owners."""
    points = np.random.default_rng(3).random((len(owners), 9))
    return points @ points.T, np.array(owners, dtype=np.int64)


OWNERS = (-1, -1, 0, 0, 0, 1, 3, 3)


@pytest.mark.parametrize("row", range(len(OWNERS)))
def test_a_row_left_out_scores_as_if_it_had_never_been_learned(row: int) -> None:
    kernel, owners = learned(OWNERS)
    rest = np.arange(len(owners)) != row
    afresh = build_head(kernel[np.ix_(rest, rest)], owners[rest], 4)
    assert build_head(kernel, owners, 4).without(row) == pytest.approx(kernel[row, rest] @ afresh.alpha, abs=1e-9)


@pytest.mark.parametrize("row", [row for row, owner in enumerate(OWNERS) if owner >= 0])
def test_an_entry_left_out_scores_as_if_it_had_never_been_learned(row: int) -> None:
    kernel, owners = learned(OWNERS)
    rest = owners != owners[row]
    afresh = build_head(kernel[np.ix_(rest, rest)], owners[rest], 4)
    assert build_head(kernel, owners, 4).without_entry(row) == pytest.approx(kernel[row, rest] @ afresh.alpha, abs=1e-9)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_the_words_of_a_library_are_those_of_a_message(text: str) -> None:
    assert library_reader()(text) == [token.word for token in read(text).tokens]


def test_cuts_that_are_given_are_not_calibrated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [match(read(text), quick(), "patient", "US") for text in messages()[::9]]
    monkeypatch.setattr(matcher, "_trial", None)  # cannot be called
    again = ready(quick().cuts)
    assert again.cuts == quick().cuts
    found = [match(read(text), again, "patient", "US") for text in messages()[::9]]
    assert [each.verdict for each in found] == [each.verdict for each in expected]
    scores = [[candidate.score for each in matches for candidate in each.candidates] for matches in (found, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-9)  # threads add up in no fixed order


def draft(id: str, phrasings: Sequence[str]) -> StandardResponse:
    own = next(iter(shipped().entries.values()))
    sections = {"patient": "-", "hcp": "-"}
    changed = {"id": id, "title": phrasings[0], "phrasings": tuple(phrasings), "near_misses": (), "sections": sections}
    return own.model_copy(update=changed)


def test_a_phrasing_that_is_still_to_be_written_asks_nothing() -> None:
    unwritten = [f"{PLACEHOLDER}: {number}" for number in range(3)]
    entries = [draft("soup", ["how is the soup made", *unwritten]), draft("walk", ["may I walk home", *unwritten])]
    found = build_matcher(entries, None)
    assert match(read("to be written: 1"), found, "patient", None).verdict == "nothing"
    assert match(read("may I walk home"), found, "patient", None).candidates[0].entry == "walk"


def test_a_library_with_more_rows_than_can_be_learned_learns_some_of_each_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(corpus, "MAX_ANCHORS", 6)
    monkeypatch.setattr(corpus, "SPREAD_ANCHORS", 6)
    owners = np.array([-1] * 4 + [0] * 5 + [1] + [2] * 3)
    assert corpus._anchors(owners).tolist() == [0, 1, 4, 5, 9, 10, 11]
    entries = list(shipped().entries.values())[:9]
    found = build_matcher(entries, shipped().product)
    assert match(read(entries[4].phrasings[2]), found, entries[4].audiences[0], "US").candidates[0].entry == (
        entries[4].id
    )


@settings(max_examples=300, deadline=None)
@given(pieces)
def test_a_break_is_found_wherever_markdown_sees_one(text: str) -> None:
    parsed = MarkdownIt("commonmark", {"html": False}).parse(text.strip())
    assert _has_break(text.strip()) == any(token.type == "hr" for token in parsed)
