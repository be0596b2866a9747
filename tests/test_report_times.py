"""Five times of each suspected report: when it was sent, received, screened, known as a report, and first looked at."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from a_case import CLAIMED, NOON, a_case, context, event, inbound
from by_hand import Talk, by_hand
from fakes import Clock
from looking_back import entries, looking, missed, screened
from serving import RASH, Requester, Specialist, served
from slack_cards import a_card, assert_takeable, shown

from escalation.cards import card
from escalation.case import CaseEvent
from escalation.slack_cards import card_post
from escalation.times import ReportTimes, as_record, compact, in_words, reports
from smi_bot.assistant import Knowledge
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action

REPORT = "adverse-event"


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def message(
    id: int, *, sent: float = -1, received: float = 0, screened: float | None = 0, dated: bool = True
) -> InboxRow:
    """A stored message; times in minutes from noon."""
    row = inbound(id, RASH, is_dated=dated)
    row.payload["sent_at"] = minutes(sent).isoformat()
    row.received_at = minutes(received)
    row.settled_at = None if screened is None else minutes(screened)
    return row


def wrote(number: int, *ids: int, at: float = 0, labels: tuple[str, ...] = (REPORT,), **more: object) -> CaseEvent:
    """`labels` are raised by the last of the messages."""
    evidence = [{"label": label, "rule": "r", "message": ids[-1], "start": 0, "end": 1} for label in labels]
    body = {"messages": list(ids), "labels": list(labels), "evidence": evidence, "suggestions": [], **more}
    return event(number, "message", "requester", minutes(at), **body)


def times(
    *events: CaseEvent, rows: tuple[InboxRow, ...], labels: tuple[str, ...] = (REPORT,)
) -> tuple[ReportTimes, ...]:
    return reports(a_case(*events, labels=labels).events, {row.id: row for row in rows})


# --- what they are


def test_a_report_has_its_five_times_in_their_order():
    row = message(1, sent=-2, received=0, screened=1)
    (found,) = times(wrote(2, 1, at=1), event(3, "claimed", "Dr. Rao", minutes(5)), rows=(row,))
    at = (found.platform, found.received, found.screened, found.criteria_met, found.looked_at)
    assert at == tuple(minutes(number) for number in (-2, 0, 1, 1, 5))
    assert (found.day_zero, found.remarks) == (NOON.date(), ())


def test_nobody_has_looked_before_somebody_acts_on_it():
    (found,) = times(wrote(2, 1), event(3, "reminded", "bot", minutes(9)), rows=(message(1),))
    assert (found.looked_at, dict(found.remarks)) == (None, {"looked_at": "nobody has acted on it yet"})


@pytest.mark.parametrize("what", ["claimed", "revealed", "noted", "labelled"])
def test_whatever_a_specialist_does_on_it_first_is_the_first_look(what):
    acts = [event(3, what, "Dr. Rao", minutes(4), labels=[REPORT], priority="high", text="", id="n"), CLAIMED]
    (found,) = times(wrote(2, 1), *acts, rows=(message(1),))
    assert found.looked_at == minutes(4)


def test_what_was_done_before_the_report_came_in_is_no_look_at_it():
    others = (wrote(2, 1, labels=("human",)), event(3, "claimed", "Dr. Rao", minutes(1)))
    (found,) = times(*others, wrote(4, 2, at=5), rows=(message(1), message(2, received=5, screened=5)))
    assert (found.message, found.looked_at) == (2, None)


def test_a_platform_that_does_not_say_when_has_no_time_and_the_reason_is_told():
    (found,) = times(wrote(2, 1), rows=(message(1, dated=False),))
    assert (found.platform, dict(found.remarks)["platform"]) == (None, "the platform does not say when")
    assert dict(in_words(found))["sent"] == "the platform does not say when"
    assert "sent not said by the platform" in compact(found)


def test_a_platform_whose_clock_is_ahead_is_shown_as_it_is_with_the_reason():
    (found,) = times(wrote(2, 1), rows=(message(1, sent=0.5),))
    assert found.platform > found.received
    assert dict(found.remarks)["platform"] == "the platform's clock is 30 s ahead of ours"


def test_workers_whose_clocks_differ_are_told_of():
    (found,) = times(wrote(2, 1), rows=(message(1, screened=-1),))
    assert dict(found.remarks)["screened"] == "the clocks of two workers differ"


def test_a_specialists_label_meets_the_criteria_later_and_counts_from_the_first_message():
    rows = (message(1, received=0), message(2, received=3, screened=3))
    first, second = wrote(2, 1, labels=("human",)), wrote(3, 2, at=3, labels=())
    seen = event(4, "claimed", "Dr. Rao", minutes(6))
    labelled = event(5, "labelled", "Dr. Rao", minutes(8), labels=[REPORT], priority="high")
    (found,) = times(first, second, seen, labelled, rows=rows, labels=("human",))
    assert (found.message, found.received, found.criteria_met) == (1, minutes(0), minutes(8))
    assert (found.looked_at, dict(found.remarks)) == (
        minutes(6),
        {"criteria_met": "by a specialist, who did not say for which message", "looked_at": "before it was labelled"},
    )


def test_a_specialists_other_label_makes_no_second_report():
    labelled = event(4, "labelled", "Dr. Rao", minutes(8), labels=["special-situation"], priority="high")
    assert len(times(wrote(2, 1), CLAIMED, labelled, rows=(message(1),))) == 1


def test_look_back_screening_meets_the_criteria_long_after_the_message_was_screened():
    row = message(1, received=0, screened=0)
    (found,) = times(wrote(2, 1, at=9000, screening=3), rows=(row,))
    assert (found.screened, found.criteria_met) == (minutes(0), minutes(9000))
    assert dict(found.remarks)["criteria_met"] == "by look-back screening"


def test_each_report_of_a_case_has_its_times_and_the_first_to_arrive_comes_first():
    rows = (message(1, received=0), message(2, received=5, screened=5))
    found = times(wrote(2, 2, at=5), wrote(3, 1, at=99, screening=1), rows=rows)
    assert [(each.message, each.criteria_met) for each in found] == [(1, minutes(99)), (2, minutes(5))]


def test_of_messages_that_came_together_the_one_that_reports_counts():
    rows = (message(1, received=0), message(2, received=1, screened=1))
    (found,) = times(wrote(2, 1, 2, at=1), rows=rows)
    assert found.message == 2


def test_what_is_being_handled_at_this_moment_is_screened_now():
    (found,) = times(wrote(2, 1, at=2), rows=(message(1, screened=None),))
    assert found.screened == minutes(2)


def test_a_message_that_is_gone_leaves_the_times_that_the_case_knows():
    (found,) = times(wrote(2, 1, at=2), rows=())
    assert (found.platform, found.received, found.screened) == (None, minutes(2), minutes(2))


def test_the_record_holds_all_of_it_as_text():
    (found,) = times(wrote(2, 1), rows=(message(1, dated=False),))
    assert as_record(found) == {
        "message": 1,
        "day_zero": "2026-11-23",
        "platform": None,
        "received": "2026-11-23T12:00:00+00:00",
        "screened": "2026-11-23T12:00:00+00:00",
        "criteria_met": "2026-11-23T12:00:00+00:00",
        "looked_at": None,
        "remarks": {"platform": "the platform does not say when", "looked_at": "nobody has acted on it yet"},
    }


# --- where they are shown


def test_a_case_that_reports_nothing_has_no_times():
    row = message(1)
    asks = a_case(wrote(2, 1, labels=("human",)))
    refuted = event(4, "labelled", "Dr. Rao", minutes(8), labels=["human"], priority="normal")
    assert card(asks, context(row)).times == ()
    assert card(a_case(wrote(2, 1), CLAIMED, refuted, labels=(REPORT,)), context(row)).times == ()


def test_slack_shows_them_in_one_line_of_the_card():
    row = message(1, sent=-2, screened=1)
    of = card(a_case(wrote(2, 1, at=1), labels=(REPORT,)), context(row))
    post = card_post(a_card(times=of.times))
    assert_takeable(post)
    assert (
        "Day zero 2026-11-23: sent 11:58:00, received 12:00:00, screened 12:01:00, criteria met 12:01:00,"
        " first human look not yet (UTC)." in shown(post)
    )


def test_a_time_of_another_day_names_the_day():
    (found,) = times(wrote(2, 1, at=9000, screening=3), rows=(message(1),))
    assert "criteria met 2026-11-29 18:00 (by look-back screening)" in compact(found)


async def test_the_desk_page_shows_them(tmp_path, knowledge):
    async with served(tmp_path / "data", knowledge) as (_, url), Requester(url) as ann, Specialist(url) as rao:
        await ann.says(RASH)
        number = await rao.sees("Day zero 20")
        page = await rao.card(number)
        assert "the platform does not say when" in page
        assert "nobody has acted on it yet" in page
        await rao.presses("claim", number)
        assert "nobody has acted on it yet" not in await rao.card(number)


# --- what is kept


@pytest.fixture
async def talk(database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


async def test_the_journal_holds_them_when_a_report_comes_in_and_again_when_somebody_looked(talk):
    came = talk.clock()
    await talk.says(RASH)
    case = await talk.case()
    talk.clock.advance(minutes=7)
    await talk.desk.presses("claim", case.id)
    talk.clock.advance(minutes=7)
    await talk.desk.replies(case.id, "Please show it to a doctor.")
    known, seen = await entries(talk, "report")
    assert {known[key] for key in ("platform", "received", "screened", "criteria_met")} == {came.isoformat()}
    assert (known["looked_at"], known["remarks"]) == (None, {"looked_at": "nobody has acted on it yet"})
    assert seen == known | {"looked_at": (came + timedelta(minutes=7)).isoformat(), "remarks": {}}
    assert await talk.is_whole()


async def test_the_journal_holds_when_a_specialist_labelled_a_report(talk):
    await talk.says("I want to talk to a person")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    assert await entries(talk, "report") == []
    talk.clock.advance(minutes=7)
    await talk.desk.presses("label", case.id, [REPORT])
    (known,) = await entries(talk, "report")
    assert known["criteria_met"] == talk.clock().isoformat() > known["looked_at"]


async def test_look_back_keeps_the_times_of_then(talk, knowledge):
    came = await missed(talk)
    await screened(looking(talk, knowledge))
    (known,) = await entries(talk, "report")
    assert (known["day_zero"], known["received"], known["screened"]) == (
        "2026-11-23",
        came.isoformat(),
        came.isoformat(),
    )
    assert known["criteria_met"] == talk.clock().isoformat()
    assert known["remarks"]["criteria_met"] == "by look-back screening"


async def test_a_reply_is_the_first_look_at_what_came_in_after_the_claim(talk):
    await talk.says("I want to talk to a person")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.says(RASH)
    talk.clock.advance(minutes=3)
    await talk.desk.replies(case.id, "Please show it to a doctor.")
    assert [each["looked_at"] for each in await entries(talk, "report")] == [None, talk.clock().isoformat()]


async def test_an_erased_message_keeps_when_it_came_and_whether_its_platform_said_so(talk):
    await talk.says("hello", is_dated=False)
    await talk.presses(Action(verb="delete-confirm"))
    row, *_ = await talk.rows(InboxRow)
    assert row.payload["erased"]
    assert (row.payload["is_dated"], "sent_at" in row.payload) == (False, True)
