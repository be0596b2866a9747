"""What specialists send to requesters, once each, and what became of it."""

from datetime import datetime
from typing import Any

from escalation import store
from escalation.case import Case
from escalation.case_steps import CaseSteps, event_of, note_of, words_of
from smi_bot import journal
from smi_bot.conversations import ConversationRow
from smi_bot.database import Transaction
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import Audience, EntryPart, SpecialistPart
from smi_bot.library.model import StandardResponse

_SENT = "Already sent; what you changed was not. Send the correction as a reply of its own."


class Answering(CaseSteps):
    """The part of a hand-off that requesters read."""

    async def reply(self, tx: Transaction, case_id: int, actor: str, text: str, id: str, now: datetime) -> None:
        """Sends the owner's words to the requester, once for each `id`."""
        case = await self._answerable(tx, case_id, actor)
        if not _is_sent(case, id, text=text.strip()):
            await self._reply(tx, case, actor, {"text": words_of(text), "id": id}, now)

    async def send_note(self, tx: Transaction, case_id: int, actor: str, event: int, now: datetime) -> None:
        """Sends a note of the owner's own, by an explicit press; a second press sends nothing."""
        case = await self._answerable(tx, case_id, actor)
        note = next((e for e in case.events if e.id == event and e.kind == "noted"), None)
        if note is None or note.actor != actor:
            raise NotAllowed("Only a note of your own can be sent to the requester.")
        if (note_of(case, note.body["id"]) or note).body.get("deleted"):
            raise NotAllowed("This note was deleted in Slack.")
        sent = f"note-{note.body['id']}"  # however often it was edited
        if not _is_sent(case, sent, text=note.body["text"]):
            await self._reply(tx, case, actor, {"text": note.body["text"], "id": sent, "note": event}, now)

    async def answer(
        self, tx: Transaction, case_id: int, actor: str, entry: StandardResponse, id: str, now: datetime
    ) -> None:
        """Sends an approved entry to the requester, once for each `id`; what it says is checked when it goes out."""
        case = await self._answerable(tx, case_id, actor)
        if _is_sent(case, id, entry=entry.id, version=entry.version):
            return
        conversation = await tx.get_one(ConversationRow, case.conversation)
        audience: Audience = "hcp" if conversation.audience == "hcp" else "patient"
        part = EntryPart(entry=entry.id, audience=audience, country=conversation.country or self._home)
        body = {"text": "", "entry": entry.id, "title": entry.title, "version": entry.version, "id": id}
        await self._reply(tx, case, actor, body, now, part)

    async def retry(self, tx: Transaction, case_id: int, actor: str, event: int, now: datetime) -> None:
        """Sends again a reply that failed, under the same id."""
        case = await self._owned(tx, case_id, actor)
        replied = next((e for e in case.events if e.id == event and e.kind == "replied"), None)
        row = (await store.deliveries(tx, [reply_key(event)])).get(reply_key(event))
        if replied is None or row is None or row.state != "failed":
            raise NotAllowed("This reply has not failed; nothing was sent again.")
        row.state, row.failures, row.next_attempt_at, row.settled_at = "open", 0, now, None
        journal.note(tx, now, "case", str(case_id), event=event, what="retried", actor=actor)
        tx.rings |= {"outbox", row.lane}

    async def reply_settled(self, tx: Transaction, case_id: int, row: OutboxRow, now: datetime) -> None:
        """Something said on this case was delivered or failed: the desk must see which, its owner above all."""
        case = await store.case(tx, case_id)
        replied = next((e for e in case.events if e.kind == "replied" and reply_key(e.id) == row.key), None)
        if replied is not None and row.state == "failed":
            await self._record(tx, case_id, now, "undelivered", "bot", {"reply": replied.id})
        await self.tell_desk(tx, case_id, now)
        tx.rings.add("desk")

    async def _reply(
        self,
        tx: Transaction,
        case: Case,
        actor: str,
        body: dict[str, Any],
        now: datetime,
        part: EntryPart | None = None,
    ) -> None:
        """`part`: an approved entry in the place of the specialist's own words."""
        event = await store.add_event(tx, case.id, now, "replied", actor, body, "requester")
        journal.note(tx, now, "case", str(case.id), event=event, what="replied", actor=actor, entry=body.get("entry"))
        await self._note_times(tx, case.id, now)
        said = part or SpecialistPart(event=event, text=body["text"])
        await self._say(tx, case, reply_key(event), said, now)
        await self.tell_desk(tx, case.id, now)


def reply_key(event: int) -> str:
    """The outbox key of the reply written in a case event."""
    return f"s{event}"


def _is_sent(case: Case, id: str, **said: Any) -> bool:
    """Whether this was sent. Raises NotAllowed where something else was: whoever sent it believes that this went out."""
    sent = event_of(case, "replied", id)
    if sent is not None and {name: sent.body.get(name) for name in said} != said:
        raise NotAllowed(_SENT)
    return sent is not None
