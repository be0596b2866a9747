"""Apps of Bolt on our Slack: how the real client and the real framework are connected to it, over either way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from loopback_troubles import Connection
from slack_api import SlackApi
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler as AsgiHandler
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler as StarletteHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route
from uvicorn.server import ServerState

PING = 1.0  # seconds: so long does the client of Socket Mode wait before it looks for a connection again
PATH = "/slack/events"


def client(slack: SlackApi, token: str = "", patience: int = 5) -> AsyncWebClient:
    # Without its handlers it would send again what may have arrived.
    return AsyncWebClient(token or slack.bot_token, base_url=slack.url, timeout=patience, retry_handlers=[])


def app_of(slack: SlackApi, **more: Any) -> AsyncApp:
    return AsyncApp(client=client(slack), signing_secret=slack.signing_secret, **more)


@asynccontextmanager
async def over_socket(slack: SlackApi, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """The app with a connection of Socket Mode."""
    handler, others = AsyncSocketModeHandler(app, slack.app_token, ping_interval=PING), set(slack.sockets)
    await handler.connect_async()
    try:
        await slack.until(lambda: set(slack.sockets) - others)
        yield handler
    finally:
        await handler.close_async()


@asynccontextmanager
async def over_http(slack: SlackApi, app: AsyncApp, *, starlette: bool = False) -> AsyncIterator[None]:
    """The app behind an address at which Slack calls it."""
    config, state = uvicorn.Config(_served(app, starlette), lifespan="off", log_config=None), ServerState()
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(config, state, {}), "127.0.0.1")
    slack.request_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()


def _served(app: AsyncApp, starlette: bool) -> Any:
    if starlette:
        return Starlette(routes=[Route(PATH, StarletteHandler(app).handle, methods=["POST"])])
    return AsgiHandler(app, path=PATH)
