"""What the owner of a case is told of in its thread, by a mention: a changed message alerts nobody."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from serving import RASH
from slack_service import SlackService, slack_service

from smi_bot.assistant import Knowledge
from smi_bot.errors import Refused
from smi_bot.receiving import enqueue

pytestmark = pytest.mark.asyncio(loop_scope="module")

VOMITING = "and since yesterday I vomit after each tablet of Zelvanta"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path_factory.mktemp("slack"), knowledge) as desk:
        yield desk


async def test_a_further_report_of_the_same_kind_alerts_the_owner(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    await desk.claimed(case)
    await enqueue(desk.app.inbox, desk.fake.inquiry(VOMITING, case.conversation.removeprefix("fake:")))
    alert = await desk.line(case, f"<@{desk.rao.id}> A further safety report: adverse event.")
    assert alert.notification == f"{case.number}: a further safety report."
    await desk.quiet()
    assert "vomit" in desk.thread(case)[-2].all_text


async def test_a_failed_delivery_is_a_new_line_that_mentions_the_owner_each_time(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.claimed(case)
    await desk.quiet()
    desk.fake.troubles += [Refused("the requester blocked the bot")] * 2
    await desk.opens(card, "case_reply")
    desk.rao.types("reply_text", "Please see a doctor.")
    desk.rao.submits()
    line = await desk.line(case, "Failed: the requester blocked the bot")
    words = f"<@{desk.rao.id}> A reply did not reach the requester"
    alert = await desk.line(case, words)
    assert alert.notification == f"{case.number}: a reply failed."
    assert float(alert.ts) > float(line.ts)
    desk.rao.presses(line, "reply_retry")
    await desk.line(case, words, times=2)
    desk.rao.presses(line, "reply_retry")
    await desk.line(case, "Sent")
    await desk.quiet()
    assert len([each for each in desk.thread(case) if words in each.all_text]) == 2
