"""The Slack desk as a whole: the story from Telegram to Slack and back, and how Slack's word comes in."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from bot_api import BotApi
from serving import RASH, client
from slack_api import SIGNING_SECRET
from slack_service import EVENTS, WAYS, SlackService, slack_service

from smi_bot.assistant import Knowledge
from smi_bot.durable.rows import InboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADVICE = "Please show the rash to a doctor today."
NUMBER = "+49 151 23456789"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> AsyncIterator[SlackService]:
    """Slack calls us, for all tests of this module but the story."""
    async with slack_service(tmp_path_factory.mktemp("http"), knowledge, way="http") as desk:
        yield desk


# --- the story


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_a_case_goes_from_telegram_to_slack_and_back(
    way: str, tmp_path: Path, database_url: str, knowledge: Knowledge
) -> None:
    with BotApi() as telegram:
        ann = telegram.person("Ann")
        opened = slack_service(tmp_path / "data", knowledge, way=way, telegram=telegram, database_url=database_url)
        async with opened as desk:
            ann.starts()
            ann.says(f"{RASH}. Call me: {NUMBER}")
            card = await desk.rao.will_see("SMI-1 · ")
            assert "rash" in card.all_text
            assert "Ann" not in card.all_text
            assert NUMBER not in card.all_text
            assert "rash" not in card.notification

            await desk.rao.presses(card, "case_claim").comes_through()
            await desk.slack.until(lambda: "Owner: " in card.all_text)
            await desk.opens(card, "case_reply")
            desk.rao.types("reply_text", ADVICE)
            desk.rao.submits()
            await telegram.until(lambda: ADVICE in ann.texts[-1])
            await desk.rao.will_see(lambda m: ADVICE in m.all_text and "Sent" in m.all_text)

            ann.says("Thank you! It is on my arm.")
            await desk.rao.will_see(lambda m: m.thread_ts == card.ts and "on my arm" in m.all_text)
            ann.sends_photo("like this")
            await desk.rao.will_see(lambda m: m.thread_ts == card.ts and m.files)

            await desk.opens(card, "case_close")
            desk.rao.selects("close_disposition", "answered")
            desk.rao.submits()
            await desk.slack.until(lambda: "closed it: answered" in card.all_text)
            await desk.quiet()
            labels = [desk.app.shelf.knowledge.library.label(key, "en") for key in ("helpful", "not-helpful")]
            assert ann.told[-1].buttons == labels
            assert desk.slack.messages() == [card], "one card, never posted again"
            assert await desk.app.not_ready() == []
            assert desk.slack.warnings == []


# --- whom we believe over HTTP


def event(text: str = "hello") -> bytes:
    """A message in a thread, as Slack posts it."""
    ts = f"{time.time_ns() // 1000 / 1e6:.6f}"
    message = {"type": "message", "user": "U0000000009", "channel": "C0000000001", "ts": ts, "thread_ts": "1.000001"}
    told = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": {**message, "text": text}}
    return json.dumps(told).encode()


def claim(case: int = 1) -> bytes:
    """A press on `case_claim`, as Slack posts it."""
    action = {"action_id": "case_claim", "block_id": "b", "type": "button", "value": str(case)}
    who = {"user": {"id": "U0000000666"}, "team": {"id": "T1"}, "container": {"type": "message"}}
    return urlencode({"payload": json.dumps({"type": "block_actions", "actions": [action], **who})}).encode()


def signed(content: bytes, secret: str = SIGNING_SECRET, ago: float = 0) -> dict[str, str]:
    """Slack documentation, "Verifying requests from Slack"."""
    at = str(int(time.time() - ago))
    signature = hmac.new(secret.encode(), f"v0:{at}:".encode() + content, hashlib.sha256).hexdigest()
    is_json = content.startswith(b"{")
    type = "application/json" if is_json else "application/x-www-form-urlencoded"
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={signature}", "Content-Type": type}


async def posted(desk: SlackService, content: bytes, headers: dict[str, str]) -> httpx.Response:
    async with client(desk.url) as http:
        return await http.post(EVENTS, content=content, headers=headers)


async def events_kept(desk: SlackService) -> int:
    return len([row for row in await desk.rows(InboxRow) if row.kind == "slack"])


async def test_a_signed_event_is_kept_before_it_is_acknowledged(http: SlackService) -> None:
    before = await events_kept(http)
    content = event("signed")
    assert (await posted(http, content, signed(content))).status_code == 200
    assert await events_kept(http) == before + 1


@pytest.mark.parametrize("what", [event, claim])
@pytest.mark.parametrize(
    "wrong",
    [
        {"X-Slack-Signature": "v0=" + 64 * "0"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "1"},
    ],
)
async def test_a_bad_or_missing_signature_is_refused_and_nothing_is_done(
    http: SlackService, what: object, wrong: dict[str, str]
) -> None:
    case = await http.asks(RASH)
    before, content = await events_kept(http), event() if what is event else claim(case.id)
    answer = await posted(http, content, {**signed(content), **wrong})
    assert (answer.status_code, await events_kept(http)) == (401, before)
    assert [kept.owner for kept in await http.local.cases() if kept.id == case.id] == [None]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(lambda content: signed(content, secret="another app's"), id="another secret"),
        pytest.param(lambda content: signed(content + b" "), id="another body"),
        pytest.param(lambda content: signed(content, ago=301), id="six minutes old"),
        pytest.param(lambda content: signed(content, ago=-301), id="from the future"),
        pytest.param(lambda content: {"Content-Type": "application/json"}, id="none at all"),
    ],
)
async def test_an_event_signed_for_another_app_body_or_time_is_refused(http: SlackService, headers: object) -> None:
    assert callable(headers)
    before, content = await events_kept(http), event()
    answer = await posted(http, content, headers(content))
    assert (answer.status_code, await events_kept(http)) == (401, before)


async def test_slack_can_verify_the_address(http: SlackService) -> None:
    verifying = http.slack.verifies()
    await verifying.comes_through()
    assert verifying.answer.get("challenge", verifying.answer.get("text")) == verifying.payload["challenge"]


@pytest.mark.parametrize("way", WAYS)
async def test_with_a_revoked_token_events_and_presses_are_still_acknowledged_and_nothing_is_lost(
    way: str, tmp_path: Path, knowledge: Knowledge
) -> None:
    async with slack_service(tmp_path, knowledge, way=way) as desk:
        case = await desk.asks(RASH)
        card = await desk.card(case)
        await desk.quiet()
        desk.slack.token_error = "token_revoked"
        desk.slack.hold()
        message = desk.rao.writes(card, "looks harmless to me")
        desk.slack.deliver()
        pressed = desk.rao.presses(card, "case_claim")
        written = desk.slack.deliveries[-2]
        await asyncio.gather(pressed.comes_through(), written.comes_through())
        assert max(pressed.took, written.took) < 3

        async def claimed() -> bool:
            (kept,) = await desk.local.cases()
            return kept.owner == f"slack:{desk.rao.id}" and any(e.kind == "noted" for e in kept.events)

        await desk.until(claimed)
        await desk.until(lambda: _says(desk, "SMI_SLACK_BOT_TOKEN was revoked"))
        assert "Owner" not in card.all_text
        desk.slack.token_error = ""
        desk.later(minutes=2)
        await desk.card(case, "Owner: ")
        await desk.quiet()
        assert message.text == "looks harmless to me"
        assert await desk.app.not_ready() == []
        assert desk.cards(case) == [card]


async def _says(desk: SlackService, words: str) -> bool:
    return any(words in trouble for trouble in await desk.app.not_ready())
