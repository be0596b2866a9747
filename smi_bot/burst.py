"""A burst: the messages of one requester that are read together, and what each of them says in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from smi_bot import journal
from smi_bot.assistant import Message
from smi_bot.database import Transaction
from smi_bot.decision import Label, Signal
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action, Inquiry


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of one message that raised a label."""

    label: Label
    rule: str
    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Burst:
    """Inbox rows of one conversation that are handled together, oldest first."""

    inquiries: tuple[Inquiry, ...]
    ids: tuple[int, ...]
    salts: tuple[str, ...]
    first_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, rows: Sequence[InboxRow]) -> "Burst":
        return cls(
            inquiries=tuple(inquiry_of(row) for row in rows),
            ids=tuple(row.id or 0 for row in rows),
            salts=tuple(str(row.payload.get("salt", "")) for row in rows),
            first_at=rows[0].received_at,
            last_at=rows[-1].received_at,
        )

    @property
    def first(self) -> Inquiry:
        return self.inquiries[0]

    @property
    def last(self) -> Inquiry:
        return self.inquiries[-1]

    @property
    def action(self) -> Action | None:
        return self.last.action

    @property
    def message(self) -> Message:
        return message_of(self.inquiries)

    @property
    def has_album(self) -> bool:
        return any(inquiry.album for inquiry in self.inquiries)

    def only(self, what: Callable[[Inquiry], str]) -> str:
        """What all of its messages have alike; empty where they differ."""
        found = {what(inquiry) for inquiry in self.inquiries}
        return found.pop() if len(found) == 1 else ""

    @property
    def album(self) -> str:
        """The album that all of it belongs to; empty where there is none."""
        return self.only(lambda inquiry: inquiry.album)

    @property
    def changed(self) -> str:
        """The message that all of it changes; empty where there is none."""
        return self.only(lambda inquiry: inquiry.message if inquiry.edited else "")

    @property
    def has_edit(self) -> bool:
        return any(inquiry.edited for inquiry in self.inquiries)

    def journal(self, tx: Transaction, now: datetime) -> None:
        for inquiry, id, salt in zip(self.inquiries, self.ids, self.salts, strict=True):
            journal.note(
                tx,
                now,
                "received",
                str(id),
                message=id,
                conversation=inquiry.conversation,
                sent_at=inquiry.sent_at.isoformat(),
                prompted_by=inquiry.prompted_by,
                attachments=[attachment.id for attachment in inquiry.attachments],
                digest=journal.digest(salt, readable(inquiry)),
            )

    def evidence(self, signals: Sequence[Signal]) -> tuple[Evidence, ...]:
        """Signals with places in single messages, from places in the joined text."""
        found, offset = [], 0
        for inquiry, id in zip(self.inquiries, self.ids, strict=True):
            text = readable(inquiry)
            end = offset + len(text)
            for signal in signals:
                if offset <= signal.start <= end:
                    place = (signal.start - offset, min(signal.end, end) - offset)
                    found.append(Evidence(signal.label, signal.rule, id, *place))
            offset = end + 1
        return tuple(found)


def inquiry_of(row: InboxRow) -> Inquiry:
    """What a channel handed over."""
    return Inquiry.model_validate({key: value for key, value in row.payload.items() if key not in ("salt", "erased")})


def message_of(inquiries: Sequence[Inquiry]) -> Message:
    """The burst as a decision reads it: file names and quoted words are text too."""
    return Message(
        texts=tuple(readable(inquiry) for inquiry in inquiries),
        has_attachment=any(inquiry.attachments or inquiry.shared for inquiry in inquiries),
        action=inquiries[-1].action,
        superseded=_superseded(inquiries),
    )


def _superseded(inquiries: Sequence[Inquiry]) -> frozenset[int]:
    """Places of the messages that were edited before anybody answered them."""
    latest = {inquiry.message: place for place, inquiry in enumerate(inquiries) if inquiry.message}
    places = enumerate(inquiries)
    return frozenset(place for place, inquiry in places if latest.get(inquiry.message, place) != place)


def readable(inquiry: Inquiry) -> str:
    """What a message says in words. File names and what was quoted can tell of a side effect as well."""
    names = (attachment.name for attachment in inquiry.attachments)
    return "\n".join([inquiry.text, *names, *filter(None, [inquiry.quoted])])
