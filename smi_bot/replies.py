"""From a decision to what is said: which approved texts, in which order, under which buttons. Pure; no words here."""

from datetime import date
from typing import NamedTuple

import pycountry

from smi_bot.decision import SAFETY, URGENT, Answer, Clarify, Decision, Escalate, FollowUp, Label, Relay, Service
from smi_bot.inquiry import Action, Choice, Conversation, EntryPart, Part, Questions, WordingPart
from smi_bot.library import Library
from smi_bot.questions import OFFERED, beginning, button


class Saying(NamedTuple):
    """One message to the requester: a part to be rendered when it is sent, and its buttons."""

    part: Part
    choices: tuple[Choice, ...] = ()


SPECIALIST = Choice(action=Action(verb="specialist"))
_AFTER_ANSWER = (Choice(action=Action(verb="helpful")), Choice(action=Action(verb="not-helpful")), SPECIALIST)
_NONE = Choice(action=Action(verb="none-of-these"))
_AUDIENCES = tuple(Choice(action=Action(verb="audience", value=value)) for value in ("patient", "hcp"))
_DELETE = Choice(action=Action(verb="delete"))
_CONFIRM = Choice(action=Action(verb="delete-confirm"))
_CANCEL = Choice(action=Action(verb="delete-cancel"))
#: Service texts that answer a button or command by themselves, and what may be pressed under them.
_CONFIRMED: dict[str, tuple[str, tuple[Choice, ...]]] = {
    "helpful": ("helpful-thanks", ()),
    "not-helpful": ("not-helpful", (SPECIALIST,)),
    "accept-notice": ("notice-thanks", ()),
    "settings": ("settings", ()),
    "audience": ("audience-saved", ()),
    "country": ("country-saved", ()),
    "start": ("greeting", (SPECIALIST,)),
    "help": ("help", (SPECIALIST,)),
    "privacy": ("privacy-notice", (_DELETE, SPECIALIST)),
    "delete": ("delete-ask", (_CONFIRM, _CANCEL)),
    "delete-cancel": ("delete-cancelled", ()),
    "stale": ("stale", (SPECIALIST,)),
}
#: Reasons of the gate that have a text of their own; the others say that no approved answer fits.
_REASONS = {"attachment", "over-long", "country-not-served"}


def sayings(
    decision: Decision, conversation: Conversation, known_labels: tuple[Label, ...] | None, library: Library
) -> tuple[Saying, ...]:
    """What to say to a decision. `known_labels`: those of the open case, None where there is none."""
    to = conversation.model_copy(update={"language": _language(decision, conversation)})
    match decision:
        case Answer(entry=entry, long=long):
            part = EntryPart(entry=entry, audience=conversation.audience, country=conversation.country, long=long)
            return (Saying(part, _after_answer(part, library)),)
        case Clarify(entries=entries):
            offers = (Choice(action=Action(verb="answer", value=entry)) for entry in entries)
            return (words("clarify", to, *offers, _NONE, SPECIALIST),)
        case Escalate():
            return (_acknowledgement(decision, known_labels, to),)
        case Service():
            return _served(decision, to)
        case Relay(labels=labels):
            return tuple(words(label, to) for label in labels[:1] if label in URGENT)
        case FollowUp():
            return _followed_up(decision, known_labels, to, conversation)


def _served(decision: Service, to: Conversation) -> tuple[Saying, ...]:
    if decision.silent or decision.kind == "action":
        return ()
    return (words(decision.kind, to, *(() if decision.kind == "thanks" else (SPECIALIST,))),)


def _after_answer(part: EntryPart, library: Library) -> tuple[Choice, ...]:
    response = library.entries.get(part.entry)
    if part.long or response is None or not response.long_text(part.audience, library.region(part.country)):
        return _AFTER_ANSWER
    return (Choice(action=Action(verb="details", value=part.entry)), *_AFTER_ANSWER)


def words(wording: str, to: Conversation, *choices: Choice, **fields: str | list[str]) -> Saying:
    """A service text in the requester's language and for their country."""
    return Saying(WordingPart(wording=wording, language=to.language, country=to.country, fields=fields), choices)


def _acknowledgement(decision: Escalate, known_labels: tuple[Label, ...] | None, to: Conversation) -> Saying:
    leading, reason = decision.leading, decision.grounds.reason
    if leading in URGENT:
        return words(leading, to)
    if leading == "language":
        return words("language", to, language=language_name(decision.grounds.triage.language))
    if known_labels is not None and leading in known_labels:
        return words("added-to-case", to)
    return words(reason if leading == "unapproved" and reason in _REASONS else leading, to)


#: What an answer may raise that must be acknowledged by itself: it comes with advice, or is what they asked for.
_ACKNOWLEDGED = SAFETY | {"human", "privacy"}


def _followed_up(
    decision: FollowUp, known_labels: tuple[Label, ...] | None, to: Conversation, conversation: Conversation
) -> tuple[Saying, ...]:
    """What the words of the answer call for, in their own language; then the next question, or thanks after the last."""
    leading = decision.labels[0] if decision.labels else None
    said: tuple[Saying, ...] = ()
    if leading in _ACKNOWLEDGED:
        escalated = Escalate(decision.labels, (), decision.grounds)
        found = decision.grounds.triage.language
        heard = conversation.model_copy(update={"language": found if found != "en" else to.language})
        said = (_acknowledgement(escalated, known_labels, heard),)
    if decision.asks is not None:
        offers = (Choice(action=button(each, decision.case, decision.asks)) for each in OFFERED[decision.asks])
        return (*said, words(f"follow-up-{decision.asks}", to, *offers))
    return said if decision.late or said else (words("follow-up-thanks", to),)


def offering(said: tuple[Saying, ...], case: int | None, questions: Questions) -> tuple[Saying, ...]:
    """Under the acknowledgement of a side effect: the way to the questions about it, once a case."""
    if case is None or questions.asked:
        return said
    return tuple(
        each._replace(choices=(Choice(action=beginning(case, each.part.language)),))
        if isinstance(each.part, WordingPart) and each.part.wording == "adverse-event"
        else each
        for each in said
    )


def _language(decision: Decision, conversation: Conversation) -> str:
    if isinstance(decision, FollowUp):
        return decision.language
    found = decision.grounds.triage.language
    return found if found != "en" else conversation.language


def language_name(code: str) -> str:
    """English name of an ISO 639-1 language, else the code itself."""
    language = pycountry.languages.get(alpha_2=code)
    return str(language.name) if language else code


def around(
    decision: Decision, conversation: Conversation, said: tuple[Saying, ...], notice: Saying
) -> tuple[Saying, ...]:
    """First contact: the notice comes before an ordinary reply and after a safety text, so that it delays none."""
    if conversation.notice_version is not None or not said:
        return said
    safety = isinstance(decision, Escalate | Relay) and any(label in SAFETY for label in decision.labels)
    return (*said, notice) if safety else (notice, *said)


def notice_of(conversation: Conversation, version: int, language: str) -> Saying:
    to = conversation.model_copy(update={"language": language})
    return words("first-contact", to, Choice(action=Action(verb="accept-notice", value=str(version))))


def ask_audience(conversation: Conversation) -> Saying:
    return words("ask-audience", conversation, *_AUDIENCES)


def ask_country(conversation: Conversation, library: Library) -> Saying:
    return words("ask-country", conversation, *_countries(library))


def _countries(library: Library) -> tuple[Choice, ...]:
    regions = library.product.regions if library.product else {}
    served = [country for countries in regions.values() for country in countries]
    return tuple(Choice(action=Action(verb="country", value=value)) for value in (*served, "other"))


def confirmation(action: Action, to: Conversation, library: Library, today: date) -> tuple[Saying, ...]:
    """What is said to a button or command that asks nothing medical."""
    wording, choices = _CONFIRMED.get(action.verb, ("", ()))
    if not wording:
        return ()
    if action.verb == "settings":
        choices = (*_AUDIENCES, *_countries(library))
    fields = _settings(to, library, today) if action.verb in ("settings", "audience", "country") else {}
    return (words(wording, to, *choices, **fields),)


def _settings(to: Conversation, library: Library, today: date) -> dict[str, str]:
    audience, country = Action(verb="audience", value=to.audience), Action(verb="country", value=to.country or "other")
    return {
        "audience": label_of(audience, library, today, to.language),
        "country": label_of(country, library, today, to.language),
    }


def label_of(action: Action, library: Library, today: date, language: str = "en") -> str:
    """The approved words on a button, or those that describe a command. Raises NotApproved."""
    match action.verb:
        case "answer":
            return library.title(action.value, today)
        case "audience":
            return library.label(f"audience-{action.value}", language, today)
        case "country":
            known = library.page is not None and f"country-{action.value}" in library.page.labels
            return library.label(f"country-{action.value}" if known else "country-other", language, today)
        case "start" | "help" | "privacy":
            return library.label(f"command-{action.verb}", language, today)
        case verb:
            return library.label(verb, language, today)
