"""What a desk needs to show cases: loaded at one moment, for whoever looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from escalation import store
from escalation.card_lines import CardContext, message_ids, reply_keys
from escalation.case import Case, Priority
from smi_bot.attachments import states
from smi_bot.database import Transaction
from smi_bot.library import Library


async def context(
    tx: Transaction,
    cases: Sequence[Case],
    library: Library,
    windows: Mapping[Priority, timedelta],
    viewer: str,
    now: datetime,
) -> CardContext:
    """Everything that the cards of these cases are made of."""
    messages = await store.messages(tx, message_ids(cases))
    conversations = [case.conversation for case in cases]
    return CardContext(
        messages=messages,
        versions=await store.versions(tx, messages.values()),
        told=await store.told(tx, messages.values()),
        deliveries=await store.deliveries(tx, reply_keys(cases)),
        bot_replies=await store.bot_replies(tx, conversations),
        files=await states(tx, conversations),
        titles={entry.id: entry.title for entry in library.entries.values()},
        windows=windows,
        viewer=viewer,
        now=now,
    )
