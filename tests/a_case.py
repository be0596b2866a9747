"""A case and what happened in it, as a card is made of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from escalation.card_lines import CardContext, CardLine, CardMessage
from escalation.cards import Card, card
from escalation.case import Case, CaseEvent, fold
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Attachment, Inquiry

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANN = "telegram:ann"
PHOTO = Attachment(id="f1", name="rash.jpg", media_type="image/jpeg", size=2000, source="secret-file-id")


def inbound(id: int, text: str = "", *, erased: bool = False, **more: Any) -> InboxRow:
    """A stored message; an erased one as `smi_bot.erasure` leaves it."""
    inquiry = Inquiry(key=f"k{id}", channel="telegram", conversation=ANN, sent_at=NOON, text=text, **more)
    payload = inquiry.model_dump(mode="json") | {"salt": "s"}
    if erased:
        left = ("key", "channel", "conversation", "sent_at", "action", "prompted_by")
        payload = {key: payload[key] for key in left} | {"erased": True}
    return InboxRow(id=id, key=f"k{id}", lane=ANN, kind="message", payload=payload, received_at=NOON)


def outbound(id: int, part: dict[str, Any], **more: Any) -> OutboxRow:
    """A stored reply; `part` as in its payload."""
    values: dict[str, Any] = {"state": "sent", "created_at": NOON, "key": f"r{id}", "attempts": 1, **more}
    values.setdefault("settled_at", None if values["state"] == "open" else NOON)
    return OutboxRow(id=id, lane=ANN, way="delivery", payload={"part": part}, **values)


def reply(id: int, event: int, text: str = "Are you well?", **more: Any) -> OutboxRow:
    return outbound(id, {"kind": "specialist", "event": event, "text": text}, key=f"s{event}", **more)


def event(number: int, kind: str, actor: str = "bot", at: datetime = NOON, **body: Any) -> CaseEvent:
    return CaseEvent(number, at, kind, "internal", actor, body)  # type: ignore[arg-type]


def a_case(*events: CaseEvent, labels: tuple[str, ...] = ("human",), **opened: Any) -> Case:
    """A case of Ann's that was opened at noon."""
    body = {"labels": list(labels), "priority": "normal", "audience": "", "country": "US", "language": "en"}
    first = event(1, "opened", **body, channel="telegram", **opened)
    return fold(7, ANN, None, (first, *events))


def wrote(id: int, *rows: InboxRow, link: str = "") -> CaseEvent:
    ids = [row.id for row in rows]
    return event(id, "message", "requester", messages=ids, labels=[], evidence=[], suggestions=[], link=link)


def context(*rows: InboxRow | OutboxRow, files: dict[str, str] | None = None, now: datetime = NOON) -> CardContext:
    """What the desk would have loaded beside the case. Service texts and answers are the bot's own."""
    messages = [row for row in rows if isinstance(row, InboxRow)]
    replies = [row for row in rows if isinstance(row, OutboxRow)]
    versions: dict[tuple[str, str], list[InboxRow]] = {}
    for row in messages:
        versions.setdefault((row.lane, row.payload.get("message", "")), []).append(row)
    return CardContext(
        messages={row.id or 0: row for row in messages},
        versions=versions,
        told={(row.lane, row.platform_id): row for row in replies if row.platform_id},
        deliveries={row.key: row for row in replies},
        bot_replies={ANN: [row for row in replies if row.payload["part"]["kind"] != "specialist"]},
        files=files or {},
        titles={"missed-dose": "What should I do if I forget a tablet?"},
        windows={"normal": timedelta(days=1), "high": timedelta(hours=4), "urgent": timedelta(minutes=15)},
        viewer="Dr. Rao",
        now=now,
    )


def shown(*rows: InboxRow) -> CardMessage:
    """The last of these messages as the card of a case shows it that holds this one only."""
    (line,) = lines(card(a_case(wrote(2, rows[-1])), context(*rows)), "message")
    (message,) = line.said
    return message


def lines(of: Card, kind: str) -> list[CardLine]:
    return [line for line in of.thread if line.kind == kind]


CLAIMED = event(8, "claimed", "Dr. Rao")
