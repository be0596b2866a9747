"""Windows of the Slack desk and what may happen between their showing and their submission."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from serving import RASH
from slack_api_delivery import Delivery
from slack_service import SlackService, slack_service

from smi_bot.assistant import Knowledge
from smi_bot.conversations import ConversationRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADVICE = "Take one tablet a day."


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path_factory.mktemp("slack"), knowledge) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def tidy(desk: SlackService) -> None:
    """Nobody has anything open, or was told anything."""
    await desk.quiet()
    desk.rao.ephemerals.clear()
    if desk.rao.view:
        desk.rao.dismisses(all=True)


async def test_what_is_told_of_typing_after_a_reply_was_sent_is_no_draft_of_it(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.claimed(case)
    await desk.opens(card, "case_reply")
    typed = desk.rao.types("reply_text", ADVICE)
    assert typed
    await typed.comes_through()
    submitted = desk.rao.submits()
    assert submitted
    await submitted.comes_through()
    await desk.rao._brings(typed.payload).comes_through()
    await desk.hears(case, "specialist")
    view = await desk.opens(card, "case_reply")
    assert not view.values["reply"]["reply_text"]["value"], "one press from being sent twice"


async def test_other_words_in_a_window_that_was_sent_are_refused_in_it(desk: SlackService) -> None:
    """The first acknowledgement is lost: Slack leaves the window open and says "Try again"."""
    case = await desk.asks(RASH)
    await desk.opens(await desk.claimed(case), "case_reply")
    desk.rao.types("reply_text", "Take 20 tablets a day.")
    await desk.quiet()

    def is_lost(delivery: Delivery, when: str) -> bool:
        return when == "after" and delivery.payload.get("type") == "view_submission"

    desk.slack.on_delivery = is_lost
    desk.rao.submits()
    await desk.slack.until(lambda: desk.slack.failed_interactions)
    desk.slack.on_delivery = None
    await desk.slack.until(lambda: desk.slack.sockets)
    desk.rao.types("reply_text", "Take 2 tablets a day.")
    await desk.quiet()
    again = desk.rao.submits()
    assert again
    await again.comes_through()
    assert desk.rao.errors["reply"].startswith("Already sent; what you changed was not.")
    assert desk.replies(case) == ["Take 20 tablets a day."]


@pytest.mark.parametrize("change", [{"audience": "hcp"}, {"country": "DE"}])
async def test_an_approved_answer_that_was_shown_for_another_requester_is_not_sent(
    desk: SlackService, change: dict[str, str]
) -> None:
    case = await desk.asks(RASH, await desk.regular("patient", "US"))
    card = await desk.claimed(case)
    view = await desk.opens(card, "case_insert")
    await desk.rao.looks_up("entry_search", "forget a tablet").comes_through()
    desk.rao.selects("entry_search", "missed-dose")
    await desk.slack.until(lambda: "missed-dose v" in view.all_text)
    async with desk.app.database.transaction() as tx:
        row = await tx.get_one(ConversationRow, case.conversation)
        for name, value in change.items():
            setattr(row, name, value)
    desk.rao.submits()
    told = await desk.whisper(desk.rao, "audience or country has changed since. Look at the answer again.")
    assert told.thread_ts == card.ts
    await desk.quiet()
    assert not [said for said in desk.told(case) if said.source.startswith("zelvanta/")]
