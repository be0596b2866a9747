"""What 📤 sends: the words that stood there when it was put on them, unless it was taken back; or its author is told why not."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from serving import PNG, RASH
from slack_api_world import Message
from slack_service import SlackService, slack_service

from escalation.case import Case
from escalation.slack_events import SEND
from smi_bot.assistant import Knowledge

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path_factory.mktemp("slack"), knowledge) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def case(desk: SlackService) -> Case:
    """A new case of a new requester, which Dr. Rao has claimed."""
    await desk.quiet()
    for person in (desk.rao, desk.lee):
        person.ephemerals.clear()
    case = await desk.asks(RASH)
    await desk.claimed(case)
    return case


@pytest.fixture
def card(desk: SlackService, case: Case) -> Message:
    return desk.cards(case)[0]


async def in_turn(desk: SlackService, *order: int) -> None:
    """Slack brings what it held back, in this order."""
    held = list(desk.slack.held or ())
    for place in order:
        desk.slack._start(held[place])
        await held[place].comes_through()
    desk.slack.held = None


# --- which words


async def test_an_edit_that_the_reaction_overtakes_is_what_is_sent(
    desk: SlackService, case: Case, card: Message
) -> None:
    message = await desk.writes(card, "Take 20 tablets a day.")
    desk.slack.hold()
    desk.rao.edits(message, "Take 2 tablets a day.")
    desk.rao.reacts(message, SEND)
    await in_turn(desk, 1, 0)
    await desk.hears(case, "specialist")
    assert desk.replies(case) == ["Take 2 tablets a day."]


async def test_a_reaction_that_was_taken_back_before_it_was_seen_sends_nothing(
    desk: SlackService, case: Case, card: Message
) -> None:
    for order in ((0, 1), (1, 0)):
        message = await desk.writes(card, "internal: I doubt her story")
        desk.slack.hold()
        desk.rao.reacts(message, SEND)
        desk.rao.unreacts(message, SEND)
        await in_turn(desk, *order)
        await desk.quiet()
    assert (desk.replies(case), desk.rao.ephemerals) == ([], [])


async def test_a_reaction_taken_back_and_put_on_again_sends_once(desk: SlackService, case: Case, card: Message) -> None:
    message = await desk.writes(card, "Please see a doctor.")
    desk.slack.hold()
    desk.rao.reacts(message, SEND)
    desk.rao.unreacts(message, SEND)
    desk.rao.reacts(message, SEND)
    await in_turn(desk, 2, 0, 1)
    await desk.quiet()
    assert desk.replies(case) == ["Please see a doctor."]


async def test_a_reaction_of_somebody_else_that_was_taken_back_leaves_the_authors(
    desk: SlackService, case: Case, card: Message
) -> None:
    message = await desk.writes(card, "Please see a doctor.")
    desk.slack.hold()
    desk.rao.reacts(message, SEND)
    desk.lee.reacts(message, SEND)
    desk.lee.unreacts(message, SEND)
    await in_turn(desk, 0, 1, 2)
    await desk.quiet()
    assert desk.replies(case) == ["Please see a doctor."]


async def test_what_was_deleted_before_the_reaction_was_seen_is_not_sent_and_marked_as_deleted(
    desk: SlackService, case: Case, card: Message
) -> None:
    message = await desk.writes(card, "Her name is Ann Miller.")
    desk.slack.hold()
    desk.rao.reacts(message, SEND)
    desk.rao.deletes(message)
    await in_turn(desk, 0, 1)
    await desk.whisper(desk.rao, "Nothing was sent: This note was deleted in Slack.")
    await desk.quiet()
    assert desk.replies(case) == []
    notes = [e for e in (await desk.local.cases())[-1].events if e.kind == "noted"]
    assert [bool(note.body.get("deleted")) for note in notes] == [False, True]


# --- what people are told


async def test_who_sends_a_note_again_after_an_edit_is_told_that_the_edit_was_not_sent(
    desk: SlackService, case: Case, card: Message
) -> None:
    message = await desk.writes(card, "Take 20 tablets a day.")
    desk.rao.reacts(message, SEND)
    await desk.line(case, "replied", "Sent")
    desk.rao.edits(message, "Take 2 tablets a day.")
    desk.rao.unreacts(message, SEND)
    desk.rao.reacts(message, SEND)
    await desk.whisper(desk.rao, "Already sent; what you changed was not.")
    assert desk.replies(case) == ["Take 20 tablets a day."]


async def test_of_a_message_with_a_file_the_words_are_sent_and_its_author_told_that_the_file_is_not(
    desk: SlackService, case: Case, card: Message
) -> None:
    message = desk.rao.uploads(card, "leaflet.png", PNG, "Please read this")
    await desk.quiet()
    assert desk.rao.ephemerals == []
    desk.rao.reacts(message, SEND)
    await desk.whisper(desk.rao, "files stay in Slack")
    await desk.hears(case, "specialist")
    assert desk.replies(case) == ["Please read this"]


async def test_who_puts_a_file_without_words_into_the_thread_is_told_that_it_is_not_noted(
    desk: SlackService, case: Case, card: Message
) -> None:
    desk.rao.uploads(card, "leaflet.png", PNG)
    told = await desk.whisper(desk.rao, "This was not noted on the case: files stay in Slack")
    assert told.thread_ts == card.ts


@pytest.mark.parametrize("text", ["As <@{lee}> says, rest.", "Ask in <#{channel}>", "Rest :party_parrot:"])
async def test_what_only_this_slack_understands_is_not_sent_and_its_author_told_why(
    desk: SlackService, case: Case, card: Message, text: str
) -> None:
    text = text.format(lee=desk.lee.id, channel=desk.slack.channel)
    desk.rao.reacts(await desk.writes(card, text), SEND)
    await desk.whisper(desk.rao, "Nothing was sent: ")
    await desk.quiet()
    assert desk.replies(case) == []


async def test_a_refusal_is_told_once_however_long_the_rest_waits(
    desk: SlackService, case: Case, card: Message
) -> None:
    desk.slack.hold()
    message = desk.rao.writes(card, "x" * 4500)
    desk.rao.reacts(message, SEND)
    await in_turn(desk, 1, 0)
    await desk.whisper(desk.rao, "This was not noted on the case: This is too long")
    for _ in range(14):
        desk.later(seconds=1)
        await desk.app.inbox.step()
    await desk.quiet()
    assert len(desk.rao.ephemerals) == 2, "the second says that the bot does not know the message"
