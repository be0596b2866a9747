"""A decision as data: what `smi-bot decide` prints, what the journal keeps, and what `explain` compares."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from smi_bot.assistant import Knowledge, OpenCase
from smi_bot.decision import Answer, Clarify, Decision, Escalate, FollowUp, Relay, Service, Signal
from smi_bot.inquiry import Questions

#: In the place of a rule, where no rule gave a label.
GATE = "gate"


def record(decision: Decision) -> dict[str, Any]:
    """The decision without any of the requester's words; equal decisions give equal records."""
    grounds = decision.grounds
    return {
        "action": _action(decision),
        "entry": decision.entry if isinstance(decision, Answer) else None,
        "candidates": [{"entry": c.entry, "score": round(c.score, 4)} for c in grounds.match.candidates],
        "labels": _labels(decision),
        "doubts": [_signal(doubt) for doubt in grounds.triage.doubts],
        "language": grounds.triage.language,
        "reason": grounds.reason,
    } | _more(decision)


def _more(decision: Decision) -> dict[str, Any]:
    if isinstance(decision, FollowUp):
        return {"answers": decision.answers, "answer": decision.answer, "asks": decision.asks}
    return {"long": True} if isinstance(decision, Answer) and decision.long else {}


def record_of_case(case: OpenCase) -> dict[str, Any]:
    """The open case as a decision saw it."""
    questions = {"questions": case.questions.model_dump(mode="json")} if case.questions.asked else {}
    return {"id": case.id, "owner": case.owner, "labels": list(case.labels)} | questions


def case_of(record: Mapping[str, Any]) -> OpenCase:
    """… and back."""
    questions = Questions.model_validate(record.get("questions", {}))
    return OpenCase(record["id"], record["owner"], tuple(record["labels"]), questions)


def gist(decided: Mapping[str, Any]) -> tuple[object, ...]:
    """What of a decision the requester notices."""
    return decided["action"], decided["entry"], {each["label"] for each in decided["labels"]}


def versions(knowledge: Knowledge) -> dict[str, str]:
    """What the decision rested on."""
    return {"library": knowledge.library.version, "rules": knowledge.rules.version, "code": _code()}


@cache
def _code() -> str:
    return version("smi-bot")  # reads a file


def _action(decision: Decision) -> str:
    match decision:
        case Answer():
            return "answer"
        case Clarify():
            return "clarify"
        case Escalate():
            return "escalate"
        case Service():
            return "service"
        case Relay():
            return "relay"
        case FollowUp():
            return "follow-up"


def _labels(decision: Decision) -> list[dict[str, Any]]:
    signals = [_signal(signal) for signal in decision.grounds.triage.signals]
    if isinstance(decision, Escalate):
        raised = {signal["label"] for signal in signals}
        gate = [
            {"label": label, "start": 0, "end": 0, "rule": GATE} for label in decision.labels if label not in raised
        ]
        return signals + gate
    return signals


def _signal(signal: Signal) -> dict[str, Any]:
    return {"label": signal.label, "start": signal.start, "end": signal.end, "rule": signal.rule}
