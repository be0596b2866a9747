"""What specialists say of labels, confirmed or refuted: kept, shown, and nothing else changes by it."""

import pytest
from a_case import a_case, context, event, inbound
from by_hand import Talk, by_hand
from serving import RASH
from slack_cards import ANN, BOB, NOON, a_card, assert_takeable, buttons, line, nodes, shown, texts

from escalation.cards import CardLabel, card
from escalation.judging import Judgement, LabelVerdict, Raised, judgements, raised
from escalation.slack_cards import card_post
from escalation.slack_lines import line_posts
from escalation.slack_views import judge_view, read_state
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import Action

AE, HUMAN = "adverse-event", "human"


@pytest.fixture
async def talk(database_url, clock, tmp_path, knowledge):
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


async def judges(talk: Talk, verdict: str, label: str = AE, by: str = "Dr. Rao", raised_in: int | None = None) -> None:
    case = await talk.case()
    place = raised(case.events, label).event if raised_in is None else raised_in
    await talk.desk.presses("judge", case.id, [LabelVerdict(label, verdict, place)], by=by)
    await talk.works()


async def verdicts(talk: Talk) -> list[tuple[str, str]]:
    return [(e.actor, e.body["verdict"]) for e in (await talk.case()).events if e.kind == "judged"]


# --- on the case


async def test_a_refuted_label_stays_and_so_does_the_priority(talk):
    await talk.says(RASH)
    before = await talk.case()
    talk.clock.advance(minutes=3)
    await judges(talk, "refuted")
    case = await talk.case()
    assert (case.labels, case.priority, case.status) == (before.labels, before.priority, before.status)
    said = judgements(case.events)[AE]
    assert (said.verdict, said.actor, said.at, said.holds) == ("refuted", "Dr. Rao", talk.clock(), "refuted")
    (judged,) = [e for e in case.events if e.kind == "judged"]
    assert judged.body == {"label": AE, "verdict": "refuted", "rules": list(raised(case.events, AE).rules)}
    assert judged.audience == "internal"
    assert await talk.is_whole()


async def test_the_last_word_counts_and_all_are_kept(talk):
    await talk.says(RASH)
    for verdict, by in (("refuted", "Dr. Rao"), ("refuted", "Dr. Lee"), ("confirmed", "Dr. Rao")):
        await judges(talk, verdict, by=by)
    await judges(talk, "confirmed")  # pressed twice
    assert await verdicts(talk) == [("Dr. Rao", "refuted"), ("Dr. Lee", "refuted"), ("Dr. Rao", "confirmed")]
    assert judgements((await talk.case()).events)[AE].verdict == "confirmed"


async def test_further_words_outdate_a_judgement_which_is_then_given_anew(talk):
    await talk.says(RASH)
    await judges(talk, "refuted")
    await talk.says("and now I vomit after each tablet of Zelvanta")
    said = judgements((await talk.case()).events)[AE]
    assert (said.verdict, said.is_outdated, said.holds) == ("refuted", True, None)
    await judges(talk, "refuted")
    assert [each for _, each in await verdicts(talk)] == ["refuted", "refuted"]
    assert judgements((await talk.case()).events)[AE].holds == "refuted"


async def test_nothing_is_judged_that_was_not_shown(talk):
    await talk.says(RASH)
    shown_in = raised((await talk.case()).events, AE).event
    await talk.says("and now I vomit after each tablet of Zelvanta")
    with pytest.raises(NotAllowed, match="More was written"):
        await judges(talk, "refuted", raised_in=shown_in)
    with pytest.raises(NotAllowed, match="does not have this label"):
        await judges(talk, "refuted", "off-label")
    with pytest.raises(NotAllowed, match="Confirm or refute"):
        await judges(talk, "maybe")
    assert await verdicts(talk) == []
    await talk.finishes(await talk.case())
    with pytest.raises(NotAllowed, match="is closed"):
        await judges(talk, "confirmed")


async def test_what_no_rule_raised_was_raised_by_the_gate_or_by_nobody(talk):
    await talk.presses(Action(verb="specialist"))
    case = await talk.case()
    assert raised(case.events, HUMAN).rules == ("gate",)
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, [HUMAN, AE])
    assert raised((await talk.case()).events, AE) == Raised()
    await judges(talk, "confirmed")
    assert judgements((await talk.case()).events)[AE].holds == "confirmed"


# --- on cards

PLACE = {"rule": "own-symptom", "message": 1, "start": 0, "end": 10}
MESSAGE = {"messages": [1], "labels": [AE], "evidence": [{"label": AE, **PLACE}], "suggestions": []}
REFUTED = event(3, "judged", "Dr. Rao", label=AE, verdict="refuted", rules=["own-symptom"])


def test_a_card_has_the_words_the_rule_and_the_judgement_of_each_label():
    row = inbound(1, "I got hives")
    case = a_case(event(2, "message", "requester", **MESSAGE), REFUTED, labels=(AE, HUMAN))
    found = card(case, context(row))
    first, second = found.labels
    assert (first.evidence, first.rules, first.raised_in) == (("I got hive",), ("own-symptom",), 2)
    assert first.judgement and first.judgement.holds == "refuted"
    assert (second.evidence, second.rules, second.raised_in, second.judgement) == ((), (), 0, None)
    assert [line.text for line in found.thread if line.kind == "judged"] == [f"refuted: {AE} (own-symptom)"]


def test_a_label_that_was_refuted_and_taken_off_is_still_told():
    taken_off = event(4, "labelled", "Dr. Rao", labels=[HUMAN], priority="normal", before=[AE])
    case = a_case(event(2, "message", "requester", **MESSAGE), REFUTED, taken_off, labels=(AE,))
    found = card(case, context(inbound(1, "I got hives")))
    assert [label.label for label in found.labels] == [HUMAN]
    assert [(label.label, label.judgement.verdict) for label in found.dropped] == [(AE, "refuted")]
    assert "Taken off: adverse event (refuted)" in shown(card_post(found))


def a_label(verdict: str = "", *, is_outdated: bool = False, by: str = BOB) -> CardLabel:
    said = Judgement(AE, verdict, by, NOON, Raised(2), is_outdated) if verdict else None  # type: ignore[arg-type]
    return CardLabel(AE, ("a rash",), ("own-symptom", "unwell"), 2, said)


@pytest.mark.parametrize(
    ("label", "words", "is_struck"),
    [
        (a_label(), "Adverse event: “a rash” · rule own-symptom, unwell", False),
        (a_label("refuted"), "own-symptom, unwell · refuted by <@U0456DEF>", True),
        (a_label("confirmed", by="Dr. <!here>"), " · confirmed by Dr. <!here>", False),
        (a_label("refuted", is_outdated=True), " · refuted by <@U0456DEF>; raised again since", False),
    ],
)
def test_the_slack_card_shows_rules_and_judgement(label, words, is_struck):
    post = card_post(a_card(labels=(label,)))
    assert_takeable(post)
    assert words in shown(post)
    assert ({"bold": True, "strike": True} in [node.get("style") for node in nodes(post.blocks)]) == is_struck
    assert "broadcast" not in {node.get("type") for node in nodes(post.blocks)}


def test_labels_can_be_judged_as_long_as_there_are_some_and_the_case_is_not_closed():
    labels = (a_label(),)
    assert "case_judge" in buttons(card_post(a_card(labels=labels)).blocks)
    assert "case_judge" in buttons(card_post(a_card(labels=labels, status="claimed", owner=ANN)).blocks)
    assert "case_judge" not in buttons(card_post(a_card()).blocks)


def test_the_window_shows_what_was_said_and_tells_only_what_is_other_than_that():
    human = CardLabel(HUMAN, (), ("gate",), 5)
    view = judge_view(a_card(labels=(a_label("refuted"), human)), {"own-symptom": "It happened to them."}, "p1")
    assert not [node for node in nodes(view) if node.get("type") == "user"], "nobody is told by looking"
    assert "own-symptom: It happened to them." in texts(view)
    answered = {"judge_adverse-event": ("verdict_adverse-event", "refuted"), "judge_human": ("verdict_human", None)}
    assert read_state(entered(view, answered)).verdicts == ()
    answered = {
        "judge_adverse-event": ("verdict_adverse-event", "confirmed"),
        "judge_human": ("verdict_human", "refuted"),
    }
    form = read_state(entered(view, answered))
    assert (form.case, form.verdicts) == (12, (LabelVerdict(AE, "confirmed", 2), LabelVerdict(HUMAN, "refuted", 5)))


def test_what_is_outdated_is_asked_anew():
    view = judge_view(a_card(labels=(a_label("refuted", is_outdated=True),)), {})
    assert not [node for node in nodes(view) if "initial_option" in node]
    answered = {"judge_adverse-event": ("verdict_adverse-event", "refuted")}
    assert read_state(entered(view, answered)).verdicts == (LabelVerdict(AE, "refuted", 2),)


def entered(view, answered):
    """The window as Slack hands it in. `answered`: by block, what was chosen in which element."""
    values = {
        block: {action: {"type": "radio_buttons", "selected_option": value and {"value": value}}}
        for block, (action, value) in answered.items()
    }
    return {**view, "state": {"values": values}}


def test_the_thread_tells_who_judged():
    (post,) = line_posts(a_card(line(7, "judged", ANN, "refuted: adverse-event (own-symptom)")))
    assert "<@U0123ABC> refuted the label adverse event (own-symptom)." in shown(post)
    assert post.text == "SMI-12: a label was judged."
