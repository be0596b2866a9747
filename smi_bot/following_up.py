"""The questions about a report between two messages: what still answers one, and which waits next."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from smi_bot import conversations
from smi_bot.assistant import OpenCase
from smi_bot.burst import Burst
from smi_bot.database import Transaction
from smi_bot.decision import Decision, FollowUp, Service
from smi_bot.inquiry import Given, Question, Questions

#: How long a question waits: whoever comes back later has something else to say.
_WAITS = timedelta(hours=24)


class Next(NamedTuple):
    """What a decision changes: `question` waits from now on, or none."""

    question: Question | None
    language: str


def next_question(decision: Decision, questions: Questions) -> Next | None:
    """None where nothing changes. Whatever else was said ends the questions, and a press that asks something."""
    waits, language = questions.waiting, questions.language
    if questions.corrects:
        return None
    if isinstance(decision, FollowUp):
        is_changed = not decision.late and (decision.asks is not None or waits is not None)
        return Next(decision.asks, decision.language) if is_changed else None
    is_nothing = isinstance(decision, Service) and decision.kind in ("stale", "slow-down")
    return Next(None, language) if waits is not None and not is_nothing else None


async def as_seen(tx: Transaction, case: OpenCase, burst: Burst, now: datetime) -> OpenCase:
    """The case as this burst meets it.

    A changed answer corrects what it answered; other edits and the late rest of an album answer nothing.
    """
    questions = case.questions
    if not questions.asked:
        return case
    if changed := burst.changed:
        given = await _answered_before(tx, questions, burst, changed)
        corrected = {"waiting": given.question if given else None, "corrects": given is not None}
        return replace(case, questions=questions.model_copy(update=corrected))
    is_late = questions.since is None or now - questions.since > _WAITS
    here = burst.first.conversation
    if is_late or await conversations.knows_album(tx, here, burst.album, burst.ids[0], now):
        return replace(case, questions=questions.model_copy(update={"waiting": None}))
    return case


async def _answered_before(tx: Transaction, questions: Questions, burst: Burst, changed: str) -> Given | None:
    """What a message answered before its author changed it."""
    versions = await conversations.versions_before(tx, burst.first.conversation, changed, burst.ids[0])
    earlier = {row.id for row in versions}
    return next((given for given in reversed(questions.given) if not earlier.isdisjoint(given.messages)), None)
