"""A decision as data: what `smi-bot decide` prints, what the journal keeps, and what `explain` compares."""

from typing import Any

from smi_bot.decision import Answer, Clarify, Decision, Escalate, Relay, Service, Signal

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
    } | ({"long": True} if isinstance(decision, Answer) and decision.long else {})


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
