"""Our Telegram in trouble, as a test wants it."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from bot_api import TOKEN, BotApi
from bot_api_client import ann, api, bot, client, polling  # noqa: F401 (fixtures)
from loopback_troubles import Trouble
from telegram.error import (
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

# The client writes "Bad Request: …" anew, its first letter great and all others small: hence (?i) below.
pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),  # it warns of its own RetryAfter
]


# Trouble
async def test_a_wrong_token_and_an_unknown_method_are_told(api, bot):
    with pytest.raises(InvalidToken):
        await client(api, "123456:another").initialize()
    with pytest.raises(TelegramError, match="not found"):
        await bot.do_api_request("sendGlitter")


TROUBLES: list[tuple[Trouble, type[TelegramError], str, int]] = [
    (Trouble.status(500), NetworkError, "500", 0),
    (Trouble.status(429, retry_after=3), RetryAfter, "429", 0),
    (Trouble.status(403, description="Forbidden: no"), Forbidden, "403", 0),
    (Trouble.garbage(), TelegramError, "garbage", 0),
    (Trouble.drop_before(), NetworkError, "dropped before", 0),
    (Trouble.drop_after(), NetworkError, "dropped after", 1),
]


@pytest.mark.parametrize(("trouble", "error", "outcome", "delivered"), TROUBLES, ids=[t[2] for t in TROUBLES])
async def test_trouble_befalls_one_call(api, ann, bot, trouble, error, outcome, delivered):
    ann.starts()
    api.troubles("sendMessage", trouble)
    with pytest.raises(TelegramError) as raised:
        await bot.send_message(ann.id, "one")
    assert type(raised.value) is error
    assert len(ann.told) == delivered
    await bot.send_message(ann.id, "two")
    assert [call.outcome for call in api.called("sendMessage")] == [outcome, "ok"]


async def test_what_hangs_goes_on_when_released_unless_its_caller_has_gone(api, ann, bot):
    ann.starts()
    api.troubles("sendMessage", Trouble.hang(), Trouble.hang())
    with pytest.raises(TimedOut):
        await bot.send_message(ann.id, "one", read_timeout=0.05)
    await api.until(lambda: [call.outcome for call in api.called("sendMessage")] == ["gone"])
    sending = asyncio.create_task(bot.send_message(ann.id, "two"))
    await api.until(lambda: api.calls[-1].outcome == "hanging")
    api.release()
    await sending
    assert ann.texts == ["two"]


async def test_while_it_is_down_everything_fails_even_an_open_poll(api, ann, bot):
    ann.starts()
    polling = asyncio.create_task(bot.get_updates(offset=api.pending[-1]["update_id"] + 1, timeout=20))
    await api.until(lambda: api.called("getUpdates"))
    with api.down(502):
        with pytest.raises(NetworkError, match="Bad Gateway"):
            await polling
        with pytest.raises(NetworkError):
            await bot.send_message(ann.id, "one")
    api.down(0)
    with pytest.raises(NetworkError):
        await bot.send_message(ann.id, "two")
    api.up()
    await bot.send_message(ann.id, "three")
    assert ann.texts == ["three"]


async def test_too_many_messages_must_wait(api, ann, bot):
    ann.starts()
    api.limits(per_chat=1, overall=30, burst=3)
    for number in range(3):
        await bot.send_message(ann.id, str(number))
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(ann.id, "too many")
    assert 1 <= refused.value._retry_after.total_seconds() <= 3
    bob = api.person("Bob")
    bob.starts()
    await bot.send_message(bob.id, "nobody else waits")


SENDS_TWICE = """
import asyncio, sys
from telegram import Bot

async def main():
    async with Bot(sys.argv[1], base_url=sys.argv[2] + "/bot") as bot:
        for text in ("one", "two"):
            await bot.send_message(int(sys.argv[3]), text)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("when", "told", "outcome"), [("before", [], "dropped before"), ("after", ["one"], "dropped after")]
)
def test_a_bot_can_be_killed_before_and_after_its_call_is_executed(api, ann, when, told, outcome):
    ann.starts()
    process = subprocess.Popen([sys.executable, "-c", SENDS_TWICE, TOKEN, api.url, str(ann.id)])

    def kill(method: str, at: str) -> bool:
        if (method, at) != ("sendMessage", when):
            return False
        os.kill(process.pid, signal.SIGKILL)
        return True

    api.on_call = kill
    assert process.wait(20) == -signal.SIGKILL
    api.wait(lambda: [call.outcome for call in api.called("sendMessage")] == [outcome])
    assert ann.texts == told


def test_it_starts_and_ends_at_once_even_with_a_poll_open():
    began = time.monotonic()
    with BotApi() as api:
        assert time.monotonic() - began < 0.3
        poll = f"import httpx; httpx.get('{api.url}/bot{TOKEN}/getUpdates?timeout=50', timeout=60, trust_env=False)"
        polling = subprocess.Popen([sys.executable, "-c", poll], stderr=subprocess.DEVNULL)
        api.wait(lambda: api.called("getUpdates"))
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    assert polling.wait(20) == 1  # its connection broke
