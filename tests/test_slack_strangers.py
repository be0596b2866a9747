"""A channel that is shared with another company (Slack Connect): its people cannot work on cases, and are told so."""

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from serving import RASH
from slack_api_delivery import Delivery
from slack_service import WAYS, SlackService, slack_service

from escalation.slack_guard import is_stranger
from smi_bot.assistant import Knowledge

THEIRS = "T0OTHER0001"


@pytest_asyncio.fixture(params=WAYS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    async with slack_service(tmp_path, knowledge, way=request.param) as desk:
        yield desk


def strange(delivery: Delivery, who: str) -> dict[str, Any]:
    """The same as somebody of another workspace would have done it."""
    payload = copy.deepcopy(delivery.payload)
    payload["user"] |= {"id": who, "team_id": THEIRS}
    return payload


async def test_who_is_of_another_workspace_presses_in_vain_and_is_told_so(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.card(case)
    for button in ("case_claim", "case_reveal"):
        press = desk.lee.presses(card, button)
        await press.comes_through()
        await desk.quiet()
        if button == "case_claim":
            await desk.local.presses("release", case.id, by=f"slack:{desk.lee.id}")
        desk.lee.dismisses(all=True) if desk.lee.view else None
        await desk.rao._brings(strange(press, desk.rao.id)).comes_through()
    await desk.whisper(desk.rao, "Only members of the workspace that this bot belongs to", times=2)
    (kept,) = await desk.local.cases()
    assert (kept.owner, desk.rao.view) == (None, None)
    assert not [event for event in kept.events if event.actor == f"slack:{desk.rao.id}"]


async def test_what_somebody_of_another_workspace_submits_is_not_sent(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    await desk.opens(await desk.claimed(case), "case_reply")
    desk.rao.types("reply_text", "Take 20 tablets.")
    await desk.quiet()
    submitted = desk.rao.submits()
    assert submitted
    await submitted.comes_through()
    await desk.hears(case, "specialist")
    payload = strange(submitted, desk.rao.id)
    payload["view"]["private_metadata"] = payload["view"]["private_metadata"].replace('"id": "', '"id": "other-')
    await desk.rao._brings(payload).comes_through()
    await desk.whisper(desk.rao, "Only members of the workspace")
    await desk.quiet()
    assert desk.replies(case) == ["Take 20 tablets."]


async def test_what_somebody_of_another_workspace_writes_is_not_noted(desk: SlackService) -> None:
    case = await desk.asks(RASH)
    card = await desk.card(case)
    await desk.quiet()
    desk.slack.hold()
    desk.rao.writes(card, "let me help")
    (written,) = desk.slack.held or ()
    written.payload["event"] |= {"user_team": THEIRS, "source_team": THEIRS}
    desk.slack.deliver()
    told = await desk.whisper(desk.rao, "This was not noted on the case: Only members of the workspace")
    assert told.thread_ts == card.ts
    (kept,) = await desk.local.cases()
    assert not [event for event in kept.events if event.kind == "noted"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user": {"team_id": "T1"}, "team": {"id": "T1"}}, False),
        ({"user": {"team_id": "T2"}, "team": {"id": "T1"}}, True),
        ({"user": {}, "team": {"id": "T1"}}, False),
        ({"user": {"team_id": "T2"}, "team": {"id": "T2"}, "view": {"app_installed_team_id": "T1"}}, True),
        ({"user": {"team_id": "T2"}, "team": {"id": "T2"}, "message": {"bot_profile": {"team_id": "T1"}}}, True),
        ({"user": {"team_id": "T1"}, "team": None, "enterprise": {"id": "E1"}}, True),
        ({"team_id": "T1", "event": {"user_team": "T1"}}, False),
        ({"team_id": "T2", "authorizations": [{"team_id": "T1"}], "event": {"user_team": "T2"}}, True),
        ({"team_id": "T1", "event": {"team": "T2"}}, False),
        ({"team_id": "T1", "event": {"message": {"source_team": "T2"}}}, True),
        ({"authorizations": [{"team_id": "T1", "enterprise_id": "E1"}], "event": {"user_team": "E1"}}, False),
    ],
)
def test_who_is_a_stranger(body: dict[str, Any], expected: bool) -> None:
    assert is_stranger(body) is expected
