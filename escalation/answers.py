"""What requesters answered to the questions about their report, as specialists read it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from escalation.case import Case
from escalation.said import masked
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Answered, Given, Question

_QUESTIONS: Mapping[Question, str] = {
    "patient": "Is there a patient with this?",
    "product": "Which product, and since when?",
    "contact": "May a specialist come back to them?",
}
_ANSWERS: Mapping[Answered, str] = {"yes": "Yes", "no": "No", "declined": "Wants no more questions"}


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """A question about the report and the latest answer to it, masked."""

    question: str
    answer: str


def answers(case: Case, messages: Mapping[int, InboxRow]) -> tuple[CardAnswer, ...]:
    """In the order in which they were asked."""
    latest = {given.question: given for given in case.questions.given}
    country = case.events[0].body["country"]
    asked = (latest[question] for question in case.questions.asked if question in latest)
    return tuple(CardAnswer(_QUESTIONS[given.question], _answer(given, messages, country)) for given in asked)


def _answer(given: Given, messages: Mapping[int, InboxRow], country: str | None) -> str:
    if given.answer != "words":
        return _ANSWERS[given.answer]
    words = (masked(row, country) for id in given.messages if (row := messages.get(id)))
    return " ".join(filter(None, words)) or "See the file in the thread"


def remark(body: Mapping[str, Any]) -> str:
    """What a message answers, in a line above it; empty where it answers nothing of ours."""
    if "answers" not in body:
        return ""
    answer = "" if body["answer"] == "words" else f" {_ANSWERS[body['answer']]}."
    return f"We asked: {_QUESTIONS[body['answers']]}{answer}"
