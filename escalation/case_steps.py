"""What the acts of a hand-off have in common: who may act, what is recorded, and who is told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from escalation import store
from escalation.case import STEPS, Case, CaseEvent, EventKind, Priority, due_at
from escalation.times import as_record, is_person, messages_of, reports
from smi_bot import journal
from smi_bot.conversations import ConversationRow
from smi_bot.database import Transaction
from smi_bot.durable.outbox import post
from smi_bot.durable.timers import set_timer
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import Choice, Part, Reply, WordingPart
from smi_bot.receiving import post_reply

#: Characters of one reply; longer ones would not fit every platform.
LONGEST_REPLY = 4000


class CaseSteps:
    """Each is a part of its caller's transaction. `home`: country of a requester who has not named one."""

    def __init__(self, windows: Mapping[Priority, timedelta], home: str | None) -> None:
        self._windows = windows
        self._home = home

    async def _owned(self, tx: Transaction, case_id: int, actor: str) -> Case:
        case = await self._unfinished(tx, case_id)
        if case.owner is None:
            raise NotAllowed(f"Claim {case.number} first.")
        if case.owner != actor:
            raise NotAllowed(f"Only its owner, {case.owner}, can do that on {case.number}.")
        return case

    async def _answerable(self, tx: Transaction, case_id: int, actor: str) -> Case:
        case = await self._owned(tx, case_id, actor)
        if case.is_public:
            raise NotAllowed(
                f"{case.number} is a public post: nothing is ever sent there. Follow its link, or wait until they write"
                " to the bot in private."
            )
        return case

    async def _unfinished(self, tx: Transaction, case_id: int) -> Case:
        case = await store.case(tx, case_id, lock=True)
        if case.status == "closed":
            raise NotAllowed(f"{case.number} is closed.")
        return case

    async def _record(
        self, tx: Transaction, case_id: int, now: datetime, kind: EventKind, actor: str, body: dict[str, Any]
    ) -> int:
        event = await store.add_event(tx, case_id, now, kind, actor, body)
        kept = {key: value for key, value in body.items() if key not in ("text", "note", "id")}
        journal.note(tx, now, "case", str(case_id), event=event, what=kind, actor=actor, **kept)
        if is_person(actor):
            await self._note_times(tx, case_id, now)
        return event

    async def _note_times(self, tx: Transaction, case_id: int, now: datetime) -> None:
        """Journals what the case's last event makes known of its suspected reports: five times each."""
        case = await store.case(tx, case_id)
        rows = await store.messages(tx, messages_of(case.events))
        known = reports(case.events[:-1], rows)
        for each in reports(case.events, rows):
            if each not in known:
                journal.note(tx, now, "report", str(case_id), **as_record(each))

    async def _say(
        self, tx: Transaction, case: Case, key: str, part: Part, now: datetime, choices: tuple[Choice, ...] = ()
    ) -> None:
        if case.is_public:
            return
        conversation = await tx.get_one(ConversationRow, case.conversation)
        if isinstance(part, WordingPart):
            part = part.model_copy(
                update={"language": conversation.language, "country": conversation.country or self._home}
            )
        reply = Reply(
            id=key,
            conversation=conversation.id,
            channel=conversation.channel,
            part=part,
            choices=choices,
            case=case.id,
        )
        await post_reply(tx, now, reply)

    async def _watch(self, tx: Transaction, case: Case) -> None:
        due = due_at(case, self._windows)
        if due is not None:
            await set_timer(tx, key=f"due:{case.id}", kind="due", subject=str(case.id), due=due)

    async def tell_desk(self, tx: Transaction, case_id: int, now: datetime) -> None:
        """Queues a desk post, unless one waits that nobody has begun: a desk shows the case as it is by then."""
        case, lane = await store.case(tx, case_id), f"case:{case_id}"
        # Of two alike, what nobody has claimed: a new case must not wait for what is added to known ones.
        priority = 2 * STEPS.index(case.priority) + (case.status == "open")
        if await store.is_told(tx, lane, priority):
            return
        payload = {"case": case_id, "event": case.events[-1].id}
        key = f"desk:{case_id}:{uuid4().hex}"
        await post(tx, now, key=key, lane=lane, way="handoff", payload=payload, priority=priority)


def event_of(case: Case, kind: str, id: str) -> CaseEvent | None:
    """The latest event of a kind under a specialist's own id."""
    return next((e for e in reversed(case.events) if e.kind == kind and e.body.get("id") == id), None)


def note_of(case: Case, id: str) -> CaseEvent | None:
    """The latest version of a note."""
    return event_of(case, "noted", id)


def words_of(text: str) -> str:
    """The words of a reply or note. Raises NotAllowed where there are none, or too many."""
    words = text.strip()
    if not words:
        raise NotAllowed("Write something first.")
    if len(words) > LONGEST_REPLY:
        raise NotAllowed(f"This is too long to send ({len(words)} characters); keep it under {LONGEST_REPLY}.")
    return words
