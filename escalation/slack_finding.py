"""Where something of ours stands in Slack, of which nobody knows whether it arrived.

`thread`: to look there; None for the channel itself. Each raises CardGone where there is no such thread.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from escalation.slack_client import Call, messages

#: Name of the metadata by which a post of ours is found again.
EVENT_TYPE = "smi_case_post"
_CLOCKS = timedelta(minutes=5)  # two clocks are never quite alike


def mark(case_id: int, key: str) -> dict[str, Any]:
    """The metadata of a post."""
    return {"event_type": EVENT_TYPE, "event_payload": {"case": case_id, "key": key}}


async def find_post(
    client: AsyncWebClient, channel: str, thread: str | None, since: datetime, case_id: int, key: str
) -> str | None:
    """The place of a post, by its mark."""
    async for message in _since(client, channel, thread, since):
        if message.get("metadata") == mark(case_id, key):
            return str(message["ts"])
    return None


async def find_file(client: AsyncWebClient, channel: str, thread: str | None, since: datetime, name: str) -> str | None:
    """The id of a file, by its name without the ending."""
    async for message in _since(client, channel, thread, since):
        for file in message.get("files", ()):
            if str(file.get("name", "")).rpartition(".")[0] == name:
                return str(file["id"])
    return None


def _since(client: AsyncWebClient, channel: str, thread: str | None, since: datetime) -> AsyncIterator[dict[str, Any]]:
    oldest = str((since - _CLOCKS).timestamp())
    what: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "oldest": oldest}
    call: Call = client.conversations_history
    if thread is not None:
        call, what = client.conversations_replies, {**what, "ts": thread}
    return messages(call, **what)
