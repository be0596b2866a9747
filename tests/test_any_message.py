"""What holds for any message in any state of a conversation."""

import json

from deciding import EMERGENCIES, TODAY, without_time
from hypothesis import example, given, settings
from hypothesis import strategies as st
from serving import FORGOT, RASH

from smi_bot.assistant import Message, OpenCase, decide
from smi_bot.decision import PRECEDENCE, URGENT, Answer, Clarify, Decision, Escalate, Relay, Service
from smi_bot.inquiry import Action, Conversation, WordingPart
from smi_bot.replies import sayings
from smi_bot.trace import record

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
