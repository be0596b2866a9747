"""What the check finds in questions: too alike, sent to a wrong answer, answered although they must not be."""

from pathlib import Path

import pytest
from checks import entry, library_of, line_of, questions, shown
from reading_libraries import RESPONSES

from smi_bot.assistant import Knowledge
from smi_bot.text import read
from smi_bot.workbench.checks import finding_home
from smi_bot.workbench.checks.confusables import confusables
from smi_bot.workbench.checks.finding_home import near_misses, sample, strays

SHELF = [
    "where do I keep the packet",
    "storage on a shelf",
    "which cupboard is best",
    "put it in the fridge",
    "cold room",
]
PRICE = ["what does it cost", "is there a coupon", "price of one box", "who pays for it", "money back"]
SUN = ["may I lie in the sun", "beach holiday", "sunbed and tanning", "does light harm me", "sun cream needed"]


def three(folder: Path, shelf=SHELF, price=PRICE, near=None) -> Path:
    return library_of(folder, entry("shelf", shelf, near), entry("price", price), entry("sun", SUN))


def file(id: str) -> str:
    return f"testamol/{id}.md"


def test_each_question_is_found_in_its_row_of_the_matcher(knowledge: Knowledge):
    """The shipped library has near misses of every kind."""
    asked = questions(RESPONSES)
    known = asked.matcher.corpus.lexicon
    assert len(asked.phrasings) > 500
    assert len(asked.near_misses) > 400
    for each in (*asked.phrasings, *asked.near_misses):
        row = asked.matcher.corpus.rows[each.row]
        assert row.entry == each.owner
        assert row.is_phrasing == (not each.belongs)
        assert row.words.plain == tuple(known.together([known.word(w, repair=False) for w in words(each.text)]).plain)
    assert {each.row for each in (*asked.phrasings, *asked.near_misses)} == set(range(len(asked.matcher.corpus.rows)))


def words(text: str) -> list[str]:
    return [token.word.replace("'", "") for token in read(text).tokens]


# --- too alike


def test_one_phrasing_in_two_entries_is_an_error(tmp_path):
    three(tmp_path, price=[*PRICE[:4], "Storage on a SHELF!"])
    (finding,) = confusables(questions(tmp_path))
    assert (finding.kind, finding.severity) == ("confusable", "error")
    assert (finding.file, finding.beside) == (shown(tmp_path, file("shelf")), shown(tmp_path, file("price")))
    assert finding.line == line_of(tmp_path, file("shelf"), "storage on a shelf")
    assert f"{shown(tmp_path, file('price'))}:{line_of(tmp_path, file('price'), 'SHELF!')}" in finding.reason


def test_a_near_miss_that_is_a_phrasing_elsewhere_than_where_it_belongs_is_an_error(tmp_path):
    three(tmp_path, near={"is there a coupon": "sun", "beach holiday": "sun"})
    (finding,) = confusables(questions(tmp_path))
    assert (finding.severity, finding.line) == ("error", line_of(tmp_path, file("shelf"), "text: "))
    assert "the near miss" not in finding.reason
    assert "the phrasing 'is there a coupon'" in finding.reason


def test_phrasings_that_differ_in_small_words_only_are_a_warning(tmp_path):
    three(tmp_path, price=[*PRICE[:4], "does the shelf need storage"])
    library_of(tmp_path, entry("price", [*PRICE[:4], "on which shelf storage"]))
    (finding,) = confusables(questions(tmp_path))
    assert (finding.kind, finding.severity) == ("confusable", "warning")
    assert "is very much like" in finding.reason


@pytest.mark.parametrize(
    "phrasing", ["no storage on a shelf", "storage on a shelf for 5 days", "storage in the bathroom"]
)
def test_phrasings_of_different_meaning_are_none(phrasing, tmp_path):
    three(tmp_path, price=[*PRICE[:4], phrasing])
    assert list(confusables(questions(tmp_path))) == []


def test_entries_that_nobody_can_get_both_of_are_not_confused(tmp_path):
    other = entry("price", [*PRICE[:4], "on which shelf storage"], regions="[EU]")
    library_of(tmp_path, entry("shelf", SHELF, regions="[US]"), other, entry("sun", SUN))
    assert list(confusables(questions(tmp_path))) == []


def test_of_one_topic_only_what_concerns_it_is_told(tmp_path):
    three(tmp_path, price=[*PRICE[:4], "Storage on a SHELF!"])
    for topic, count in (("shelf", 1), ("price", 1), ("sun", 0)):
        assert len(list(confusables(questions(tmp_path, topic=topic)))) == count


# --- sent to a wrong answer

MANY = [f"can I {verb} it {where} the {thing}" for verb, where, thing in (
    ("keep", "in", "fridge"), ("store", "inside", "fridge"), ("leave", "in", "fridge door"), ("put", "into", "fridge"),
    ("hold", "within", "fridge"), ("have", "in", "big fridge"), ("lay", "in", "fridge drawer"))]  # fmt: skip


def test_a_phrasing_that_would_be_answered_with_another_entry_is_a_warning(tmp_path):
    library_of(
        tmp_path,
        entry("fridge", MANY),
        entry("price", [*PRICE[:4], "may I keep it inside the fridge"]),
        entry("sun", SUN),
    )
    asked = questions(tmp_path)
    (finding,) = strays(asked, asked.phrasings)
    assert (finding.kind, finding.severity) == ("confusable", "warning")
    assert (finding.file, finding.beside) == (shown(tmp_path, file("price")), shown(tmp_path, file("fridge")))
    assert finding.line == line_of(tmp_path, file("price"), "inside the fridge")


def test_phrasings_that_find_home_or_nothing_are_none(tmp_path):
    asked = questions(three(tmp_path))
    assert list(strays(asked, asked.phrasings)) == []


# --- near misses


def test_a_near_miss_that_would_be_answered_is_a_warning(tmp_path):
    fridge = entry("fridge", MANY, {"may I keep it inside the fridge": "unapproved"})
    asked = questions(library_of(tmp_path, fridge, entry("price", PRICE), entry("sun", SUN)))
    (finding,) = near_misses(asked, asked.near_misses)
    assert (finding.kind, finding.severity) == ("near-miss", "warning")
    assert finding.line == line_of(tmp_path, file("fridge"), "text: ")


def test_a_near_miss_that_is_answered_word_for_word_is_an_error(tmp_path, monkeypatch):
    """The matcher holds back where it knows a near miss; should it ever not, this is told."""
    fridge = entry("fridge", MANY, {"may I keep it inside the fridge": "unapproved"})
    asked = questions(library_of(tmp_path, fridge, entry("price", PRICE), entry("sun", SUN)))
    monkeypatch.setattr(finding_home, "_literal_answer", lambda *_: "fridge")
    (finding,) = near_misses(asked, asked.near_misses)
    assert (finding.kind, finding.severity) == ("near-miss", "error")


def test_a_near_miss_that_finds_where_it_belongs_or_nothing_is_none(tmp_path):
    near = {"what does a box cost": "price", "my neighbour sings": "unapproved"}
    asked = questions(three(tmp_path, near=near))
    assert list(near_misses(asked, asked.near_misses)) == []


def test_what_triage_hands_to_a_person_never_reaches_the_matcher(tmp_path, knowledge: Knowledge):
    fridge = entry("fridge", MANY, {"I got a rash, may I keep it inside the fridge": "adverse-event"})
    library_of(tmp_path, fridge, entry("price", PRICE), entry("sun", SUN))
    asked = questions(tmp_path, knowledge.rules)
    assert list(near_misses(asked, asked.near_misses)) == []


def test_a_near_miss_of_a_triaged_label_that_triage_does_not_see_is_tried_like_any_other(
    tmp_path, knowledge: Knowledge
):
    fridge = entry("fridge", MANY, {"may I keep it inside the fridge": "adverse-event"})
    library_of(tmp_path, fridge, entry("price", PRICE), entry("sun", SUN))
    with_rules, without = questions(tmp_path, knowledge.rules), questions(tmp_path)
    assert [each.kind for each in near_misses(with_rules, with_rules.near_misses)] == ["near-miss"]
    assert list(near_misses(without, without.near_misses)) == []  # without triage its labels are believed


def test_a_near_miss_that_belongs_to_its_own_entry_is_an_error(tmp_path):
    asked = questions(three(tmp_path, near={"what about the old cupboard": "shelf"}))
    (finding,) = near_misses(asked, [])
    assert (finding.severity, finding.line) == ("error", line_of(tmp_path, file("shelf"), "text: "))


@pytest.mark.parametrize(
    ("belongs", "meant"), [("prise", "price"), ("of-label", "off-label"), ("travelling", None), ("sun", None)]
)
def test_a_near_miss_that_belongs_to_nearly_a_name_we_know_is_a_warning(belongs, meant, tmp_path):
    asked = questions(three(tmp_path, near={"how about bananas": belongs}))
    findings = list(near_misses(asked, []))
    assert [each.severity for each in findings] == (["warning"] if meant else [])
    assert not meant or f"write '{meant}'" in findings[0].mend


# --- how many are tried


def test_a_large_library_is_tried_in_part_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(finding_home, "MOST_PHRASINGS", 4)
    asked = questions(three(tmp_path))
    tried = sample(asked)
    assert len(tried.phrasings) == 4
    assert {each.entry.id for each in tried.phrasings} == {"shelf", "price", "sun"}  # spread evenly
    assert tried.notes == ("4 of 18 phrasings, spread evenly, were tried on the matcher",)
    assert sample(asked) == tried


def test_a_small_library_is_tried_whole_and_of_one_topic_its_own_questions(tmp_path):
    three(tmp_path)
    assert len(sample(questions(tmp_path)).phrasings) == 18
    assert sample(questions(tmp_path)).notes == ()
    assert {each.entry.id for each in sample(questions(tmp_path, topic="sun")).phrasings} == {"sun"}
