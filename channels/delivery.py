"""The last step before a requester reads something: rendered from approved sources now, checked now, sent, journalled."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from smi_bot import journal
from smi_bot.database import Database, Transaction
from smi_bot.durable.outbox import Sent
from smi_bot.durable.rows import Clock, OutboxRow
from smi_bot.errors import LibraryError, NotApproved, Refused, TryAgain, Unreachable
from smi_bot.inquiry import Button, Channel, EntryPart, Rendered, Reply, SpecialistPart, WordingPart
from smi_bot.markup import literal
from smi_bot.replies import label_of
from smi_bot.shelf import Shelf

#: Whether a specialist really wrote these words to this conversation.
Vouch = Callable[[Transaction, SpecialistPart, str], Awaitable[bool]]
#: Told that an approved answer was withdrawn between the decision and the sending.
Withdrawn = Callable[[Transaction, Reply, datetime], Awaitable[None]]
#: Told that a reply on a case is now sent or failed.
Settled = Callable[[Transaction, int, OutboxRow, datetime], Awaitable[None]]

_UNAPPROVED = "not approved at the moment of sending"
_REFUSED = "not taken by the platform"


class PartRow(SQLModel, table=True):
    """What went out of a reply that needs several messages, so that a retry goes on and does not begin anew."""

    __tablename__ = "delivered_part"

    reply: str = Field(primary_key=True)
    part: int = Field(primary_key=True)
    platform_id: str


async def parts_sent(database: Database, reply: str) -> int:
    """How many messages of a reply are delivered."""
    async with database.reading() as tx:
        count = sa.select(sa.func.count()).select_from(PartRow).where(col(PartRow.reply) == reply)
        return int((await tx.execute(count)).scalar_one())


async def part_sent(database: Database, reply: str, part: int, platform_id: str) -> None:
    async with database.transaction() as tx:
        tx.add(PartRow(reply=reply, part=part, platform_id=platform_id))


class Delivery:
    """The sender of the outbox's way `delivery`. A queued reply holds no words: they are looked up and checked here."""

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        clock: Clock,
        *,
        vouch: Vouch,
        withdrawn: Withdrawn,
        settled: Settled,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._clock = clock
        self._vouch = vouch
        self._withdrawn = withdrawn
        self._case_settled = settled
        self._channels: Mapping[str, Channel] = {}

    def through(self, channels: Mapping[str, Channel]) -> None:
        self._channels = channels

    async def send(self, row: OutboxRow) -> Sent:
        reply = Reply.model_validate(row.payload)
        channel = self._channels.get(reply.channel)
        if channel is None:
            raise TryAgain(f"channel {reply.channel} is not running", after=30)
        try:
            rendered = await self.render(reply)
            platform_id = await channel.send(rendered)
        except (NotApproved, LibraryError) as error:  # a text that cannot be rendered or shown whole cannot be sent
            raise Refused(f"{_UNAPPROVED}: {error}") from error
        except Unreachable:
            raise
        except Refused as error:
            raise Refused(f"{_REFUSED}: {error}" if _answers(reply) else str(error)) from error
        return Sent(platform_id, {**rendered.model_dump(mode="json"), "salt": secrets.token_hex(16)})

    async def render(self, reply: Reply) -> Rendered:
        """The words of a reply. Raises NotApproved unless every one of them may be sent now."""
        markdown, source = await self._words(reply)
        return Rendered(
            reply=reply.id,
            conversation=reply.conversation,
            markdown=markdown,
            source=source,
            author="specialist" if isinstance(reply.part, SpecialistPart) else "bot",
            language=_language(reply),
            buttons=self._buttons(reply),
            place=reply.place,
        )

    async def _words(self, reply: Reply) -> tuple[str, str]:
        match reply.part:
            case EntryPart() as part:
                return self._shelf.library.entry_markdown(part, self._clock())
            case WordingPart() as part:
                return self._shelf.library.wording_markdown(part, self._clock())
            case SpecialistPart() as part:
                async with self._database.reading() as tx:
                    if not await self._vouch(tx, part, reply.conversation):
                        raise NotApproved("no specialist wrote these words")
                return literal(part.text), f"specialist, case event {part.event}"

    def _buttons(self, reply: Reply) -> tuple[Button, ...]:
        today, language = self._clock().date(), _language(reply)
        if reply.choices:
            self._shelf.library.check_labels(today)
        actions = [choice.action.model_copy(update={"reply": reply.id}) for choice in reply.choices]
        return tuple(
            Button(text=label_of(action, self._shelf.library, today, language), action=action) for action in actions
        )

    async def settled(self, tx: Transaction, row: OutboxRow, now: datetime) -> None:
        reply = Reply.model_validate(row.payload)
        sent = row.sent or {}
        journal.note(
            tx,
            now,
            "sent" if row.state == "sent" else "not sent",
            reply.id,
            reply=row.id,
            conversation=reply.conversation,
            source=sent.get("source"),
            attempts=row.attempts,
            digest=journal.digest(sent.get("salt", ""), sent.get("markdown", "")),
        )
        is_withdrawn = row.state == "failed" and (row.error or "").startswith((_UNAPPROVED, _REFUSED))
        if is_withdrawn and _answers(reply) and reply.answers is not None:  # else a specialist chose it, and sees it
            await self._withdrawn(tx, reply, now)
        elif reply.case is not None:
            await self._case_settled(tx, reply.case, row, now)


def _language(reply: Reply) -> str:
    return reply.part.language if isinstance(reply.part, WordingPart) else "en"


def _answers(reply: Reply) -> bool:
    """Whether it carries or offers answers: losing it silently would leave a question without one."""
    return isinstance(reply.part, EntryPart) or any(choice.action.verb == "answer" for choice in reply.choices)
