"""Due times: a timer looks at its case again and reminds the desk, or does nothing."""

from datetime import datetime, timedelta

from escalation.case import Priority
from escalation.handoff import CaseHandoff
from smi_bot.database import Transaction
from smi_bot.durable.rows import TimerRow
from smi_bot.durable.timers import Fire
from smi_bot.settings import Settings


def windows(settings: Settings) -> dict[Priority, timedelta]:
    """How long a case of each priority may wait to be claimed."""
    return {
        "urgent": timedelta(minutes=settings.due_urgent_minutes),
        "high": timedelta(minutes=settings.due_high_minutes),
        "normal": timedelta(minutes=settings.due_normal_minutes),
    }


def reminder(handoff: CaseHandoff) -> Fire:
    """The handler of `due` timers."""

    async def fire(tx: Transaction, row: TimerRow, now: datetime) -> datetime | None:
        return await handoff.remind(tx, int(row.subject), now)

    return fire


def lapsing(handoff: CaseHandoff) -> Fire:
    """The handler of `claim` timers."""

    async def fire(tx: Transaction, row: TimerRow, now: datetime) -> datetime | None:
        return await handoff.lapse(tx, int(row.subject), now)

    return fire
