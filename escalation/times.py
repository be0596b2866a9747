"""When a suspected report became known, and to whom: five times, from the case's events and its messages. Pure.

Day zero, from which drug safety counts its days, is the arrival of the message, whenever it was understood.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from escalation.case import CaseEvent
from smi_bot.decision import SAFETY
from smi_bot.durable.rows import InboxRow

TimeName = Literal["platform", "received", "screened", "criteria_met", "looked_at"]

#: In the order in which they usually follow each other.
_NAMES: Mapping[TimeName, str] = {
    "platform": "sent",
    "received": "received",
    "screened": "screened",
    "criteria_met": "criteria met",
    "looked_at": "first human look",
}


@dataclass(frozen=True, slots=True)
class ReportTimes:
    """The five times of one suspected report (UTC).

    `platform`: when the requester's platform says it was sent. `received`: when it was stored. `screened`: when triage
    had read it first. `criteria_met`: when a reportable label was first given, by triage, by look-back screening or by
    a specialist. `looked_at`: when a specialist first did something on a case with it. `remarks`: why one of them is
    not there, or comes before an earlier one.
    """

    message: int
    platform: datetime | None
    received: datetime
    screened: datetime
    criteria_met: datetime
    looked_at: datetime | None
    remarks: tuple[tuple[TimeName, str], ...] = ()

    @property
    def day_zero(self) -> date:
        return self.received.date()


def is_person(actor: str) -> bool:
    """Whether an event was made by a specialist."""
    return actor not in ("bot", "requester")


def messages_of(events: Sequence[CaseEvent]) -> list[int]:
    return sorted({id for event in events if event.kind == "message" for id in event.body["messages"]})


def reports(events: Sequence[CaseEvent], messages: Mapping[int, InboxRow]) -> tuple[ReportTimes, ...]:
    """The suspected reports of a case, the first to arrive first. `events`: the case's, in order."""
    found = [_times(message, at, why, events, messages) for message, at, why in _reported(events, messages)]
    return tuple(sorted(found, key=lambda each: (each.received, each.message)))


def _reported(events: Sequence[CaseEvent], messages: Mapping[int, InboxRow]) -> Iterator[tuple[int, datetime, str]]:
    """Each message that reports, when a reportable label was given to it, and how, if not by triage at once."""
    labelled = False
    for place, event in enumerate(events):
        if SAFETY.isdisjoint(event.body.get("labels", ())):
            continue
        if event.kind == "message":
            yield _first(_reporting(event), messages), event.at, "look-back screening" * ("screening" in event.body)
        elif event.kind == "labelled" and not labelled and (named := messages_of(events[:place])):
            yield _first(named, messages), event.at, "a specialist, who did not say for which message"
        labelled |= event.kind in ("message", "labelled")


def _reporting(event: CaseEvent) -> Sequence[int]:
    """The messages of an event in which something raised a safety label."""
    found = [each["message"] for each in event.body["evidence"] if each["label"] in SAFETY]
    return found or event.body["messages"]


def _first(ids: Sequence[int], messages: Mapping[int, InboxRow]) -> int:
    known = [id for id in ids if id in messages]
    return min(known, key=lambda id: (messages[id].received_at, id)) if known else min(ids)


def _times(
    message: int, met: datetime, how: str, events: Sequence[CaseEvent], messages: Mapping[int, InboxRow]
) -> ReportTimes:
    shown = next(place for place, e in enumerate(events) if e.kind == "message" and message in e.body["messages"])
    row, seen = messages.get(message), events[shown].at
    received = row.received_at if row else seen
    # What is being handled in this very transaction is marked as read at its end.
    screened = (row and row.settled_at) or seen
    is_dated = row is not None and row.payload.get("is_dated", True)
    platform = datetime.fromisoformat(row.payload["sent_at"]).astimezone(UTC) if row and is_dated else None
    looked = next((e.at for e in events[shown:] if is_person(e.actor)), None)
    values = (platform, received, screened, met, looked)
    return ReportTimes(message, *values, remarks=tuple(_remarks(*values, how)))


def _remarks(
    platform: datetime | None,
    received: datetime,
    screened: datetime,
    met: datetime,
    looked: datetime | None,
    how: str,
) -> Iterator[tuple[TimeName, str]]:
    if platform is None:
        yield "platform", "the platform does not say when"
    elif platform > received:
        yield "platform", f"the platform's clock is {(platform - received).total_seconds():.0f} s ahead of ours"
    if screened < received:
        yield "screened", "the clocks of two workers differ"
    if how:
        yield "criteria_met", f"by {how}"
    if looked is None:
        yield "looked_at", "nobody has acted on it yet"
    elif looked < met:
        yield "looked_at", "before it was labelled"


def in_words(times: ReportTimes) -> tuple[tuple[str, str], ...]:
    """Name and value of each time, in their order."""
    remarks = dict(times.remarks)
    return tuple((name, _words(getattr(times, key), remarks.get(key, ""))) for key, name in _NAMES.items())


def _words(at: datetime | None, remark: str) -> str:
    if at is None:
        return remark
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" + (f" ({remark})" if remark else "")


def compact(times: ReportTimes) -> str:
    """One line: day zero, and the times as far as they are known; of those on day zero the hour alone."""
    values = [f"{name} {_short(times, key)}" for key, name in _NAMES.items()]
    return f"Day zero {times.day_zero}: {', '.join(values)} (UTC)."


def _short(times: ReportTimes, key: TimeName) -> str:
    at = getattr(times, key)
    if at is None:
        return "not yet" if key == "looked_at" else "not said by the platform"
    said = f"{at:%H:%M:%S}" if at.date() == times.day_zero else f"{at:%Y-%m-%d %H:%M}"
    remark = dict(times.remarks).get(key)
    return f"{said} ({remark})" if remark else said


def as_record(times: ReportTimes) -> dict[str, Any]:
    """As the journal keeps them."""
    known = {"message": times.message, "day_zero": times.day_zero.isoformat(), "remarks": dict(times.remarks)}
    values = {str(key): getattr(times, key) for key in _NAMES}
    return known | {key: value.isoformat() if value else None for key, value in values.items()}
