"""What a specialist does to a case from Slack: each press one transaction of the hand-off, or something looked up."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from escalation import store
from escalation.board import context
from escalation.card_lines import message_ids
from escalation.cards import Card, CardSuggestion, card, unmasked
from escalation.case import Priority
from escalation.case_steps import event_of
from escalation.handoff import CaseHandoff
from escalation.slack_events import whisper
from escalation.slack_store import SlackDraftRow, thread_of
from escalation.slack_views import Form, Preview
from smi_bot.conversations import ConversationRow
from smi_bot.database import Database, Transaction
from smi_bot.durable.rows import Clock
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import Audience, EntryPart
from smi_bot.matching import match
from smi_bot.shelf import Shelf
from smi_bot.text import read, repair

_MOST_FOUND = 30  # entries of one search


class Presses:
    """Cases, as Slack's buttons and windows act on them."""

    def __init__(
        self,
        database: Database,
        handoff: CaseHandoff,
        shelf: Shelf,
        clock: Clock,
        windows: Mapping[Priority, timedelta],
        home: str | None,
        channel: str,
    ) -> None:
        self._database = database
        self._handoff = handoff
        self._shelf = shelf
        self._clock = clock
        self._windows = windows
        self._channel = channel
        self._home = home  # country of a requester who has not named one

    # --- acting; each raises NotAllowed with a sentence for whoever pressed

    async def claim(self, case: int, actor: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.claim(tx, case, actor, self._clock())

    async def release(self, case: int, actor: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.release(tx, case, actor, self._clock())

    async def reply(self, form: Form, actor: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.reply(tx, form.case, actor, repair(form.reply), form.id, self._clock())
            await _drop_draft(tx, form.case, actor)

    async def answer(self, form: Form, actor: str) -> None:
        """Sends the approved entry that was shown; not another version of it."""
        now = self._clock()
        entry = self._shelf.library.entries.get(form.entry)
        if entry is None or entry.version != form.version:
            raise NotAllowed("This answer has changed since it was shown. Choose it again.")
        async with self._database.transaction() as tx:
            if await self._asker(tx, form.case) != (form.audience, form.country):
                raise NotAllowed("The requester's audience or country has changed since. Look at the answer again.")
            await self._handoff.answer(tx, form.case, actor, entry, form.id, now)

    async def label(self, form: Form, actor: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.label(tx, form.case, actor, form.labels, self._clock())

    async def judge(self, form: Form, actor: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.judge(tx, form.case, actor, form.verdicts, self._clock())

    async def close(self, form: Form, actor: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.close(tx, form.case, actor, form.disposition, repair(form.note), self._clock())

    async def retry(self, case: int, actor: str, event: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.retry(tx, case, actor, int(event), self._clock())

    async def fetch_again(self, case: int, actor: str, file: str) -> None:
        async with self._database.transaction() as tx:
            await self._handoff.fetch_again(tx, case, actor, file, self._clock())

    async def reveal(self, case: int, actor: str) -> str:
        """The original words; that somebody looked is recorded."""
        async with self._database.transaction() as tx:
            await self._handoff.reveal(tx, case, actor, self._clock())
            found = await store.case(tx, case)
            messages = await store.messages(tx, message_ids([found]))
            return unmasked(found, messages, await store.versions(tx, messages.values()))

    async def tell(self, user: str, thread: str, why: str, case: int | None = None) -> None:
        """Privately, in a thread, or in that of a case."""
        async with self._database.transaction() as tx:
            thread = await thread_of(tx, case, self._channel) if case else thread
            await whisper(tx, self._clock(), user, thread, why)

    # --- looking

    async def shown(self, case: int, viewer: str, *, to_answer: bool | None = None) -> Card:
        """The case. `to_answer`: raises NotAllowed unless the viewer may work on it, or answer it."""
        async with self._database.reading() as tx:
            if to_answer is not None:
                await self._handoff.check(tx, case, viewer, to_answer=to_answer)
            found = await store.case(tx, case)
            loaded = await context(tx, [found], self._shelf.library, self._windows, viewer, self._clock())
        return card(found, loaded)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why the rules in force mean what they say, by name."""
        return self._shelf.knowledge.rules.reasons

    async def preview(self, case: int, entry: str) -> Preview:
        """An approved answer as the requester of this case will read it. Raises NotApproved."""
        async with self._database.reading() as tx:
            audience, country = await self._asker(tx, case)
        library, now = self._shelf.library, self._clock()
        part = EntryPart(entry=entry, audience=audience, country=country)
        markdown, _ = library.entry_markdown(part, now)
        title, version = library.title(entry, now.date()), library.entries[entry].version
        return Preview(entry, title, version, markdown, audience, country)

    async def search(self, case: int, words: str) -> Sequence[CardSuggestion]:
        """Approved answers for this requester: what the matcher finds, then whose titles hold the words."""
        async with self._database.reading() as tx:
            audience, country = await self._asker(tx, case)
        knowledge, today = self._shelf.knowledge, self._clock().date()
        library = knowledge.library
        found = match(read(repair(words)), knowledge.matcher, audience, library.region(country)).candidates
        scores = {candidate.entry: candidate.score for candidate in found}
        asked = words.casefold().split()
        for id, entry in library.entries.items():
            if all(word in entry.title.casefold() for word in asked):
                scores.setdefault(id, 0.0)
        served = [id for id in scores if library.may_serve(id, audience, country, today)]
        return [CardSuggestion(id, library.entries[id].title, scores[id]) for id in served[:_MOST_FOUND]]

    async def _asker(self, tx: Transaction, case: int) -> tuple[Audience, str | None]:
        row = await tx.get_one(ConversationRow, (await store.case(tx, case)).conversation)
        return ("hcp" if row.audience == "hcp" else "patient"), row.country or self._home

    # --- drafts

    async def draft(self, case: int, actor: str) -> str:
        async with self._database.reading() as tx:
            row = await tx.get(SlackDraftRow, (case, actor))
        return row.text if row else ""

    async def keep_draft(self, form: Form, actor: str, text: str) -> bool:
        """False where that window was submitted: Slack may tell of typing after that, and it is no draft any more."""
        async with self._database.transaction() as tx:
            if event_of(await store.case(tx, form.case, lock=True), "replied", form.id):
                return False
            await tx.merge(SlackDraftRow(case_id=form.case, actor=actor, text=repair(text)))
        return True


async def _drop_draft(tx: Transaction, case: int, actor: str) -> None:
    row: Any = await tx.get(SlackDraftRow, (case, actor))
    if row is not None:
        await tx.delete(row)
