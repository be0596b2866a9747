"""From a decision to what is said: which approved texts, in which order, under which buttons. Pure; no words here."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import pycountry

from smi_bot.decision import SAFETY, URGENT, Answer, Clarify, Decision, Escalate, Label, Relay, Service
from smi_bot.inquiry import Action, Choice, Conversation, EntryPart, Part, WordingPart
from smi_bot.library import Library


class Saying(NamedTuple):
    """One message to the requester: a part to be rendered when it is sent, and its buttons."""

    part: Part
    choices: tuple[Choice, ...] = ()


SPECIALIST = Choice(action=Action(verb="specialist"))
_AFTER_ANSWER = (Choice(action=Action(verb="helpful")), Choice(action=Action(verb="not-helpful")), SPECIALIST)
_NONE = Choice(action=Action(verb="none-of-these"))
#: Reasons of the gate that have a text of their own; the others say that no approved answer fits.
_REASONS = {"attachment", "over-long", "country-not-served"}


def sayings(
    decision: Decision, conversation: Conversation, known_labels: tuple[Label, ...] | None, library: Library
) -> tuple[Saying, ...]:
    """What to say to a decision. `known_labels`: those of the open case, None where there is none."""
    language = _language(decision, conversation)

    def words(wording: str, *choices: Choice, **fields: str) -> Saying:
        part = WordingPart(wording=wording, language=language, country=conversation.country, fields=dict(fields))
        return Saying(part, choices)

    match decision:
        case Answer(entry=entry):
            part = EntryPart(entry=entry, audience=conversation.audience, country=conversation.country)
            return (Saying(part, _AFTER_ANSWER),)
        case Clarify(entries=entries):
            offers = (Choice(action=Action(verb="answer", value=entry)) for entry in entries)
            return (words("clarify", *offers, _NONE, SPECIALIST),)
        case Escalate():
            return (_acknowledgement(decision, known_labels, words),)
        case Service(silent=True) | Service(kind="action"):
            return ()
        case Service(kind=kind):
            return (words(kind, *(() if kind == "thanks" else (SPECIALIST,))),)
        case Relay(labels=labels):
            return tuple(words(label) for label in labels[:1] if label in URGENT)


def _acknowledgement(
    decision: Escalate, known_labels: tuple[Label, ...] | None, words: Callable[..., Saying]
) -> Saying:
    leading, reason = decision.leading, decision.grounds.reason
    if leading in URGENT:
        return words(leading)
    if leading == "language":
        return words("language", language=language_name(decision.grounds.triage.language))
    if known_labels is not None and leading in known_labels:
        return words("added-to-case")
    return words(reason if leading == "unapproved" and reason in _REASONS else leading)


def _language(decision: Decision, conversation: Conversation) -> str:
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
    accept = Choice(action=Action(verb="accept-notice", value=str(version)))
    part = WordingPart(wording="first-contact", language=language, country=conversation.country)
    return Saying(part, (accept,))


def ask_audience(conversation: Conversation) -> Saying:
    choices = tuple(Choice(action=Action(verb="audience", value=value)) for value in ("patient", "hcp"))
    return Saying(WordingPart(wording="ask-audience", country=conversation.country), choices)


def ask_country(conversation: Conversation, library: Library) -> Saying:
    regions = library.product.regions if library.product else {}
    countries = [country for countries in regions.values() for country in countries]
    choices = (*(_country(country) for country in countries), _country("other"))
    return Saying(WordingPart(wording="ask-country", country=conversation.country), choices)


def _country(value: str) -> Choice:
    return Choice(action=Action(verb="country", value=value))


def settings_of(conversation: Conversation, library: Library) -> Saying:
    """What is set, with buttons to change it."""
    fields: dict[str, str | list[str]] = {
        "audience": library.label(f"audience-{conversation.audience}"),
        "country": country_label(conversation.country, library),
    }
    part = WordingPart(wording="settings", country=conversation.country, fields=fields)
    return Saying(part, ask_audience(conversation).choices + ask_country(conversation, library).choices)


def country_label(country: str | None, library: Library) -> str:
    known = library.page is not None and f"country-{country}" in library.page.labels
    return library.label(f"country-{country}" if known else "country-other")


def label_of(action: Action, library: Library, today: date) -> str:
    """The approved words on a button. Raises NotApproved."""
    match action.verb:
        case "answer":
            return library.title(action.value, today)
        case "audience":
            return library.label(f"audience-{action.value}")
        case "country":
            return country_label(action.value, library)
        case verb:
            return library.label(verb)
