"""What specialists do in Slack, press by press, and what the requester and the others see of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fakes import Clock
from serving import RASH
from slack_api import SlackApi
from slack_api_people import Person
from slack_service import SlackService, slack_service

from escalation.case import Case
from escalation.slack_events import SEND
from smi_bot.assistant import Knowledge
from smi_bot.errors import Refused
from smi_bot.markup import to_styled

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADVICE = "Please show the rash to a doctor today."


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path_factory.mktemp("slack"), knowledge) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def case(desk: SlackService) -> Case:
    """A new case of a new requester."""
    await desk.quiet()
    for person in (desk.rao, desk.lee):
        person.ephemerals.clear()
        if person.view:
            person.dismisses(all=True)
    return await desk.asks(RASH)


async def kept(desk: SlackService, case: Case) -> Case:
    """A case as it is stored by now."""
    return next(each for each in await desk.local.cases() if each.id == case.id)


# --- claiming


async def test_of_two_who_claim_at_once_one_owns_it_and_the_other_is_told_who_privately(
    desk: SlackService, case: Case
) -> None:
    card = await desk.card(case)
    presses = [person.presses(card, "case_claim") for person in (desk.rao, desk.lee)]
    for press in presses:
        await press.comes_through()
    owner = (await kept(desk, case)).owner
    first, second = (desk.rao, desk.lee) if owner == f"slack:{desk.rao.id}" else (desk.lee, desk.rao)
    told = await desk.whisper(second, f"already claimed by <@{first.id}>")
    assert told.thread_ts == card.ts
    await desk.card(case, f"Owner: <@{first.id}>")
    await desk.quiet()
    assert first.ephemerals == []
    assert [e.kind for e in (await kept(desk, case)).events].count("claimed") == 1


async def test_who_releases_a_case_leaves_it_to_the_others(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    desk.rao.presses(card, "case_release")
    await desk.card(case, "Nobody has claimed this yet.")
    assert "case_claim" in card.buttons
    assert "case_release" not in card.buttons
    await desk.claimed(case, desk.lee)


async def test_who_does_not_own_a_case_cannot_release_it_and_is_told_why(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    desk.lee.presses(card, "case_release")
    await desk.whisper(desk.lee, f"Only its owner, <@{desk.rao.id}>, can do that")
    assert (await kept(desk, case)).owner == f"slack:{desk.rao.id}"


async def test_a_claim_lapses_after_silence(tmp_path: Path, knowledge: Knowledge) -> None:
    async with slack_service(tmp_path, knowledge) as desk:
        case = await desk.asks(RASH)
        card = await desk.claimed(case)
        await desk.quiet()
        desk.later(hours=3, minutes=59)
        await desk.quiet()
        assert (await kept(desk, case)).owner
        desk.later(minutes=1)
        await desk.card(case, "Nobody has claimed this yet.")
        assert "case_claim" in card.buttons
        await desk.hears(case, "wording/specialist-left.en")


# --- judging labels


async def judges(desk: SlackService, case: Case, verdict: str, by: Person) -> None:
    """Somebody opens the window and says whether the label of a rash is right."""
    await desk.opens(await desk.card(case), "case_judge", by)
    by.selects("verdict_adverse-event", verdict)
    submitted = by.submits()
    assert submitted
    await submitted.comes_through()


async def test_a_label_is_refuted_and_stands_there_as_refuted(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    assert "Adverse event: “" in card.all_text
    assert " · rule " in card.all_text
    view = await desk.opens(card, "case_judge")
    assert "own-symptom: The writer tells of a complaint" in view.all_text
    desk.rao.selects("verdict_adverse-event", "refuted")
    desk.rao.submits()
    await desk.card(case, f"refuted by <@{desk.rao.id}>", f"{case.number} · high")
    await desk.line(case, f"<@{desk.rao.id}> refuted the label adverse event (", "own-symptom")
    stored = await kept(desk, case)
    assert (stored.labels, stored.priority) == (case.labels, case.priority)
    assert desk.told(stored) == desk.told(case), "the requester hears nothing of it"


async def test_whoever_is_of_the_desk_may_judge_and_the_last_word_counts(desk: SlackService, case: Case) -> None:
    await judges(desk, case, "refuted", desk.rao)
    await judges(desk, case, "confirmed", desk.lee)
    await desk.card(case, f"confirmed by <@{desk.lee.id}>")
    said = [(e.actor, e.body["verdict"]) for e in (await kept(desk, case)).events if e.kind == "judged"]
    assert said == [(f"slack:{desk.rao.id}", "refuted"), (f"slack:{desk.lee.id}", "confirmed")]


async def test_a_window_that_was_open_while_more_was_written_judges_nothing(desk: SlackService, case: Case) -> None:
    await desk.opens(await desk.card(case), "case_judge")
    who = case.conversation.removeprefix("fake:")
    await desk.asks("and now I vomit after each tablet of Zelvanta", who)
    await desk.line(case, "and now I vomit")
    desk.rao.selects("verdict_adverse-event", "refuted")
    desk.rao.submits()
    await desk.whisper(desk.rao, f"More was written on {case.number} that raised this label.")
    assert [e.kind for e in (await kept(desk, case)).events].count("judged") == 0


# --- replying by the window


async def replies(desk: SlackService, case: Case, text: str = ADVICE) -> None:
    """The owner sends a reply by the window."""
    await desk.opens(desk.cards(case)[0], "case_reply")
    desk.rao.types("reply_text", text)
    desk.rao.submits()
    await desk.hears(case, "specialist")


async def test_the_reply_window_names_the_recipient_and_previews_what_is_typed(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    view = await desk.opens(card, "case_reply")
    assert case.number in view.all_text
    assert "patient" in view.all_text
    assert "The requester will read:" not in view.all_text
    desk.rao.types("reply_text", "Ask <your> doctor & *rest*")
    await desk.slack.until(lambda: "The requester will read:\nAsk <your> doctor & *rest*" in view.all_text)
    await desk.quiet()
    assert desk.replies(case) == []


async def test_a_reply_is_sent_confirmed_in_the_thread_and_the_window_closes(desk: SlackService, case: Case) -> None:
    await desk.claimed(case)
    await replies(desk, case)
    line = await desk.line(case, ADVICE, "Sent")
    assert f"<@{desk.rao.id}> replied" in line.all_text
    await desk.slack.until(lambda: desk.rao.view is None)
    assert desk.replies(case) == [ADVICE]


async def test_submitting_a_window_twice_sends_once(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    await desk.opens(card, "case_reply")
    desk.rao.types("reply_text", ADVICE)
    await desk.quiet()
    view = desk.rao.view
    first = desk.rao.submits()
    assert first
    again = desk.rao._brings(first.payload)
    await first.comes_through()
    await again.comes_through()
    await desk.line(case, ADVICE, "Sent")
    await desk.quiet()
    assert view and desk.replies(case) == [ADVICE]


async def test_a_draft_survives_closing_the_window_and_is_gone_once_it_is_sent(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    await desk.opens(card, "case_reply")
    typed = desk.rao.types("reply_text", "Half a sent")
    assert typed
    await typed.comes_through()
    desk.rao.dismisses()
    view = await desk.opens(card, "case_reply")
    assert view.values["reply"]["reply_text"]["value"] == "Half a sent"
    desk.rao.submits()
    await desk.hears(case, "specialist")
    await desk.slack.until(lambda: desk.rao.view is None)
    view = await desk.opens(card, "case_reply")
    assert not view.values["reply"]["reply_text"]["value"]


async def test_a_draft_survives_a_restart(
    tmp_path: Path, database_url: str, knowledge: Knowledge, clock: Clock
) -> None:
    with SlackApi(clock=clock) as slack:
        settings: dict[str, Any] = {"slack": slack, "clock": clock, "database_url": database_url}
        async with slack_service(tmp_path / "data", knowledge, **settings) as desk:
            case = await desk.asks(RASH)
            card = await desk.claimed(case)
            await desk.opens(card, "case_reply")
            typed = desk.rao.types("reply_text", "Half a sent")
            assert typed
            await typed.comes_through()
            desk.rao.dismisses()
        async with slack_service(tmp_path / "data", knowledge, **settings) as desk:
            view = await desk.opens(card, "case_reply")
            assert view.values["reply"]["reply_text"]["value"] == "Half a sent"
            await desk.quiet()
            assert desk.cards(case) == [card]


async def test_only_the_owner_gets_the_reply_window(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    await desk.lee.presses(card, "case_reply").comes_through()
    await desk.whisper(desk.lee, f"Only its owner, <@{desk.rao.id}>, can do that on {case.number}.")
    assert desk.lee.view is None


async def test_who_lost_the_case_while_writing_is_told_in_the_window_and_nothing_is_sent(
    desk: SlackService, case: Case
) -> None:
    card = await desk.claimed(case)
    await desk.opens(card, "case_reply")
    desk.rao.types("reply_text", ADVICE)
    await desk.local.presses("release", case.id, by=f"slack:{desk.rao.id}")
    await desk.card(case, "Nobody has claimed this yet.")
    await desk.claimed(case, desk.lee)
    submitted = desk.rao.submits()
    assert submitted
    await submitted.comes_through()
    assert desk.rao.errors == {"reply": f"Only its owner, a colleague, can do that on {case.number}."}
    assert desk.rao.view, "what was typed is not lost"
    await desk.quiet()
    assert desk.replies(case) == []


async def test_a_reply_that_failed_says_so_and_is_sent_again_by_its_button(desk: SlackService, case: Case) -> None:
    await desk.claimed(case)
    await desk.quiet()
    desk.fake.troubles.append(Refused("the requester blocked the bot"))
    await desk.opens(desk.cards(case)[0], "case_reply")
    desk.rao.types("reply_text", ADVICE)
    desk.rao.submits()
    line = await desk.line(case, ADVICE, "Failed: the requester blocked the bot")
    assert line.labels == ["Send again"]
    desk.lee.presses(line, "reply_retry")
    await desk.whisper(desk.lee, "Only its owner")
    assert desk.replies(case) == []
    desk.rao.presses(line, "reply_retry")
    await desk.line(case, ADVICE, "Sent")
    assert desk.replies(case) == [ADVICE]
    assert "reply_retry" not in line.buttons
    desk.rao.presses(line, "reply_retry", stale=True)
    await desk.whisper(desk.rao, "This reply has not failed; nothing was sent again.")
    assert desk.replies(case) == [ADVICE]


# --- replying by 📤


async def test_what_is_written_in_the_thread_is_internal(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    await desk.writes(card, "She sounds fine to me.")
    desk.rao.reacts(await desk.writes(card, "Agreed?"), "thumbsup")
    await desk.quiet()
    assert desk.replies(case) == []
    assert [e.body["text"] for e in (await kept(desk, case)).events if e.kind == "noted"] == [
        "She sounds fine to me.",
        "Agreed?",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Take it with <food> & water, not > 2 a day",
        "See https://example.org/a?b=1&c=2 for more",
        "&lt;b&gt; is not bold; *nor* is _this_",
        "first line\nsecond line",
        "مرحبا 👩🏽‍⚕️",
    ],
)
async def test_the_owners_own_message_is_sent_by_the_reaction_as_it_was_typed(
    desk: SlackService, case: Case, text: str
) -> None:
    card = await desk.claimed(case)
    message = await desk.writes(card, text)
    desk.rao.reacts(message, SEND)
    await desk.line(case, "replied", text, "Sent")
    assert desk.replies(case) == [text]


async def test_reacting_twice_taking_it_back_and_editing_afterwards_send_once(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    message = await desk.writes(card, ADVICE)
    desk.rao.reacts(message, SEND)
    await desk.line(case, "replied", ADVICE, "Sent")
    desk.rao.unreacts(message, SEND)
    await desk.quiet()
    desk.rao.reacts(message, SEND)
    await desk.quiet()
    desk.rao.edits(message, f"{ADVICE} Or tomorrow.")
    await desk.quiet()
    desk.rao.unreacts(message, SEND)
    desk.rao.reacts(message, SEND)
    await desk.quiet()
    assert desk.replies(case) == [ADVICE]


async def test_what_was_edited_before_it_was_sent_goes_out_in_its_latest_words(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    message = await desk.writes(card, "Please shwo it")
    desk.rao.edits(message, ADVICE)
    desk.rao.reacts(message, SEND)
    await desk.line(case, "replied", ADVICE, "Sent")
    assert desk.replies(case) == [ADVICE]


async def test_a_reaction_that_overtakes_its_message_and_edit_still_sends_the_latest_words(
    desk: SlackService, case: Case
) -> None:
    card = await desk.claimed(case)
    desk.slack.hold()
    message = desk.rao.writes(card, "Please shwo it")
    desk.rao.edits(message, ADVICE)
    desk.rao.reacts(message, SEND)
    desk.slack.deliver(last_first=True)
    await desk.slack.until(lambda: not desk.slack.undelivered)
    desk.later(seconds=2)
    await desk.hears(case, "specialist")
    await desk.quiet()
    assert desk.replies(case) == [ADVICE]


async def test_nobody_but_the_author_sends_a_message(desk: SlackService, case: Case) -> None:
    card = await desk.claimed(case)
    message = await desk.writes(card, "Internal: I doubt it.", by=desk.lee)
    desk.rao.reacts(message, SEND)
    told = await desk.whisper(desk.rao, "Only a note of your own can be sent")
    assert told.thread_ts == card.ts
    desk.lee.reacts(message, SEND)
    await desk.whisper(desk.lee, f"Nothing was sent: Only its owner, <@{desk.rao.id}>")
    assert desk.replies(case) == []


async def test_nothing_is_sent_from_a_case_that_nobody_has_claimed(desk: SlackService, case: Case) -> None:
    message = await desk.writes(await desk.card(case), "hello?")
    desk.rao.reacts(message, SEND)
    await desk.whisper(desk.rao, f"Claim {case.number} first.")
    assert desk.replies(case) == []


# --- approved answers


async def test_an_answer_found_by_search_is_shown_as_it_will_be_read_and_sent_with_its_id_and_version(
    desk: SlackService, case: Case
) -> None:
    card = await desk.claimed(case)
    view = await desk.opens(card, "case_insert")
    await desk.rao.looks_up("entry_search", "forgot a tablet").comes_through()
    found = [option["value"] for option in desk.rao.offered["entry_search"]]
    assert found[0] == "missed-dose"
    desk.rao.selects("entry_search", found[0])
    await desk.slack.until(lambda: "12 hours" in view.all_text)
    entry = desk.app.shelf.knowledge.library.entries[found[0]]
    assert f"{found[0]} v{entry.version}" in view.all_text
    desk.rao.submits()
    said = await desk.hears(case, "zelvanta/missed-dose")
    assert said.source.startswith(f"zelvanta/missed-dose v{entry.version}")
    for paragraph in filter(str.strip, to_styled(said.markdown).text.splitlines()):
        assert paragraph in view.all_text
    replied = next(e for e in (await kept(desk, case)).events if e.kind == "replied")
    assert (replied.body["entry"], replied.body["version"]) == (found[0], entry.version)
    await desk.line(case, "replied", "Sent")
