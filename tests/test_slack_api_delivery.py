"""How our Slack brings things to a real app of Bolt, over Socket Mode and over signed HTTP, and what it does when the
app does not take them. Some of it shows what Bolt itself does, where a desk must know it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from slack_api import SlackApi, Trouble
from slack_api_apps import app_of, client, over_http, over_socket
from slack_api_people import Person
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

pytestmark = pytest.mark.timeout(60)

WAYS = ["socket", "asgi", "starlette"]


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as slack:
        slack.retry_after = (0.0, 0.05, 0.1)
        yield slack


@pytest.fixture
def rao(slack: SlackApi) -> Person:
    return slack.person("Dr. Rao")


def connected(slack: SlackApi, app: AsyncApp, way: str = "socket") -> AbstractAsyncContextManager[Any]:
    return over_socket(slack, app) if way == "socket" else over_http(slack, app, starlette=way == "starlette")


class Heard:
    """An app that writes down every event, and fails as often as it is told to."""

    def __init__(self, slack: SlackApi, **more: Any) -> None:
        self.app = app_of(slack, **more)
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, Any]] = []
        self.fails = 0
        self.app.event("message")(self._hear)
        self.app.command("/smi")(self._obey)

    async def _hear(self, body: dict[str, Any], request: Any) -> None:
        self.events.append(body)
        self.headers.append(dict(request.headers))
        if self.fails:
            self.fails -= 1
            raise ValueError

    async def _obey(self, ack: Any) -> None:
        await ack()

    @property
    def texts(self) -> list[str]:
        return [body["event"].get("text", "") for body in self.events]


# Both ways


@pytest.mark.parametrize("way", WAYS)
async def test_an_event_comes_once_and_is_acknowledged(slack, rao, way):
    heard = Heard(slack)
    async with connected(slack, heard.app, way):
        said = rao.says("hello & <goodbye>")
        await slack.event_of(said).comes_through()
        await slack.until(lambda: heard.texts)
    (body,) = heard.events
    assert (body["event"]["text"], body["event"]["user"]) == ("hello &amp; &lt;goodbye&gt;", rao.id)
    assert (body["event"]["ts"], body["event_id"]) == (said.ts, slack.event_of(said).event_id)
    assert slack.event_of(said).attempts == ["taken"]
    assert slack.undelivered == []


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_app_posts_comes_back_as_an_event_and_bolt_passes_over_it(slack, rao, way):
    heard = Heard(slack)
    async with connected(slack, heard.app, way):
        await heard.app.client.chat_postMessage(channel=slack.channel, text="mine")
        await slack.event_of(slack.posted[0]).comes_through()
        await slack.event_of(rao.says("theirs")).comes_through()
        await slack.until(lambda: heard.texts)
    assert heard.texts == ["theirs"]
    assert slack.deliveries[0].event["bot_id"] == slack.bot_id


@pytest.mark.parametrize("way", WAYS)
async def test_an_event_that_fails_comes_again_under_its_id_until_it_is_taken(slack, rao, way):
    slack.patience = 0.3
    heard = Heard(slack, process_before_response=True)
    heard.fails = 2
    async with connected(slack, heard.app, way):
        delivery = slack.event_of(rao.says("hello"))
        await delivery.comes_through()
    why = "timeout" if way == "socket" else "http_error"
    assert delivery.attempts == [*["timeout" if way == "socket" else "http_error 500"] * 2, "taken"]
    assert {body["event_id"] for body in heard.events} == {delivery.event_id}
    numbers = [(h.get("x-slack-retry-num"), h.get("x-slack-retry-reason")) for h in heard.headers]
    assert numbers[1:] == [(["1"], [why]), (["2"], [why])]


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_takes_it_after_three_retries(slack, rao, way):
    slack.patience, slack.other_event_id = 0.2, True
    heard = Heard(slack, process_before_response=True)
    heard.fails = 9
    async with connected(slack, heard.app, way):
        delivery = slack.event_of(rao.says("hello"))
        await slack.until(lambda: slack.lost_events == [delivery])
        assert (len(delivery.attempts), len({body["event_id"] for body in heard.events})) == (4, 4)
        pressed = rao.commands("/nobody knows it")
        await slack.until(lambda: slack.failed_interactions == [pressed])
    assert len(pressed.attempts) == 1  # interactions are not brought again
    with pytest.raises(AssertionError, match="nobody took it"):
        await pressed.comes_through()


async def test_what_happened_while_nobody_was_there_comes_when_the_app_is_back_in_time(slack, rao):
    slack.retry_after = (0.0, 60.0, 300.0)
    heard = Heard(slack)
    delivery = slack.event_of(rao.says("hello"))
    await slack.until(lambda: delivery.attempts == ["no connection"] * 2)
    async with connected(slack, heard.app):
        slack.retry_now()
        await delivery.comes_through()
    assert delivery.attempts == ["no connection", "no connection", "taken"]


async def test_events_may_come_out_of_order_and_again(slack, rao):
    heard = Heard(slack)
    async with connected(slack, heard.app):
        slack.hold()
        root = rao.says("one")
        rao.writes(root, "two")
        slack.deliver(last_first=True)
        await slack.until(lambda: heard.texts == ["two", "one"])
        await slack.repeat(root).comes_through()
        await slack.repeat(slack.event_of(root), other_id=True).comes_through()
        await slack.until(lambda: len(heard.texts) == 4)
    assert heard.texts == ["two", "one", "one", "one"]
    assert len({body["event_id"] for body in heard.events}) == 3


async def test_only_what_the_app_asked_for_and_may_see_is_brought(slack, rao):
    slack.subscriptions.discard("reaction_added")
    said = rao.says("hello")
    rao.reacts(said, "eyes")
    slack.place().bot_leaves()
    rao.says("nobody listens")
    assert [delivery.event.get("text") for delivery in slack.deliveries] == ["hello"]


# What Bolt does


async def test_bolt_acknowledges_an_event_before_its_listener_ran_unless_told_otherwise(slack, rao):
    going, done = asyncio.Event(), []
    apps = [app_of(slack), app_of(slack, process_before_response=True)]
    for app in apps:

        @app.event("message")
        async def hears() -> None:
            await going.wait()
            done.append(1)

    async with connected(slack, apps[0]):
        await slack.event_of(rao.says("early")).comes_through()
        assert done == []
    async with connected(slack, apps[1]):
        late = slack.event_of(rao.says("late"))
        await asyncio.sleep(0.05)
        assert not late.is_settled
        going.set()
        await late.comes_through()
    assert len(done) == 2


async def test_bolt_takes_no_event_without_a_listener_and_one_whose_authorization_is_refused_is_lost(slack, rao):
    slack.patience = 0.2
    async with connected(slack, app_of(slack)):
        lost = slack.event_of(rao.says("nobody listens"))
        await slack.until(lambda: slack.lost_events == [lost])
    heard = Heard(slack)
    slack.troubles("auth.test", Trouble.slack_error("internal_error"))  # Bolt asks once, before the first event
    async with connected(slack, heard.app):
        await slack.event_of(rao.says("acknowledged, and never heard")).comes_through()
        await slack.event_of(rao.says("hello")).comes_through()
        await slack.until(lambda: heard.texts)
    assert heard.texts == ["hello"]


async def test_bolt_keeps_from_its_listeners_that_somebody_deleted_a_message_of_the_apps(slack, rao):
    apps = [Heard(slack), Heard(slack, ignoring_self_events_enabled=False)]
    for heard in apps:
        async with connected(slack, heard.app):
            await heard.app.client.chat_postMessage(channel=slack.channel, text="mine")
            await rao.deletes(slack.posted[-1]).comes_through()
            await slack.event_of(rao.says("theirs")).comes_through()
            await slack.until(lambda heard=heard: "theirs" in heard.texts)
    assert [body["event"].get("subtype") for body in apps[0].events] == [None]
    assert [body["event"].get("subtype") for body in apps[1].events] == [None, "message_deleted", None]


async def test_middleware_before_authorization_sees_everything_and_may_acknowledge_by_itself(slack, rao):
    seen: list[str] = []

    async def takes(body: dict[str, Any]) -> BoltResponse:
        seen.append(body.get("type", ""))
        return BoltResponse(status=200)

    async with connected(slack, app_of(slack, before_authorize=takes)):
        await slack.event_of(rao.says("hello")).comes_through()
        await rao.commands("/smi").comes_through()
    assert (seen, slack.called("auth.test")) == (["event_callback", ""], [])


# Socket Mode


async def test_a_connection_greets_and_an_address_is_good_for_one(slack):
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    url = (await client(slack).apps_connections_open(app_token=slack.app_token))["url"]
    async with connect(url, proxy=None) as socket:
        assert '"type": "hello"' in await socket.recv()
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, proxy=None)


async def test_connections_take_turns_and_a_ghost_swallows_what_it_gets(slack, rao):
    slack.patience = 0.3
    first, second = Heard(slack), Heard(slack)
    async with connected(slack, first.app), connected(slack, second.app):
        slack.ghost()
        said = [slack.event_of(rao.says(str(number))) for number in range(3)]
        commands = [rao.commands("/smi") for _ in range(3)]
        await slack.until(lambda: all(delivery.is_settled for delivery in (*said, *commands)))
    assert (len(slack.failed_interactions), slack.lost_events) == (1, [])
    assert {*first.texts, *second.texts} == {"0", "1", "2"}
    assert len(first.texts) and len(second.texts)


async def test_more_than_ten_connections_are_sent_away(slack):
    for _ in range(9):
        slack.ghost()
    async with connected(slack, app_of(slack)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), over_socket(slack, app_of(slack)):
                pass
        assert len(slack.sockets) == 10


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_an_app_that_is_told_to_go_comes_back_on_another_connection(slack, rao, reason):
    heard = Heard(slack)
    async with connected(slack, heard.app):
        (before,) = slack.sockets
        slack.disconnects(reason)
        await slack.until(lambda: slack.sockets and before not in slack.sockets)
        await slack.event_of(rao.says("hello")).comes_through()
    assert len(slack.called("apps.connections.open")) == 2


async def test_a_connection_that_breaks_is_missed_by_events_only_for_a_while(slack, rao):
    heard = Heard(slack)
    slack.retry_after = (0.0, 20.0)
    async with connected(slack, heard.app):
        slack.drop_sockets()
        await slack.until(lambda: not slack.sockets)
        lost, delivery = rao.commands("/smi"), slack.event_of(rao.says("hello"))
        await slack.until(lambda: lost.gave_up)
        await slack.until(lambda: slack.sockets)
        slack.retry_now()
        await delivery.comes_through()
    assert (lost.attempts, delivery.attempts) == (["no connection"], ["no connection", "no connection", "taken"])


async def test_an_acknowledgement_may_be_lost_with_its_connection(slack, rao):
    slack.retry_after, lost = (0.0, 20.0), iter([True])
    heard = Heard(slack)
    async with connected(slack, heard.app):
        slack.on_delivery = lambda delivery, when: when == "after" and next(lost, False)
        delivery = slack.event_of(rao.says("hello"))
        await slack.until(lambda: delivery.attempts[:2] == ["dropped", "no connection"])
        await slack.until(lambda: slack.sockets)
        slack.retry_now()
        await delivery.comes_through()
        await slack.until(lambda: len(heard.texts) == 2)
    assert heard.events[0]["event_id"] == heard.events[1]["event_id"]


LISTENS = """
import asyncio, sys
from slack_bolt.async_app import AsyncApp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

app = AsyncApp(client=AsyncWebClient(sys.argv[1], base_url=sys.argv[2]))

@app.event("message")
async def hears(event, say):
    pass

async def main():
    await AsyncSocketModeHandler(app, sys.argv[3]).start_async()

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_app_can_be_killed_before_it_gets_an_event_and_after_it_took_it(slack, rao, when):
    arguments = [slack.bot_token, slack.url, slack.app_token]
    process = subprocess.Popen([sys.executable, "-c", LISTENS, *arguments], stderr=subprocess.DEVNULL)
    slack.wait(lambda: slack.sockets)

    def kill(delivery: object, at: str) -> bool:
        if at == when:
            os.kill(process.pid, signal.SIGKILL)
        return at == when

    slack.on_delivery = kill
    delivery = slack.event_of(rao.says("hello"))
    assert process.wait(20) == -signal.SIGKILL
    slack.wait(lambda: slack.lost_events == [delivery])
    assert delivery.attempts == ["dropped", *["no connection"] * 3]


# HTTP


@pytest.mark.parametrize("way", ["asgi", "starlette"])
async def test_an_address_is_verified_and_only_what_slack_signed_lately_is_let_in(slack, rao, way):
    heard = Heard(slack)
    async with connected(slack, heard.app, way):
        verified = slack.verifies()
        await verified.comes_through()
        assert verified.answer["challenge"] == verified.payload["challenge"]
        slack.retry_after = ()
        for change in ({"signing_secret": "another"}, {"signed_ago": 301.0}):
            before = {name: getattr(slack, name) for name in change}
            vars(slack).update(change)
            forged = slack.event_of(rao.says("forged"))
            await slack.until(lambda forged=forged: forged.gave_up)
            assert forged.attempts == ["http_error 401"]
            vars(slack).update(before)
        await slack.event_of(rao.says("signed")).comes_through()
        await slack.until(lambda: heard.texts)
    assert heard.texts == ["signed"]


async def test_an_app_that_hangs_or_is_not_there_is_told_apart(slack, rao):
    slack.patience, slack.retry_after = 0.1, (0.0,)
    app = app_of(slack, process_before_response=True)

    @app.event("message")
    async def hangs() -> None:
        await asyncio.sleep(20)

    async with connected(slack, app, "asgi"):
        hanging = slack.event_of(rao.says("hello"))
        await slack.until(lambda: hanging.gave_up)
    gone = slack.event_of(rao.says("hello"))
    await slack.until(lambda: gone.gave_up)
    assert (hanging.attempts, gone.attempts) == (["http_timeout"] * 2, ["connection_failed"] * 2)


async def test_closing_does_not_wait_for_anybody():
    with SlackApi() as slack:
        rao = slack.person("Dr. Rao")
        heard = Heard(slack)
        web: AsyncWebClient = heard.app.client
        handler = connected(slack, heard.app)
        await handler.__aenter__()
        await web.auth_test()
        rao.commands("/nobody knows it")
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    await handler.__aexit__(None, None, None)
    assert time.monotonic() - began < 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(slack.url, trust_env=False)
