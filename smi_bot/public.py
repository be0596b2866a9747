"""Posts that everybody can read: never answered where they stand; at most one invitation to write privately."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import col

from smi_bot import conversations
from smi_bot.burst import Burst
from smi_bot.database import Transaction
from smi_bot.durable.rows import OutboxRow
from smi_bot.inquiry import Action, Choice, Reply, WordingPart
from smi_bot.library.model import Product
from smi_bot.text import read

#: A forum is invited at most this often, whoever posts in it.
_EVERY = timedelta(hours=1)
INVITATION = "invitation"


def names(product: Product | None, text: str) -> bool:
    """Whether a post speaks of the product, by whatever name."""
    words = {token.word for token in read(text).tokens}
    return product is not None and any(name.casefold() in words for name in (*product.names, *product.misspellings))


async def invitation(tx: Transaction, burst: Burst, *, concerns_us: bool, now: datetime) -> Reply | None:
    """The one fixed text, with a button that leads to a private chat and identifies nobody; None where it is not due."""
    post = burst.last.public
    if post is None or not post.forum or not (post.asks_us or concerns_us):
        return None
    # Locked: two posts at once in one forum must not both be invited.
    forum = await conversations.load(tx, post.forum, burst.last.channel, now, public=True)
    lately = (col(OutboxRow.lane) == forum.id, col(OutboxRow.created_at) > now - _EVERY)
    if (await tx.execute(sa.select(col(OutboxRow.id)).where(*lately).limit(1))).first() is not None:
        return None
    return Reply(
        id=f"i{burst.ids[-1]}",
        conversation=forum.id,
        channel=forum.channel,
        part=WordingPart(wording=INVITATION),
        choices=(Choice(action=Action(verb="private-chat")),),
        place=post.place,
    )
