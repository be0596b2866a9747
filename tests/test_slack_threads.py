"""Approved answers, labels, closing and looking in Slack; and what the thread of a card tells as a case goes on."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from by_hand import CONFIRM
from serving import PNG, RASH
from slack_api_world import View
from slack_service import SlackService, slack_service

from escalation.case import Case
from escalation.slack_events import SEND
from smi_bot.assistant import Knowledge
from smi_bot.attachments import keep
from smi_bot.inquiry import PublicPost
from smi_bot.receiving import enqueue

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORGOTTEN = "Can I speak to a person? What if I forget a tablet of Zelvanta?"
CALL_ME = "Ring me at +49 151 23456789"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path_factory.mktemp("slack"), knowledge) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def case(desk: SlackService) -> Case:
    """A new case of a new requester."""
    await tidy(desk)
    return await desk.asks(f"{RASH}. {CALL_ME}")


@pytest_asyncio.fixture(loop_scope="module")
async def alone(tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    """A desk of its own, for a test that lets hours go by."""
    async with slack_service(tmp_path, knowledge) as desk:
        yield desk


async def tidy(desk: SlackService) -> None:
    """Nobody has anything open, or was told anything."""
    await desk.quiet()
    for person in (desk.rao, desk.lee):
        person.ephemerals.clear()
        if person.view:
            person.dismisses(all=True)


async def kept(desk: SlackService, case: Case) -> Case:
    """A case as it is stored by now."""
    return next(each for each in await desk.local.cases() if each.id == case.id)


async def says(desk: SlackService, case: Case, text: str, **more: Any) -> None:
    """The requester of a case writes more."""
    inquiry = desk.fake.inquiry(text, case.conversation.removeprefix("fake:")).model_copy(update=more)
    await enqueue(desk.app.inbox, inquiry)


# --- approved answers


async def found(desk: SlackService, words: str, audience: str, country: str) -> list[str]:
    """What a search offers on the case of such a requester."""
    await tidy(desk)
    case = await desk.asks(RASH, await desk.regular(audience, country))
    card = await desk.claimed(case)
    await desk.opens(card, "case_insert")
    await desk.rao.looks_up("entry_search", words).comes_through()
    return [option["value"] for option in desk.rao.offered["entry_search"]]


async def test_a_search_offers_only_what_is_approved_for_the_requesters_audience(desk: SlackService) -> None:
    assert "pharmacokinetics" in await found(desk, "pharmacokinetics of morlivexat", "hcp", "US")
    assert "pharmacokinetics" not in await found(desk, "pharmacokinetics of morlivexat", "patient", "US")


async def test_a_search_offers_only_what_is_approved_in_the_requesters_region(desk: SlackService) -> None:
    assert "nurse-line-eu" in await found(desk, "nurse line", "patient", "DE")
    assert "nurse-line-eu" not in await found(desk, "nurse line", "patient", "US")


async def chosen(desk: SlackService, case: Case, entry: str) -> View:
    """The owner looks an approved answer up and sees it."""
    view = await desk.opens(await desk.claimed(case), "case_insert")
    await desk.rao.looks_up("entry_search", "forget a tablet").comes_through()
    desk.rao.selects("entry_search", entry)
    await desk.slack.until(lambda: f"{entry} v" in view.all_text)
    return view


async def test_an_answer_that_changed_since_it_was_shown_is_not_sent(
    desk: SlackService, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, library = "missed-dose", desk.app.shelf.knowledge.library
    await chosen(desk, case, id)
    changed = library.entries[id].model_copy(update={"version": library.entries[id].version + 1})
    monkeypatch.setitem(library.entries, id, changed)  # type: ignore[arg-type]
    desk.rao.submits()
    await desk.whisper(desk.rao, "This answer has changed since it was shown. Choose it again.")
    await desk.quiet()
    assert not [said for said in desk.told(case) if said.source.startswith("zelvanta/")]


async def test_a_suggestion_on_the_card_opens_as_the_requester_will_read_it_and_is_sent(desk: SlackService) -> None:
    await tidy(desk)
    case = await desk.asks(FORGOTTEN)
    card = await desk.claimed(case)
    assert "Approved answers that may fit" in card.all_text
    view = await desk.opens(card, "entry_show", value=f"{case.id}:missed-dose")
    assert "12 hours" in view.all_text
    desk.rao.submits()
    said = await desk.hears(case, "zelvanta/missed-dose")
    assert said.source.startswith("zelvanta/missed-dose v1")


# --- labels, closing, looking


async def test_the_owners_labels_replace_those_of_the_rules_and_the_priority_follows(
    desk: SlackService, case: Case
) -> None:
    card = await desk.claimed(case)
    assert f"{case.number} · high" in card.all_text
    view = await desk.opens(card, "case_label")
    assert "adverse-event" in json.dumps(view.values)
    desk.rao.selects("label_choice", ["human"])
    desk.rao.submits()
    await desk.card(case, f"{case.number} · normal")
    assert (await kept(desk, case)).labels == ("human",)
    await desk.line(case, f"<@{desk.rao.id}> set the labels: human")


async def test_closing_needs_a_disposition_keeps_the_note_inside_and_asks_whether_it_helped(
    desk: SlackService, case: Case
) -> None:
    card = await desk.claimed(case)
    await desk.opens(card, "case_close")
    assert desk.rao.submits() is None, "a disposition must be chosen"
    desk.rao.selects("close_disposition", "forwarded-to-drug-safety")
    desk.rao.types("close_note", "PV-2026-117")
    desk.rao.submits()
    await desk.card(case, f"{case.number} · high · closed", f"<@{desk.rao.id}> closed it: forwarded to drug safety")
    await desk.line(case, "closed the case: forwarded to drug safety", "PV-2026-117")
    closing = await desk.hears(case, "wording/case-closed.en")
    assert [button.action.verb for button in closing.buttons] == ["helpful", "not-helpful"]
    assert "PV-2026" not in "".join(said.markdown for said in desk.told(case))
    assert set(card.buttons).isdisjoint({"case_claim", "case_reply", "case_close", "case_release"})
    message = desk.rao.writes(card, "too late")
    await desk.whisper(desk.rao, f"This was not noted on the case: {case.number} is closed.")
    await desk.rao.reacts(message, SEND).comes_through()
    desk.later(seconds=11)  # its message might still be on its way
    await desk.whisper(desk.rao, "The bot does not know this message.")
    assert desk.replies(case) == []


async def test_looking_at_the_original_text_shows_it_to_one_person_and_is_recorded(
    desk: SlackService, case: Case
) -> None:
    card = await desk.card(case)
    assert CALL_ME not in card.all_text
    view = await desk.opens(card, "case_reveal", by=desk.lee)
    assert CALL_ME in view.all_text
    await desk.line(case, f"<@{desk.lee.id}> looked at the original text.")
    assert [e.actor for e in (await kept(desk, case)).events if e.kind == "revealed"] == [f"slack:{desk.lee.id}"]
    assert not desk.slack.seen(lambda message: message.channel == card.channel and CALL_ME in message.all_text)


# --- what goes on


async def test_a_further_safety_report_alerts_the_owner_and_raises_the_priority_on_the_card(
    desk: SlackService, case: Case
) -> None:
    await desk.claimed(case)
    await says(desk, case, "My face is swelling and I cannot breathe")
    await desk.card(case, f"{case.number} · urgent")
    alert = await desk.line(case, f"<@{desk.rao.id}> Raised to urgent priority")
    assert "breathe" not in alert.notification
    assert len(desk.cards(case)) == 1


async def test_a_further_report_on_a_case_that_nobody_has_alerts_everybody_in_the_channel(
    desk: SlackService, case: Case
) -> None:
    await desk.card(case)
    await says(desk, case, "My face is swelling and I cannot breathe")
    alert = await desk.line(case, "<!here> Raised to urgent priority")
    assert alert.params["reply_broadcast"]


async def test_a_case_that_nobody_claims_in_time_is_reminded_of_in_its_thread(alone: SlackService) -> None:
    desk, case = alone, await alone.asks(RASH)
    await desk.card(case)
    desk.later(minutes=desk.app.settings.due_high_minutes + 1)
    reminder = await desk.line(case, "Nobody has claimed this case in time.")
    assert reminder.notification == f"{case.number}: overdue, high priority."
    await desk.card(case, "Overdue since")


async def test_an_owner_who_does_not_answer_in_time_is_reminded_in_the_thread(alone: SlackService) -> None:
    desk, case = alone, await alone.asks(RASH)
    await desk.claimed(case)
    await desk.quiet()
    desk.later(minutes=desk.app.settings.due_high_minutes + 1)
    reminder = await desk.line(case, f"<@{desk.rao.id}> has not answered in time.")
    assert reminder.notification == f"{case.number}: overdue, high priority."


async def test_a_public_post_can_be_claimed_but_never_answered(desk: SlackService) -> None:
    await tidy(desk)
    who = desk.somebody()
    post = PublicPost(link="https://t.me/forum/5")
    await enqueue(desk.app.inbox, desk.fake.inquiry(RASH, who).model_copy(update={"public": post}))
    case = await desk.case(who)
    card = await desk.claimed(case)
    assert "Public forum: " in card.all_text
    assert set(card.buttons).isdisjoint({"case_reply", "case_insert"})
    desk.rao.reacts(await desk.writes(card, "Please see a doctor"), SEND)
    await desk.whisper(desk.rao, "is a public post: nothing is ever sent there.")
    assert desk.replies(case) == []


async def test_later_messages_and_edits_with_the_earlier_text_stand_in_the_thread_in_order(desk: SlackService) -> None:
    await tidy(desk)
    who = await desk.regular()
    inquiry = desk.fake.inquiry(RASH, who)
    await enqueue(desk.app.inbox, inquiry.model_copy(update={"message": "m1"}))
    case = await desk.case(who)
    await desk.claimed(case)
    await says(desk, case, "It is on my <arm> & *hand*", message="m2")
    await desk.line(case, "It is on my <arm> & *hand*")
    await says(desk, case, "It is on my leg", message="m2", edited=True)
    edit = await desk.line(case, "It is on my leg", "before it was edited:", "on my <arm> & *hand*")
    assert desk.thread(case)[-1] == edit
    await desk.quiet()
    shown = [m.all_text for m in desk.thread(case) if "wrote:" in m.all_text]
    assert [RASH in shown[0], "<arm>" in shown[1], "on my leg" in shown[2]] == [True] * 3


async def test_a_file_is_shown_in_the_thread_once(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    async with desk.app.database.transaction() as tx:
        file = await keep(tx, case.conversation, "Ann Miller's arm.png", PNG, 10_000, desk.clock())
    await says(desk, case, "This is how it looks", attachments=(file,))
    await desk.slack.until(lambda: any(m.files for m in desk.slack.thread(card)))
    await says(desk, case, "And it itches")
    await desk.line(case, "And it itches")
    await desk.quiet()
    (shown,) = [m for m in desk.slack.thread(card) if m.files]
    stored = desk.slack.files[shown.files[0]["id"]]
    assert stored.content == PNG
    assert "Ann" not in stored.name


async def test_erasure_removes_words_and_files_from_slack(desk: SlackService) -> None:
    await tidy(desk)
    who = await desk.regular()
    async with desk.app.database.transaction() as tx:
        file = await keep(tx, f"fake:{who}", "arm.png", PNG, 10_000, desk.clock())
    case = await desk.asks(f"xanthic: {FORGOTTEN}", who, (file,))
    card = await desk.claimed(case)
    await desk.slack.until(lambda: any(m.files for m in desk.slack.thread(card)))
    (stored,) = [m.files[0]["id"] for m in desk.slack.thread(card) if m.files]
    await desk.opens(card, "case_close")
    desk.rao.selects("close_disposition", "answered")
    desk.rao.submits()
    await desk.card(case, "closed it")
    await desk.quiet()
    assert desk.slack.seen("xanthic")
    await desk.fake.presses(CONFIRM, who)
    await desk.card(case, "What was written on this case was erased")
    await desk.slack.until(lambda: not desk.slack.seen("xanthic"))
    await desk.slack.until(lambda: not any(m.files for m in desk.slack.thread(card)))
    assert stored not in desk.slack.files
