"""The command that decides: its contract."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import command
from deciding import decided, without_time
from libraries import signed_library, write
from serving import FORGOT, RASH

from smi_bot.assistant import Knowledge

TRIAGE = Path(__file__).parent.parent / "responses" / "triage"


def one(knowledge: Knowledge, text: str, **more: Any) -> dict[str, Any]:
    (decision,) = decided(knowledge, {"text": text, **more})
    return decision


def test_a_decision_has_the_fields_that_tools_rely_on(knowledge):
    answer = one(knowledge, FORGOT)
    assert list(answer)[:4] == ["action", "entry", "candidates", "labels"]
    assert set(answer) >= {"action", "entry", "candidates", "labels", "reason", "ms"}
    assert (answer["action"], answer["entry"], answer["labels"]) == ("answer", "missed-dose", [])
    assert answer["candidates"][0]["entry"] == "missed-dose"
    assert 1 <= len(answer["candidates"]) <= 3
    scores = [candidate["score"] for candidate in answer["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert all(set(candidate) == {"entry", "score"} for candidate in answer["candidates"])
    assert answer["ms"] >= 0


def test_labels_name_the_rule_and_the_words_that_raised_them(knowledge):
    found = one(knowledge, RASH)
    assert found["action"] == "escalate"
    assert found["entry"] is None
    assert found["labels"][0]["label"] == "adverse-event"
    for label in found["labels"]:
        assert set(label) == {"label", "start", "end", "rule"}
        assert 0 <= label["start"] < label["end"] <= len(RASH)
    assert any("rash" in RASH[label["start"] : label["end"]] for label in found["labels"])


def test_what_nobody_approved_is_so_labelled_by_the_gate_and_still_lists_candidates(knowledge):
    found = one(knowledge, "zelvanta and the colours of the moon " * 200)
    assert found["action"] == "escalate"
    assert found["labels"] == [{"label": "unapproved", "start": 0, "end": 0, "rule": "gate"}]
    assert 1 <= len(found["candidates"]) <= 3


def test_every_line_gets_one_decision_in_order(knowledge):
    texts = [FORGOT, "hello", RASH, "", "how do I store zelvanta", "😀", "x" * 5000]
    decisions = decided(knowledge, *({"text": text} for text in texts))
    assert [without_time(d) for d in decisions] == [without_time(one(knowledge, text)) for text in texts]
    assert [d["action"] for d in decisions] == [
        "answer",
        "service",
        "escalate",
        "service",
        "answer",
        "service",
        "escalate",
    ]


MALFORMED = {
    "nothing": b"",
    "an open brace": b"{",
    "words": b"hello",
    "a list": b"[]",
    "null": b"null",
    "no text": b"{}",
    "a number for a text": b'{"text": 5}',
    "null for a text": b'{"text": null}',
    "an unknown audience": b'{"text": "x", "audience": "nurse"}',
    "a number for a country": b'{"text": "x", "country": 5}',
    "no UTF-8": b'{"text": "\xff"}',
    "UTF-16": '{"text": "x"}'.encode("utf-16"),
    "deep nesting": b"[" * 100_000,
    "a long number": b"1" * 10_000,
    "half an escape": b'{"text": "\\u12"}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_line_yields_its_error_and_stops_nothing(what, knowledge):
    good = json.dumps({"text": FORGOT}).encode()
    malformed = MALFORMED[what].replace(b"\n", b" ")
    ended = command("decide", stdin=b"\n".join([good, malformed, good, b""]), knowledge=knowledge)
    assert (ended.code, ended.err) == (1, "")
    first, error, last = (json.loads(line) for line in ended.lines)
    assert list(error) == ["error"]
    assert error["error"].startswith("line 2: ")
    assert first["entry"] == last["entry"] == "missed-dose"


def test_an_unknown_audience_is_named_in_the_error(knowledge):
    ended = command("decide", stdin=b'{"text": "x", "audience": "nurse"}\n', knowledge=knowledge)
    assert "field audience: " in json.loads(ended.out)["error"]


def test_no_input_is_no_output(knowledge):
    assert command("decide", knowledge=knowledge).out == ""


def test_fields_nobody_knows_are_passed_over_and_strange_text_is_taken(knowledge):
    decisions = decided(knowledge, {"text": FORGOT, "id": 7}, {"text": "\ud800\0" + RASH}, {"text": "\udfff"})
    assert [d["action"] for d in decisions] == ["answer", "escalate", "service"]


def test_a_label_region_is_accepted_as_a_country(knowledge):
    for text in (FORGOT, "is there help with the cost", "is there a nurse I can call"):
        spelled = [without_time(one(knowledge, text, country=country)) for country in ("DE", "EU", "eu", "de")]
        assert all(each == spelled[0] for each in spelled)


def test_a_country_that_is_not_served_is_escalated(knowledge):
    for country in ("JP", "XX", "Atlantis"):
        found = one(knowledge, FORGOT, country=country)
        assert (found["action"], found["reason"]) == ("escalate", "country-not-served")
    assert one(knowledge, RASH, country="JP")["labels"][0]["label"] == "adverse-event"


def test_who_names_no_country_is_taken_to_be_at_home(knowledge, monkeypatch):
    regional = {id for id, entry in knowledge.library.entries.items() if set(entry.regions) != {"US", "EU"}}
    question = {id: knowledge.library.entries[id].title for id in regional}
    assert set(question) == {"cost-support-us", "nurse-line-eu"}
    texts = [{"text": title} for title in question.values()]

    def served(home: str) -> set[str | None]:
        monkeypatch.setenv("SMI_COUNTRY", home)
        return {candidate["entry"] for d in decided(knowledge, *texts) for candidate in d["candidates"]} & regional

    assert served("US") == {"cost-support-us"}
    assert served("DE") == {"nurse-line-eu"}
    assert served("") == set()  # an unknown country gets only what is equal everywhere


def test_professionals_are_asked_about_their_own_library(knowledge):
    for_patients = {id for id, entry in knowledge.library.entries.items() if entry.audiences == ("patient",)}
    for_professionals = {id for id, entry in knowledge.library.entries.items() if entry.audiences == ("hcp",)}
    titles = [{"text": knowledge.library.entries[id].title} for id in for_patients | for_professionals]
    for audience, others in (("patient", for_professionals), ("hcp", for_patients)):
        for decision in decided(knowledge, *({**title, "audience": audience} for title in titles)):
            assert not {candidate["entry"] for candidate in decision["candidates"]} & others
            assert decision["entry"] not in others


def test_many_lines_take_no_time_to_speak_of(knowledge):
    decisions = decided(knowledge, *({"text": f"{FORGOT} {number}"} for number in range(200)))
    assert len(decisions) == 200
    assert sorted(decision["ms"] for decision in decisions)[100] < 50


def test_by_matching_alone_neither_triage_nor_courtesies_have_a_say(tmp_path):
    folder = signed_library(tmp_path)  # without rules: any library can be tried
    lines = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in ("Where do I keep it?", RASH, "hello"))
    ended = command("decide", "--match-only", "--library", str(folder), stdin=lines)
    assert ended.code == 0
    decisions = [json.loads(line) for line in ended.lines]
    assert {d["action"] for d in decisions} <= {"answer", "clarify", "escalate"}
    assert decisions[0]["candidates"][0]["entry"] == "shelf"
    for decision in decisions:
        assert {label["label"] for label in decision["labels"]} <= {"unapproved"}
        assert bool(decision["labels"]) == (decision["action"] == "escalate")


def test_drafts_are_tried_only_when_asked_for(tmp_path):
    folder = write(tmp_path)
    line = json.dumps({"text": "Where do I keep it?"}).encode()
    arguments = ("decide", "--match-only", "--library", str(folder))
    unapproved = json.loads(command(*arguments, stdin=line).out)
    assert (unapproved["action"], unapproved["candidates"]) == ("escalate", [])
    assert json.loads(command(*arguments, "--drafts", stdin=line).out)["candidates"][0]["entry"] == "shelf"


def test_another_library_is_decided_on_with_its_own_rules(tmp_path):
    folder = signed_library(tmp_path)
    (folder / "triage").symlink_to(TRIAGE)
    lines = b"".join(
        json.dumps({"text": text}).encode() + b"\n" for text in ("Where do I keep it?", "Testamol gave me a rash")
    )
    ended = command("decide", "--library", str(folder), stdin=lines)
    asked, told = (json.loads(line) for line in ended.lines)
    assert (ended.code, asked["candidates"][0]["entry"]) == (0, "shelf")
    assert (told["action"], told["labels"][0]["label"]) == ("escalate", "adverse-event")


def test_a_library_that_is_not_there_is_one_line_and_exit_code_2(tmp_path):
    ended = command("decide", "--library", str(tmp_path / "nowhere"), stdin=b'{"text": "x"}\n')
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert ended.err.startswith("smi-bot: ")
