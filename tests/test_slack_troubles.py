"""Whatever befalls what goes to Slack and what comes from there: each thing stands once and in order, nothing is lost."""

import asyncio
import io
import itertools
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fakes import PATIENCE, Clock
from loopback import Call
from serving import PNG, RASH, Specialist
from slack_api import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackApi, Trouble
from slack_api_delivery import Delivery
from slack_api_world import Message
from slack_service import WAYS, SlackService, slack_service
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from escalation import slack as slack_place
from escalation import slack_client
from escalation.case import Case
from smi_bot.attachments import keep
from smi_bot.durable.rows import OutboxRow
from smi_bot.logs import configure_logs

QUESTION = "I want to talk to a human"
TRAY = "outbox_tray"

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
        while not await desk._is_quiet():
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
            assert numbers[2:] == [f"SMI-{case.id}" for case in asked]
            assert "Please take it before the meal." in (await desk.line(asked[0], "replied")).all_text


# --- what comes from Slack


@pytest.fixture(params=WAYS)
async def either(request, tmp_path, knowledge, sqlite_url, hasty):
    async with slack_service(tmp_path / "data", knowledge, way=request.param, database_url=sqlite_url) as service:
        service.slack.retry_after = (0.0, 0.1, 0.2)
        yield service
        assert service.slack.warnings == []


async def test_events_that_come_twice_under_other_ids_and_as_retries_are_one_note_and_one_reply(either):
    case = await either.asks(RASH)
    card = await either.claimed(case)
    either.slack.other_event_id = True
    lost = itertools.count()
    either.slack.on_delivery = lambda delivery, when: (
        when == "after" and delivery.payload.get("event", {}).get("user") == either.rao.id and next(lost) < 3
    )
    message = either.rao.writes(card, "Show it to a doctor today")
    await either.quiet()
    either.slack.on_delivery = None
    assert len(either.slack.event_of(message).attempts) == 4  # three whose confirmation was lost
    reaction = either.rao.reacts(message, TRAY)
    for event in (message, message, reaction, reaction):
        either.slack.repeat(event, other_id=True)
    await either.hears(case, "specialist")
    await settles(either)
    assert either.replies(case) == ["Show it to a doctor today"]
    (noted,) = [e for e in (await either.local.cases())[0].events if e.kind == "noted"]
    assert noted.body["text"] == "Show it to a doctor today"
    assert [each.all_text for each in either.rao.ephemerals] == []


async def test_a_reaction_before_its_message_sends_it_when_it_is_there(either):
    case = await either.asks(RASH)
    card = await either.claimed(case)
    either.slack.hold()
    message = either.rao.writes(card, "Show it to a doctor")
    reaction = either.rao.reacts(message, TRAY)
    held, either.slack.held = either.slack.held, None
    either.slack._start(held[1])
    await reaction.comes_through()
    assert either.replies(case) == []
    either.slack._start(held[0])
    await either.hears(case, "specialist")
    await settles(either)
    assert either.replies(case) == ["Show it to a doctor"]


async def test_of_an_edit_that_comes_before_its_message_the_newer_words_are_kept_and_sent(either):
    case = await either.asks(RASH)
    card = await either.claimed(case)
    either.slack.hold()
    message = either.rao.writes(card, "Take fwo tablets")
    edit = either.rao.edits(message, "Take two tablets")
    held, either.slack.held = either.slack.held, None
    either.slack._start(held[1])
    await edit.comes_through()
    either.slack._start(held[0])
    await held[0].comes_through()
    await either.rao.reacts(message, TRAY).comes_through()
    await either.hears(case, "specialist")
    assert either.replies(case) == ["Take two tablets"]


async def test_interactions_that_are_repeated_do_once_what_they_say(either):
    case = await either.asks(RASH)
    card = await either.card(case)
    await settles(either)
    again = [either.rao.presses(card, "case_claim") for _ in range(3)]
    for press in again:
        await press.comes_through()
    card = await either.card(case, "Owner: ")
    await either.opens(card, "case_reply")
    await either.rao.types("reply_text", "Please see a doctor").comes_through()
    sent = either.rao.submits()
    await sent.comes_through()
    for _ in range(2):
        twin = either.slack._bring(Delivery("interactive", sent.payload, either.slack))
        await twin.comes_through()
    await either.hears(case, "specialist")
    await settles(either)
    assert either.replies(case) == ["Please see a doctor"]
    kinds = [event.kind for event in (await either.local.cases())[0].events]
    assert (kinds.count("claimed"), kinds.count("replied")) == (1, 1)
    stands_once(either, case)


async def test_events_are_not_acknowledged_while_the_database_fails_and_arrive_afterwards(either, monkeypatch):
    case = await either.asks(RASH)
    card = await either.card(case)
    await settles(either)
    accept, refused = either.app.inbox.accept, asyncio.Event()

    async def fails(*_: object) -> bool:
        refused.set()
        raise OperationalError("", {}, Exception())

    either.slack.patience = 0.3
    either.slack.retry_after = (0.0, 60.0)
    either.app.inbox.accept = fails
    event = either.slack.event_of(either.rao.writes(card, "a note in bad times"))
    await either.slack.until(lambda: len(event.attempts) == 2 and event.attempts[-1] not in ("open", "taken"))
    assert refused.is_set()
    assert not event.acknowledged.is_set()
    either.app.inbox.accept = accept
    either.slack.patience = 3.0
    either.slack.retry_now()
    await event.comes_through()
    assert [e.body["text"] for e in (await noted(either, case)).events if e.kind == "noted"] == ["a note in bad times"]


async def noted(desk: SlackService, case: Case) -> Case:
    """Waits until something is noted on the case."""
    return await desk.case(case.conversation.removeprefix("fake:"), lambda c: any(e.kind == "noted" for e in c.events))


async def test_a_press_is_not_acknowledged_while_the_database_fails_and_may_be_made_again(either, monkeypatch):
    case = await either.asks(RASH)
    card = await either.card(case)
    await settles(either)
    claim, either.slack.patience = either.app.handoff.claim, 0.5

    async def fails(*_: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(either.app.handoff, "claim", fails)
    press = either.rao.presses(card, "case_claim")
    await either.slack.until(lambda: press.is_settled)
    assert (press.gave_up, press.acknowledged.is_set()) == (True, False)  # they see a warning sign
    monkeypatch.setattr(either.app.handoff, "claim", claim)
    either.slack.patience = 3.0
    await either.claimed(case)


# --- the connection of Socket Mode


@pytest.fixture
async def socket(tmp_path, knowledge, sqlite_url, hasty):
    async with slack_service(tmp_path / "data", knowledge, database_url=sqlite_url) as service:
        service.slack.retry_after = (0.1,) * 100
        yield service


def asks_to_refresh(desk: SlackService) -> None:
    desk.slack.disconnects("refresh_requested")


def breaks(desk: SlackService) -> None:
    desk.slack.drop_sockets()


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
                await desk.app.handoff._tell_desk(tx, case.id, desk.clock())
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

    async def are_there() -> bool:
        await pauses(desk)
        return len(desk.slack.messages()) >= enough

    await desk.until(are_there)
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
