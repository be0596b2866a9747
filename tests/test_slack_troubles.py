"""Slack in trouble: single calls, what it does not take, and what somebody has to mend."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx
import pytest
from serving import PNG, RASH
from slack_api import SlackApi, Trouble
from slack_in_trouble import QUESTION, TROUBLES, breaks, desk, keys, noted, settles, stands_once, tried  # noqa: F401 (fixtures)
from slack_service import slack_service
from sqlmodel import col

from escalation import slack_client
from smi_bot.attachments import keep
from smi_bot.durable.rows import OutboxRow

# --- one call


async def test_a_card_stands_once_whatever_befell_its_posting(desk):
    for trouble in TROUBLES:
        desk.slack.troubles("chat.postMessage", trouble)
        case = await desk.asks(RASH)
        await settles(desk)
        stands_once(desk, case)
    outcomes = [call.outcome for call in desk.slack.called("chat.postMessage")]
    assert len([outcome for outcome in outcomes if outcome != "ok"]) == len(TROUBLES)


async def test_a_line_of_the_thread_stands_once_and_in_its_place_whatever_befell_its_posting(desk):
    case = await desk.asks(RASH)
    for number, trouble in enumerate(TROUBLES):
        await settles(desk)
        desk.slack.troubles("chat.postMessage", trouble)
        for half in ("first", "then"):
            await desk.local.presses("note", case.id, f"{half} {number}", f"{half}-{number}")
    await settles(desk)
    stands_once(desk, case)
    noted = [line.all_text for line in desk.thread(case) if "noted" in line.all_text]
    expected = [f"{half} {number}" for number in range(len(TROUBLES)) for half in ("first", "then")]
    assert [text.splitlines()[-1] for text in noted] == expected


async def test_a_card_says_how_its_case_stands_whatever_befell_its_change(desk):
    case = await desk.asks(RASH)
    for number, trouble in enumerate(TROUBLES):
        await settles(desk)
        desk.slack.troubles("chat.update", trouble)
        await desk.local.presses("release" if number % 2 else "claim", case.id)
        await settles(desk)
        (card,) = desk.cards(case)
        assert ("Nobody has claimed" in card.all_text) == bool(number % 2)
        stands_once(desk, case)


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"])
async def test_a_file_stands_once_in_the_thread_whatever_befell_a_step_of_its_upload(method, desk):
    for trouble in TROUBLES:
        who = await desk.regular()
        async with desk.app.database.transaction() as tx:
            file = await keep(tx, f"fake:{who}", "leaflet.png", PNG, 1000, desk.clock())
        desk.slack.troubles(method, trouble)
        case = await desk.asks(RASH, who, files=(file,))
        await settles(desk)
        stands_once(desk, case)
        assert [len(line.files) for line in desk.thread(case) if line.files] == [1], trouble
    contents = [file.content for file in desk.slack.files.values() if file.is_complete]
    assert contents == [PNG] * len(TROUBLES)
    assert await desk.rows(OutboxRow, col(OutboxRow.failures) > 0) == []


async def test_what_was_executed_although_its_answer_was_lost_is_found_and_not_posted_again(desk):
    case = await desk.asks(QUESTION)
    await settles(desk)
    desk.slack.troubles("chat.postMessage", Trouble.drop_after())
    await desk.local.presses("note", case.id, "only once", "n1")
    await settles(desk)
    calls = [call.method for call in desk.slack.calls]
    assert calls[-2:] == ["chat.postMessage", "conversations.replies"]
    stands_once(desk, case)


async def test_who_is_told_to_wait_waits_exactly_so_long(desk):
    desk.slack.troubles("chat.postMessage", Trouble.status(429, retry_after=30))
    await desk.asks(RASH)
    await tried(desk, "chat.postMessage")

    async def waits() -> Sequence[OutboxRow]:
        return await desk.rows(OutboxRow, col(OutboxRow.way) == "handoff", col(OutboxRow.error) == "TryAgain")

    (row,) = (await desk.until(waits))[:1]
    assert row.next_attempt_at - desk.clock() == timedelta(seconds=30)
    desk.later(seconds=29)
    await desk.asks(RASH)
    assert len(desk.slack.called("chat.postMessage")) == 1
    await settles(desk)
    assert len(desk.slack.messages()) == 2


async def test_a_slack_that_hangs_is_given_up_soon_and_holds_up_no_requester(
    tmp_path, knowledge, sqlite_url, monkeypatch
):
    monkeypatch.setattr(slack_client, "_TIMEOUT", 1)
    async with slack_service(tmp_path / "data", knowledge, database_url=sqlite_url) as desk:
        desk.slack.troubles("chat.postMessage", Trouble.hang())
        case = await desk.asks(RASH)
        await desk.slack.until(lambda: [c.outcome for c in desk.slack.called("chat.postMessage")] == ["hanging"])
        other = await desk.asks(RASH)
        await desk.hears(other, "wording/adverse-event.en")  # while it hangs
        assert [c.outcome for c in desk.slack.called("chat.postMessage")] == ["hanging"]
        await settles(desk)
        for each in (case, other):
            stands_once(desk, each)
        assert await desk.rows(OutboxRow, col(OutboxRow.failures) > 0) == []


# --- what Slack does not take, and what people do to cards


@pytest.mark.parametrize("error", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"])
async def test_a_case_whose_words_slack_refuses_is_posted_without_them_rather_than_not_at_all(error, desk):
    desk.slack.troubles("chat.postMessage", Trouble.slack_error(error))
    case = await desk.asks(RASH)
    await settles(desk)
    (card,) = desk.slack.messages()
    assert (card.text, card.blocks) == (f"SMI-{case.id}: new case, high priority. Claim it.", [])
    assert await desk.app.not_ready() == []
    await desk.local.presses("claim", case.id)  # the next change brings them back
    assert "Owner" in (await desk.card(case, "Owner")).all_text


async def test_a_card_that_somebody_deleted_is_posted_anew_with_its_whole_thread(desk):
    case = await desk.asks(RASH)
    await settles(desk)
    before = [line.all_text for line in desk.thread(case)]
    desk.rao.deletes(desk.cards(case)[0])
    await desk.local.presses("claim", case.id)
    await settles(desk)
    (card,) = desk.cards(case)
    assert "Owner" in card.all_text
    after = [line.all_text for line in desk.thread(case)]
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert len(keys(desk.thread(case))) == len(set(keys(desk.thread(case))))
    assert await desk.app.not_ready() == []


# --- what somebody has to mend


def revoked(slack: SlackApi) -> Callable[[], None]:
    slack.token_error = "token_revoked"
    return lambda: setattr(slack, "token_error", "")


def archived(slack: SlackApi) -> Callable[[], None]:
    slack.place().archived = True
    return lambda: setattr(slack.place(), "archived", False)


def removed(slack: SlackApi) -> Callable[[], None]:
    slack.place().bot_leaves()
    return slack.place().bot_joins


def without_scope(slack: SlackApi) -> Callable[[], None]:
    slack.scopes.remove("chat:write")
    return lambda: slack.scopes.add("chat:write")


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (archived, "the channel is archived; unarchive it"),
        (removed, "invite it there"),
        (revoked, "SMI_SLACK_BOT_TOKEN was revoked"),
        (without_scope, "the app lacks a scope; run 'smi-bot slack check'"),
    ],
)
async def test_what_somebody_has_to_mend_is_named_and_everything_is_posted_once_when_it_is_mended(
    breaks, words, desk, capsys
):
    old = await desk.asks(RASH)
    await settles(desk)
    mend = breaks(desk.slack)
    for change in (lambda: desk.local.presses("claim", old.id), lambda: desk.asks(RASH)):
        new = await change()

        async def is_named() -> bool:
            return any(words in trouble for trouble in await desk.app.not_ready())

        await desk.until(is_named)
    async with httpx.AsyncClient(base_url=desk.url, trust_env=False, verify=False) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, words in answer.text) == (503, True)
    assert len(desk.slack.messages()) == 1
    mend()
    await settles(desk)
    assert await desk.app.not_ready() == []
    assert "Owner" in desk.cards(old)[0].all_text  # the change that was refused is there, too
    for case in (old, new):
        stands_once(desk, case)
    assert await desk.rows(OutboxRow, col(OutboxRow.failures) > 0) == []
