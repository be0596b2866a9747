"""What look-back screening finds goes on a case: which one, how urgent it is, and what its card says."""

import pytest
from looking_back import (  # noqa: F401 (fixtures)
    MISSED,
    MISSED_DEFECT,
    MISSED_EMERGENCY,
    blind,
    look,
    missed,
    on_sqlite,
    screened,
    shown,
    talk,
)
from serving import RASH

from escalation.case import due_at
from escalation.sla import windows
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import PublicPost


async def test_a_report_that_was_answered_as_a_question_gets_a_case_with_day_zero_from_its_arrival(talk, look):
    came = await missed(talk)
    assert (await talk.desk.cases(), talk.requester.sources()[1]) == ([], "zelvanta/missed-dose")
    told = len(talk.requester.received)
    found = await screened(look)
    await talk.works()
    case, seen = await talk.case(), await shown(talk)
    assert (found.read, found.suspected, found.cases) == (1, 1, [case.id])
    assert (case.labels, case.priority, case.status, case.conversation) == (
        ("adverse-event",),
        "high",
        "open",
        "fake:ann",
    )
    assert [label.evidence for label in seen.labels] == [("I got a rash",)]
    (times,) = seen.times
    assert (times.received, times.screened, times.criteria_met) == (came, came, talk.clock())
    assert times.day_zero == came.date() < talk.clock().date()
    assert due_at(case, windows(talk.app.settings)) > talk.clock()  # to be claimed from now on, not from then
    assert len(talk.requester.received) == told  # a person decides whether to write
    posted = await talk.rows(OutboxRow, OutboxRow.way == "handoff")
    assert [row.payload["case"] for row in posted] == [case.id]
    assert await talk.is_whole()


async def test_the_card_says_that_look_back_screening_found_it(talk, look):
    await missed(talk)
    await screened(look)
    seen = await shown(talk)
    (line,) = [line for line in seen.thread if line.kind == "message"]
    assert seen.screened_again
    assert line.text.startswith("Found by look-back screening. It came in on 2026-11-23 09:00 UTC")
    assert line.said[0].text == MISSED


@pytest.mark.parametrize(
    ("text", "label", "priority"),
    [
        (MISSED, "adverse-event", "high"),
        (MISSED_EMERGENCY, "emergency", "urgent"),
        (MISSED_DEFECT, "product-complaint", "high"),
    ],
)
@on_sqlite
async def test_the_priority_follows_the_label(talk, look, text, label, priority):
    await missed(talk, text)
    await screened(look)
    case = await talk.case()
    assert (case.labels[0], case.priority) == (label, priority)


async def test_it_joins_the_open_case_of_its_conversation_and_raises_it(talk, look):
    await missed(talk)
    await talk.says("I want to talk to a person")
    (before,) = await talk.desk.cases()
    await talk.desk.presses("claim", before.id)
    found = await screened(look)
    (case,) = await talk.desk.cases()
    assert (before.labels, case.labels, case.priority) == (("human",), ("adverse-event", "human"), "high")
    assert (case.owner, found.cases) == ("Dr. Rao", [case.id])
    assert [event.kind for event in case.events][-2:] == ["message", "raised"]


async def test_what_is_on_an_open_case_without_a_label_is_shown_there_again(talk, look):
    with blind():
        await talk.says("thanks, the rash is gone")  # nothing fits: it goes to a person, without a safety label
    (before,) = await talk.desk.cases()
    assert before.labels == ("unapproved",)
    await screened(look)
    (case,) = await talk.desk.cases()
    assert case.labels[0] == "adverse-event"
    assert [event.body["messages"] for event in case.events if event.kind == "message"] == [[1], [1]]


async def test_a_closed_case_is_followed_by_a_new_one(talk, look):
    with blind():
        await talk.says("thanks, the rash is gone")
    await talk.finishes(await talk.case())
    await screened(look)
    closed, case = await talk.desk.cases()
    assert (closed.status, case.status, case.previous) == ("closed", "open", closed.id)


@on_sqlite
async def test_an_old_report_does_not_lift_a_case_as_a_new_one_would(talk, look):
    await missed(talk)
    await talk.says(RASH)
    assert (await talk.case()).priority == "high"
    found = await screened(look)
    (case,) = await talk.desk.cases()
    assert (found.suspected, case.priority, case.reports) == (1, "high", 2)
    assert [times.message for times in (await shown(talk)).times] == [1, 2]  # day zero is that of the first


@on_sqlite
async def test_a_public_post_that_is_still_kept_says_so_on_its_card(talk, look):
    """Posts that are on no case were erased when they were read; this one stands on a case for its other part."""
    with blind():
        await talk.says(MISSED, public=PublicPost(link="https://t.me/forum/5"))
    (row,) = await talk.rows(InboxRow)
    assert (await screened(look)).unreadable == 1
    payload = talk.requester.inquiry(MISSED).model_copy(update={"public": PublicPost(link="https://t.me/forum/5")})
    await talk.change(InboxRow, row.id, payload=payload.model_dump(mode="json"))
    assert (await screened(look)).suspected == 1
    seen = await shown(talk)
    assert (seen.public, [line.link for line in seen.thread if line.kind == "message"]) == (
        True,
        ["https://t.me/forum/5"],
    )
