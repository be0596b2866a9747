"""What the Slack app needs: its manifest, and a check of what an installed one lacks. One list serves both."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from escalation.slack import EVENTS_PATH
from escalation.slack_client import error_code, web_client
from smi_bot.settings import Settings

#: Scopes of the bot, and what each is for.
SCOPES = {
    "chat:write": "posts and updates cards",
    "channels:history": "reads the threads of its cards, and finds its own posts again",
    "groups:history": "the same in a private channel",
    "channels:read": "sees whether it is in the channel",
    "groups:read": "the same for a private channel",
    "reactions:read": "sees the reaction that sends a message, and that it was taken back",
    "files:write": "shows requesters' files in the thread",
}
EVENTS = ("message.channels", "message.groups", "reaction_added", "reaction_removed")


def manifest(*, socket: bool, url: str = "https://bot.example.com") -> dict[str, Any]:
    """Slack documentation, "App manifest reference". `url`: our public address, where Slack comes by HTTP."""
    request = {} if socket else {"request_url": f"{url.rstrip('/')}{EVENTS_PATH}"}
    return {
        "display_information": {"name": "smi-bot", "description": "Hands medical-information cases to specialists"},
        "features": {"bot_user": {"display_name": "smi-bot", "always_online": True}},
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**request, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **request, **_options(request)},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }


def _options(request: dict[str, str]) -> dict[str, str]:
    return {"message_menu_options_url": request["request_url"]} if request else {}


async def lacking(settings: Settings) -> AsyncIterator[str]:
    """What keeps the desk from working, a line each; nothing where all is well."""
    if settings.slack_bot_token is None or settings.slack_channel is None:
        yield "SMI_SLACK_BOT_TOKEN and SMI_SLACK_CHANNEL: are not set; see README, Connecting Slack"
        return
    client = web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api)
    try:
        async for line in _of_bot(client, settings.slack_channel):
            yield line
        if settings.slack_app_token:
            connecting = web_client(settings.slack_app_token.get_secret_value(), settings.slack_api)
            await connecting.apps_connections_open(app_token=settings.slack_app_token.get_secret_value())
    except SlackApiError as error:
        yield f"SMI_SLACK_APP_TOKEN: Slack says {error_code(error)}; make an app-level token with connections:write"
    except (aiohttp.ClientError, TimeoutError) as error:
        yield f"SMI_SLACK_API: {settings.slack_api} does not answer ({type(error).__name__}); check the address"


async def _of_bot(client: AsyncWebClient, channel: str) -> AsyncIterator[str]:
    try:
        known = await client.auth_test()
    except SlackApiError as error:
        yield f"SMI_SLACK_BOT_TOKEN: Slack says {error_code(error)}; copy the bot token (xoxb-…) of the installed app"
        return
    granted = {scope.strip() for scope in str(known.headers.get("x-oauth-scopes", "")).split(",")}
    for scope, purpose in SCOPES.items():
        if scope not in granted:
            yield f"scope {scope}: is missing ({purpose}); add it and install the app again"
    async for line in _of_channel(client, channel):
        yield line


async def _of_channel(client: AsyncWebClient, channel: str) -> AsyncIterator[str]:
    try:
        found = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError as error:
        if error_code(error) != "missing_scope":  # named above
            yield f"SMI_SLACK_CHANNEL: {channel}: Slack says {error_code(error)}; give the channel's id (C…)"
        return
    if found.get("is_archived"):
        yield f"SMI_SLACK_CHANNEL: #{found['name']} is archived; unarchive it or choose another"
    elif not found.get("is_member"):
        yield f"SMI_SLACK_CHANNEL: the bot is not in #{found['name']}; write /invite @smi-bot there"
    if found.get("is_ext_shared") or found.get("is_pending_ext_shared"):
        yield f"SMI_SLACK_CHANNEL: #{found['name']} is shared with another company, which reads it; choose another"
    if not found.get("is_private"):
        yield f"SMI_SLACK_CHANNEL: #{found['name']} is not private: your whole workspace can read it; make it private"
