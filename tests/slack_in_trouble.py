"""What befalls calls to Slack, and how a test sees that everything stands there once all the same."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import PATIENCE
from slack_api import Trouble
from slack_api_world import Message
from slack_service import SlackService, slack_service

from escalation import slack as slack_place
from escalation.case import Case

QUESTION = "I want to talk to a human"

#: What may befall a call; None where Slack executed it all the same, and only the answer was lost.
TROUBLES = [
    Trouble.status(429, retry_after=30),
    *map(Trouble.status, (500, 502, 503)),
    *map(Trouble.slack_error, ("internal_error", "fatal_error", "ratelimited")),
    *map(Trouble.garbage, (200, 404)),
    Trouble.drop_before(),
    Trouble.drop_after(),
]


@pytest.fixture
async def desk(tmp_path, knowledge, sqlite_url):
    async with slack_service(tmp_path / "data", knowledge, database_url=sqlite_url) as service:
        yield service
        assert service.slack.warnings == []


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are looked after more often than each ten seconds."""
    handler = slack_place.AsyncSocketModeHandler
    monkeypatch.setattr(slack_place, "_RENEW", 0.1)
    monkeypatch.setattr(
        slack_place, "AsyncSocketModeHandler", lambda *given, **more: handler(*given, **more, ping_interval=0.1)
    )


async def settles(desk: SlackService) -> None:
    """Waits until everything is shown. Time goes by, but never over what is being sent at this moment."""

    async with asyncio.timeout(3 * PATIENCE):
        while not await desk.is_quiet():
            await pauses(desk)


async def pauses(desk: SlackService, longest: float = 10.0) -> None:
    """Whoever waits need not wait longer."""
    outbox: Any = desk.app.loop._works["outbox"]
    idle = await outbox.idle_seconds()
    await asyncio.sleep(0.002)  # what was claimed meanwhile is being sent by then
    if idle and not outbox._sending:
        desk.later(seconds=min(idle, longest))


async def tried(desk: SlackService, method: str, times: int = 1) -> None:
    """Waits until so many calls of a method have ended."""
    await desk.slack.until(lambda: len([c for c in desk.slack.called(method) if c.outcome != "open"]) >= times)


def keys(messages: Sequence[Message]) -> list[str]:
    """By which the posts of a case are known."""
    return [str(message.metadata["event_payload"]["key"]) for message in messages if message.metadata]


def stands_once(desk: SlackService, case: Case) -> None:
    """One card, each line once below it, and in their order; nothing of ours stands anywhere else."""
    (card,) = desk.cards(case)
    lines = desk.thread(case)
    ours = [m for m in desk.slack.posted if m.metadata and m.metadata["event_payload"]["case"] == case.id]
    assert [m for m in ours if not m.deleted] == [card, *(line for line in lines if line.metadata)]
    assert len(ours) == len(set(keys(ours)))
    events = [int(key[1:].partition(".")[0]) for key in keys(lines) if key.startswith("e")]
    assert events == sorted(events)


async def noted(desk: SlackService, case: Case) -> Case:
    """Waits until something is noted on the case."""
    return await desk.case(case.conversation.removeprefix("fake:"), lambda c: any(e.kind == "noted" for e in c.events))


def breaks(desk: SlackService) -> None:
    desk.slack.drop_sockets()
