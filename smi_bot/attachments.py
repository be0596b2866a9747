"""Files that requesters sent: kept in the database, so that one backup holds everything and any worker can serve them."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from smi_bot.database import Instant, Transaction
from smi_bot.durable.outbox import post
from smi_bot.errors import SmiError
from smi_bot.inquiry import Attachment, Inquiry
from smi_bot.text import repair

#: What a file begins with, by media type: the declared type of an upload proves nothing.
_SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/gif", 0, b"GIF8"),
    ("image/webp", 8, b"WEBP"),
    ("image/heic", 4, b"ftypheic"),
    ("application/pdf", 0, b"%PDF-"),
    ("audio/ogg", 0, b"OggS"),
    ("audio/mpeg", 0, b"ID3"),
    *(("audio/mpeg", 0, bytes((0xFF, second))) for second in (0xFB, 0xF3, 0xF2)),
    ("audio/mp4", 4, b"ftypM4A"),
    ("video/mp4", 4, b"ftyp"),
    ("video/webm", 0, b"\x1aE\xdf\xa3"),
)

#: `pending`: still to be fetched from the platform. `failed`: it may work another time. `refused`: it never will.
FileState = Literal["here", "pending", "failed", "refused"]


class AttachmentRow(SQLModel, table=True):
    """One file."""

    __tablename__ = "attachment"

    id: str = Field(primary_key=True)
    conversation: str = Field(index=True)
    name: str
    media_type: str
    size: int
    content: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    created_at: datetime = Field(sa_type=Instant)
    state: str = Field(default="here", sa_column_kwargs={"server_default": "here"})

    def described(self) -> Attachment:
        return Attachment(id=self.id, name=self.name, media_type=self.media_type, size=self.size)


class WrongFile(SmiError):
    """The file cannot be taken; the text is the key of the label that says why."""


async def keep(tx: Transaction, conversation: str, name: str, content: bytes, limit: int, now: datetime) -> Attachment:
    """Stores a photo, a recording or a PDF of at most `limit` bytes. Raises WrongFile."""
    row = AttachmentRow(
        id=secrets.token_urlsafe(16),
        conversation=conversation,
        name=repair(name)[:200] or "file",
        media_type=media_type_of(content, limit),
        size=len(content),
        content=content,
        created_at=now,
    )
    tx.add(row)
    return row.described()


def media_type_of(content: bytes, limit: int) -> str:
    """What the file is by its first bytes. Raises WrongFile where it is too big or of no kind that we take."""
    if len(content) > limit:
        raise WrongFile("file-too-big")
    media_type = next((t for t, at, mark in _SIGNATURES if content[at : at + len(mark)] == mark), None)
    if media_type is None:
        raise WrongFile("file-type")
    return media_type


async def expect(tx: Transaction, conversation: str, attachment: Attachment, now: datetime) -> bool:
    """Notes a file that is still to be fetched; False where it was noted before."""
    if await tx.get(AttachmentRow, attachment.id) is not None:
        return False
    known = attachment.model_dump(exclude={"source"})
    tx.add(AttachmentRow(**known, conversation=conversation, created_at=now, state="pending"))
    return True


async def expect_files(tx: Transaction, inquiries: Sequence[Inquiry], now: datetime) -> None:
    """Files that are still with the platform are fetched by the outbox; the decision does not wait for them."""
    for inquiry in inquiries:
        for attachment in inquiry.attachments:
            if attachment.source and await expect(tx, inquiry.conversation, attachment, now):
                payload = {
                    "attachment": attachment.model_dump(),
                    "conversation": inquiry.conversation,
                    "channel": inquiry.channel,
                    "public": inquiry.public is not None,
                    "language": inquiry.locale or "en",
                }
                key = f"fetch:{attachment.id}"
                await post(tx, now, key=key, lane=key, way="fetch", payload=payload)


async def arrived(tx: Transaction, id: str, content: bytes, media_type: str) -> None:
    """The file is here; nothing happens where it was erased in the meantime."""
    values = {"content": content, "media_type": media_type, "size": len(content), "state": "here"}
    await tx.execute(sa.update(AttachmentRow).where(col(AttachmentRow.id) == id).values(**values))


async def set_state(tx: Transaction, id: str, state: FileState) -> None:
    await tx.execute(sa.update(AttachmentRow).where(col(AttachmentRow.id) == id).values(state=state))


async def states(tx: Transaction, conversations: Sequence[str]) -> dict[str, str]:
    """The state of each file of these conversations, by its id."""
    kept = sa.select(col(AttachmentRow.id), col(AttachmentRow.state)).where(
        col(AttachmentRow.conversation).in_(conversations)
    )
    return {row.id: row.state for row in await tx.execute(kept)}
