"""Our Telegram brings updates, to polls and to webhooks."""

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from bot_api_client import ann, api, bot, polling  # noqa: F401 (fixtures)
from telegram.error import (
    Conflict,
)

# The client writes "Bad Request: …" anew, its first letter great and all others small: hence (?i) below.
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),  # it warns of its own RetryAfter
]


# Updates
async def test_an_update_comes_again_until_a_higher_offset_confirms_it(api, ann, bot):
    for text in ("one", "two", "three"):
        ann.says(text)
    first, second = await bot.get_updates(limit=2)
    assert [u.message.text for u in await bot.get_updates()] == ["one", "two", "three"]
    assert [u.message.text for u in await bot.get_updates(offset=second.update_id)] == ["two", "three"]
    assert [u["message"]["text"] for u in api.pending] == ["two", "three"]
    assert first.update_id + 1 == second.update_id


async def test_a_long_poll_is_answered_at_the_moment_of_the_update_or_when_its_time_is_up(api, ann, bot):
    polling = asyncio.create_task(bot.get_updates(timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    ann.says("hello")
    began = time.monotonic()
    assert [u.effective_user.language_code for u in await polling] == ["de"]
    assert time.monotonic() - began < 1
    assert await bot.get_updates(offset=api.pending[-1]["update_id"] + 1, timeout=1) == ()


async def test_a_second_poll_ends_the_first_and_a_webhook_forbids_both(api, ann, bot):
    first = asyncio.create_task(bot.get_updates(timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    second = asyncio.create_task(bot.get_updates(timeout=20))
    with pytest.raises(Conflict, match="terminated by other getUpdates"):
        await first
    await bot.set_webhook("https://bot.example/telegram")
    with pytest.raises(Conflict, match="webhook is active"):
        await second
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    assert [call.outcome for call in api.called("getUpdates")] == ["refused 409"] * 3


async def test_a_poll_whose_caller_died_ends(api, bot):
    polling = asyncio.create_task(bot.get_updates(timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    polling.cancel()
    await api.until(lambda: api.called("getUpdates")[0].outcome == "gone")


async def test_kinds_of_updates_that_were_not_asked_for_are_not_brought_and_that_is_remembered(api, ann, bot):
    await bot.get_updates(allowed_updates=["message"])
    edited = ann.says("one")
    ann.edits(edited, "won")
    ann.blocks()
    (update,) = await bot.get_updates()
    assert update.message.text == "one"
    await bot.get_updates(allowed_updates=[])
    ann.unblocks()
    assert (await bot.get_updates())[-1].my_chat_member.new_chat_member.status == "member"


async def test_an_update_may_come_again_after_it_was_confirmed(api, ann, bot):
    message = ann.says("one")
    ann.says("two")
    one, two = await bot.get_updates()
    api.repeat(message)
    assert await bot.get_updates(offset=two.update_id + 1) == (one,)
    assert await bot.get_updates(offset=two.update_id + 1) == ()


async def test_the_client_cannot_get_past_a_malformed_update(api, ann, bot):
    api.malformed()
    ann.says("hello")
    with pytest.raises((KeyError, TypeError)):
        await bot.get_updates()


class Hook(ThreadingHTTPServer):
    """A bot's webhook; answers 500 as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                nonlocal failures
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.got.append((self.headers["X-Telegram-Bot-Api-Secret-Token"], body))
                self.send_response(500 if failures else 200)
                self.end_headers()
                failures -= bool(failures)

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


async def test_a_webhook_is_brought_one_update_at_a_time_until_it_takes_it(api, ann, bot):
    hook = Hook(failures=2)
    api.hosts["https://bot.example"] = f"http://127.0.0.1:{hook.server_port}"
    message = ann.says("one")
    ann.says("two")
    await bot.set_webhook("https://bot.example/telegram", secret_token="s3cret", max_connections=1)
    await api.until(lambda: not api.undelivered)
    api.repeat(message)
    await api.until(lambda: not api.undelivered)
    assert [(secret, body["message"]["text"]) for secret, body in hook.got] == [
        *[("s3cret", "one")] * 3,
        ("s3cret", "two"),
        ("s3cret", "one"),
    ]
    assert [status for _, status in api.posted] == [500, 500, 200, 200, 200]
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count, info.max_connections) == ("https://bot.example/telegram", 0, 1)
    assert "500" in info.last_error_message
    hook.shutdown()
    hook.server_close()


async def test_what_a_webhook_never_took_goes_to_a_poll_and_dropping_is_on_record(api, ann, bot):
    await bot.set_webhook("http://127.0.0.1:9/")
    ann.says("one")
    await api.until(lambda: api.posted)
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook()
    assert len(await bot.get_updates()) == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == ()
    assert [call.params.get("drop_pending_updates") for call in api.called("deleteWebhook")] == [None, True]
