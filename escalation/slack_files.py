"""Files of requesters in the threads of their cases."""

from collections.abc import Mapping
from typing import NamedTuple

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from escalation import slack_store
from escalation.cards import Card
from escalation.slack_client import called, error_code, messages
from escalation.slack_store import SlackPostRow
from smi_bot.attachments import AttachmentRow
from smi_bot.database import Database, Transaction
from smi_bot.errors import TryAgain

#: Endings of the types that are taken (smi_bot.attachments), so that Slack can show them.
_ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/heic": "heic",
    "application/pdf": "pdf",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


_KEY = "file:"


def file_key(id: str) -> str:
    """Of the row that says where a file stands."""
    return f"{_KEY}{id}"


def is_file(key: str) -> bool:
    return key.startswith(_KEY)


def file_name(case_id: int, key: str) -> str:
    """Without its ending. Named by us: what a requester calls a file may name people, and we must find it again."""
    return f"SMI-{case_id}-{key.removeprefix(_KEY)[:12]}"


class WantedFile(NamedTuple):
    """A file to be shown. `is_doubtful`: it was tried, and may have arrived."""

    key: str
    name: str
    title: str
    content: bytes
    is_doubtful: bool


async def wanted_files(
    tx: Transaction, case_id: int, card: Card, standing: Mapping[str, SlackPostRow]
) -> list[WantedFile]:
    """The first file of a case that is here and not in Slack yet, if there is one: they may be large."""
    for line in card.thread:
        for file in line.attachments:
            key = file_key(file.id)
            stands = standing.get(key)
            if file.state != "here" or (stands is not None and stands.ts):
                continue
            row = await tx.get(AttachmentRow, file.id)
            if row is not None and row.content is not None:
                name = f"{file_name(case_id, key)}.{_ENDINGS.get(row.media_type, 'bin')}"
                return [WantedFile(key, name, file.name, row.content, stands is not None)]
    return []


async def upload(
    database: Database, client: AsyncWebClient, channel: str, case_id: int, thread: str, file: WantedFile
) -> None:
    """Shows a file in a thread, once: what may have arrived is looked for first."""
    id = await find(client, channel, thread, file_name(case_id, file.key)) if file.is_doubtful else None
    if id is None:
        await _keep(database, case_id, channel, file.key, None)
        where = {"channel": channel, "thread_ts": thread, "request_file_info": False}
        try:
            sent = await called(
                client.files_upload_v2, filename=file.name, title=file.title, content=file.content, **where
            )
        except SlackApiError as error:
            if error_code(error) == "file_not_found":  # something on the way took its bytes in Slack's place
                raise TryAgain("Slack does not take a file") from error
            raise
        id = str(sent["files"][0]["id"])
    await _keep(database, case_id, channel, file.key, id)


async def find(client: AsyncWebClient, channel: str, thread: str, name: str) -> str | None:
    """The id of a file in a thread, by its name without the ending."""
    async for message in messages(client.conversations_replies, channel=channel, ts=thread):
        for file in message.get("files", ()):
            if str(file.get("name", "")).rpartition(".")[0] == name:
                return str(file["id"])
    return None


async def _keep(database: Database, case_id: int, channel: str, key: str, ts: str | None) -> None:
    async with database.transaction() as tx:
        await tx.merge(slack_store.SlackPostRow(case_id=case_id, channel=channel, key=key, ts=ts, digest=""))
