"""Files that requesters sent: kept in the database, so that one backup holds everything and any worker can serve them."""

import secrets
from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from smi_bot.database import Instant, Transaction
from smi_bot.errors import SmiError
from smi_bot.inquiry import Attachment
from smi_bot.text import repair

#: What a file begins with, by media type: the declared type of an upload proves nothing.
_SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/gif", 0, b"GIF8"),
    ("image/webp", 8, b"WEBP"),
    ("image/heic", 4, b"ftypheic"),
    ("application/pdf", 0, b"%PDF-"),
)


class AttachmentRow(SQLModel, table=True):
    """One file."""

    __tablename__ = "attachment"

    id: str = Field(primary_key=True)
    conversation: str = Field(index=True)
    name: str
    media_type: str
    size: int
    content: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=Instant)

    def described(self) -> Attachment:
        return Attachment(id=self.id, name=self.name, media_type=self.media_type, size=self.size)


class WrongFile(SmiError):
    """The file cannot be taken; the text is the key of the label that says why."""


async def keep(tx: Transaction, conversation: str, name: str, content: bytes, limit: int, now: datetime) -> Attachment:
    """Stores a photo or a PDF of at most `limit` bytes. Raises WrongFile."""
    if len(content) > limit:
        raise WrongFile("file-too-big")
    media_type = next((t for t, at, mark in _SIGNATURES if content[at : at + len(mark)] == mark), None)
    if media_type is None:
        raise WrongFile("file-type")
    row = AttachmentRow(
        id=secrets.token_urlsafe(16),
        conversation=conversation,
        name=repair(name)[:200] or "file",
        media_type=media_type,
        size=len(content),
        content=content,
        created_at=now,
    )
    tx.add(row)
    return row.described()
