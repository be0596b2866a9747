"""The second opinion: a score over words that can add caution and never takes a label away."""

import gzip
import hashlib
import json
import math
from dataclasses import replace
from importlib.resources import files

import pytest
from conftest import CHECKOUT
from hypothesis import given, settings
from hypothesis import strategies as st

from smi_bot.decision import Signal
from smi_bot.text import Reading, read
from smi_bot.triage import Rules, triage
from smi_bot.triage.opinion import RULE, SHORTEST, Clue, Opinion, Term, load_opinion, terms_of, words_of
from smi_bot.triage.rules import clues_in

KINDS = ("adverse-event", "special-situation")
TERMS = {
    "hat": Term(40.0, 3.0, (1.0, 0.0)),
    "hat fell": Term(60.0, 4.0, (1.0, 0.0)),
    "fell": Term(20.0, -1.0, (0.0, 0.0)),
    "shared": Term(20.0, 4.0, (0.0, 2.0)),
    "we": Term(20.0, 0.5, (0.0, 0.0)),
}
SMALL = Opinion(TERMS, KINDS, (-1.0, 0.0, 0.0), suspect=2.0, doubt=0.5, version="test")


def seen(text: str) -> tuple[Reading, list[Clue]]:
    """A message of which the rules see nothing."""
    return read(text), []


@pytest.fixture(scope="module")
def rules(knowledge) -> Rules:
    return knowledge.rules


@pytest.fixture(scope="module")
def opinion() -> Opinion:
    return load_opinion()


def test_the_score_is_the_weighted_mean_of_the_terms_that_are_known():
    """By hand: TF-IDF of `hat`, `hat fell`, `fell`, divided by its length; unknown words count for nothing."""
    length = math.sqrt(40**2 + 60**2 + 20**2)
    score = -1 + (40 * 3 + 60 * 4 + 20 * -1) / length
    found = replace(SMALL, suspect=score - 1e-9).signal(*seen("My hat fell yesterday"))
    assert found == Signal("adverse-event", 3, 11, RULE)
    assert replace(SMALL, suspect=score + 1e-9, doubt=score + 1e-9).signal(*seen("My hat fell yesterday")) is None


def test_a_term_that_comes_twice_counts_less_than_twice():
    twice = 40 * (1 + math.log(2))
    score = -1 + (twice * 3 + 20 * -1) / math.sqrt(twice**2 + 20**2)
    assert replace(SMALL, suspect=score - 1e-9).signal(*seen("hat, a fell hat")) is not None
    assert replace(SMALL, suspect=score + 1e-9, doubt=99).signal(*seen("hat, a fell hat")) is None


def test_a_message_of_little_weight_is_not_stretched():
    light = {term: replaced._replace(idf=replaced.idf / 20) for term, replaced in TERMS.items()}
    score = -1 + (2 * 3 + 3 * 4 + 1 * -1) / SHORTEST
    small = replace(SMALL, terms=light)
    assert replace(small, suspect=score - 1e-9, doubt=-9).signal(*seen("hat fell")).label == "adverse-event"
    assert replace(small, suspect=score + 1e-9, doubt=-9).signal(*seen("hat fell")).label == "unapproved"


@pytest.mark.parametrize("text", ["hat", "hat 3 4 5", "Bob Stone +1 202-555-0143", "", "?"])
def test_one_known_word_is_no_ground_for_an_opinion(text):
    assert replace(SMALL, suspect=-9, doubt=-9).signal(*seen(text)) is None


def test_between_the_two_thresholds_is_a_doubt_and_the_kind_is_the_likeliest():
    assert SMALL.signal(*seen("nothing known")) is None
    doubt = replace(SMALL, suspect=9.0).signal(*seen("hat fell"))
    assert doubt is not None
    assert doubt.label == "unapproved"
    kind = SMALL.signal(*seen("we shared them"))
    assert kind is not None
    assert (kind.label, kind.start, kind.end) == ("special-situation", 3, 9)


def test_a_report_does_not_drown_in_a_long_message():
    filler = "and then we walked along the fell to the lake " * 30
    assert SMALL.signal(*seen(filler)) is None
    assert SMALL.signal(*seen(filler + "hat fell " + filler)) is not None


def test_words_are_read_alike_whatever_their_case_accents_apostrophes_and_digits():
    texts = ("I CAN'T, 3 times?", "i can’t 7 times ?", "i cant 9 times?")
    assert {tuple(word for word, _ in words_of(read(text))) for text in texts} == {("i", "cant", "0", "times", "?")}
    assert terms_of(*seen("a b c")) == ["a", "a b", "a b c", "b", "b c", "c"]


def test_kinds_of_words_their_pairs_and_rules_that_fit_are_terms_too(rules):
    terms = {term for term, _ in clues_in(read("my knee has a rash"), rules)}
    assert {"{symptom}", "{body}{symptom}", "<own-symptom>"} <= terms
    denied = {term for term, _ in clues_in(read("there is no rash"), rules)}
    assert "{denied}" in denied
    assert "{symptom}" not in denied


def test_a_clue_counts_only_in_the_piece_it_stands_in():
    filler = "word " * 200
    clue = ("hat", (len(filler), len(filler) + 4))
    text = filler + "we " + filler
    small = replace(SMALL, suspect=1.0)
    assert small.signal(read(text), [("hat", (0, 4))]) is None
    assert small.signal(read(text), [clue]) == Signal("adverse-event", *clue[1], RULE)


def test_the_shipped_one_was_fitted_on_the_messages_of_this_repository():
    content = json.loads(gzip.decompress(files("smi_bot.triage").joinpath("opinion.json.gz").read_bytes()))
    here = {path.name: path for path in (CHECKOUT / "training" / "messages").glob("*.tsv")}
    assert here
    assert content["sources"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in here.items()}


def test_no_message_of_a_round_was_learned_from():
    def texts(folder: str) -> set[str]:
        paths = (CHECKOUT / "training" / folder).glob("*.tsv")
        lines = (line for path in paths for line in path.read_text("utf-8").splitlines())
        return {text for line in lines if len((text := line.split("\t")[0].strip().lower()).split()) > 3}

    assert texts("rounds")
    assert not texts("messages") & texts("rounds")


@pytest.mark.parametrize(
    "text",
    [
        "ever since the second box I bump into door frames on my left",
        "since the new patches my husband says I talk in my sleep all night",
        "he was fine until the new tablets, now he sleeps in the bath",
        "rings wont come off my fingers since i started",
    ],
)
def test_a_report_in_words_that_no_vocabulary_lists_reaches_a_person(opinion, rules, text):
    assert opinion.signal(read(text), clues_in(read(text), rules)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "how should I store the tablets",
        "is there gluten in it",
        "what are the known side effects",
        "can I take it with breakfast",
        "Which studies compared it with placebo?",
    ],
)
def test_an_ordinary_question_raises_nothing(opinion, rules, text):
    assert opinion.signal(read(text), clues_in(read(text), rules)) is None


@settings(max_examples=150, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=400),
        st.lists(st.sampled_from(["I", "it", "took", "rash", "since", "what", "?", "3", "no", "hat"])).map(" ".join),
    )
)
def test_it_only_ever_adds_caution(rules, text):
    with_it = triage(read(text), rules)
    without = triage(read(text), replace(rules, opinion=replace(rules.opinion, suspect=math.inf, doubt=math.inf)))
    assert set(without.signals) <= set(with_it.signals)
    assert set(without.doubts) <= set(with_it.doubts)
    assert {signal.rule for signal in set(with_it.signals) - set(without.signals)} <= {RULE}


def test_very_long_texts_are_read_in_pieces_and_in_bounded_time(opinion):
    assert len(words_of(read("word " * 50_000))) <= 900
    opinion.signal(*seen("?" * 100_000))
