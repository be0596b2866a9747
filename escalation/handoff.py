"""The hand-off: from the bot to a specialist and from a specialist to the requester. The same for every desk.

Each method belongs to its caller's transaction and writes nothing but rows: case events, replies and desk posts in
the outbox, timers, journal entries. What a specialist may not do raises NotAllowed with a sentence for that person.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from escalation import store
from escalation.answering import Answering
from escalation.case import DISPOSITIONS, Case, Priority, due_at, is_suspected, joined, priority_of
from escalation.case_steps import event_of, note_of, words_of
from escalation.judging import JUDGED, LabelVerdict, judgements, raised
from smi_bot import journal
from smi_bot.assistant import OpenCase
from smi_bot.attachments import set_state
from smi_bot.database import Transaction
from smi_bot.decision import PRECEDENCE, SAFETY, Label
from smi_bot.durable.timers import set_timer
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import Action, Choice, Question, WordingPart
from smi_bot.receiving import Kept, Referral

_HELPED = (Choice(action=Action(verb="helpful")), Choice(action=Action(verb="not-helpful")))
_BUSY = timedelta(seconds=1)  # how long a timer leaves a case to whoever works on it


class CaseHandoff(Answering):
    """Cases, as the assistant and the desks act on them."""

    def __init__(
        self, windows: Mapping[Priority, timedelta], home: str | None = None, silence: timedelta = timedelta(hours=4)
    ) -> None:
        super().__init__(windows, home)
        self._silence = silence  # after which a claim lapses

    # --- from the assistant

    async def open_case(self, tx: Transaction, conversation: str) -> OpenCase | None:
        case = await store.latest_case(tx, conversation)
        if case is None or case.status == "closed":
            return None
        return OpenCase(case.id, case.owner, case.labels, case.questions)

    async def ask(self, tx: Transaction, case: int, question: Question | None, language: str, now: datetime) -> None:
        """Which question awaits an answer from now on; no desk needs to be told before it comes."""
        await self._record(tx, case, now, "asked", "bot", {"question": question, "language": language})

    async def refer(self, tx: Transaction, referral: Referral, case: OpenCase | None, now: datetime) -> int:
        """Opens a case or adds to the open one; sets the timer and tells the desk."""
        if case is None:
            case_id = await self._open(tx, referral, now)
        else:
            case_id = case.id
            await self._join(tx, await store.case(tx, case_id), referral, now)
        await self._watch(tx, await store.case(tx, case_id))
        await self.tell_desk(tx, case_id, now)
        return case_id

    async def suspected(self, tx: Transaction, conversation: str, messages: Collection[int]) -> frozenset[int]:
        cases = await store.cases_of(tx, conversation)
        return frozenset(id for id in messages if any(is_suspected(case, id) for case in cases))

    async def _open(self, tx: Transaction, referral: Referral, now: datetime) -> int:
        before = await store.latest_case(tx, referral.conversation.id)
        case_id = await store.new_case(tx, referral.conversation.id, before.id if before else None, now)
        body = {
            "labels": list(referral.labels),
            "priority": priority_of(referral.labels),
            "audience": referral.conversation.audience if referral.conversation.audience_known else "",
            "country": referral.conversation.country,
            "language": referral.language,
            "channel": referral.conversation.channel,
            "public": referral.conversation.public,
        }
        await self._record(tx, case_id, now, "opened", "bot", body)
        await self._add_message(tx, case_id, referral, now)
        return case_id

    async def _join(self, tx: Transaction, case: Case, referral: Referral, now: datetime) -> None:
        # What we asked for tells more of the same report.
        is_news = referral.screening is None and referral.answers is None
        labels, priority = joined(case, referral.labels, is_news=is_news)
        await self._add_message(tx, case.id, referral, now)
        if (labels, priority) != (case.labels, case.priority):
            body = {"labels": list(labels), "priority": priority}
            await self._record(tx, case.id, now, "raised", "bot", body)
        elif case.owner and not SAFETY.isdisjoint(referral.labels):  # of what is known, but its owner may not look
            await self._record(tx, case.id, now, "reported", "bot", {"labels": list(referral.labels)})

    async def _add_message(self, tx: Transaction, case_id: int, referral: Referral, now: datetime) -> None:
        body = {
            "messages": list(referral.messages),
            "labels": list(referral.labels),
            "evidence": [asdict(each) for each in referral.evidence],
            "suggestions": [asdict(each) for each in referral.suggestions],
            "reason": referral.reason,
            "link": referral.link,
        }
        kept = {"messages": body["messages"]}
        more = {"screening": referral.screening, "answers": referral.answers, "answer": referral.answer}
        for key, value in more.items():
            if value is not None:
                body[key] = kept[key] = value
        event = await store.add_event(tx, case_id, now, "message", "requester", body, "requester")
        journal.note(tx, now, "case", str(case_id), event=event, what="message", actor="requester", **kept)
        if not SAFETY.isdisjoint(referral.labels):
            await self._note_times(tx, case_id, now)

    async def erase(self, tx: Transaction, conversation: str, now: datetime) -> Kept:
        """Erases the words on finished cases without a safety report; what is left is kept, and says that they asked."""
        kept = []
        for case in await store.cases_of(tx, conversation):
            if case.status == "closed" and SAFETY.isdisjoint(case.labels):
                await store.erase_words(tx, case)
            else:
                kept.append(case)
                await self._record(tx, case.id, now, "erasure", "bot", {})
            await self.tell_desk(tx, case.id, now)  # a desk must not go on showing what is erased
        messages = (id for case in kept for event in case.events for id in event.body.get("messages", ()))
        return Kept(tuple(case.id for case in kept), tuple(case.number for case in kept), frozenset(messages))

    async def file_settled(self, tx: Transaction, conversation: str, now: datetime) -> None:
        """A file of the requester is here or cannot be had: the desk must see which."""
        case = await store.latest_case(tx, conversation)
        if case is not None:
            await self.tell_desk(tx, case.id, now)
        tx.rings.add("desk")

    # --- from a desk

    async def claim(self, tx: Transaction, case_id: int, actor: str, now: datetime) -> None:
        """Of two at once, one owns it and the other is told who."""
        case = await self._unfinished(tx, case_id)
        if case.owner == actor:
            return
        if case.owner is not None:
            raise NotAllowed(f"{case.number} is already claimed by {case.owner}.")
        await self._record(tx, case_id, now, "claimed", actor, {})
        await self._watch(tx, await store.case(tx, case_id))
        await set_timer(tx, key=f"claim:{case_id}", kind="claim", subject=str(case_id), due=now + self._silence)
        await self._say(
            tx, case, f"c{case_id}.{len(case.events)}.joined", WordingPart(wording="specialist-joined"), now
        )
        await self.tell_desk(tx, case_id, now)

    async def release(self, tx: Transaction, case_id: int, actor: str, now: datetime) -> None:
        case = await self._owned(tx, case_id, actor)
        await self._record(tx, case_id, now, "released", actor, {})
        await self._say(tx, case, f"c{case_id}.{len(case.events)}.left", WordingPart(wording="specialist-left"), now)
        await self._watch(tx, await store.case(tx, case_id))
        await self.tell_desk(tx, case_id, now)

    async def note(
        self, tx: Transaction, case_id: int, actor: str, text: str, id: str, now: datetime, version: str = ""
    ) -> None:
        """An internal note; nobody outside ever sees it unless its author sends it. `version`: see `edit_note`."""
        case = await self._unfinished(tx, case_id)
        if event_of(case, "noted", id):
            return
        await self._record(tx, case_id, now, "noted", actor, {"text": words_of(text), "id": id, "version": version})
        await self.tell_desk(tx, case_id, now)

    async def edit_note(
        self, tx: Transaction, case_id: int, actor: str, text: str, id: str, version: str, now: datetime
    ) -> None:
        """A note says something else from now on; what was sent of it stays sent.

        `version`: sorts the edits of one note. They may come out of order, and an older one changes nothing.
        """
        case = await self._unfinished(tx, case_id)
        note = note_of(case, id)
        if note is None or note.actor != actor or note.body.get("deleted") or version <= note.body.get("version", ""):
            return
        if note.body["text"] != text.strip():
            body = {"text": words_of(text), "id": id, "version": version, "edited": True}
            await self._record(tx, case_id, now, "noted", actor, body)
            await self.tell_desk(tx, case_id, now)

    async def delete_note(self, tx: Transaction, case_id: int, id: str, now: datetime) -> None:
        """A note no longer stands where it was written: it stays on record, says so, and cannot be sent any more."""
        note = note_of(await store.case(tx, case_id, lock=True), id)
        if note is not None and not note.body.get("deleted"):
            await self._record(tx, case_id, now, "noted", note.actor, {**note.body, "deleted": True})
            await self.tell_desk(tx, case_id, now)

    async def check(self, tx: Transaction, case_id: int, actor: str, *, to_answer: bool = False) -> None:
        """Raises NotAllowed unless the case is the actor's, and may be answered; so that nobody types in vain."""
        await (self._answerable if to_answer else self._owned)(tx, case_id, actor)

    async def fetch_again(self, tx: Transaction, case_id: int, actor: str, file: str, now: datetime) -> None:
        """Asks the platform again for a file that could not be had."""
        case = await self._unfinished(tx, case_id)
        row = (await store.deliveries(tx, [f"fetch:{file}"])).get(f"fetch:{file}")
        if row is None or row.payload["conversation"] != case.conversation or row.state != "failed":
            raise NotAllowed("This file is not missing; nothing was fetched again.")
        row.state, row.failures, row.next_attempt_at, row.settled_at = "open", 0, now, None
        row.created_at = now  # its patience begins anew
        await set_state(tx, file, "pending")
        journal.note(tx, now, "case", str(case_id), what="file fetched again", actor=actor)
        tx.rings |= {"outbox", row.lane, "desk"}

    async def label(self, tx: Transaction, case_id: int, actor: str, labels: Sequence[str], now: datetime) -> None:
        """A specialist's own judgement replaces the rules' labels; the priority follows it."""
        case = await self._owned(tx, case_id, actor)
        chosen: tuple[Label, ...] = tuple(label for label in PRECEDENCE if label in labels)
        if not chosen or len(chosen) != len(set(labels)):
            raise NotAllowed("Choose at least one of the known labels.")
        body = {"labels": list(chosen), "priority": priority_of(chosen), "before": list(case.labels)}
        await self._record(tx, case_id, now, "labelled", actor, body)
        await self.tell_desk(tx, case_id, now)

    async def judge(
        self, tx: Transaction, case_id: int, actor: str, given: Sequence[LabelVerdict], now: datetime
    ) -> None:
        """Whether labels are right, in any specialist's judgement. Neither labels nor priority change by it."""
        case = await self._unfinished(tx, case_id)
        last = judgements(case.events)
        for each in given:
            found, before = raised(case.events, each.label), last.get(each.label)
            _refuse_unknown(case, each, found.event)
            if before is None or (before.holds, before.actor) != (each.verdict, actor):
                body = {"label": each.label, "verdict": each.verdict, "rules": list(found.rules)}
                await self._record(tx, case_id, now, "judged", actor, body)
        if given:
            await self.tell_desk(tx, case_id, now)

    async def close(
        self, tx: Transaction, case_id: int, actor: str, disposition: str, note: str, now: datetime
    ) -> None:
        case = await self._owned(tx, case_id, actor)
        if disposition not in DISPOSITIONS:
            raise NotAllowed("Choose one of the dispositions.")
        await self._record(tx, case_id, now, "closed", actor, {"disposition": disposition, "note": note.strip()})
        await self._say(tx, case, f"c{case_id}.closed", WordingPart(wording="case-closed"), now, _HELPED)
        await self.tell_desk(tx, case_id, now)

    async def reveal(self, tx: Transaction, case_id: int, actor: str, now: datetime) -> None:
        """Records that a specialist looked at unmasked text."""
        await store.case(tx, case_id, lock=True)
        await self._record(tx, case_id, now, "revealed", actor, {})

    async def lapse(self, tx: Transaction, case_id: int, now: datetime) -> datetime | None:
        """Gives a case back whose owner leaves the requester waiting in silence; returns when to look again."""
        case = await store.case_if_free(tx, case_id)
        if case is None:
            return now + _BUSY
        if case.owner is None or case.status == "closed":
            return None
        until = max(case.owner_active_at, case.unanswered_since or now) + self._silence
        if now < until:
            return until
        await self._record(tx, case_id, now, "released", "bot", {"lapsed": case.owner})
        await self._say(tx, case, f"c{case_id}.{len(case.events)}.left", WordingPart(wording="specialist-left"), now)
        await self._watch(tx, await store.case(tx, case_id))
        await self.tell_desk(tx, case_id, now)
        return None

    async def remind(self, tx: Transaction, case_id: int, now: datetime) -> datetime | None:
        """Reminds the desk of a case past due that nobody claimed or answered; returns when to look again."""
        case = await store.case_if_free(tx, case_id)
        if case is None:  # whoever has it may be about to move this very timer: waiting for it would be a deadlock
            return now + _BUSY
        due = due_at(case, self._windows)
        if due is None:
            return None
        window = self._windows[case.priority]
        if now < due:
            return due
        await self._record(tx, case_id, now, "reminded", "bot", {"due": due.isoformat(), "owner": case.owner})
        await self.tell_desk(tx, case_id, now)
        return now + window


def _refuse_unknown(case: Case, given: LabelVerdict, raised_in: int) -> None:
    """Nothing is judged unseen: further words may have raised the label since it was shown."""
    if given.verdict not in JUDGED:
        raise NotAllowed("Confirm or refute a label.")
    if given.label not in case.labels:
        raise NotAllowed(f"{case.number} does not have this label any more.")
    if given.raised_in != raised_in:
        raise NotAllowed(f"More was written on {case.number} that raised this label. Look at it, then judge again.")
