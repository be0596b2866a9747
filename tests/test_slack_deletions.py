"""What becomes of a case when somebody deletes its card, of a note edited twice at once, and of doubtful files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from by_hand import CONFIRM
from serving import PNG, RASH
from slack_service import SlackService, slack_service
from sqlmodel import col

from escalation.slack_events import SEND
from escalation.slack_store import SlackPostRow
from smi_bot.assistant import Knowledge
from smi_bot.attachments import keep

pytestmark = pytest.mark.asyncio

FORGOTTEN = "Can I speak to a person? What if I forget a tablet of Zelvanta?"


@pytest_asyncio.fixture
async def desk(tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path, knowledge) as desk:
        yield desk


async def test_a_deleted_card_comes_back_though_nothing_else_happens(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.card(case)
    await desk.quiet()
    for line in desk.slack.thread(card):
        desk.rao.deletes(line)
    await desk.quiet()
    desk.rao.deletes(card)
    await desk.slack.until(lambda: [m.ts for m in desk.cards(case) if not m.deleted and m is not card])


async def test_a_card_deleted_over_its_thread_comes_back_with_the_thread(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.claimed(case)
    await desk.quiet()
    before = [line.all_text for line in desk.slack.thread(card)]
    assert before
    desk.rao.deletes(card)
    await desk.slack.until(lambda: [m for m in desk.cards(case) if not m.deleted and m is not card])
    await desk.quiet()
    (anew,) = [m for m in desk.cards(case) if not m.deleted]
    assert [line.all_text for line in desk.slack.thread(anew)] == before


async def test_of_two_edits_that_come_in_the_wrong_order_the_later_one_is_sent(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    note = await desk.writes(await desk.claimed(case), "Take it")
    desk.slack.hold()
    desk.rao.edits(note, "Please see")
    desk.rao.edits(note, "Please see your doctor.")
    desk.slack.deliver(last_first=True)
    await desk.quiet()
    desk.rao.reacts(note, SEND)
    await desk.hears(case, "specialist")
    assert desk.replies(case) == ["Please see your doctor."]


async def test_a_file_of_which_nobody_knows_whether_it_arrived_is_erased_too(desk: SlackService) -> None:
    who = await desk.regular()
    async with desk.app.database.transaction() as tx:
        file = await keep(tx, f"fake:{who}", "arm.png", PNG, 10_000, desk.clock())
    case = await desk.asks(FORGOTTEN, who, (file,))
    card = await desk.claimed(case)
    await desk.slack.until(lambda: any(m.files for m in desk.slack.thread(card)))
    await desk.opens(card, "case_close")
    desk.rao.selects("close_disposition", "answered")
    desk.rao.submits()
    await desk.card(case, "closed it")
    await desk.quiet()
    async with desk.app.database.transaction() as tx:
        of_files = col(SlackPostRow.key).startswith("file:")
        await tx.execute(sa.update(SlackPostRow).where(of_files).values(ts=None))
    await desk.fake.presses(CONFIRM, who)
    await desk.card(case, "What was written on this case was erased")
    await desk.slack.until(lambda: not desk.slack.files)
