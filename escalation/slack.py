"""Slack as a place: its connection in (Socket Mode or signed HTTP) and everything that is to run for it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from escalation import slack_store
from escalation.case import Priority
from escalation.handoff import CaseHandoff
from escalation.slack_client import CardGone, NoChannel, called, error_code, web_client
from escalation.slack_desk import SlackDesk
from escalation.slack_events import SlackEvents
from escalation.slack_listeners import bolt_app
from escalation.slack_presses import Presses
from escalation.slack_text import addressed
from smi_bot.database import Database, Transaction
from smi_bot.durable.inbox import GiveUp, Handle, Inbox
from smi_bot.durable.outbox import Sent
from smi_bot.durable.rows import Clock, OutboxRow
from smi_bot.errors import Refused, SettingsError
from smi_bot.settings import Settings
from smi_bot.shelf import Shelf

log = structlog.get_logger()

EVENTS_PATH = "/slack/events"
_TIMESTAMP = re.compile("[0-9]{1,12}")
_RENEW = 10.0  # seconds


class SlackConnection:
    """What Slack tells us comes in here."""

    def __init__(self, bolt: AsyncApp, settings: Settings) -> None:
        self._bolt = bolt
        token = settings.slack_app_token
        self._app_token = token.get_secret_value() if token else None
        self._api = settings.slack_api
        self._socket: AsyncSocketModeHandler | None = None
        self._http = AsyncSlackRequestHandler(bolt)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return () if self._app_token else (Route(EVENTS_PATH, self._told, methods=["POST"]),)

    async def _told(self, request: Request) -> Response:
        if not _TIMESTAMP.fullmatch(request.headers.get("x-slack-request-timestamp", "0")):
            return Response(status_code=401)  # Slack's library would fall over it
        return await self._http.handle(request)

    def not_ready(self) -> list[str]:
        if self._app_token is None:
            return []
        session = self._socket.client.current_session if self._socket else None
        return [] if session is not None and not session.closed else ["slack: not connected (Socket Mode)"]

    async def run(self) -> None:
        """Holds the connection until cancelled; Bolt's client connects again by itself."""
        if self._app_token is None:
            await asyncio.Event().wait()
            return
        client = web_client(self._app_token, self._api)
        self._socket = AsyncSocketModeHandler(self._bolt, self._app_token, web_client=client)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew(self._socket))
                await self._socket.connect_async()  # type: ignore[no-untyped-call]  # Bolt's own
        finally:
            with suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(3):
                    await self._socket.close_async()  # type: ignore[no-untyped-call]  # likewise

    async def _renew(self, socket: AsyncSocketModeHandler) -> None:
        """Bolt's client tries one address for ever, and each of Slack's is good for one connection only."""
        while True:
            await asyncio.sleep(_RENEW)
            if self.not_ready():
                socket.client.wss_uri = None  # it asks for another one then


class Whispers:
    """The sender of the outbox's way `whisper`: what only one person is to see."""

    def __init__(self, client: AsyncWebClient, channel: str) -> None:
        self._client = client
        self._channel = channel

    async def send(self, row: OutboxRow) -> Sent:
        channel = row.payload.get("channel") or self._channel
        what = {"channel": channel, "user": row.payload["user"], "text": addressed(row.payload["text"])}
        if row.payload["thread"]:
            what["thread_ts"] = row.payload["thread"]
        try:
            response = await called(self._client.chat_postEphemeral, **what)
        except SlackApiError as error:  # they left the channel, say: there is nobody to tell
            raise Refused(f"Slack: {error_code(error)}") from error
        except CardGone as error:
            raise Refused(f"Slack: {error}") from error
        except NoChannel as error:  # a channel that was used before is no trouble of the present one
            raise (error if channel == self._channel else Refused(f"Slack: {error}")) from error
        return Sent(str(response["message_ts"]), {})

    async def settled(self, tx: Transaction, row: OutboxRow, now: object) -> None:
        """Nothing follows."""


class Slack:
    """All of it: cards out, presses and events in."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        inbox: Inbox,
        shelf: Shelf,
        clock: Clock,
        windows: Mapping[Priority, timedelta],
        presses: Presses,
    ) -> None:
        if settings.slack_bot_token is None or settings.slack_channel is None:
            raise SettingsError("SMI_SLACK_BOT_TOKEN and SMI_SLACK_CHANNEL: both are needed for the Slack desk")
        self._database, self._clock, self._channel = database, clock, settings.slack_channel
        client = web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api)
        secret = settings.slack_signing_secret if settings.slack_app_token is None else None
        self._channels = {self._channel}
        bolt = bolt_app(presses, inbox, client, self._channels, secret.get_secret_value() if secret else None)
        self._connection = SlackConnection(bolt, settings)
        self.desk = SlackDesk(database, shelf, clock, windows, client, self._channel)
        self.whispers = Whispers(client, self._channel)
        self.routes = self._connection.routes

    def handler(self, handoff: CaseHandoff) -> tuple[Handle, GiveUp]:
        """Of the inbox's kind `slack`."""
        events = SlackEvents(handoff, self._channel)
        return events.receive, events.give_up

    async def catch_up(self, handoff: CaseHandoff) -> None:
        """At start: shows cases that came before this channel was named, and hears what is said below cards elsewhere."""
        async with self._database.transaction() as tx:
            self._channels |= await slack_store.channels(tx)
            for case_id in await slack_store.without_card(tx, self._channel):
                await handoff.tell_desk(tx, case_id, self._clock())

    async def run(self) -> None:
        await self._connection.run()

    def not_ready(self) -> list[str]:
        return [*self._connection.not_ready(), *self.desk.not_ready()]
