"""Files that are still with a platform: fetched after the message was handled, kept where the desk can show them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from smi_bot import attachments
from smi_bot.attachments import FileState, WrongFile
from smi_bot.database import Database, Transaction
from smi_bot.durable.outbox import Sent
from smi_bot.durable.rows import Clock, OutboxRow
from smi_bot.errors import Refused, TryAgain
from smi_bot.inquiry import Attachment, Reply, WordingPart
from smi_bot.receiving import post_reply

#: Told that a file of a conversation is here or cannot be had.
FileSettled = Callable[[Transaction, str, datetime], Awaitable[None]]

#: How long a platform may be out of order before the desk is told that the file is missing.
_PATIENCE = timedelta(minutes=15)
#: Why a file was not taken, and what that makes of it: another try helps only where the platform failed.
_OUTCOMES: dict[str, FileState] = {"file-too-big": "refused", "file-type": "refused", "file-failed": "failed"}


class Platform(Protocol):
    """A channel whose files are fetched."""

    async def fetch(self, source: str, limit: int) -> bytes:
        """The file, of at most `limit` bytes. Raises WrongFile, Refused or TryAgain."""
        ...


class Fetching:
    """The sender of the outbox's way `fetch`."""

    def __init__(self, database: Database, clock: Clock, limit: int, settled: FileSettled) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit  # bytes
        self._file_settled = settled
        self._platforms: Mapping[str, Platform] = {}

    def through(self, platforms: Mapping[str, Platform]) -> None:
        self._platforms = platforms

    async def send(self, row: OutboxRow) -> Sent:
        attachment = Attachment.model_validate(row.payload["attachment"])
        try:
            await self._fetch(row.payload["channel"], attachment)
        except WrongFile as wrong:
            raise Refused(str(wrong)) from wrong
        except TryAgain as busy:
            if self._clock() - row.created_at > _PATIENCE:
                raise Refused("file-failed") from busy
            raise
        return Sent(attachment.id, {})

    async def _fetch(self, channel: str, attachment: Attachment) -> None:
        platform = self._platforms.get(channel)
        if platform is None:
            raise TryAgain(f"channel {channel} is not running", after=30)
        if attachment.size > self._limit:
            raise WrongFile("file-too-big")
        content = await platform.fetch(attachment.source, self._limit)
        media_type = attachments.media_type_of(content, self._limit)
        async with self._database.transaction() as tx:
            await attachments.arrived(tx, attachment.id, content, media_type)

    async def settled(self, tx: Transaction, row: OutboxRow, now: datetime) -> None:
        conversation = row.payload["conversation"]
        if row.state == "failed":
            why = row.error if row.error in _OUTCOMES else "file-failed"
            await attachments.set_state(tx, row.payload["attachment"]["id"], _OUTCOMES[why])
            if not row.payload["public"]:  # nothing is ever said where everybody can read it
                await self._tell_requester(tx, row, why, now)
        await self._file_settled(tx, conversation, now)

    async def _tell_requester(self, tx: Transaction, row: OutboxRow, why: str, now: datetime) -> None:
        limit = f"{self._limit // 2**20} MB"
        part = WordingPart(wording=why, language=row.payload["language"], fields={"limit": limit})
        reply = Reply(
            id=f"f{row.id}.{row.attempts}",
            conversation=row.payload["conversation"],
            channel=row.payload["channel"],
            part=part,
        )
        await post_reply(tx, now, reply)
