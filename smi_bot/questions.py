"""Three questions about a report, for a requester who wants to be asked: which comes next, what an answer is. Pure."""

from collections.abc import Mapping
from typing import get_args

from smi_bot.decision import URGENT, FollowUp, Grounds, Label
from smi_bot.inquiry import Action, Answered, Question, Questions

#: In their order.
QUESTIONS: tuple[Question, ...] = get_args(Question)
#: What may be pressed under each; the product is told in words.
OFFERED: Mapping[Question, tuple[Answered, ...]] = {
    "patient": ("yes", "no", "declined"),
    "product": ("declined",),
    "contact": ("yes", "no"),
}
BEGIN = "follow-up"
_ANSWERS: Mapping[str, Answered] = {"follow-up-yes": "yes", "follow-up-no": "no", "follow-up-end": "declined"}
#: The buttons of these questions.
VERBS = frozenset({BEGIN, *_ANSWERS})
#: Whoever tells of danger, or wants a person or their rights, is asked nothing more.
_ENDING: frozenset[Label] = URGENT | {"human", "privacy"}


def button(answer: Answered, case: int, question: Question) -> Action:
    """What is pressed to give an answer."""
    verb = next(verb for verb, means in _ANSWERS.items() if means == answer)
    return Action.model_validate({"verb": verb, "value": f"{case}.{question}"})


def beginning(case: int, language: str) -> Action:
    """What is pressed to be asked, in a language."""
    return Action(verb="follow-up", value=f"{case}.{language}")


def pressed(action: Action, case: int, questions: Questions, grounds: Grounds, *, held: bool) -> FollowUp | None:
    """What a button of these questions does; None where it is of another case, or was never offered, or is no more."""
    number, _, rest = action.value.partition(".")
    if number != str(case):
        return None
    if action.verb == BEGIN:
        return _begun(case, rest, questions, grounds, held=held)
    if action.verb == "follow-up-end":
        return _declined(case, questions, grounds) if questions.waiting and not held else None
    question = next((each for each in questions.asked if each == rest), None)
    answer = _ANSWERS[action.verb]
    if question is None or answer not in OFFERED[question]:
        return None
    return _chosen(case, question, answer, questions, grounds, held=held)


def _begun(case: int, language: str, questions: Questions, grounds: Grounds, *, held: bool) -> FollowUp | None:
    if questions.asked or held:
        return None
    known = language if len(language) == 2 and language.isascii() and language.isalpha() else "en"
    return FollowUp(case, None, None, QUESTIONS[0], known, (), grounds)


def _chosen(
    case: int, question: Question, answer: Answered, questions: Questions, grounds: Grounds, *, held: bool
) -> FollowUp:
    """The latest press counts; what another question waits for it leaves alone."""
    known = next((given.answer for given in reversed(questions.given) if given.question == question), None)
    if known == answer:
        return FollowUp(case, None, None, None, questions.language, (), grounds, late=True)
    is_waiting = questions.waiting == question
    late = held or (questions.waiting is not None and not is_waiting)
    asks = following(question) if is_waiting and not held else None
    return FollowUp(case, question, answer, asks, questions.language, (), grounds, late=late)


def _declined(case: int, questions: Questions, grounds: Grounds) -> FollowUp:
    return FollowUp(case, questions.waiting, "declined", None, questions.language, (), grounds, late=questions.corrects)


def told(case: int, questions: Questions, labels: tuple[Label, ...], grounds: Grounds, *, declines: bool) -> FollowUp:
    """What was written while a question waits is its answer, whatever else triage finds in it."""
    question = questions.waiting
    if declines or question is None:
        return _declined(case, questions, grounds)
    ends = questions.corrects or not _ENDING.isdisjoint(labels)
    asks = None if ends else following(question)
    return FollowUp(case, question, "words", asks, questions.language, labels, grounds, late=questions.corrects)


def following(question: Question) -> Question | None:
    """The question after this one."""
    place = QUESTIONS.index(question) + 1
    return QUESTIONS[place] if place < len(QUESTIONS) else None
