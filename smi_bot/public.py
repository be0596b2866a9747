"""Posts that everybody can read: never answered where they stand; at most one invitation to write privately."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import col

from smi_bot import conversations
from smi_bot.burst import Burst
from smi_bot.database import Transaction
from smi_bot.durable.rows import OutboxRow, is_open
from smi_bot.inquiry import Action, Choice, Reply, WordingPart
from smi_bot.library.model import Product
from smi_bot.text import read

#: A forum is invited at most this often, whoever posts in it.
_EVERY = timedelta(hours=1)
INVITATION = "invitation"


def names(product: Product | None, text: str) -> bool:
    """Whether a post speaks of the product, by whatever name."""
    words = {token.word.partition("'")[0] for token in read(text).tokens}  # Zelvanta's
    words |= {word.removesuffix("s") for word in words}  # as German has it: Zelvantas
    return product is not None and any(name.casefold() in words for name in (*product.names, *product.misspellings))


async def invitation(tx: Transaction, burst: Burst, *, concerns_us: bool, language: str, now: datetime) -> Reply | None:
    """The one fixed text, with a button that leads to a private chat and identifies nobody; None where it is not due."""
    post = burst.last.public
    asks_us = any(inquiry.public is not None and inquiry.public.asks_us for inquiry in burst.inquiries)
    if post is None or not post.forum or not (asks_us or concerns_us):
        return None
    # Locked: two posts at once in one forum must not both be invited.
    forum = await conversations.load(tx, post.forum, burst.last.channel, now, public=True)
    # Counted from when it went out: after an outage several must not follow one another.
    lately = sa.or_(is_open(OutboxRow), col(OutboxRow.settled_at) > now - _EVERY)
    invited = sa.select(col(OutboxRow.id)).where(col(OutboxRow.lane) == forum.id, lately)
    if (await tx.execute(invited.limit(1))).first() is not None:
        return None
    return Reply(
        id=f"i{burst.ids[-1]}",
        conversation=forum.id,
        channel=forum.channel,
        part=WordingPart(wording=INVITATION, language=language),
        choices=(Choice(action=Action(verb="private-chat")),),
        place=post.place,
    )
