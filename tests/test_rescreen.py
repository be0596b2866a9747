"""Look-back screening: what is found, where it goes, what is recorded, and that it begins again where it stopped."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from by_hand import Talk, by_hand
from fakes import Clock
from looking_back import (
    LONG_AGO,
    MISSED,
    MISSED_DEFECT,
    MISSED_EMERGENCY,
    blind,
    entries,
    looking,
    missed,
    screened,
)
from serving import FORGOT, RASH

from escalation.board import context
from escalation.cards import Card, card
from escalation.case import due_at
from escalation.sla import windows
from smi_bot import screening
from smi_bot.assistant import Knowledge
from smi_bot.decision import Signal, Triage
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Action, Attachment, PublicPost
from smi_bot.receiving import enqueue
from smi_bot.screening import LookBack, ScreeningRow

PHOTO = Attachment(id="f1", name="my rash after the tablets.jpg", media_type="image/jpeg", size=2000, source="there")
#: For what does not depend on the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def talk(database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


@pytest.fixture
def look(talk: Talk, knowledge: Knowledge) -> LookBack:
    return looking(talk, knowledge)


async def shown(talk: Talk, who: str = "ann") -> Card:
    """The card of somebody's newest case."""
    case, limits = await talk.case(who), windows(talk.app.settings)
    async with talk.app.database.reading() as tx:
        return card(case, await context(tx, [case], talk.app.shelf.library, limits, "Dr. Rao", talk.clock()))


# --- what is found


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


@pytest.mark.parametrize(
    "message",
    [
        {"text": MISSED},
        {"text": MISSED, "message": "m1", "edited": True},
        {"text": "", "quoted": MISSED},
        {"text": MISSED, "attachments": (PHOTO.model_copy(update={"name": "a.jpg"}),)},
        {"text": "", "attachments": (PHOTO,)},
        {"text": MISSED, "shared": "contact"},
        {"text": MISSED, "forwarded": True},
        {"text": MISSED, "action": Action(verb="not-helpful")},
        {"text": f"/start {RASH}", "action": Action(verb="start", value="leaflet")},
    ],
    ids=["text", "edit", "quoted", "caption", "file name", "contact", "forwarded", "comment", "behind a command"],
)
@on_sqlite
async def test_whatever_is_stored_of_a_message_is_read_again(talk, look, message):
    await missed(talk, **message)
    found = await screened(look)
    assert found.suspected == 1
    assert "adverse-event" in (await talk.case()).labels


@on_sqlite
async def test_an_edit_is_read_and_so_is_what_it_changed(talk, look):
    await missed(talk, MISSED, message="m1")
    await missed(talk, FORGOT, message="m1", edited=True)
    found = await screened(look)
    (first, _) = await talk.rows(InboxRow)
    assert (found.read, found.suspected) == (2, 1)
    assert [event.body["messages"] for event in (await talk.case()).events if event.kind == "message"] == [[first.id]]


@on_sqlite
async def test_messages_that_were_read_together_are_read_together_again(talk, look):
    """What only the whole of them tells is found as well, and lies where it was said."""
    with blind():
        for text in ("what if I forget", "a tablet? I got", "a rash"):
            inquiry = talk.requester.inquiry(text)
            await enqueue(talk.app.inbox, inquiry)
        await talk.works()
    read: list[tuple[str, ...]] = []

    def reading(texts, rules):
        read.append(tuple(texts))
        place = "\n".join(texts).find("a rash")
        return Triage((Signal("adverse-event", place, place + 6, "r"),) if len(texts) > 1 else ())

    with mock.patch.object(screening, "triage_burst", reading):
        found = await screened(look)
    assert [tuple(text.strip() for text in texts) for texts in read] == [
        ("what if I forget",),
        ("a tablet? I got",),
        ("what if I forget", "a tablet? I got", "a rash"),
    ]
    assert (found.read, found.suspected) == (3, 1)
    (label,) = (await shown(talk)).labels
    assert label.evidence == ("a rash",)


# --- where it goes


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


# --- what is no news


@pytest.mark.parametrize("text", [RASH, MISSED_EMERGENCY, "I am pregnant and took Zelvanta", FORGOT, "hello", "🙂"])
@on_sqlite
async def test_what_was_read_so_already_is_no_news(talk, look, text):
    await talk.says(text)
    cases = await talk.desk.cases()
    found = await screened(look)
    assert (found.read, found.suspected, found.cases) == (1, 0, [])
    assert await talk.desk.cases() == cases


async def test_a_second_screening_finds_nothing_new_whatever_became_of_the_case(talk, look):
    await missed(talk)
    await screened(look)
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["unapproved"])  # a person says that it is no report
    assert (await screened(look)).suspected == 0
    await talk.desk.presses("close", case.id, "answered", "")
    talk.clock.advance(days=1)
    found = await screened(look)
    assert (found.read, found.suspected) == (1, 0)
    assert len(await talk.desk.cases()) == 1


@on_sqlite
async def test_what_a_specialist_labelled_a_report_is_no_news(talk, look):
    with blind():
        await talk.says("thanks, the rash is gone")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["special-situation"])
    assert (await screened(look)).suspected == 0


# --- the record


async def test_a_screening_that_finds_nothing_is_on_record_with_its_time_its_rules_its_counts_and_who_and_when(
    talk, look, knowledge
):
    began = talk.clock()
    await talk.says(FORGOT)
    await talk.presses(Action(verb="helpful"))
    talk.clock.advance(hours=1)
    await screened(look, since=began)
    first, last = await entries(talk, "screening")
    assert (first["what"], last["what"]) == ("began", "done")
    told = {key: last[key] for key in ("since", "until", "began_at", "ended_at")}
    later = talk.clock().isoformat().replace("+00:00", "Z")
    assert told == dict.fromkeys(told, later) | {"since": began.isoformat().replace("+00:00", "Z")}
    assert (last["rules"], last["by"]) == (knowledge.rules.version, "dora")
    counts = {key: last[key] for key in ("read", "wordless", "unreadable", "waiting", "suspected", "cases")}
    assert counts == {"read": 1, "wordless": 1, "unreadable": 0, "waiting": 0, "suspected": 0, "cases": []}
    assert await talk.is_whole()


@on_sqlite
async def test_the_record_names_the_cases(talk, look):
    await missed(talk, who="ann")
    await missed(talk, who="bob")
    await missed(talk, FORGOT, who="cleo")
    await screened(look)
    (*_, last) = await entries(talk, "screening")
    assert (last["read"], last["suspected"], last["cases"]) == (3, 2, [1, 2])


async def test_what_was_erased_counts_as_unreadable_and_not_as_read(talk, look):
    await missed(talk, who="ann")
    await missed(talk, FORGOT, who="bob")
    await talk.erases("ann")
    found = await screened(look)
    assert (found.read, found.unreadable, found.suspected) == (1, 2, 0)  # what ann said, and that she had it erased


@on_sqlite
async def test_what_the_service_has_not_read_yet_is_left_to_it(talk, look):
    await enqueue(talk.app.inbox, talk.requester.inquiry(MISSED))
    talk.clock.advance(minutes=1)
    found = await screened(look)
    assert (found.read, found.waiting, found.suspected) == (0, 1, 0)
    await talk.works()
    assert (await talk.case()).labels == ("adverse-event",)


@on_sqlite
async def test_only_what_came_in_from_since_until_is_read(talk, look):
    first = talk.clock()
    for who in ("ann", "bob", "cleo"):
        await missed(talk, who=who)
    found = await screened(look, first + timedelta(days=2), first + timedelta(days=4))
    assert (found.read, [case.conversation for case in await talk.desk.cases()]) == (1, ["fake:bob"])


# --- on and on


async def test_a_screening_that_stopped_goes_on_where_it_was(talk, knowledge):
    people = [f"p{number}" for number in range(7)]
    for who in people:
        await missed(talk, who=who)
    look = looking(talk, knowledge, page=3)
    began = await look.begin(LONG_AGO, None, "dora")
    await look.step(began)
    talk.clock.advance(hours=1)
    again = looking(talk, knowledge, page=3)
    assert await again.remaining(await again.begin(LONG_AGO, None, "emil")) == 4
    found = await screened(again, by="emil")
    assert (found.id, found.read, found.suspected, found.by) == (began.id, 7, 7, "dora")
    assert [case.conversation for case in await talk.desk.cases()] == [f"fake:{who}" for who in people]
    assert [each["what"] for each in await entries(talk, "screening")] == ["began", "resumed", "resumed", "done"]


@on_sqlite
async def test_other_rules_begin_anew_and_the_record_says_so(talk, knowledge):
    for who in ("ann", "bob"):
        await missed(talk, FORGOT, who=who)
    look = looking(talk, knowledge, page=1)
    old = await look.begin(LONG_AGO, None, "dora")
    await look.step(old)
    look._rules = mock.Mock(wraps=knowledge.rules, version="newer")
    with mock.patch.object(screening, "triage_burst", lambda texts, rules: Triage()):
        found = await screened(look)
    assert (found.id != old.id, found.rules, found.read) == (True, "newer", 2)
    records = await entries(talk, "screening")
    assert [(each["what"], each["screening"]) for each in records] == [
        ("began", old.id),
        ("overtaken", old.id),
        ("began", found.id),
        ("done", found.id),
    ]


@on_sqlite
async def test_a_screening_that_was_begun_anew_by_other_rules_stops_where_it_is(talk, knowledge):
    for who in ("ann", "bob"):
        await missed(talk, FORGOT, who=who)
    look, other = looking(talk, knowledge, page=1), looking(talk, knowledge)
    old = await look.begin(LONG_AGO, None, "dora")
    await look.step(old)
    other._rules = mock.Mock(wraps=knowledge.rules, version="newer")
    await other.begin(LONG_AGO, None, "emil")
    assert await look.step(old) == 0
    assert ((await look.finish(old)).state, old.read) == ("overtaken", 1)
    assert "done" not in [each["what"] for each in await entries(talk, "screening")]


@on_sqlite
async def test_another_time_is_another_screening(talk, look):
    await missed(talk)
    one = await look.begin(LONG_AGO, None, "dora")
    other = await look.begin(LONG_AGO + timedelta(days=1), None, "dora")
    third = await look.begin(LONG_AGO, talk.clock() + timedelta(days=1), "dora")
    assert len({one.id, other.id, third.id}) == 3
    assert (await look.begin(LONG_AGO, talk.clock() + timedelta(days=1), "dora")).id == third.id


async def test_two_who_screen_the_same_share_the_work_and_open_each_case_once(talk, knowledge):
    people = [f"p{number}" for number in range(12)]
    for who in people:
        await missed(talk, who=who)
    one, other = looking(talk, knowledge, page=2), looking(talk, knowledge, page=3)
    begun = await one.begin(LONG_AGO, None, "dora")

    async def works(look: LookBack, row: ScreeningRow) -> None:
        while await look.step(row):
            pass

    await asyncio.gather(works(one, begun), works(other, await other.begin(LONG_AGO, None, "emil")))
    found = await one.finish(begun)
    await other.finish(begun)
    assert (found.read, found.suspected) == (12, 12)
    assert [case.conversation for case in await talk.desk.cases()] == [f"fake:{who}" for who in people]
    assert [each["what"] for each in await entries(talk, "screening")].count("done") == 1


async def test_a_service_goes_on_while_stored_messages_are_read_again(talk, knowledge):
    """People write and have things erased meanwhile: nobody waits for the other, and nothing is lost."""
    people = [f"p{number}" for number in range(10)]
    for who in people:
        await missed(talk, who=who)

    async def lives(who: str) -> None:
        await talk.says(RASH if who in people[:5] else FORGOT, who)
        if who in people[5:]:
            await talk.erases(who)

    async def all_live() -> None:
        for who in people:
            await lives(who)

    _, found = await asyncio.gather(all_live(), screened(looking(talk, knowledge, page=2)))
    assert found.read + found.unreadable >= 10
    cases = await talk.desk.cases()
    assert {f"fake:{who}" for who in people[:5]} <= {case.conversation for case in cases}
    shown_on_cases = [id for case in cases for event in case.events for id in event.body.get("messages", ())]
    assert len(shown_on_cases) == len({*shown_on_cases})
    failed = await talk.rows(InboxRow, InboxRow.failures > 0)
    assert (failed, await talk.is_whole()) == ([], True)
