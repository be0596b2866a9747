"""`smi-bot library try`: past questions decided with the library before and the one after a change."""

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from copy import copy
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from by_hand import CONFIRM, Talk, by_hand
from commands import command
from deciding import TODAY
from hypothesis import given
from hypothesis import strategies as st
from papers import Paper
from serving import FORGOT, RASH

from smi_bot.assistant import Knowledge, Message
from smi_bot.bundle import pack
from smi_bot.inquiry import Action
from smi_bot.library import read_library
from smi_bot.matching import build_matcher
from smi_bot.publishing import publish
from smi_bot.text import repair
from smi_bot.workbench import editions
from smi_bot.workbench.editions import as_if_approved
from smi_bot.workbench.questions import Asked, Questions, journalled_questions, read_questions
from smi_bot.workbench.trial import CHANGES, Changed, Outcome, Trial, trial
from smi_bot.workbench.trial_commands import trial_page

RESPONSES = Path(__file__).parent.parent / "responses"
GRAPEFRUIT = "can I take it with grapefruit juice?"
FACTS = {"against": "a", "before": {"name": "b", "library": "c"}, "after": {"name": "d", "library": "e"}}
HOSTILE = "<script>alert(1)</script> call jo@example.org"


def asked(text: str, audience: str = "patient", country: str | None = "US") -> Asked:
    return Asked(Message((text,)), audience, country)


def with_entry(know: Knowledge, id: str, **changes) -> Knowledge:
    """The library with a changed entry, or without it where no change is named."""
    entries = dict(know.library.entries)
    entry = entries.pop(id)
    entries |= {id: entry.model_copy(update=changes)} if changes else {}
    return replace(know, library=replace(know.library, entries=entries, drafts=True))


def tried(before: Knowledge, after: Knowledge, *questions: Asked) -> list[tuple[str, ...]]:
    found = trial(Questions(Counter(questions)), before, after, TODAY)
    assert found.unchanged + sum(each.times for each in found.changed) == len(questions)
    return [each.changes for each in found.changed]


# --- kinds of change


def test_nothing_changes_with_the_same_library(knowledge):
    questions = (
        asked(FORGOT),
        asked(RASH),
        asked("hello"),
        asked(GRAPEFRUIT, "hcp", "DE"),
        asked("xyzzy", country=None),
    )
    assert tried(knowledge, knowledge, *questions, *questions) == []


def test_an_entry_that_is_gone_leaves_its_questions_unanswered_and_a_new_one_answers_them(knowledge):
    without = with_entry(knowledge, "missed-dose")
    assert tried(knowledge, without, asked(FORGOT), asked(RASH)) == [("no longer answered",)]
    assert tried(without, knowledge, asked(FORGOT), asked(RASH)) == [("newly answered",)]


def test_another_version_or_other_words_of_the_same_entry_are_a_change(knowledge):
    entry = knowledge.library.entries["missed-dose"]
    for change in ({"version": 2}, {"sections": {**entry.sections, "safety": "Other."}}):
        assert tried(knowledge, with_entry(knowledge, "missed-dose", **change), asked(FORGOT)) == [
            ("answered in other words",)
        ]
    for_hcp = with_entry(knowledge, "missed-dose", sections={**entry.sections, "hcp": "Other."})
    assert tried(knowledge, for_hcp, asked(FORGOT), asked(FORGOT, "hcp")) == [("answered in other words",)]


def test_an_entry_that_is_for_fewer_people_is_a_shift_of_audience_or_region(knowledge):
    only_us = with_entry(knowledge, "missed-dose", regions=("US",))
    only_hcp = with_entry(knowledge, "missed-dose", audiences=("hcp",))
    lost = ("no longer answered", "audience or region")
    assert (
        tried(knowledge, only_us, asked(FORGOT), asked(FORGOT, country="DE"), asked(FORGOT, country=None)) == [lost] * 2
    )
    assert tried(knowledge, only_hcp, asked(FORGOT), asked(FORGOT, "hcp")) == [lost]
    assert tried(only_hcp, knowledge, asked(FORGOT)) == [("newly answered", "audience or region")]


def test_another_entry_that_answers_is_named(knowledge):
    entries = dict(knowledge.library.entries)
    entries["late-dose"] = entries.pop("missed-dose").model_copy(update={"id": "late-dose"})
    library = replace(knowledge.library, entries=entries, drafts=True)
    matcher = build_matcher(list(entries.values()), library.product, medicines=sorted(knowledge.rules.medicines))
    after = Knowledge(library, knowledge.rules, matcher)
    (change,) = trial(Questions(Counter([asked(FORGOT)])), knowledge, after, TODAY).changed
    assert change.changes == ("answered by another entry",)
    assert (change.before.in_words, change.after.in_words) == ("answer: missed-dose v1", "answer: late-dose v1")


def test_other_offers_are_a_change_of_asking_back(knowledge):
    close = replace(knowledge, matcher=replace(knowledge.matcher, cuts=replace(knowledge.matcher.cuts, answer=2.0)))
    assert tried(knowledge, close, asked(FORGOT)) == [("no longer answered", "asks back otherwise")]
    (change,) = trial(Questions(Counter([asked(FORGOT)])), knowledge, close, TODAY).changed
    assert change.after.in_words.startswith("asks back: missed-dose")


def test_other_rules_of_triage_are_a_change_of_labels_and_come_first(knowledge):
    silent = {language: copy(grammar) for language, grammar in knowledge.rules.grammars.items()}
    for grammar in silent.values():
        grammar.rules = ()
    mute = replace(knowledge.rules.opinion, suspect=inf, doubt=inf)
    blind = replace(knowledge, rules=replace(knowledge.rules, grammars=silent, opinion=mute))
    questions = Questions(Counter([asked(FORGOT), asked(RASH)]))
    (change,) = trial(questions, knowledge, blind, TODAY).changed
    assert change.changes[0] == "triage label"
    assert change.before.in_words == "a person: adverse-event (triage: adverse-event)"


def test_the_most_dangerous_changes_come_first_and_each_is_counted_as_often_as_it_was_asked(knowledge):
    after = with_entry(with_entry(knowledge, "missed-dose"), "grapefruit", version=9)
    questions = Questions(Counter({asked(GRAPEFRUIT): 5, asked(FORGOT): 3, asked(RASH): 2}), left_out=1)
    found = trial(questions, knowledge, after, TODAY)
    assert found.counts == {"no longer answered": 3, "answered in other words": 5}
    assert [each.times for each in found.changed] == [3, 5]
    assert (found.unchanged, found.left_out) == (2, 1)


# --- what is tried


def test_what_no_signature_can_put_in_force_is_not_tried(tmp_path):
    folder = Path(shutil.copytree(RESPONSES, tmp_path / "library"))
    command("library", "new", "freezing", "--title", "x", "--author", "y", "--library", str(folder))
    for name, old, new in (
        ("alcohol", 'label_version: "1.0"', 'label_version: "0.9"'),
        ("gluten", "expires: 2028", "expires: 2026"),
        ("latex", "title: ", "title: Changed: "),
    ):
        _edit(folder, name, old, new)
    _edit(folder, "gluten", "review_due: 2027", "review_due: 2026")
    _edit(folder, "latex", "title: Changed: ", "title: Changed ")
    kept = as_if_approved(read_library(folder), TODAY).entries
    assert set(kept) == set(read_library(RESPONSES).entries) - {"alcohol", "gluten"}


def _edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "zelvanta" / f"{name}.md"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", f"{FORGOT}\n\n{FORGOT}\nhello\n"),
        ("q.csv", f'\ufefftext,audience,country\n"{FORGOT}",,\n"{FORGOT}",patient,us\nhello,,\n'),
        ("q.tsv", f"country\ttext\nUS\t{FORGOT}\n\t{FORGOT}\nUS\thello\nUS\t\n"),
        ("q.jsonl", "\n".join(json.dumps({"text": text}) for text in (FORGOT, FORGOT, "hello"))),
        ("q", "\n".join(json.dumps({"text": text, "more": 1}) for text in (FORGOT, "hello", FORGOT))),
    ],
)
def test_questions_come_as_lines_as_a_table_or_as_decide_takes_them(tmp_path, name, content):
    (tmp_path / name).write_text(content, "utf-8")
    assert read_questions(tmp_path / name, "US").asked == Counter({asked(FORGOT): 2, asked("hello"): 1})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("q.csv", b"question\nx\n", "line 1: has no column 'text'"),
        ("q.csv", b"text,audience\nx,doctor\n", "line 2: field audience"),
        ("q.tsv", b"", "line 1: has no column 'text'"),
        ("q.jsonl", b'{"text": "x"}\n[1]\n', "line 2: is no JSON object"),
        ("q.txt", b"\xff\n", "is not UTF-8 (byte 0)"),
        ("q.txt", b"\n \n", "holds no question"),
        ("missing.txt", None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_exit_code_2(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    ended = command("library", "try", "--against", str(tmp_path / name))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err


# --- the command


@pytest.fixture(scope="module")
def edited(tmp_path_factory) -> Path:
    """A folder under git: as it is shipped, and with a text changed since the commit."""
    top = tmp_path_factory.mktemp("checkout")
    folder = Path(shutil.copytree(RESPONSES, top / "content" / "responses"))
    for git in (["init", "-q"], ["add", "."], ["-c", "user.name=T", "-c", "user.email=t@t", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(top), *git], check=True)
    _edit(folder, "missed-dose", "version: 1", "version: 2")
    return folder


@pytest.fixture
def _read_at_once(knowledge, monkeypatch) -> None:
    """Rules and matcher are those of the shipped library, which take seconds to read anew."""
    monkeypatch.setattr(editions, "knowledge", lambda library, *_: replace(knowledge, library=library))


@pytest.mark.usefixtures("_read_at_once")
def test_a_changed_folder_is_tried_against_what_is_committed_in_table_and_page(edited, tmp_path):
    (tmp_path / "q.txt").write_text(f"{FORGOT}\nhello\n", "utf-8")
    arguments = ("try", "--against", str(tmp_path / "q.txt"), "--library", str(edited), "--exit-code")
    ended = command("library", *arguments, "--html", str(tmp_path / "report.html"))
    assert (ended.code, ended.err) == (1, "")
    assert ended.lines[:4] == [
        f"before: git HEAD, after: {edited}",
        "     2  asked",
        "     1  decided as before",
        "     1  answered in other words",
    ]
    assert ended.lines[-1].strip() == "answer: missed-dose v1  ->  answer: missed-dose v2"
    paper = Paper((tmp_path / "report.html").read_text("utf-8"))
    assert paper.is_ours
    assert paper.cells[0] == FORGOT
    assert "Never take two doses together" in paper.cells[1]


@pytest.mark.usefixtures("_read_at_once")
def test_a_folder_can_be_named_and_equal_libraries_change_nothing(edited, tmp_path):
    (tmp_path / "q.txt").write_text(f"{FORGOT} write to jo@example.org\n", "utf-8")
    arguments = (
        "try",
        "--against",
        str(tmp_path / "q.txt"),
        "--library",
        str(RESPONSES),
        "--published",
        str(RESPONSES),
    )
    ended = command("library", *arguments, "--exit-code", "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["asked"], found["unchanged"], found["changed"]) == (0, 1, 1, [])
    assert found["before"]["name"] == str(RESPONSES)


def test_what_is_not_published_anywhere_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "q.txt").write_text("hello\n", "utf-8")
    folder = Path(shutil.copytree(RESPONSES, tmp_path / "library"))
    for options in ((), ("--published", "main"), ("--published", "-x"), ("--published", "7")):
        ended = command("library", "try", "--against", str(tmp_path / "q.txt"), "--library", str(folder), *options)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)


# --- the journal


@pytest.fixture
async def talk(sqlite_url: str, clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(sqlite_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


async def test_the_journals_questions_are_what_was_written_with_whom_and_where(talk):
    await talk.says(FORGOT)
    await talk.presses(Action(verb="audience", value="hcp"))
    await talk.presses(Action(verb="country", value="DE"))
    await talk.says(FORGOT)
    await talk.says("/help")
    await talk.presses(Action(verb="specialist"))
    await talk.says(FORGOT, "bob")
    await talk.says(GRAPEFRUIT, "eve")
    await talk.presses(CONFIRM, "eve")
    async with talk.app.database.reading() as tx:
        found = await journalled_questions(tx)
    assert found.asked == Counter({asked(FORGOT): 2, asked(FORGOT, "hcp", "DE"): 1})
    assert found.left_out == 1


async def test_the_journal_is_tried_with_the_version_in_force_and_personal_data_masked(talk, monkeypatch):
    await talk.says(f"{FORGOT} mail jo@example.org")
    await talk.says("\x1b[31mhello <script>")
    monkeypatch.setenv("SMI_DATABASE_URL", talk.app.database.url)
    know, page = talk.app.shelf.knowledge, Path("report.html")
    async with talk.app.database.transaction() as tx:
        await publish(tx, pack(RESPONSES, None, know.matcher.cuts), know.library.version, "me", talk.clock())
    arguments = ("try", "--against", "journal", "--html", str(page))
    ended = await asyncio.to_thread(command, "library", *arguments, "--library", str(RESPONSES))
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[0] == f"before: published version 1, after: {RESPONSES}"
    assert "     2  decided as before" in ended.lines
    shown = ended.out + page.read_text("utf-8")
    assert "jo@example" not in shown
    assert "\x1b" not in shown


# --- the page


@given(st.one_of(st.text(), st.sampled_from([HOSTILE, "</td><td>", "&amp;", "{{ 7 * 7 }}", "a\r\nb", "\0\ud800"])))
def test_any_words_of_anybody_are_words_on_the_page(text):
    outcome = Outcome("escalate", ("unapproved",), repair(text))
    other = replace(outcome, text=text, entry=text, action="answer")
    change = Changed(asked(text), 1, CHANGES, outcome, other)
    paper = Paper(trial_page(Trial((change,), 0), FACTS))
    assert paper.is_ours
    assert paper.cells[0] == repair(change.asked.masked)
    assert paper.cells[2] == repair(text)
    assert "jo@example.org" not in paper.cells[0]
