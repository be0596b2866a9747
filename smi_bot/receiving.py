"""A message in one transaction: decide, journal, tell the hand-off, queue the replies. No effect but through rows."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from smi_bot import attachments, conversations, journal
from smi_bot.assistant import Knowledge, OpenCase, command, decide, hand_over, triage_burst
from smi_bot.burst import Burst, Evidence
from smi_bot.conversations import ConversationRow
from smi_bot.database import Transaction
from smi_bot.decision import (
    SAFETY,
    URGENT,
    Answer,
    Candidate,
    Clarify,
    Decision,
    Escalate,
    FollowUp,
    Grounds,
    Label,
    Relay,
    Service,
    telling,
)
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.outbox import post
from smi_bot.durable.rows import InboxRow
from smi_bot.erasure import erase, forget_posts
from smi_bot.following_up import as_seen, next_question
from smi_bot.inquiry import Action, Answered, Conversation, Inquiry, Question, Questions, Reply, WordingPart
from smi_bot.public import invitation, names
from smi_bot.questions import VERBS
from smi_bot.replies import (
    Saying,
    around,
    ask_audience,
    ask_country,
    confirmation,
    notice_of,
    offering,
    sayings,
    words,
)
from smi_bot.shelf import Shelf
from smi_bot.trace import gist, record, record_of_case, versions

#: How long a pressed button still refers to what was written before it, and an album to its earlier pieces.
_CONTEXT = timedelta(hours=24)
#: How long to wait for the rest of an album, at least: its pieces arrive as messages of their own.
_ALBUM = timedelta(seconds=1)
#: Buttons that ask something; the others change what is known of the requester, or say how an answer was.
_ASKING = frozenset({"answer", "details", "none-of-these", "specialist"})


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
    link: str = ""  # of a public post
    screening: int | None = None  # the look-back screening that found it, long after it came in
    answers: Question | None = None  # a question about the report, and how
    answer: Answered | None = None


class Kept(NamedTuple):
    """What must not be erased: cases under a legal duty or unfinished, and the messages on them."""

    cases: tuple[int, ...]
    numbers: tuple[str, ...]
    messages: frozenset[int]


class _Taken(NamedTuple):
    """A burst, what was decided on it and by which knowledge, and what was known of the requester."""

    burst: Burst
    decision: Decision
    seen: Conversation
    case: OpenCase | None
    knowledge: Knowledge

    @property
    def concerns_a_person(self) -> bool:
        """Whether it belongs on a case: also whatever was changed while one is open."""
        is_referred = isinstance(self.decision, Escalate | Relay)
        answers = isinstance(self.decision, FollowUp) and self.decision.answers is not None
        return is_referred or answers or (self.case is not None and self.burst.has_edit)


class Handoff(Protocol):
    """The specialist's side, as the assistant needs it; every call belongs to the caller's transaction."""

    async def open_case(self, tx: Transaction, conversation: str) -> OpenCase | None:
        """The requester's open case, locked until the transaction ends."""
        ...

    async def refer(self, tx: Transaction, referral: Referral, case: OpenCase | None, now: datetime) -> int:
        """Opens a case or adds to the open one; returns its id."""
        ...

    async def ask(self, tx: Transaction, case: int, question: Question | None, language: str, now: datetime) -> None:
        """Which question about its report the requester is asked now; None where no answer is awaited any more."""
        ...

    async def suspected(self, tx: Transaction, conversation: str, messages: Collection[int]) -> frozenset[int]:
        """Those of the messages that were suspected of a safety report before, or are on a case that holds one."""
        ...

    async def erase(self, tx: Transaction, conversation: str, now: datetime) -> Kept:
        """Erases the words on the conversation's cases that nothing obliges us to keep; returns the others."""
        ...


async def enqueue(inbox: Inbox, inquiry: Inquiry) -> bool:
    """Makes an inquiry durable; False for a repeat. Only after this may a channel confirm it to its platform."""
    # A command is nothing but its words, and typed for us.
    has_more = inquiry.public or inquiry.attachments or inquiry.shared or inquiry.edited or inquiry.forwarded
    if inquiry.action is None and not has_more and (typed := command(inquiry.text)):
        inquiry = inquiry.model_copy(update={"action": typed, "prompted_by": "menu"})
    payload = {**inquiry.model_dump(mode="json"), "salt": secrets.token_hex(16)}
    kind = "press" if inquiry.action else "message"
    return await inbox.accept(inquiry.key, inquiry.conversation, kind, payload)


async def post_reply(tx: Transaction, now: datetime, reply: Reply) -> None:
    payload = reply.model_dump(mode="json")
    await post(tx, now, key=reply.id, lane=reply.conversation, way="delivery", payload=payload)


class Assistant:
    """Receives what the inbox holds."""

    def __init__(self, shelf: Shelf, handoff: Handoff, *, home: str | None, pause: float) -> None:
        self._shelf = shelf
        self._handoff = handoff
        self._home = home
        self._pause = timedelta(seconds=pause)

    async def receive(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        """Handles a burst of messages; an instant means: wait until then for the rest of the burst."""
        burst = Burst.of(rows)
        row, case, seen = await self._situation(tx, burst, now)
        knowledge = self._shelf.knowledge  # one for all of it: another may be put up meanwhile
        decision = decide(burst.message, seen, case, knowledge, now.date())
        if wait := self._wait(burst, decision, now):
            return wait
        case_id = await self._record(tx, _Taken(burst, decision, seen, case, knowledge), now)
        if isinstance(decision, Service) and decision.kind == "slow-down":
            row.slowed_at = row.slowed_at if decision.silent else now
        if seen.public:
            await self._invite(tx, burst, decision, now)
            if case_id is None:
                await forget_posts(tx, row, rows)
            return None
        said = sayings(decision, seen, case.labels if case else None, knowledge.library)
        if self._is_told_enough(decision, seen, case) or await self._adds_nothing(tx, burst, decision, now):
            said = ()
        said = offering(said, case_id, case.questions if case else Questions())
        await self._say(tx, burst, self._framed(row, decision, seen, said), case_id, now)
        return None

    async def press(self, tx: Transaction, rows: Sequence[InboxRow], now: datetime) -> datetime | None:
        """Handles pressed buttons and typed commands, one after another."""
        for row in rows:
            burst = Burst.of((row,))
            action = burst.action
            if action is None or action.verb in _ASKING | VERBS or self._tells_something(burst):
                await self.receive(tx, (row,), now)
            else:
                await self._change(tx, burst, action, now)
        return None

    def _tells_something(self, burst: Burst) -> bool:
        """Behind /start stands the word of a link, or whatever somebody typed there; a forged button carries words."""
        _, _, word = burst.last.text.partition(" ")
        if burst.action is not None and burst.action.verb == "stale":
            found = triage_burst((burst.last.text,), self._shelf.knowledge.rules)
            return any(signal.label in SAFETY for signal in found.signals)
        return bool(word and triage_burst((word,), self._shelf.knowledge.rules).signals)

    async def give_up(self, tx: Transaction, row: InboxRow, now: datetime) -> None:
        """A message that could not be handled goes to a person, and the requester is told so."""
        burst = Burst.of((row,))
        _, case, seen = await self._situation(tx, burst, now)
        knowledge = self._shelf.knowledge
        decision = hand_over(burst.message, knowledge, "the bot failed on this message")
        case_id = await self._record(tx, _Taken(burst, decision, seen, case, knowledge), now)
        if not seen.public:
            await self._say(tx, burst, sayings(decision, seen, None, knowledge.library), case_id, now)

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

    async def _situation(
        self, tx: Transaction, burst: Burst, now: datetime
    ) -> tuple[ConversationRow, OpenCase | None, Conversation]:
        """What is known of the requester, locked until the transaction ends."""
        asked = burst.first
        row = await conversations.load(tx, asked.conversation, asked.channel, now, public=asked.public is not None)
        case = await self._handoff.open_case(tx, row.id)
        if case is not None:
            case = await as_seen(tx, case, burst, now)
        return row, case, await self._seen(tx, row, burst, now)

    async def _seen(self, tx: Transaction, row: ConversationRow, burst: Burst, now: datetime) -> Conversation:
        seen = await conversations.snapshot(tx, row, self._home, now)
        locale = burst.last.locale
        if burst.action and locale in self._shelf.library.pages:  # a button has no language of its own
            return seen.model_copy(update={"language": locale})
        return seen

    def _wait(self, burst: Burst, decision: Decision, now: datetime) -> datetime | None:
        """Triage has read the burst already; what nobody must see at once waits for its rest."""
        signals = decision.grounds.triage.signals
        if burst.has_album and URGENT.isdisjoint(signal.label for signal in signals):
            pause = max(self._pause, _ALBUM)
        elif signals or isinstance(decision, Relay) or burst.action or not self._pause:
            return None
        else:
            pause = self._pause
        until = min(burst.last_at + pause, burst.first_at + 4 * pause)
        return until if until > now else None

    def _is_told_enough(self, decision: Decision, seen: Conversation, case: OpenCase | None) -> bool:
        """A flood that asks a person for the same again: all of it reaches the case, not all of it is acknowledged."""
        if not isinstance(decision, Escalate) or case is None or seen.recent <= self._shelf.knowledge.flood_limit:
            return False
        return decision.leading in case.labels and decision.leading not in SAFETY

    async def _adds_nothing(self, tx: Transaction, burst: Burst, decision: Decision, now: datetime) -> bool:
        """The late rest of an album, unless it reports something, or an edit after which the same is to be said again."""
        lane, first = burst.first.conversation, burst.ids[0]
        if not decision.grounds.triage.signals and await conversations.knows_album(tx, lane, burst.album, first, now):
            return True
        if not burst.changed:
            return False
        versions = await conversations.versions_before(tx, lane, burst.first.message, first)
        decisions = await journal.decisions_on(tx, versions[-1].id or 0) if versions else []
        return bool(decisions) and gist(decisions[-1].body["decision"]) == gist(record(decision))

    async def _record(self, tx: Transaction, taken: _Taken, now: datetime) -> int | None:
        """Journals the burst and what was decided, notes its files, refers it; returns the open case, if any.

        What it means for a question that waits is noted as well.
        """
        taken.burst.journal(tx, now)
        self._journal(tx, taken, now)
        if not taken.seen.public or taken.concerns_a_person:
            await attachments.expect_files(tx, taken.burst.inquiries, now)
        case_id = await self._refer(tx, taken, now)
        case = taken.case
        if case is not None and (change := next_question(taken.decision, case.questions)) is not None:
            await self._handoff.ask(tx, case.id, change.question, change.language, now)
        return case_id

    async def _refer(self, tx: Transaction, taken: _Taken, now: datetime) -> int | None:
        burst, decision, seen, case, _ = taken
        if not taken.concerns_a_person:
            return case.id if case else None
        referral = Referral(
            conversation=seen,
            messages=(*await self._context(tx, burst, decision, now), *burst.ids),
            labels=decision.labels if isinstance(decision, Escalate | Relay | FollowUp) else (),
            evidence=burst.evidence(telling(decision)),
            suggestions=decision.suggestions if isinstance(decision, Escalate) else (),
            reason=decision.grounds.reason,
            language=decision.grounds.triage.language,
            link=burst.last.public.link if burst.last.public else "",
            answers=decision.answers if isinstance(decision, FollowUp) else None,
            answer=decision.answer if isinstance(decision, FollowUp) else None,
        )
        return await self._handoff.refer(tx, referral, case, now)

    async def _context(self, tx: Transaction, burst: Burst, decision: Decision, now: datetime) -> tuple[int, ...]:
        """A pressed button says nothing by itself: the specialist needs what was written before it. An answer does."""
        if burst.action is None or isinstance(decision, FollowUp):
            return ()
        earlier = await conversations.said_before(tx, burst.first.conversation, burst.ids[0], now - _CONTEXT)
        return tuple(row.id for row in earlier if row.id is not None)

    async def _invite(self, tx: Transaction, burst: Burst, decision: Decision, now: datetime) -> None:
        concerns_us = isinstance(decision, Escalate) or names(self._shelf.library.product, burst.message.text)
        language = decision.grounds.triage.language
        reply = await invitation(tx, burst, concerns_us=concerns_us, language=language, now=now)
        if reply is not None:
            await post_reply(tx, now, reply)

    def _framed(
        self, row: ConversationRow, decision: Decision, seen: Conversation, said: tuple[Saying, ...]
    ) -> tuple[Saying, ...]:
        """Adds the first-contact notice and, after an ordinary reply, the next question not yet asked."""
        library = self._shelf.library
        notice = library.wordings.get(("first-contact", "en"))
        if notice and said:
            found = decision.grounds.triage.language
            language = found if found != "en" else seen.language
            said = around(decision, seen, said, notice_of(seen, notice.version, language))
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

    async def _change(self, tx: Transaction, burst: Burst, action: Action, now: datetime) -> None:
        """A button or command that changes what is known of the requester, or says how an answer was."""
        row, case, _ = await self._situation(tx, burst, now)
        burst.journal(tx, now)
        value = "" if action.verb == "start" else action.value  # that one may have been typed
        journal.note(tx, now, "pressed", row.id, verb=action.verb, value=value, reply=action.reply)
        conversations.apply(row, action)
        seen = await self._seen(tx, row, burst, now)
        if action.verb == "delete-confirm":
            said = await self._erase(tx, row, seen, burst.ids[-1], now)
        elif (
            seen.recent > self._shelf.knowledge.flood_limit
        ):  # what was pressed counts, but not every press is answered
            said = ()
        else:
            said = self._confirmed(row, seen, action, now)
        await self._say(tx, burst, said, case.id if case else None, now)

    def _confirmed(self, row: ConversationRow, seen: Conversation, action: Action, now: datetime) -> tuple[Saying, ...]:
        said = confirmation(action, seen, self._shelf.library, now.date())
        if action.verb == "start":
            return self._framed(row, Service("greeting", Grounds()), seen, said)
        if action.verb == "audience" and not row.country_asked:
            row.country_asked = True
            return (*said, ask_country(seen, self._shelf.library))
        return said

    async def _erase(
        self, tx: Transaction, row: ConversationRow, seen: Conversation, until: int, now: datetime
    ) -> tuple[Saying, ...]:
        """Erases what may be erased, and says what is kept."""
        kept = await self._handoff.erase(tx, row.id, now)
        await erase(tx, row, until, kept.messages, kept.cases, now)
        if kept.cases:
            return (words("delete-done-kept", seen, cases=", ".join(kept.numbers)),)
        return (words("delete-done", seen),)

    async def _say(
        self, tx: Transaction, burst: Burst, said: Sequence[Saying], case: int | None, now: datetime
    ) -> None:
        for number, (part, choices) in enumerate(said, start=1):
            reply = Reply(
                id=f"r{burst.ids[-1]}.{number}",
                conversation=burst.first.conversation,
                channel=burst.first.channel,
                part=part,
                choices=choices,
                answers=burst.ids[-1],
                case=case,
            )
            await post_reply(tx, now, reply)

    def _journal(self, tx: Transaction, taken: _Taken, now: datetime) -> None:
        """The trace: with the messages it names, everything from which `explain` computes the decision again."""
        burst, decision, seen, case, knowledge = taken
        journal.note(
            tx,
            now,
            "decided",
            str(burst.ids[-1]),
            messages=list(burst.ids),
            prompted_by=[inquiry.prompted_by for inquiry in burst.inquiries],
            conversation=seen.model_dump(mode="json"),
            case=record_of_case(case) if case else None,
            decision=record(decision),
            today=now.date().isoformat(),
            versions=versions(knowledge),
        )
