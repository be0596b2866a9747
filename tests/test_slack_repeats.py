"""What comes from Slack twice, too early, or while the database is away."""

import asyncio
import itertools

import pytest
from serving import RASH
from slack_api_delivery import Delivery
from slack_in_trouble import desk, hasty, noted, settles, stands_once  # noqa: F401 (fixtures)
from slack_service import WAYS, slack_service
from sqlalchemy.exc import OperationalError

TRAY = "outbox_tray"


@pytest.fixture(params=WAYS)
async def either(request, tmp_path, knowledge, sqlite_url, hasty):
    async with slack_service(tmp_path / "data", knowledge, way=request.param, database_url=sqlite_url) as service:
        service.slack.retry_after = (0.0, 0.1, 0.2)
        yield service
        assert service.slack.warnings == []


async def test_events_that_come_twice_under_other_ids_and_as_retries_are_one_note_and_one_reply(either):
    case = await either.asks(RASH)
    card = await either.claimed(case)
    either.slack.other_event_id = True
    lost = itertools.count()
    either.slack.on_delivery = lambda delivery, when: (
        when == "after" and delivery.payload.get("event", {}).get("user") == either.rao.id and next(lost) < 3
    )
    message = either.rao.writes(card, "Show it to a doctor today")
    await either.quiet()
    either.slack.on_delivery = None
    assert len(either.slack.event_of(message).attempts) == 4  # three whose confirmation was lost
    reaction = either.rao.reacts(message, TRAY)
    for event in (message, message, reaction, reaction):
        either.slack.repeat(event, other_id=True)
    await either.hears(case, "specialist")
    await settles(either)
    assert either.replies(case) == ["Show it to a doctor today"]
    (noted,) = [e for e in (await either.local.cases())[0].events if e.kind == "noted"]
    assert noted.body["text"] == "Show it to a doctor today"
    assert [each.all_text for each in either.rao.ephemerals] == []


async def test_a_reaction_before_its_message_sends_it_when_it_is_there(either):
    case = await either.asks(RASH)
    card = await either.claimed(case)
    either.slack.hold()
    message = either.rao.writes(card, "Show it to a doctor")
    reaction = either.rao.reacts(message, TRAY)
    held, either.slack.held = either.slack.held, None
    either.slack._start(held[1])
    await reaction.comes_through()
    assert either.replies(case) == []
    either.slack._start(held[0])
    await either.hears(case, "specialist")
    await settles(either)
    assert either.replies(case) == ["Show it to a doctor"]


async def test_of_an_edit_that_comes_before_its_message_the_newer_words_are_kept_and_sent(either):
    case = await either.asks(RASH)
    card = await either.claimed(case)
    either.slack.hold()
    message = either.rao.writes(card, "Take fwo tablets")
    edit = either.rao.edits(message, "Take two tablets")
    held, either.slack.held = either.slack.held, None
    either.slack._start(held[1])
    await edit.comes_through()
    either.slack._start(held[0])
    await held[0].comes_through()
    await either.rao.reacts(message, TRAY).comes_through()
    await either.hears(case, "specialist")
    assert either.replies(case) == ["Take two tablets"]


async def test_interactions_that_are_repeated_do_once_what_they_say(either):
    case = await either.asks(RASH)
    card = await either.card(case)
    await settles(either)
    again = [either.rao.presses(card, "case_claim") for _ in range(3)]
    for press in again:
        await press.comes_through()
    card = await either.card(case, "Owner: ")
    await either.opens(card, "case_reply")
    await either.rao.types("reply_text", "Please see a doctor").comes_through()
    sent = either.rao.submits()
    await sent.comes_through()
    for _ in range(2):
        twin = either.slack._bring(Delivery("interactive", sent.payload, either.slack))
        await twin.comes_through()
    await either.hears(case, "specialist")
    await settles(either)
    assert either.replies(case) == ["Please see a doctor"]
    kinds = [event.kind for event in (await either.local.cases())[0].events]
    assert (kinds.count("claimed"), kinds.count("replied")) == (1, 1)
    stands_once(either, case)


async def test_events_are_not_acknowledged_while_the_database_fails_and_arrive_afterwards(either, monkeypatch):
    case = await either.asks(RASH)
    card = await either.card(case)
    await settles(either)
    accept, refused = either.app.inbox.accept, asyncio.Event()

    async def fails(*_: object) -> bool:
        refused.set()
        raise OperationalError("", {}, Exception())

    either.slack.patience = 0.3
    either.slack.retry_after = (0.0, 60.0)
    either.app.inbox.accept = fails
    event = either.slack.event_of(either.rao.writes(card, "a note in bad times"))
    await either.slack.until(lambda: len(event.attempts) == 2 and event.attempts[-1] not in ("open", "taken"))
    assert refused.is_set()
    assert not event.acknowledged.is_set()
    either.app.inbox.accept = accept
    either.slack.patience = 3.0
    either.slack.retry_now()
    await event.comes_through()
    assert [e.body["text"] for e in (await noted(either, case)).events if e.kind == "noted"] == ["a note in bad times"]


async def test_a_press_is_not_acknowledged_while_the_database_fails_and_may_be_made_again(either, monkeypatch):
    case = await either.asks(RASH)
    card = await either.card(case)
    await settles(either)
    claim, either.slack.patience = either.app.handoff.claim, 0.5

    async def fails(*_: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(either.app.handoff, "claim", fails)
    press = either.rao.presses(card, "case_claim")
    await either.slack.until(lambda: press.is_settled)
    assert (press.gave_up, press.acknowledged.is_set()) == (True, False)  # they see a warning sign
    monkeypatch.setattr(either.app.handoff, "claim", claim)
    either.slack.patience = 3.0
    await either.claimed(case)
