"""Two hours without Slack, connections that end, many changes at once, and no secret in a log of it all."""

import asyncio
import io
import itertools
import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import PATIENCE, Clock
from loopback import Call
from serving import RASH, Specialist
from slack_api import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackApi, Trouble
from slack_in_trouble import QUESTION, TROUBLES, breaks, desk, hasty, pauses, settles, stands_once, tried  # noqa: F401 (fixtures)
from slack_service import WAYS, SlackService, slack_service

from escalation.case import Case
from smi_bot.logs import configure_logs

# --- two hours of nothing


async def hour(desk: SlackService) -> None:
    """An hour in which Slack is tried and tried."""

    def tries() -> list[Call]:
        return [call for call in desk.slack.calls if call.method != "apps.connections.open"]

    outbox: Any = desk.app.loop._works["outbox"]
    end, calls = desk.clock() + timedelta(hours=1), len(tries())
    while desk.clock() < end:
        await pauses(desk, longest=300)
        await asyncio.sleep(0 if outbox._sending else 0.005)
    assert 20 < len(tries()) - calls < 200  # about once a minute; aiohttp may ask twice


@pytest.mark.parametrize("status", [0, 503], ids=["connections break", "503"])
async def test_two_hours_without_slack_from_the_start_lose_nothing_and_safety_comes_first(
    status, tmp_path, knowledge, sqlite_url, monkeypatch, hasty, logs
):
    given: dict[str, Any] = {"database_url": sqlite_url, "due_high_minutes": 600, "due_normal_minutes": 600}
    clock = Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with SlackApi(clock=clock) as slack:
        slack.down(status)
        async with slack_service(
            tmp_path / "data", knowledge, slack=slack, clock=clock, connected=False, **given
        ) as desk:
            asked = [await desk.asks(QUESTION) for _ in range(2)]
            raised = await desk.asks(QUESTION)
            safety = await desk.asks(RASH)
            await hour(desk)
            await desk.fake.says(RASH, raised.conversation.removeprefix("fake:"))  # pressing only now
            await desk.case(raised.conversation.removeprefix("fake:"), lambda case: case.priority == "high")
            asked.append(await desk.asks(QUESTION))
            async with Specialist(desk.url) as eve:  # the local desk works
                await eve.sees("Claim", case=asked[0].id)
                await eve.does("claim", asked[0].id)
                await eve.does("reply", asked[0].id, text="Please take it before the meal.")
            await desk.hears(asked[0], "specialist")
            await hour(desk)
            troubles = " / ".join(await desk.app.not_ready())
            assert "slack: not connected (Socket Mode)" in troubles
            assert "slack: Slack does not answer" in troubles
            assert logs().count('"slack desk waits"') == 1
            assert slack.place().messages == {}
            slack.up()
            await settles(desk)
            await slack.until(lambda: slack.sockets)
            assert await desk.app.not_ready() == []
            for case in (safety, raised, *asked):
                stands_once(desk, case)
            numbers = [card.all_text.partition(" ")[0] for card in slack.messages()]
            assert numbers[:2] == [f"SMI-{case.id}" for case in (raised, safety)]
            claimed, *unclaimed = asked  # a case that nobody has yet must not wait for what is added to another
            assert numbers[2:] == [f"SMI-{case.id}" for case in (*unclaimed, claimed)]
            assert "Please take it before the meal." in (await desk.line(asked[0], "replied")).all_text


# --- the connection of Socket Mode


@pytest.fixture
async def socket(tmp_path, knowledge, sqlite_url, hasty):
    async with slack_service(tmp_path / "data", knowledge, database_url=sqlite_url) as service:
        service.slack.retry_after = (0.1,) * 100
        yield service


def asks_to_refresh(desk: SlackService) -> None:
    desk.slack.disconnects("refresh_requested")


def breaks_and_refuses(desk: SlackService) -> None:
    """The next address that Slack gives is no good by the time it is used."""
    spoilt = itertools.count()

    def spoil(method: str, when: str) -> None:
        if method == "apps.connections.open" and when == "after" and next(spoilt) == 0:
            desk.slack._tickets.clear()

    desk.slack.on_call = spoil
    desk.slack.drop_sockets()


def breaks_and_is_away(desk: SlackService) -> None:
    desk.slack.troubles("apps.connections.open", Trouble.status(503), Trouble.drop_before(), Trouble.garbage())
    desk.slack.drop_sockets()


@pytest.mark.parametrize("goes", [asks_to_refresh, breaks, breaks_and_refuses, breaks_and_is_away])
async def test_a_connection_that_ends_is_made_anew_and_no_event_is_lost(goes, socket):
    case = await socket.asks(RASH)
    card = await socket.card(case)
    await settles(socket)
    before = list(socket.slack.sockets)
    words = [f"note {number}" for number in range(6)]
    for number, text in enumerate(words):
        socket.rao.writes(card, text)
        if number == 2:
            goes(socket)
    await socket.slack.until(lambda: socket.slack.sockets and not set(before) & set(socket.slack.sockets))
    socket.slack.retry_now()
    await settles(socket)
    (found,) = await socket.local.cases()
    assert sorted(e.body["text"] for e in found.events if e.kind == "noted") == words
    assert socket.slack.lost_events == []
    assert await socket.app.not_ready() == []


# --- many at once


async def test_two_bursts_of_200_changes_on_one_case_are_few_calls(desk):
    who = await desk.regular()
    case = await desk.asks(RASH, who)
    await settles(desk)
    before = len(desk.slack.calls)
    for burst in range(2):
        async with desk.app.database.transaction() as tx:
            for _ in range(200):
                await desk.app.handoff.tell_desk(tx, case.id, desk.clock())
            await desk.app.handoff.claim(tx, case.id, f"slack:{desk.rao.id}", desk.clock())
            await desk.app.handoff.release(tx, case.id, f"slack:{desk.rao.id}", desk.clock())
        await settles(desk)
        assert len(desk.slack.calls) - before <= (burst + 1) * 5
    stands_once(desk, case)


async def test_of_100_open_cases_the_urgent_ones_are_posted_first_one_message_a_second(desk):
    texts = {"urgent": "I can't breathe", "high": RASH, "normal": QUESTION}
    cases: dict[str, list[Case]] = {priority: [] for priority in texts}
    with desk.slack.down():
        for number in range(100):
            priority = {9: "urgent", 5: "high"}.get(number % 10, "normal")
            cases[priority].append(await desk.asks(texts[priority]))
            assert cases[priority][-1].priority == priority
    first = [*cases["urgent"], *cases["high"]]
    enough = len(first) + 3

    async with asyncio.timeout(3 * PATIENCE):
        while len(desk.slack.messages()) < enough:
            await pauses(desk)
    numbers = [card.all_text.partition(" ")[0] for card in desk.slack.messages()][:enough]
    assert numbers == [f"SMI-{case.id}" for case in [*first, *cases["normal"][:3]]]
    stamps = sorted(float(message.ts) for message in desk.slack.posted)
    assert min(after - before for before, after in itertools.pairwise(stamps)) > 0.99


# --- secrets


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch):
    """All that is logged, of our own at DEBUG."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs(logging.DEBUG)
    yield stream.getvalue
    monkeypatch.undo()
    configure_logs()


@pytest.mark.parametrize("way", WAYS)
async def test_no_log_line_holds_a_token_a_secret_or_what_anybody_wrote_or_is_called(
    way, tmp_path, knowledge, sqlite_url, hasty, logs
):
    logging.getLogger().setLevel(logging.DEBUG)
    given: dict[str, Any] = {"database_url": sqlite_url, "way": way}
    async with slack_service(tmp_path / "data", knowledge, **given) as desk:
        desk.slack.retry_after = (0.1,) * 50
        desk.slack.troubles("chat.postMessage", *TROUBLES, Trouble.slack_error("invalid_blocks"))
        case = await desk.asks(f"{RASH} My name is Ottilie Quackenbush, +49 151 23456789")
        await settles(desk)
        card = await desk.claimed(case)
        await desk.writes(card, "a Zebrafink note")
        desk.slack.troubles("chat.update", *TROUBLES, Trouble.slack_error("invalid_blocks"))
        await desk.local.presses("note", case.id, "another Zebrafink", "n1")
        desk.slack.troubles("views.open", Trouble.slack_error("invalid_arguments"))
        await desk.rao.presses(card, "case_reply").comes_through()
        desk.slack.troubles("chat.postEphemeral", Trouble.drop_before())
        await desk.lee.presses(card, "case_release").comes_through()
        await settles(desk)
        desk.slack.token_error = "invalid_auth"
        desk.slack.drop_sockets()
        await desk.local.presses("note", case.id, "a third Zebrafink", "n2")
        await tried(desk, "chat.postMessage", len(desk.slack.called("chat.postMessage")) + 1)
        desk.slack.token_error = ""
        await settles(desk)
    written = logs()
    assert "slack desk waits" in written
    for secret in (
        BOT_TOKEN,
        APP_TOKEN,
        SIGNING_SECRET,
        "ticket=",
        "Ottilie",
        "Quackenbush",
        "Zebrafink",
        "rash",
        "23456789",
    ):
        assert secret not in written, secret
    for person in (desk.rao, desk.lee):
        assert person.name not in written
