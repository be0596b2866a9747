"""What Slack does not take, what it takes slowly, what is pressed that is none of ours; and what is kept of it all."""

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest
from by_hand import CONFIRM
from serving import PNG, RASH
from slack_api import Trouble
from slack_api_world import Channel
from slack_in_trouble import desk, settles, tried  # noqa: F401 (fixtures)
from slack_service import SlackService, slack_service
from sqlmodel import col

from escalation import slack_client
from escalation.case import Case
from escalation.slack_store import SlackDraftRow
from smi_bot.assistant import Knowledge
from smi_bot.attachments import keep
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Attachment

FORGOTTEN = "Can I speak to a person? What if I forget a tablet of Zelvanta?"


async def photo(desk: SlackService, who: str) -> Attachment:
    async with desk.app.database.transaction() as tx:
        return await keep(tx, f"fake:{who}", "arm.png", PNG, 10_000, desk.clock())


# --- files


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_a_file_that_slack_refuses_is_told_to_be_with_us_and_nothing_fails(
    method: str, desk: SlackService
) -> None:
    who = await desk.regular()
    desk.slack.troubles(method, *[Trouble.slack_error("file_uploads_disabled")] * 40)
    case = await desk.asks(RASH, who, (await photo(desk, who),))
    await settles(desk)
    (line,) = [line.all_text for line in desk.thread(case) if "File:" in line.all_text]
    assert "kept with us, see the desk page; Slack does not take it" in line
    assert len(desk.slack.called(method)) == 1
    assert await desk.rows(OutboxRow, col(OutboxRow.failures) > 0) == []
    assert await desk.app.not_ready() == []
    await desk.claimed(case)  # and whatever happens next is shown
    await settles(desk)
    assert len(desk.slack.called(method)) == 1


async def test_a_file_that_takes_too_long_holds_up_no_other_case(
    tmp_path: Path, knowledge: Knowledge, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_client, "_TIMEOUT", 0.5)
    async with slack_service(tmp_path / "data", knowledge, database_url=sqlite_url) as desk:
        who = await desk.regular()
        desk.slack.troubles("upload", *[Trouble.hang()] * 40)
        case = await desk.asks(RASH, who, (await photo(desk, who),))
        for times in (1, 2, 3, 4):
            await tried(desk, "upload", times)
            await asyncio.sleep(0.6)  # it is given up
            if times < 4:
                desk.later(seconds=61)
        at = desk.clock()
        other = await desk.asks(RASH)
        await desk.card(other)
        assert (desk.clock() - at).total_seconds() <= 3
        await desk.local.presses("note", case.id, "ask for another photo", "n1")
        desk.later(seconds=31)
        await desk.line(case, "ask for another photo")  # nor for long what is new of its own


# --- which goes first


# --- what is pressed


@pytest.mark.parametrize("action", ["case_claim", "case_reply", "reply_retry", "file_retry"])
async def test_a_button_with_a_value_that_nobody_wrote_is_acknowledged_and_its_presser_told(
    action: str, desk: SlackService
) -> None:
    case = await desk.asks(RASH)
    press = desk.rao.presses(await desk.card(case), "case_claim")
    await press.comes_through()
    values: list[Any] = ["", "x", "-1", "9" * 5000, "1 or 1", "٣", None, {}]
    for times, value in enumerate(values, 1):
        payload = copy.deepcopy(press.payload)
        payload["actions"][0] |= {"action_id": action, "value": value}
        await desk.rao._brings(payload).comes_through()
        await desk.whisper(desk.rao, "does not know what this button is about", times=times)


# --- what is kept


async def test_nothing_is_kept_of_what_is_written_in_other_channels(desk: SlackService) -> None:
    slack = desk.slack
    other = Channel("C0OTHER0001", "random", slack.bot_user, [slack.bot_user, desk.rao.id])
    slack.channels[other.id] = other
    desk.rao.writes(desk.rao.says("lunch?", other.id), "my doctor says no garlic")
    await settles(desk)
    assert await desk.rows(InboxRow, col(InboxRow.kind) == "slack") == []


async def closes(desk: SlackService, case: Case) -> None:
    await desk.opens(desk.cards(case)[0], "case_close")
    desk.rao.selects("close_disposition", "answered")
    desk.rao.submits()
    await desk.card(case, "closed it")
    await settles(desk)


async def test_nothing_that_specialists_wrote_of_an_erased_case_is_left_but_in_slack_which_says_so(
    desk: SlackService,
) -> None:
    who = await desk.regular()
    case = await desk.asks(FORGOTTEN, who)
    card = await desk.claimed(case)
    note = await desk.writes(card, "she has quixotism")
    desk.rao.edits(note, "she has quixotism since May")
    await desk.opens(card, "case_reply")
    typed = desk.rao.types("reply_text", "About your quixotism: half a draft")
    assert typed
    await typed.comes_through()
    desk.rao.dismisses(all=True)
    await closes(desk, case)
    assert await desk.rows(SlackDraftRow) == []
    await desk.fake.presses(CONFIRM, who)
    card = await desk.card(case, "What was written on this case was erased")
    await settles(desk)
    rows = [row.model_dump() for table in (InboxRow, OutboxRow) for row in await desk.rows(table)]
    assert [row for row in rows if "quixotism" in str(row)] == []
    assert desk.slack.seen("quixotism") == [note]
    assert "Notes that specialists wrote in Slack still stand there" in card.all_text


async def test_an_erased_case_without_notes_asks_nobody_to_delete_any(desk: SlackService) -> None:
    who = await desk.regular()
    case = await desk.asks(FORGOTTEN, who)
    await desk.claimed(case)
    await closes(desk, case)
    await desk.fake.presses(CONFIRM, who)
    card = await desk.card(case, "What was written on this case was erased")
    assert "still stand there" not in card.all_text
