"""Telegram, its token, its updates or our database are away for a while: nothing is lost, and /readyz says what is wrong."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any
from unittest import mock
from unittest.mock import AsyncMock

import pytest
import sqlalchemy as sa
from bot_api import TOKEN, BotApi
from commands import command
from fakes import PATIENCE
from loopback_troubles import Trouble
from serving import FORGOT, PNG, RASH, Requester, client
from sqlmodel import col
from telegram_service import PUBLIC, WEBHOOK, TelegramService, hurry, telegram_service

from smi_bot import app as composition
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.logs import configure_logs

NOWHERE = "http://127.0.0.1:1"  # where nobody listens


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
def opens(tmp_path, knowledge, sqlite_url):
    """Opens the service, anew after closing: a restart."""

    def opening(**given: Any):
        return telegram_service(tmp_path / "data", knowledge, **{"database_url": sqlite_url, **given})

    return opening


async def says_on_readyz(telegram: TelegramService, *words: str) -> str:
    """Waits until /readyz says 503 and these words; without words: until it is ready."""
    async with telegram.http() as http:

        async def said() -> str:
            answer = await http.get("/readyz")
            told = " ".join(answer.json()["not_ready"]) or "ready"
            as_expected = answer.status_code == (503 if words else 200) and all(word in told for word in words)
            return told if as_expected else ""

        return str(await telegram.until(said))


async def arrived(telegram: TelegramService, *texts: str) -> None:
    """Waits until Ann's messages are these, in this order, each of them once."""

    async def here() -> bool:
        return [inquiry.text for inquiry in await telegram.inquiries()] == list(texts)

    await telegram.until(here)
    await telegram.quiet()
    assert await here()


# --- at the start


def test_a_token_that_telegram_refuses_ends_the_start_with_one_line_that_names_it(monkeypatch, tmp_path, knowledge):
    monkeypatch.setattr(composition, "first_knowledge", AsyncMock(return_value=knowledge))
    with BotApi(token="123456:the-token-that-is-right") as api:
        given = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": api.url, "ALLOW_DEMO_LIBRARY": "true", "PORT": "0"}
        for name, value in given.items():
            monkeypatch.setenv(f"SMI_{name}", value)
        ended = command("run")
    configure_logs()  # not on the output of that command any more
    lines = [line for line in ended.err.splitlines() if not line.startswith("{")]
    assert (ended.code, ended.out) == (2, "")
    assert lines == [f"smi-bot: SMI_TELEGRAM_TOKEN: {api.url} refuses it; copy it again from BotFather"]
    assert TOKEN not in ended.err


@pytest.mark.parametrize("status", [0, 404, 502], ids=["no connection", "a page that is not Telegram's", "an outage"])
async def test_without_telegram_the_service_starts_the_web_chat_works_and_telegram_is_joined_later(status, opens):
    with BotApi() as api:
        ann = api.person("Ann")
        api.down(status)
        async with opens(api=api) as telegram:
            ann.says(FORGOT)
            await says_on_readyz(telegram, "telegram connection: Telegram does not answer")
            async with Requester(telegram.url) as dora:
                await dora.says(FORGOT)
                await dora.hears("tablet")
            api.up()
            await telegram.hears("zelvanta/missed-dose")
            await says_on_readyz(telegram)


async def test_a_token_that_is_refused_only_after_the_connection_is_tried_again(opens, monkeypatch):
    """By then the library would raise it out of everything."""
    monkeypatch.setattr("channels.telegram_client._TOKEN", 1.0)
    with BotApi() as api:
        api.troubles("deleteWebhook", Trouble.status(401), Trouble.status(401))
        async with opens(api=api) as telegram:
            telegram.ann.says(FORGOT)
            await telegram.hears("zelvanta/missed-dose")
            await says_on_readyz(telegram)


# --- while it polls


async def test_an_answer_to_a_poll_that_is_lost_or_wrong_loses_no_update_and_brings_none_twice(opens):
    troubles = [Trouble.status(500), Trouble.status(429, retry_after=1), Trouble.garbage(), Trouble.garbage(403)]
    troubles += [Trouble.drop_before(), Trouble.drop_after(), Trouble.status(401), Trouble.status(409)]
    async with opens() as telegram:
        for number, trouble in enumerate(troubles):
            telegram.api.troubles("getUpdates", trouble)
            telegram.ann.says(f"{number}")
            await telegram.api.until(lambda: not telegram.api._troubles["getUpdates"])
        await arrived(telegram, *map(str, range(len(troubles))))
        await says_on_readyz(telegram)


async def test_a_token_that_is_revoked_is_named_and_nothing_is_lost_until_it_is_given_back(opens):
    async with opens() as telegram:
        telegram.ann.says(RASH)
        case = await telegram.case()
        await telegram.desk.presses("claim", case.id)
        await telegram.hears("wording/specialist-joined.en")
        telegram.api.token = "123456:another"
        telegram.ann.says("It itches")  # the poll that is under way brings it
        await telegram.desk.replies(case.id, "Since when?")
        await says_on_readyz(telegram, "telegram polling: Telegram refuses SMI_TELEGRAM_TOKEN")
        telegram.ann.says("Very much")

        async def was_tried() -> bool:
            rows = await telegram.rows(OutboxRow, col(OutboxRow.state) == "open", col(OutboxRow.error).is_not(None))
            return bool(rows)

        await telegram.until(was_tried)
        telegram.api.token = TOKEN
        telegram.later(minutes=1)
        await telegram.hears("specialist")
        await arrived(telegram, RASH, "It itches", "Very much")
        await says_on_readyz(telegram)


class Competitor:
    """Another program that polls with the same token."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self.got: list[str] = []

    async def polls(self) -> None:
        offset = 0
        async with client(self._api.url) as http:
            while True:
                answer = await http.get(f"/bot{TOKEN}/getUpdates", params={"timeout": 5, "offset": offset})
                for update in answer.json().get("result", ()):
                    offset = update["update_id"] + 1
                    self.got.append(update["message"]["text"])


async def test_two_programs_that_poll_with_one_token_lose_nothing_between_them_and_readyz_says_so(opens):
    texts = [f"message {number}" for number in range(10)]
    async with opens() as telegram:
        other = Competitor(telegram.api)
        polling = asyncio.create_task(other.polls())
        await says_on_readyz(telegram, "telegram polling: another program takes this bot's messages")
        for text in texts:
            telegram.ann.says(text)
            await telegram.api.until(lambda: len(telegram.api.pending) < 3)
        await telegram.api.until(lambda: not telegram.api.undelivered)
        polling.cancel()
        await asyncio.wait([polling])

        async def all_of_them() -> bool:
            return {*other.got, *[inquiry.text for inquiry in await telegram.inquiries()]} == set(texts)

        await telegram.until(all_of_them)
        telegram.ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose")
        await says_on_readyz(telegram)


async def test_polling_that_hears_nothing_at_all_for_long_is_named(opens):
    async with opens() as telegram:
        await telegram.api.until(lambda: telegram.api.called("getUpdates"))
        telegram.later(minutes=3)
        await says_on_readyz(telegram, "telegram: has not answered since 2026-11-23 09:00:00 UTC")
        telegram.ann.starts()
        await says_on_readyz(telegram)


# --- two workers


async def test_a_worker_that_waits_for_its_turn_to_poll_is_ready_and_takes_over(opens, postgres_url):
    with BotApi() as api:
        async with AsyncExitStack() as second:
            async with opens(api=api, database_url=postgres_url) as one:
                await api.until(lambda: api.called("getUpdates"))
                two = await second.enter_async_context(opens(api=api, database_url=postgres_url, clock=one.clock))
                one.ann.says("first")
                await arrived(one, "first")
                one.later(minutes=3)
                assert not [trouble for trouble in await two.app.not_ready() if "telegram" in trouble]
                await lose_the_lock(one)
                one.ann.says("second")
                await arrived(two, "first", "second")
                await says_on_readyz(one)
                await says_on_readyz(two)
            two.ann.says("third")
            await arrived(two, "first", "second", "third")
            await says_on_readyz(two)
        # At most the call that was under way while the lock changed hands.
        assert [call.outcome for call in api.called("getUpdates")].count("refused 409") <= 1


async def lose_the_lock(telegram: TelegramService) -> None:
    """As if the network between the database and the worker that polls had failed."""
    holder = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    async with telegram.app.database.transaction() as tx:
        assert (await tx.execute(sa.text(holder))).scalars().all() == [True]


# --- a webhook


@pytest.fixture
def looks_often(monkeypatch):
    monkeypatch.setattr("channels.telegram._LOOK", 1.0)


async def test_a_webhook_that_telegram_cannot_reach_is_named_until_it_can(opens, looks_often):
    async with opens(webhook=True) as telegram:
        reachable = telegram.api.hosts[PUBLIC]
        telegram.api.hosts[PUBLIC] = NOWHERE
        telegram.ann.says(FORGOT)
        await says_on_readyz(telegram, f"telegram webhook: Telegram cannot reach {WEBHOOK}: Connection failed")
        telegram.api.hosts[PUBLIC] = reachable
        await telegram.hears("zelvanta/missed-dose")
        telegram.later(minutes=3)
        await says_on_readyz(telegram)


@pytest.mark.parametrize(
    "other", [{}, {"url": "https://somebody.example/else", "secret": ""}], ids=["removed", "taken"]
)
async def test_a_webhook_that_somebody_took_over_is_taken_back(other, opens, looks_often):
    async with opens(webhook=True) as telegram:
        await telegram.api.until(lambda: telegram.api.webhook)
        telegram.api.webhook = other
        await telegram.api.until(lambda: telegram.api.webhook.get("url") == WEBHOOK)
        telegram.ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose")


async def test_a_webhook_that_telegram_does_not_take_is_named_and_tried_again(opens, looks_often):
    with BotApi() as api:
        api.troubles("setWebhook", *[Trouble.status(400, description="Bad Request: bad webhook: no")] * 5)
        async with opens(api=api, webhook=True) as telegram:
            await says_on_readyz(telegram, "telegram webhook: Bad webhook: no")
            telegram.ann.says(FORGOT)
            await telegram.hears("zelvanta/missed-dose")
            await says_on_readyz(telegram)


# --- our own database


@contextmanager
def database_away(telegram: TelegramService) -> Iterator[None]:
    """Nothing can be committed to the inbox."""

    async def accept(*args: object) -> bool:
        raise sa.exc.OperationalError("", {}, Exception())

    with mock.patch.object(telegram.app.inbox, "accept", accept):
        yield


@pytest.mark.parametrize("webhook", [False, True], ids=["polling", "webhook"])
async def test_while_nothing_can_be_stored_nothing_is_confirmed_and_afterwards_everything_arrives_once(webhook, opens):
    async with opens(webhook=webhook) as telegram:
        with database_away(telegram):
            for text in ("one", "two", "three"):
                telegram.ann.says(text)
            if webhook:
                await telegram.api.until(lambda: telegram.api.posted[3:])
                assert {status for _, status in telegram.api.posted} == {503}
            else:
                await says_on_readyz(telegram, "telegram inbox: ")
            assert len(telegram.api.pending) == 3
        await arrived(telegram, "one", "two", "three")
        assert telegram.api.pending == []
        await says_on_readyz(telegram)


async def test_what_was_taken_in_and_not_committed_before_a_stop_is_asked_for_again_after_it(opens):
    with BotApi() as api, ExitStack() as first_life:
        async with opens(api=api) as telegram:
            telegram.ann.says("one")
            await arrived(telegram, "one")
            first_life.enter_context(database_away(telegram))
            telegram.ann.says("two")
            await says_on_readyz(telegram, "telegram inbox: ")
        async with opens(api=api, clock=telegram.clock) as telegram:
            await arrived(telegram, "one", "two")


async def test_an_update_that_no_database_takes_reaches_a_person_with_its_words_and_holds_nothing_up(
    opens, database_url
):
    """PostgreSQL takes no NUL, not even in JSON."""
    async with opens(database_url=database_url) as telegram:
        telegram.ann.sends_photo(RASH, PNG, media_group_id="an album\0")
        telegram.ann.says("and it itches")
        await telegram.api.until(lambda: not telegram.api.undelivered)
        telegram.later(seconds=5)  # no more of the album is to come
        case = await telegram.case(
            lambda case: len([id for e in case.events for id in e.body.get("messages", ())]) == 2
        )
        assert "adverse-event" in case.labels
        await arrived(telegram, RASH, "and it itches")
        await says_on_readyz(telegram)


# --- stopping


async def ends_within_ten_seconds(service: AsyncExitStack) -> None:
    async with asyncio.timeout(10):
        await service.aclose()


async def test_a_stop_ends_a_long_poll(opens):
    async with AsyncExitStack() as service:
        telegram = await service.enter_async_context(opens())
        await telegram.api.until(lambda: telegram.api.called("getUpdates"))
        await ends_within_ten_seconds(service)
    assert [call.outcome for call in telegram.api.called("getUpdates")] == ["gone", "ok"]


async def test_a_stop_does_not_wait_for_a_telegram_that_hangs_and_what_was_not_sent_is_sent_in_the_next_life(
    opens, monkeypatch
):
    for limit in ("channels.telegram_sending._SEND", "channels.telegram_client._READ"):
        monkeypatch.setattr(limit, PATIENCE)
    monkeypatch.setattr(composition, "_DRAIN", 0.2)
    with BotApi() as api:
        async with AsyncExitStack() as service:
            telegram = await service.enter_async_context(opens(api=api))
            api.troubles("sendMessage", Trouble.hang())
            telegram.ann.says(FORGOT)
            await api.until(lambda: api.called("sendMessage"))
            api.troubles("getUpdates", Trouble.hang(), Trouble.hang())
            telegram.ann.says("thanks")
            await ends_within_ten_seconds(service)
        api._troubles.clear()
        async with opens(api=api, clock=telegram.clock) as telegram:
            await telegram.hears("wording/thanks.en")
            assert (await telegram.sources())[:2] == ["wording/first-contact.en", "zelvanta/missed-dose"]


async def test_a_stop_while_telegram_is_away_ends_in_time_whatever_it_is_just_waiting_for(opens, monkeypatch):
    """To connect, to remove an old webhook, or to poll again; the library cannot be woken from its pause."""
    hurry(monkeypatch, 1 / 50)
    for method in ("getMe", "deleteWebhook", "getUpdates"):
        with BotApi() as api:
            api.troubles(method, *[Trouble.status(502)] * 3)
            async with AsyncExitStack() as service:
                await service.enter_async_context(opens(api=api))
                await api.until(lambda called=method: [call.outcome for call in api.called(called)] == ["502"])
                await ends_within_ten_seconds(service)


async def test_nothing_is_left_open_after_a_stop(opens):
    async with opens() as telegram:
        telegram.ann.says(FORGOT)
        await telegram.hears("wording/ask-audience.en")
        await telegram.quiet()
        rows = await telegram.rows(InboxRow)
    assert [row.state for row in rows] == ["done"]
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
