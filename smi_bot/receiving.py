"""A message in one transaction: decide, journal, tell the hand-off, queue the replies. No effect but through rows."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Protocol

from smi_bot import conversations, journal
from smi_bot.assistant import Knowledge, Message, OpenCase, command, decide, hand_over
from smi_bot.conversations import ConversationRow
from smi_bot.database import Transaction
from smi_bot.decision import (
    SAFETY,
    Answer,
    Candidate,
    Clarify,
    Decision,
    Escalate,
    Label,
    Relay,
    Service,
    Signal,
)
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.outbox import post
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action, Conversation, Inquiry, Reply, WordingPart
from smi_bot.replies import (
    SPECIALIST,
    Saying,
    around,
    ask_audience,
    ask_country,
    country_label,
    notice_of,
    sayings,
    settings_of,
)
from smi_bot.trace import record

#: How long a pressed button still refers to what was written before it.
_CONTEXT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of one message that raised a label."""

    label: Label
    rule: str
    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Referral:
    """What the hand-off is given: messages by their ids, never their words."""

    conversation: Conversation
    messages: tuple[int, ...]
    labels: tuple[Label, ...]
    evidence: tuple[Evidence, ...]
    suggestions: tuple[Candidate, ...]
    reason: str
    language: str


class Handoff(Protocol):
    """The specialist's side, as the assistant needs it; every call belongs to the caller's transaction."""

    async def open_case(self, tx: Transaction, conversation: str) -> OpenCase | None:
        """The requester's open case, locked until the transaction ends."""
        ...

    async def refer(self, tx: Transaction, referral: Referral, case: OpenCase | None, now: datetime) -> int:
        """Opens a case or adds to the open one; returns its id."""
        ...


async def enqueue(inbox: Inbox, inquiry: Inquiry) -> bool:
    """Makes an inquiry durable; False for a repeat. Only after this may a channel confirm it to its platform."""
    if typed := command(inquiry.text):
        inquiry = inquiry.model_copy(update={"action": typed, "prompted_by": "menu"})
    payload = {**inquiry.model_dump(mode="json"), "salt": secrets.token_hex(16)}
    kind = "press" if inquiry.action else "message"
    return await inbox.accept(inquiry.key, inquiry.conversation, kind, payload)


async def post_reply(tx: Transaction, now: datetime, reply: Reply) -> None:
    payload = reply.model_dump(mode="json")
    await post(tx, now, key=reply.id, lane=reply.conversation, way="delivery", payload=payload)


class Assistant:
    """Receives what the inbox holds."""

    def __init__(self, knowledge: Knowledge, handoff: Handoff, *, home: str | None, pause: float) -> None:
        self._knowledge = knowledge
        self._handoff = handoff
        self._home = home
        self._pause = timedelta(seconds=pause)

    async def receive(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        """Handles a burst of messages; an instant means: wait until then for the rest of the burst."""
        asked = _Asked.of(rows)
        conversation = await conversations.load(tx, asked.first.conversation, asked.first.channel, now)
        case = await self._handoff.open_case(tx, conversation.id)
        seen = await conversations.snapshot(tx, conversation, self._home, now)
        decision = decide(asked.message, seen, case, self._knowledge, now.date())
        if wait := self._wait(asked, decision, now):
            return wait
        asked.journal(tx, now)
        self._journal(tx, asked, decision, seen, case, now)
        if isinstance(decision, Service) and decision.kind == "slow-down":
            conversation.slowed_at = conversation.slowed_at if decision.silent else now
        case_id = await self._refer(tx, asked, decision, seen, case, now)
        said = sayings(decision, seen, case.labels if case else None, self._knowledge.library)
        if self._is_told_enough(decision, seen, case):
            said = ()
        await self._say(tx, asked, [*self._framed(conversation, decision, seen, said)], case_id, now)
        return None

    async def press(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        """Handles pressed buttons, one after another."""
        for row in rows:
            action = inquiry_of(row).action
            if action is None or action.verb in ("answer", "none-of-these", "specialist"):
                await self.receive(tx, (row,), now)
            else:
                await self._change(tx, _Asked.of((row,)), action, now)
        return None

    async def give_up(self, tx: Transaction, row: InboxRow, now: datetime) -> None:
        """A message that could not be handled goes to a person, and the requester is told so."""
        asked = _Asked.of((row,))
        conversation = await conversations.load(tx, asked.first.conversation, asked.first.channel, now)
        seen = await conversations.snapshot(tx, conversation, self._home, now)
        case = await self._handoff.open_case(tx, conversation.id)
        decision = hand_over(asked.message, self._knowledge, "the bot failed on this message")
        asked.journal(tx, now)
        self._journal(tx, asked, decision, seen, case, now)
        case_id = await self._refer(tx, asked, decision, seen, case, now)
        said = sayings(decision, seen, None, self._knowledge.library)
        await self._say(tx, asked, list(said), case_id, now)

    async def withdrawn(self, tx: Transaction, reply: Reply, now: datetime) -> None:
        """An answer that was no longer approved when it was to be sent: a person takes over."""
        asked_row = await tx.get(InboxRow, reply.answers) if reply.answers else None
        conversation = await conversations.load(tx, reply.conversation, reply.channel, now)
        seen = await conversations.snapshot(tx, conversation, self._home, now)
        case = await self._handoff.open_case(tx, conversation.id)
        messages = (asked_row.id,) if asked_row and asked_row.id else ()
        referral = Referral(seen, messages, ("unapproved",), (), (), "the answer was withdrawn", seen.language)
        case_id = await self._handoff.refer(tx, referral, case, now)
        part = WordingPart(wording="withdrawn", language=seen.language, country=seen.country)
        again = {"id": f"{reply.id}.withdrawn", "part": part, "choices": (), "case": case_id}
        await post_reply(tx, now, reply.model_copy(update=again))

    def _wait(self, asked: "_Asked", decision: Decision, now: datetime) -> datetime | None:
        """Triage has read the burst already; what nobody must see at once waits for its rest."""
        if decision.grounds.triage.signals or isinstance(decision, Relay) or asked.action or not self._pause:
            return None
        until = min(asked.last_at + self._pause, asked.first_at + 4 * self._pause)
        return until if until > now else None

    def _is_told_enough(self, decision: Decision, seen: Conversation, case: OpenCase | None) -> bool:
        """A flood that asks a person for the same again: all of it reaches the case, not all of it is acknowledged."""
        if not isinstance(decision, Escalate) or case is None or seen.recent <= self._knowledge.flood_limit:
            return False
        return decision.leading in case.labels and decision.leading not in SAFETY

    async def _refer(
        self,
        tx: Transaction,
        asked: "_Asked",
        decision: Decision,
        seen: Conversation,
        case: OpenCase | None,
        now: datetime,
    ) -> int | None:
        if not isinstance(decision, Escalate | Relay):
            return case.id if case else None
        referral = Referral(
            conversation=seen,
            messages=(*await self._context(tx, asked, seen, now), *asked.ids),
            labels=decision.labels,
            evidence=asked.evidence(decision.grounds.triage.signals),
            suggestions=decision.suggestions if isinstance(decision, Escalate) else (),
            reason=decision.grounds.reason,
            language=decision.grounds.triage.language,
        )
        return await self._handoff.refer(tx, referral, case, now)

    async def _context(self, tx: Transaction, asked: "_Asked", seen: Conversation, now: datetime) -> tuple[int, ...]:
        """A pressed button says nothing by itself: the specialist needs what was written before it."""
        if asked.action is None:
            return ()
        earlier = await conversations.said_before(tx, seen.id, asked.ids[0], now - _CONTEXT)
        return tuple(row.id for row in earlier if row.id is not None)

    def _framed(
        self, row: ConversationRow, decision: Decision, seen: Conversation, said: tuple[Saying, ...]
    ) -> tuple[Saying, ...]:
        """Adds the first-contact notice and, after an ordinary reply, the next question not yet asked."""
        library = self._knowledge.library
        notice = library.wordings.get(("first-contact", "en"))
        if notice and said:
            found = decision.grounds.triage.language
            said = around(decision, seen, said, notice_of(seen, notice.version, found))
            row.notice_version = row.notice_version or notice.version
        if not isinstance(decision, Answer | Clarify | Service) or not said:
            return said
        if not row.audience_asked and row.audience is None:
            row.audience_asked = True
            return (*said, ask_audience(seen))
        if not row.country_asked and row.country is None:
            row.country_asked = True
            return (*said, ask_country(seen, library))
        return said

    async def _change(self, tx: Transaction, asked: "_Asked", action: Action, now: datetime) -> None:
        """A button that changes what is known of the requester, or says how an answer was."""
        row = await conversations.load(tx, asked.first.conversation, asked.first.channel, now)
        asked.journal(tx, now)
        journal.note(tx, now, "pressed", row.id, verb=action.verb, value=action.value, reply=action.reply)
        self._apply(row, action)
        seen = await conversations.snapshot(tx, row, self._home, now)
        case = await self._handoff.open_case(tx, row.id)
        is_flood = seen.recent > self._knowledge.flood_limit  # what was pressed counts, but not every press is answered
        said = [] if is_flood else self._confirmation(row, seen, action)
        await self._say(tx, asked, said, case.id if case else None, now)

    def _apply(self, row: ConversationRow, action: Action) -> None:
        if action.verb == "audience" and action.value in ("patient", "hcp"):
            row.audience, row.audience_asked = action.value, True
        elif action.verb == "country":
            row.country, row.country_asked = _country(action.value), True
        elif action.verb == "accept-notice" and action.value.isdecimal():
            row.notice_accepted = int(action.value[:6])

    def _confirmation(self, row: ConversationRow, seen: Conversation, action: Action) -> list[Saying]:
        library = self._knowledge.library

        def words(wording: str, **fields: str) -> Saying:
            part = WordingPart(wording=wording, language=seen.language, country=seen.country, fields=dict(fields))
            return Saying(part, (SPECIALIST,) if wording == "not-helpful" else ())

        if action.verb == "settings":
            return [settings_of(seen, library)]
        if action.verb == "audience":
            said = [words("audience-saved", audience=library.label(f"audience-{seen.audience}"))]
            if not row.country_asked:
                row.country_asked = True
                said.append(ask_country(seen, library))
            return said
        if action.verb == "country":
            return [words("country-saved", country=country_label(seen.country, library))]
        texts = {"helpful": "helpful-thanks", "not-helpful": "not-helpful", "accept-notice": "notice-thanks"}
        return [words(texts[action.verb])]

    async def _say(self, tx: Transaction, asked: "_Asked", said: list[Saying], case: int | None, now: datetime) -> None:
        for number, (part, choices) in enumerate(said, start=1):
            reply = Reply(
                id=f"r{asked.ids[-1]}.{number}",
                conversation=asked.first.conversation,
                channel=asked.first.channel,
                part=part,
                choices=choices,
                answers=asked.ids[-1],
                case=case,
            )
            await post_reply(tx, now, reply)

    def _journal(
        self,
        tx: Transaction,
        asked: "_Asked",
        decision: Decision,
        seen: Conversation,
        case: OpenCase | None,
        now: datetime,
    ) -> None:
        """The trace: with the messages it names, everything from which `explain` computes the decision again."""
        journal.note(
            tx,
            now,
            "decided",
            str(asked.ids[-1]),
            messages=list(asked.ids),
            prompted_by=[inquiry.prompted_by for inquiry in asked.inquiries],
            conversation=seen.model_dump(mode="json"),
            case={"id": case.id, "owner": case.owner, "labels": list(case.labels)} if case else None,
            decision=record(decision),
            today=now.date().isoformat(),
            versions=versions(self._knowledge),
        )


def versions(knowledge: Knowledge) -> dict[str, str]:
    """What the decision rested on."""
    return {"library": knowledge.library.version, "rules": knowledge.rules.version, "code": _code()}


@cache
def _code() -> str:
    return version("smi-bot")  # reads a file


def _country(value: str) -> str:
    # ZZ: ISO 3166-1 leaves it to users; here "somewhere we do not serve".
    return value if len(value) == 2 and value.isascii() and value.isalpha() else "ZZ"


def inquiry_of(row: InboxRow) -> Inquiry:
    """What a channel handed over."""
    return Inquiry.model_validate({key: value for key, value in row.payload.items() if key not in ("salt", "erased")})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A burst: the inbox rows of one conversation that are handled together."""

    inquiries: tuple[Inquiry, ...]
    ids: tuple[int, ...]
    salts: tuple[str, ...]
    first_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, rows: Sequence[InboxRow]) -> "_Asked":
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
    def action(self) -> Action | None:
        return self.inquiries[-1].action

    @property
    def message(self) -> Message:
        return message_of(self.inquiries)

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


def message_of(inquiries: Sequence[Inquiry]) -> Message:
    """The burst as a decision reads it: file names are text too."""
    return Message(
        texts=tuple(readable(inquiry) for inquiry in inquiries),
        has_attachment=any(inquiry.attachments for inquiry in inquiries),
        action=inquiries[-1].action,
    )


def readable(inquiry: Inquiry) -> str:
    """What a message says in words, file names included: they can tell of a side effect as well."""
    return "\n".join([inquiry.text, *(attachment.name for attachment in inquiry.attachments)])
