"""Look-back screening: stored inquiries are read again by the rules in force now, and what they find goes to a person.

Everything is one row that says how far it came. Each finding is handed over in the transaction that moves the row on
behind it, so a run that was killed goes on where it stopped, skips nothing and hands nothing over twice.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Field, SQLModel, col

from smi_bot import conversations, journal
from smi_bot.assistant import triage_burst
from smi_bot.burst import Burst, Evidence, inquiry_of, readable
from smi_bot.database import BigKey, Database, Instant, Json, Transaction
from smi_bot.decision import PRECEDENCE, SAFETY
from smi_bot.durable.rows import Clock, InboxRow
from smi_bot.inquiry import Conversation, Inquiry
from smi_bot.journal import JournalRow
from smi_bot.receiving import Handoff, Referral
from smi_bot.triage import Rules

#: Kinds of inbox rows that hold what requesters said; the others are specialists' acts.
_KINDS = ("message", "press")
_PAGE = 200  # messages read between two looks at the database


class ScreeningRow(SQLModel, table=True):
    """One screening: what it reads, by whom and by which rules, how far it came, and what it found.

    `reached`: the last message that was read. `read`: messages with words; `wordless`: presses, and files without a
    name; `unreadable`: their words were erased; `waiting`: the service had not read them itself yet, and will.
    """

    __tablename__ = "screening"

    id: int | None = Field(default=None, sa_type=BigKey, primary_key=True)
    since: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
    rules: str
    by: str
    began_at: datetime = Field(sa_type=Instant)
    state: str = "open"  # open, done; overtaken: other rules were put in force before it was done
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    reached: int = Field(default=0, sa_type=BigKey)
    read: int = 0
    wordless: int = 0
    unreadable: int = 0
    waiting: int = 0
    suspected: int = 0
    cases: list[int] = Field(default_factory=list, sa_type=Json)


@dataclass(frozen=True, slots=True)
class Passage:
    """Messages of one conversation that are read together: one, or the burst that ends with it."""

    rows: tuple[InboxRow, ...]

    @property
    def inquiry(self) -> Inquiry:
        """The last of them."""
        return inquiry_of(self.rows[-1])


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules find in a passage: the words that raised labels, some of them safety labels."""

    passage: Passage
    evidence: tuple[Evidence, ...]
    language: str

    @property
    def messages(self) -> frozenset[int]:
        """Those in which something raised a safety label."""
        return frozenset(each.message for each in self.evidence if each.label in SAFETY)


def kind_of(row: InboxRow) -> str:
    """Which count of a screening a message belongs to. `waiting`: a service that runs is still to read it."""
    if row.payload.get("erased"):
        return "unreadable"
    if row.state == "open":
        return "waiting"
    try:
        return "read" if readable(inquiry_of(row)).strip() else "wordless"
    except ValidationError:  # of a version that stored messages in another way: nobody can say what it tells
        return "unreadable"


def read_again(passage: Passage, rules: Rules) -> Finding | None:
    """The passage as triage reads it now; None where it finds nothing that drug safety or quality must see."""
    burst = Burst.of(passage.rows)
    found = triage_burst(burst.message.texts, rules)
    finding = Finding(passage, burst.evidence(found.signals), found.language)
    return finding if finding.messages else None


# --- the screening itself


class LookBack:
    """Screens what came in `since` and before `until`, in small transactions beside whatever service runs.

    `home`: the country of a requester who has not named one. `page`: messages read at once.
    """

    def __init__(
        self, database: Database, handoff: Handoff, rules: Rules, clock: Clock, home: str | None, page: int = _PAGE
    ) -> None:
        self._database = database
        self._handoff = handoff
        self._rules = rules
        self._clock = clock
        self._home = home
        self._page = page

    async def begin(self, since: datetime, until: datetime | None, by: str) -> ScreeningRow:
        """A new screening, or the one of the same time and rules that did not come to its end.

        `until`: None for all that came in before the screening began.
        """
        now = self._clock()
        async with self._database.transaction() as tx:
            for row in await _unfinished(tx, since, until):
                if row.rules == self._rules.version:
                    journal.note(tx, now, "screening", str(row.id), what="resumed", by=by, reached=row.reached)
                    return row
                row.state, row.ended_at = "overtaken", now
                journal.note(tx, now, "screening", str(row.id), what="overtaken", **as_record(row))
            row = ScreeningRow(since=since, until=until or now, rules=self._rules.version, by=by, began_at=now)
            tx.add(row)
            await tx.flush()
            journal.note(tx, now, "screening", str(row.id), what="began", **as_record(row))
            return row

    async def remaining(self, screening: ScreeningRow) -> int:
        """How many messages are still to be read."""
        count = sa.select(sa.func.count()).select_from(InboxRow).where(*_ahead(screening))
        async with self._database.reading() as tx:
            return int((await tx.execute(count)).scalar_one())

    async def step(self, screening: ScreeningRow) -> int:
        """Reads the next messages and hands over what they report; returns how many those were, 0 at the end.

        `screening` is brought up to date: another process may be at the same one.
        """
        rows, findings = await self._read(screening)
        for stretch in _stretches(rows, findings):
            began = time.perf_counter()
            if not await self._advance(screening, stretch, findings.get(stretch[-1].id)):
                break
            await self._give_way(time.perf_counter() - began)
        return len(rows)

    async def _read(self, screening: ScreeningRow) -> tuple[Sequence[InboxRow], Mapping[int | None, Finding]]:
        """The next messages, and what is found in them."""
        async with self._database.reading() as tx:
            _copy(await tx.get_one(ScreeningRow, screening.id), screening)
            rows = await _next(tx, screening, self._page) if screening.state == "open" else ()
            return rows, await self._findings(tx, rows)

    async def _give_way(self, held: float) -> None:
        """SQLite has one writer, and whoever waits for it only looks now and then: half of the time is theirs."""
        if self._database.is_sqlite:
            await asyncio.sleep(held)

    async def _findings(self, tx: Transaction, rows: Sequence[InboxRow]) -> dict[int | None, Finding]:
        """By message, what is to be handed over as far as it can be seen without locking anything."""
        passages = await _passages(tx, [row for row in rows if kind_of(row) == "read"])
        read = {id: finding for id, each in passages.items() if (finding := read_again(each, self._rules))}
        return {id: finding for id, finding in read.items() if await self._unsuspected(tx, finding)}

    async def _unsuspected(self, tx: Transaction, finding: Finding) -> frozenset[int]:
        """The messages of a finding that nobody suspected before, as far as their words are still there."""
        stored = await _stored(tx, finding.messages)
        return stored - await self._handoff.suspected(tx, finding.passage.inquiry.conversation, stored)

    async def finish(self, screening: ScreeningRow) -> ScreeningRow:
        """Journals the record, also where nothing was found. A second time changes nothing."""
        now = self._clock()
        async with self._database.transaction() as tx:
            row = await tx.get_one(ScreeningRow, screening.id, with_for_update=True)
            if row.state == "open":
                row.state, row.ended_at = "done", now
                journal.note(tx, now, "screening", str(row.id), what="done", **as_record(row))
            return row

    async def _advance(self, screening: ScreeningRow, stretch: Sequence[InboxRow], finding: Finding | None) -> bool:
        """Moves the screening on, with what was found at the end; False where another process did so already."""
        async with self._database.transaction() as tx:
            row = await tx.get_one(ScreeningRow, screening.id, with_for_update=True)
            if row.reached != screening.reached or row.state != "open":
                return False
            for kind, count in Counter(map(kind_of, stretch)).items():
                setattr(row, kind, getattr(row, kind) + count)
            row.reached = stretch[-1].id or 0
            if finding:
                await self._hand_over(tx, row, finding)
        _copy(row, screening)
        return True

    async def _hand_over(self, tx: Transaction, screening: ScreeningRow, finding: Finding) -> None:
        """Opens a case, or adds to the open one, for what was never suspected before."""
        now, last = self._clock(), finding.passage.inquiry
        # Locked: whatever is being done to the conversation, as erasing it, is done by now, or comes afterwards.
        row = await conversations.load(tx, last.conversation, last.channel, now, public=last.public is not None)
        case = await self._handoff.open_case(tx, row.id)
        new = await self._unsuspected(tx, finding)
        if not new:
            return
        seen = await conversations.snapshot(tx, row, self._home, now)
        case_id = await self._handoff.refer(tx, _referral(finding, new, seen, screening.id), case, now)
        screening.suspected += len(new)
        screening.cases = sorted({*screening.cases, case_id})


def _stretches(rows: Sequence[InboxRow], ends: Container[int | None]) -> Iterator[Sequence[InboxRow]]:
    """The messages in pieces that each end with one of `ends`, but for the last one."""
    stretch: list[InboxRow] = []
    for row in rows:
        stretch.append(row)
        if row.id in ends:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _referral(finding: Finding, new: Collection[int], seen: Conversation, screening: int | None) -> Referral:
    """What the hand-off is given: the messages that are `new`, and what of the finding is about them."""
    evidence = tuple(each for each in finding.evidence if each.message in new)
    labels, post = {each.label for each in evidence}, finding.passage.inquiry.public
    return Referral(
        conversation=seen,
        messages=tuple(sorted(new)),
        labels=tuple(label for label in PRECEDENCE if label in labels),
        evidence=evidence,
        suggestions=(),
        reason=f"look-back screening {screening}",
        language=finding.language,
        link=post.link if post else "",
        screening=screening,
    )


def as_record(row: ScreeningRow) -> dict[str, Any]:
    """What the journal keeps of a screening, and what programs are shown."""
    values = row.model_dump(mode="json")
    return {"screening": row.id} | {name: values[name] for name in ScreeningRow.model_fields if name != "id"}


def _copy(source: ScreeningRow, target: ScreeningRow) -> None:
    for name, value in source.model_dump().items():
        setattr(target, name, value)


async def _unfinished(tx: Transaction, since: datetime, until: datetime | None) -> Sequence[ScreeningRow]:
    """Screenings of the same time that did not come to their end. Without an end given, it is where they began."""
    end = col(ScreeningRow.until) == (until or col(ScreeningRow.began_at))
    same = (col(ScreeningRow.state) == "open", col(ScreeningRow.since) == since, end)
    query = sa.select(ScreeningRow).where(*same).order_by(col(ScreeningRow.id).desc()).with_for_update()
    return (await tx.execute(query)).scalars().all()


def _ahead(screening: ScreeningRow) -> tuple[sa.ColumnElement[bool], ...]:
    """What is still to be read."""
    came = col(InboxRow.received_at)
    time = (came >= screening.since, came < screening.until)
    return (col(InboxRow.id) > screening.reached, col(InboxRow.kind).in_(_KINDS), *time)


async def _next(tx: Transaction, screening: ScreeningRow, limit: int) -> Sequence[InboxRow]:
    query = sa.select(InboxRow).where(*_ahead(screening)).order_by(col(InboxRow.id)).limit(limit)
    return (await tx.execute(query)).scalars().all()


async def _passages(tx: Transaction, rows: Sequence[InboxRow]) -> dict[int | None, Passage]:
    """By message, what is read with it: a burst is read as a whole with the last of its messages."""
    ids = [row.id or 0 for row in rows]
    # A decision is journalled under the last message of its burst.
    query = sa.select(JournalRow).where(col(JournalRow.kind) == "decided", col(JournalRow.subject).in_(map(str, ids)))
    together = {int(row.subject): row.body["messages"] for row in (await tx.execute(query)).scalars()}
    before = {id for burst in together.values() for id in burst}
    known = {
        row.id: row for row in (await tx.execute(sa.select(InboxRow).where(col(InboxRow.id).in_(before)))).scalars()
    }
    return {row.id: _passage(row, [known[id] for id in together.get(row.id or 0, ()) if id in known]) for row in rows}


def _passage(row: InboxRow, burst: Sequence[InboxRow]) -> Passage:
    """What was erased of a burst cannot be read with the rest of it."""
    earlier = (other for other in burst if (other.id or 0) < (row.id or 0) and kind_of(other) == "read")
    return Passage((*sorted(earlier, key=lambda other: other.id or 0), row))


async def _stored(tx: Transaction, ids: frozenset[int]) -> frozenset[int]:
    """Those whose words are still there."""
    rows = (await tx.execute(sa.select(InboxRow).where(col(InboxRow.id).in_(ids)))).scalars()
    return frozenset(row.id or 0 for row in rows if kind_of(row) == "read")
