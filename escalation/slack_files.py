"""Files of requesters in the threads of their cases."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from escalation.card_lines import CardLine
from escalation.cards import Card
from escalation.slack_client import NoAnswer, called, error_code
from escalation.slack_finding import find_file
from escalation.slack_store import REFUSED, SlackPostRow
from smi_bot.attachments import AttachmentRow
from smi_bot.database import Database, Transaction
from smi_bot.errors import TryAgain

log = structlog.get_logger()

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

#: Seconds until a file is tried again that did not get through; what else is new of its case waits no longer.
_AGAIN = 30.0

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
    for file in (file for line in card.thread for file in line.attachments):
        key = file_key(file.id)
        stands = standing.get(key)
        if file.state != "here" or (stands is not None and stands.ts):
            continue
        row = await tx.get(AttachmentRow, file.id)
        if row is not None and row.content is not None:
            name = f"{file_name(case_id, key)}.{_ENDINGS.get(row.media_type, 'bin')}"
            return [WantedFile(key, name, file.name, row.content, stands is not None)]
    return []


def without_refused(card: Card, standing: Mapping[str, SlackPostRow]) -> Card:
    """The card, which says of files that Slack does not take that they are here, but not there."""
    refused = {key for key, row in standing.items() if is_file(key) and row.digest == REFUSED}
    return replace(card, thread=tuple(_told(line, refused) for line in card.thread)) if refused else card


def _told(line: CardLine, refused: set[str]) -> CardLine:
    files = (
        replace(file, state="kept") if file.state == "here" and file_key(file.id) in refused else file
        for file in line.attachments
    )
    return replace(line, attachments=tuple(files))


class Thread(NamedTuple):
    """Of a card. `since`: nothing of its case is older."""

    channel: str
    ts: str
    case_id: int
    since: datetime


async def upload(database: Database, client: AsyncWebClient, thread: Thread, file: WantedFile) -> None:
    """Shows a file in a thread, once: what may have arrived is looked for first."""
    channel, ts, case_id, since = thread
    name = file_name(case_id, file.key)
    id = await find_file(client, channel, ts, since, name) if file.is_doubtful else None
    digest = ""
    if id is None:
        await _keep(database, thread, file.key, None, "")
        try:
            id = await _sent(client, thread, file)
        except SlackApiError as error:
            log.error("slack refuses a file", case=case_id, error=error_code(error))
            digest = REFUSED
    await _keep(database, thread, file.key, id, digest)


async def _sent(client: AsyncWebClient, thread: Thread, file: WantedFile) -> str:
    """The id of a file that is shown now. One that does not get through holds up nobody else."""
    where = {"channel": thread.channel, "thread_ts": thread.ts, "request_file_info": False}
    try:
        sent = await called(client.files_upload_v2, filename=file.name, title=file.title, content=file.content, **where)
    except NoAnswer as busy:
        raise TryAgain(str(busy), after=_AGAIN) from busy
    except SlackApiError as error:
        if error_code(error) == "file_not_found":  # something on the way took its bytes in Slack's place
            raise TryAgain("Slack does not take a file") from error
        raise
    return str(sent["files"][0]["id"])


async def _keep(database: Database, thread: Thread, key: str, ts: str | None, digest: str) -> None:
    async with database.transaction() as tx:
        row = SlackPostRow(case_id=thread.case_id, channel=thread.channel, key=key, ts=ts, digest=digest)
        await tx.merge(row)
