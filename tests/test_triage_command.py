"""`smi-bot triage`: a text read for safety, and what specialists said of labels, for whoever measures triage."""

import asyncio
import io
import json
import unicodedata
from dataclasses import replace

import pytest
from by_hand import CONFIRM, Talk, by_hand
from commands import command
from hypothesis import given, settings
from hypothesis import strategies as st
from looking_back import MISSED, looking, missed, screened
from serving import FORGOT, RASH

from escalation.judging import LabelVerdict, raised
from smi_bot import knowledge as reading_knowledge
from smi_bot.decision import Signal, Triage
from smi_bot.inquiry import Action
from smi_bot.workbench import triage_commands
from smi_bot.workbench.highlighting import as_lines, as_record, highlighted

HEADER = "text\tlabel\trule\tverdict\tdate\trules_version"


@pytest.fixture
def database_url(sqlite_url):
    """What is read are case events and the journal, by queries that others have in common; one database is enough."""
    return sqlite_url


@pytest.fixture(autouse=True)
def _rules_that_are_read_once(monkeypatch, knowledge):
    monkeypatch.setattr(triage_commands, "content_of", lambda _: knowledge.library)
    monkeypatch.setattr(reading_knowledge, "load_rules", lambda *_: knowledge.rules)


# --- a text


def test_a_text_is_shown_with_its_labels_rules_and_the_words_that_raised_them():
    ended = command("triage", "I got a rash on Zelvanta")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[0] == "adverse-event"
    assert "  own-symptom: [I got a rash] on Zelvanta" in ended.lines
    assert ended.lines[ended.lines.index("  own-symptom: [I got a rash] on Zelvanta") + 1].startswith(
        "    why: The writer"
    )
    assert ended.lines[-1] == "language: en"


def test_a_text_comes_by_stdin_or_in_several_words_or_after_the_name_of_the_command():
    shown = command("triage", "I got a rash").out
    assert command("triage", stdin=b"I got a rash").out == shown
    assert command("triage", "I", "got", "a", "rash").out == shown
    assert command("triage", "read", "I got a rash").out == shown
    assert command("triage", "--", "I got a rash").out == shown


def test_on_a_terminal_the_words_have_a_colour_instead_of_brackets(monkeypatch):
    monkeypatch.setattr(io, "StringIO", type("Screen", (io.StringIO,), {"isatty": lambda _: True}))
    shown = command("triage", "I got a rash").out
    assert "\x1b[31m\x1b[1mI got a rash\x1b[0m" in shown
    assert "[I got" not in shown


def test_a_text_may_be_the_name_of_a_command():
    assert command("triage", "read", "export").lines[-1] == "language: en"


@pytest.mark.parametrize("stdin", [b"", b"\xff\xfe\x00", b"\x1b[31m", "🤮".encode() * 5000, b"x" * 100_000])
def test_any_bytes_are_read_and_control_characters_do_not_reach_the_terminal(stdin):
    ended = command("triage", stdin=stdin)
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out


def test_an_ordinary_question_has_no_label_and_a_doubtful_one_says_what_forbids_an_answer():
    assert command("triage", FORGOT).lines[0] == "no label"
    doubtful = command("triage", "is my knee supposed to make that noise")
    assert "in doubt: may tell of a case, so it gets no automatic answer" in doubtful.lines


def test_for_programs_places_are_those_in_the_text():
    text = "hola, tengo un sarpullido\nI got a rash"
    found = json.loads(command("triage", "--json", text).out)
    assert found.keys() == {"labels", "doubts", "language", "rules_version"}
    assert found["labels"][0]["label"] == "adverse-event"
    for each in (*found["labels"], *found["doubts"]):
        assert each["words"] == text[each["start"] : each["end"]]


def test_help_names_the_text_and_the_commands():
    shown = command("triage", "--help").out
    for words in ("TEXT", "read", "export"):
        assert words in shown


# --- highlighting


def bracketed(words: str) -> str:
    return f"[{words}]"


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([], "I got a rash"),
        ([(8, 12)], "I got a [rash]"),
        ([(0, 5), (8, 12)], "[I got] a [rash]"),
        ([(2, 12), (8, 12), (0, 5)], "[I got a rash]"),
    ],
)
def test_words_that_overlap_are_highlighted_once(spans, shown):
    assert highlighted("I got\na rash", spans, bracketed) == shown


def test_of_a_long_text_what_is_around_the_words_is_shown():
    text = f"{'before ' * 40}RASH{' between' * 40} HIVES{' after' * 40}"
    spans = [(place, place + len(word)) for word in ("RASH", "HIVES") if (place := text.index(word))]
    shown = highlighted(text, spans, bracketed)
    assert shown.startswith("… before before")
    assert "before [RASH] between between" in shown
    assert "between … between" in shown
    assert "between [HIVES] after after" in shown
    assert shown.endswith("after …")
    assert len(shown) < 350


@settings(deadline=None)
@given(st.text(st.characters(), max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))))
def test_any_text_and_any_spans_give_one_line(text, places):
    spans = [(min(a, b, len(text)), min(max(a, b), len(text))) for a, b in places]
    shown = highlighted(text, spans, bracketed)
    assert len(shown.splitlines()) <= 1
    assert "Cc" not in {unicodedata.category(character) for character in shown}


def test_the_reason_of_a_rule_is_shown_below_it_where_it_has_one():
    signals = (Signal("adverse-event", 8, 12, "own-symptom"), Signal("human", 0, 1, "asks"))
    found = Triage(signals, (Signal("unapproved", 0, 1, "first-person"),), "en")
    reasons = {"own-symptom": "Somebody had it."}
    assert list(as_lines("I got a rash", found, reasons, bracketed)) == [
        "adverse-event",
        "  own-symptom: I got a [rash]",
        "    why: Somebody had it.",
        "human",
        "  asks: [I] got a rash",
        "in doubt: may tell of a case, so it gets no automatic answer",
        "  first-person: [I] got a rash",
        "language: en",
    ]
    record = as_record("I got a rash", found, reasons)
    assert [each["reason"] for each in record["labels"]] == ["Somebody had it.", None]


# --- what specialists said


@pytest.fixture
async def talk(database_url, clock, tmp_path, knowledge, monkeypatch):
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        monkeypatch.setenv("SMI_DATABASE_URL", talk.app.database.url)
        yield talk


async def judges(talk: Talk, verdict: str, label: str = "adverse-event", who: str = "ann") -> None:
    case = await talk.case(who)
    given = LabelVerdict(label, verdict, raised(case.events, label).event)
    await talk.desk.presses("judge", case.id, [given], by="Dr. Rao")
    await talk.works()


async def exported(*arguments: str):
    ended = await asyncio.to_thread(command, "triage", "export", *arguments)
    assert (ended.code, ended.err) == (0, "")
    return ended


async def test_each_judged_label_is_a_row_with_its_masked_text_and_nobody_in_it(talk, knowledge):
    await talk.says(f"My name is Ann Miller,\tann@example.com.\n{RASH}")
    await judges(talk, "confirmed")
    ended = await exported()
    header, row = ended.lines
    assert header == HEADER
    text, label, rules, verdict, date, version = row.split("\t")
    assert text == f"My name is [name], [e-mail]. {RASH}"
    assert (label, verdict, date, version) == ("adverse-event", "confirmed", "2026-11-23", knowledge.rules.version)
    assert "own-symptom" in rules.split(", ")
    for private in ("Miller", "ann", "Rao", "SMI-", "Requester"):
        assert private not in ended.out.replace("Zelvanta", "")


async def test_the_last_word_counts_and_what_was_said_since_belongs_to_the_next(talk):
    await talk.says(RASH)
    await judges(talk, "refuted")
    await talk.says("and now I vomit after each tablet of Zelvanta")
    (first,) = json.loads((await exported("--json")).out)
    assert (first["text"], first["verdict"]) == (RASH, "refuted")
    await judges(talk, "confirmed")
    (last,) = json.loads((await exported("--json")).out)
    assert last["verdict"] == "confirmed"
    assert last["text"] == f"{RASH} and now I vomit after each tablet of Zelvanta"
    assert list(last) == HEADER.split("\t")


async def test_only_what_was_judged_on_that_day_or_later_is_listed_the_first_first(talk):
    await talk.says(RASH)
    await judges(talk, "refuted")
    talk.clock.advance(days=2)
    await talk.says(f"{RASH} and my husband too", "bob")
    await judges(talk, "confirmed", who="bob")
    assert [line.split("\t")[4] for line in (await exported()).lines[1:]] == ["2026-11-23", "2026-11-25"]
    assert [line.split("\t")[4] for line in (await exported("--since", "2026-11-24")).lines[1:]] == ["2026-11-25"]
    assert (await exported("--since", "2026-11-26")).lines == [HEADER]


async def test_what_look_back_screening_found_has_the_version_of_its_rules(talk, knowledge):
    await missed(talk)
    newer = replace(knowledge, rules=replace(knowledge.rules, version="newer"))
    await screened(looking(talk, newer))
    await judges(talk, "confirmed")
    (row,) = json.loads((await exported("--json")).out)
    assert (row["text"], row["rules_version"]) == (MISSED, "newer")


async def test_a_label_that_no_rule_gave_says_so(talk):
    await talk.presses(Action(verb="specialist"))
    await judges(talk, "confirmed", "human")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["human", "off-label"])
    await judges(talk, "confirmed", "off-label")
    rows = [line.split("\t") for line in (await exported()).lines[1:]]
    assert [(label, rule) for _, label, rule, *_ in rows] == [("human", "gate"), ("off-label", "")]


async def test_erased_words_are_gone_from_the_export(talk):
    await talk.says("I want to talk to a human")
    await judges(talk, "confirmed", "human")
    await talk.finishes(await talk.case())
    assert len((await exported()).lines) == 2
    await talk.presses(CONFIRM)
    assert (await exported()).lines == [HEADER]


def test_without_a_database_the_export_says_which_one_it_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SMI_DATA_DIR", str(tmp_path / "nowhere"))
    ended = command("triage", "export")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no database" in ended.err
