"""`smi-bot decide` and `smi-bot explain`, and what must hold for the decision on any message in any state."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from commands import command
from hypothesis import example, given, settings
from hypothesis import strategies as st
from libraries import signed_library, write

from smi_bot.assistant import Knowledge, Message, OpenCase, decide
from smi_bot.decision import PRECEDENCE, URGENT, Answer, Clarify, Decision, Escalate, Relay, Service
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action, Conversation, WordingPart
from smi_bot.replies import sayings
from smi_bot.trace import record

TODAY = date(2026, 11, 23)
FORGOT = "what if I forget a tablet?"
RASH = "I got a rash after two weeks on Zelvanta"
EMERGENCIES = (
    "My husband can't breathe and his lips are blue",
    "I want to kill myself",
    "She took it and is unconscious, she does not wake up",
    "my face and tongue are swelling and I cannot breathe",
)
TRIAGE = Path(__file__).parent.parent / "responses" / "triage"


# --- the contract of the command


def decided(knowledge: Knowledge, *questions: Any, options: Sequence[str] = ()) -> list[dict[str, Any]]:
    lines = b"".join(json.dumps(question).encode() + b"\n" for question in questions)
    ended = command("decide", *options, stdin=lines, knowledge=knowledge)
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.lines]


def one(knowledge: Knowledge, text: str, **more: Any) -> dict[str, Any]:
    (decision,) = decided(knowledge, {"text": text, **more})
    return decision


def without_time(decision: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if key != "ms"}


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


# --- what holds for any message in any state

PIECES = [
    *(FORGOT, RASH, *EMERGENCIES, "zelvanta", "morlivexat", "hello", "thanks", "are you a bot?", "how do I store zelvanta"),
    *("I am pregnant", "can I take it with ibuprofen", "for lupus", "I want to talk to a person", "delete my data", "🤮", "🤰"),
    *("wie lagere ich die Tabletten", "où dois-je conserver", "the blister was empty", "no", "not", "?", "15 mg", "dose", "rash"),
    *("{{ product }}", "<script>", "\u202e", "\u200b", "\ud800", "\0", "\n", "٣", "aaaaaaaaaaaaaaaaaaaaaaaa", "'", "-" * 50),
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=20), max_size=6).map(" ".join) | st.text(
    st.characters(), max_size=300
)
CASE = st.none() | st.builds(
    OpenCase,
    id=st.just(1),
    owner=st.sampled_from([None, "Dr. Rao"]),
    labels=st.lists(st.sampled_from(PRECEDENCE), unique=True, max_size=3).map(tuple),
)
CONVERSATION = st.builds(
    Conversation,
    id=st.just("fake:ann"),
    channel=st.just("fake"),
    audience=st.sampled_from(["patient", "hcp"]),
    audience_known=st.booleans(),
    country=st.sampled_from(["US", "DE", "EU", "JP", "ZZ", None]),
    language=st.sampled_from(["en", "de"]),
    notice_version=st.sampled_from([None, 1]),
    recent=st.sampled_from([0, 1, 20, 21, 1000]),
    slowed=st.booleans(),
)
ACTION = st.builds(
    Action,
    verb=st.sampled_from(["answer", "none-of-these", "specialist", "helpful", "audience", "settings"]),
    value=st.sampled_from(["", "missed-dose", "cost-support-us", "nurse-line-eu", "nothing"]),
)
MESSAGE = st.builds(Message, texts=st.lists(TEXT, min_size=1, max_size=3).map(tuple), has_attachment=st.booleans())
PRESS = st.builds(Message, texts=st.just(("",)), has_attachment=st.just(False), action=ACTION)


@settings(deadline=None, max_examples=250)
@given(message=MESSAGE | PRESS, conversation=CONVERSATION, case=CASE)
@example(
    message=Message(("".join(map(chr, range(0x2100))),)), conversation=Conversation(id="a", channel="b"), case=None
)
@example(message=Message((RASH + " " + FORGOT * 400,)), conversation=Conversation(id="a", channel="b"), case=None)
def test_any_message_in_any_state_gets_one_decision_that_keeps_the_rules(knowledge, message, conversation, case):
    decision = decide(message, conversation, case, knowledge, TODAY)
    assert isinstance(decision, Decision)
    assert decide(message, conversation, case, knowledge, TODAY) == decision
    triage = decision.grounds.triage
    order = [PRECEDENCE.index(signal.label) for signal in triage.signals]
    assert order == sorted(order)
    for signal in (*triage.signals, *triage.doubts):
        assert 0 <= signal.start <= signal.end <= len(message.text)
    if triage.signals:  # a match never hides them
        assert isinstance(decision, Escalate | Relay)
        assert decision.labels[0] == triage.leading
    if isinstance(decision, Escalate):
        assert decision.labels
        assert list(decision.labels) == sorted(set(decision.labels), key=PRECEDENCE.index)
    if case is not None and case.owner is not None:
        assert isinstance(decision, Relay)
    may = [
        knowledge.library.may_serve(entry, conversation.audience, conversation.country, TODAY)
        for entry in offered(decision)
    ]
    assert all(may)
    if isinstance(decision, Answer | Clarify) and message.action is None:
        assert not message.has_attachment
        assert not triage.doubts
        assert len(message.text) <= 4000
        assert conversation.recent <= knowledge.flood_limit
    said = sayings(decision, conversation, case.labels if case else None, knowledge.library)
    if not isinstance(decision, Service | Relay):
        assert said
    traced = record(decision)
    assert json.loads(json.dumps(traced)) == traced
    if traced["action"] == "escalate":
        assert traced["labels"][0]["label"] == decision.leading  # type: ignore[union-attr]


def offered(decision: Decision) -> list[str]:
    """The entries that a requester or a specialist is shown."""
    match decision:
        case Answer(entry=entry):
            return [entry]
        case Clarify(entries=entries):
            assert 2 <= len(entries) <= 3
            return list(entries)
        case Escalate(suggestions=suggestions):
            return [candidate.entry for candidate in suggestions]
    return []


@settings(deadline=None, max_examples=100)
@given(
    emergency=st.sampled_from(EMERGENCIES),
    before=st.lists(TEXT, max_size=2),
    after=st.lists(TEXT, max_size=2),
    attached=st.booleans(),
    conversation=CONVERSATION,
    case=CASE,
)
def test_an_emergency_is_told_what_to_do_in_every_state(
    knowledge, emergency, before, after, attached, conversation, case
):
    message = Message((*before, emergency, *after), attached)
    decision = decide(message, conversation, case, knowledge, TODAY)
    assert isinstance(decision, Escalate | Relay)
    assert decision.labels[0] in URGENT
    said = sayings(decision, conversation, case.labels if case else None, knowledge.library)
    assert isinstance(said[0].part, WordingPart)
    assert said[0].part.wording in URGENT


@settings(deadline=None, max_examples=30)
@given(before=TEXT, after=TEXT)
def test_an_emergency_is_found_in_the_middle_of_one_long_message(knowledge, before, after):
    text = f"{before}\n\n{EMERGENCIES[0]}.\n\n{after}" + " and so on" * 1000
    decision = decide(Message((text,)), Conversation(id="a", channel="b", country="US"), None, knowledge, TODAY)
    assert isinstance(decision, Escalate)
    assert decision.leading in URGENT


def test_a_side_effect_told_together_with_a_press_is_not_answered(knowledge):
    message = Message((RASH,), action=Action(verb="answer", value="missed-dose"))
    decision = decide(message, Conversation(id="a", channel="b", country="US"), None, knowledge, TODAY)
    assert isinstance(decision, Escalate)


@settings(deadline=None, max_examples=100)
@given(text=TEXT, audience=st.sampled_from(["patient", "hcp"]), country=st.sampled_from(["US", "DE", "EU", "JP", None]))
def test_any_line_gets_one_decision_the_same_each_time(knowledge, text, audience, country):
    from smi_bot import trying

    line = json.dumps({"text": text, "audience": audience, "country": country}).encode()
    decide_one = trying.live(knowledge, TODAY)
    first, second = trying.decide_lines([line, line], decide_one, "US")
    assert without_time(first) == without_time(second)
    assert first["action"] in ("answer", "clarify", "escalate", "service")
    assert (first["action"] == "escalate") == any(label["rule"] for label in first["labels"])
    assert (first["entry"] is not None) == (first["action"] == "answer")


# --- explain


async def explained(service, message: str, monkeypatch, know: Knowledge | None = None):
    """`smi-bot explain` beside the running service."""
    monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
    return await asyncio.to_thread(command, "explain", message, knowledge=know or service.app.knowledge)


async def test_a_decision_is_explained_and_computed_again_while_the_service_runs(service, monkeypatch):
    await service.requester.says(FORGOT, key="fake:ann:first")
    await service.requester.hears("zelvanta/missed-dose")
    for name in ("1", "fake:ann:first", "first"):
        ended = await explained(service, name, monkeypatch)
        assert (ended.code, ended.err) == (0, "")
        assert ended.lines[-1] == "computed again: the same decision"
        shown = json.loads("\n".join(ended.lines[:-1]))
        assert shown["text"] == FORGOT
        assert shown["decision"]["entry"] == "missed-dose"
        assert set(shown["versions"]) >= {"library", "rules"}
    await service.requester.says(RASH)  # the service goes on
    await service.requester.hears("wording/adverse-event.en")


async def test_decisions_of_every_kind_and_in_every_state_are_computed_again_the_same(service, monkeypatch):
    """Fresh messages, bursts, presses, messages on an open case and on a held one."""
    says, presses = service.requester.says, service.requester.presses
    await says("hello")
    await says("how many grams does a parcel of zelvanta weigh")
    await says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1 and "adverse-event" in cases[0].labels)
    await says("and another rash")
    await says(FORGOT)
    await presses(Action(verb="answer", value="missed-dose"))
    await presses(Action(verb="specialist"))
    await service.desk.presses("claim", case.id)
    await says(EMERGENCIES[0])
    await says(FORGOT)
    await service.requester.hears("wording/emergency.en")
    await service.desk.sees(lambda cases: sum(event.kind == "message" for event in cases[0].events) >= 4)
    async with asyncio.timeout(20):
        while await service.app.inbox.idle_seconds() is not None:
            await asyncio.sleep(0.02)
    for number in range(1, 10):
        ended = await explained(service, str(number), monkeypatch)
        assert (ended.code, ended.lines[-1]) == (0, "computed again: the same decision"), ended.out


async def test_a_decision_that_would_be_another_now_is_shown_as_different(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    know = service.app.knowledge
    entries = {id: entry for id, entry in know.library.entries.items() if id != "missed-dose"}
    withdrawn = replace(know, library=replace(know.library, entries=entries))
    ended = await explained(service, "1", monkeypatch, withdrawn)
    assert ended.code == 1
    assert ended.lines[-2].startswith('computed again: DIFFERENT, {"action": "escalate"')
    assert ended.lines[-1] == "changed since then: library"


async def test_changed_rules_are_named_even_where_they_change_nothing_here(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    know = service.app.knowledge
    ended = await explained(service, "1", monkeypatch, replace(know, rules=replace(know.rules, version="other")))
    assert ended.code == 0
    assert ended.lines[-2:] == ["computed again: the same decision", "changed since then: rules"]


async def test_a_message_that_cannot_be_explained_is_one_line_and_exit_code_2(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    await service.requester.presses(Action(verb="helpful"))  # decides nothing
    await service.requester.hears("wording/helpful-thanks.en")
    for name in ("99", "0", "9" * 40, "nothing", "", "'", "%", "٣", "-", ":", "\ud800"):
        arguments = ("--", name) if name.startswith("-") else (name,)
        monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
        ended = await asyncio.to_thread(command, "explain", *arguments, knowledge=service.app.knowledge)
        assert (ended.code, ended.out) == (2, ""), name
        (line,) = ended.err.splitlines()
        assert line.startswith("smi-bot: message ")
    pressed = await explained(service, "2", monkeypatch)
    assert (pressed.code, len(pressed.err.splitlines())) == (2, 1)


async def test_an_erased_message_and_a_lost_one_are_one_line_and_exit_code_2(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    async with service.app.database.transaction() as tx:
        row = await tx.get_one(InboxRow, 1)
        row.payload = {**row.payload, "text": "", "salt": "", "erased": True}
    erased = await explained(service, "1", monkeypatch)
    assert (erased.code, erased.err.count("\n")) == (2, 1)
    assert "its words were erased" in erased.err
    async with service.app.database.transaction() as tx:
        await tx.delete(await tx.get_one(InboxRow, 1))
    lost = await explained(service, "1", monkeypatch)
    assert (lost.code, lost.err.count("\n")) == (2, 1)
    assert "is gone from the inbox" in lost.err


def test_a_typed_command_is_decided_as_the_button_it_stands_for(knowledge):
    conversation = Conversation(id="c", channel="fake", country="US")
    decided = decide(Message((" /Settings ",)), conversation, None, knowledge, TODAY)
    assert (type(decided).__name__, decided.grounds.reason) == ("Service", "button: settings")
