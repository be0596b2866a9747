"""A Slack with specialists at work in it, in a process of its own: what it costs is not counted as the service's.

It is the stand-in of the tests, so tests/ must be on the path. The other side of the pipe tells where the app may be
called (nowhere: Socket Mode), then for how long to work, then that it wants to see what stands there.
"""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from random import Random
from typing import NamedTuple

from slack_api import SIGNING_SECRET, SlackApi
from slack_api_delivery import Delivery
from slack_api_people import Person
from slack_api_world import Message, View

from escalation.case import DISPOSITIONS
from escalation.slack_manifest import SCOPES

A_SECOND = 20  # interactions
SPECIALISTS = 20

#: How often somebody does what they can do with a case of theirs. A window takes more than one interaction.
_HABITS = {
    "case_claim": 6,
    "case_release": 1,
    "case_close": 1,
    "case_label": 4,
    "case_reply": 5,
    "note": 8,
    "send": 4,
}
#: What is kept of what specialists do, unless they are told why not: the kind of case event.
KEPT = {
    "note": "noted",
    "send": "replied",
    "reply_modal": "replied",
    "label_modal": "labelled",
    "close_modal": "closed",
    "case_claim": "claimed",
    "case_release": "released",
}
_REPLY = "Thank you for your question. Please keep to the leaflet, and call us if anything is unclear."
_NOTE = "I am looking this up and will come back to it."


class Place(NamedTuple):
    """What the service must know."""

    url: str
    bot_token: str
    app_token: str
    signing_secret: str
    channel: str
    people: tuple[str, ...]  # their ids


class Done(NamedTuple):
    """What came of the interactions. `acks`: seconds to each acknowledgement; times are monotonic."""

    began: float
    ended: float
    acks: list[float]
    kinds: dict[str, int]
    troubled: int  # were brought more than once, or in vain


class Called(NamedTuple):
    """A message posted or changed. `case`: of which this is the card, if it is a new one."""

    at: float
    case: int | None


class Card(NamedTuple):
    """A card as it stands there."""

    header: str
    text: str
    replies: int  # of the bot


class Shown(NamedTuple):
    """Everything the app did."""

    calls: list[Called]
    cards: list[Card]
    warnings: int


def live(pipe: Connection, beginning: datetime, began: float) -> None:
    """The whole life of the process."""
    with SlackApi(clock=lambda: beginning + timedelta(seconds=time.monotonic() - began)) as slack:
        slack.scopes = set(SCOPES)
        people = [slack.person(f"Dr. {number}") for number in range(SPECIALISTS)]
        ids = tuple(person.id for person in people)
        pipe.send(Place(slack.url, slack.bot_token, slack.app_token, SIGNING_SECRET, slack.channel, ids))
        slack.request_url = pipe.recv()
        pipe.send(_work(slack, people, seconds=pipe.recv()))
        pipe.recv()
        pipe.send(_look(slack))
        pipe.poll(None)  # until the other side ends it


def _work(slack: SlackApi, people: Sequence[Person], seconds: float) -> Done:
    """So many interactions a second, whatever becomes of those before."""
    slack.wait(lambda: slack.request_url or slack.sockets)
    specialists = [_specialist(slack, person, number) for number, person in enumerate(people)]
    deliveries, began = [], time.monotonic()
    for number in range(round(seconds * A_SECOND)):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        deliveries.append(specialists[number % len(specialists)].acts())
    ended = time.monotonic()
    slack.wait(lambda: not slack.undelivered)
    troubled = sum(delivery.attempts != ["taken"] for delivery in slack.deliveries)
    kinds = Counter(kind for specialist in specialists for kind in specialist.did)
    return Done(began, ended, [delivery.took for delivery in deliveries], dict(kinds), troubled)


def _specialist(slack: SlackApi, person: Person, number: int) -> "Specialist":
    """With the cases they own and a share of those that nobody does."""
    cards = slack.messages()
    owned = [card for card in cards if f"<@{person.id}>" in card.all_text]
    free = [card for card in cards if "case_claim" in card.buttons]
    return Specialist(person, owned, free[number::SPECIALISTS], Random(number))


class Specialist:
    """Somebody who does one thing at a time with what their screen shows."""

    def __init__(self, person: Person, owned: list[Message], free: list[Message], dice: Random) -> None:
        self.did: list[str] = []
        self._person = person
        self._cards = [*owned, *free]
        self._owned = {card.ts for card in owned}
        self._notes: dict[str, Message] = {}  # not sent, by card
        self._dice = dice
        self._typed = ""  # in this window
        self._closing = ""  # the card whose window for that is open
        self._submitted: Delivery | None = None

    def acts(self) -> Delivery:
        with self._person.slack.change():
            view, waits = self._person.view, self._submitted and not self._submitted.is_settled
            if view and not waits and not self._person.errors:
                return self._fills_in(view)
            possible = [(card, act) for card in self._cards for act in self._possible(card, in_thread=bool(waits))]
            weights = [_HABITS[act] for _, act in possible]
            card, act = self._dice.choices(possible, weights)[0] if possible else (self._cards[0], "note")
            return self._does(act, card)

    def _possible(self, card: Message, *, in_thread: bool) -> list[str]:
        """By what the card shows, and what they know to have done that it does not show yet."""
        shown = set() if in_thread else {act for act in _HABITS if act in card.buttons}
        if card.ts not in self._owned:
            return sorted(shown & {"case_claim"})
        return sorted({*shown, "note", *(["send"] if card.ts in self._notes else [])} - {"case_claim"})

    def _does(self, act: str, card: Message) -> Delivery:
        self.did.append(act)
        if act == "note":
            self._notes[card.ts] = self._person.writes(card, _NOTE)
            return self._person.slack.event_of(self._notes[card.ts])  # type: ignore[no-any-return]
        if act == "send":
            return self._person.reacts(self._notes.pop(card.ts), "outbox_tray")
        if act == "case_claim":
            self._owned.add(card.ts)
        if act == "case_release":
            self._owned.discard(card.ts)
        self._closing = card.ts if act == "case_close" else ""
        return self._person.presses(card, act)

    def _fills_in(self, view: View) -> Delivery:
        window = str(view.content["callback_id"])
        if window == "reply_modal" and self._typed != view.id:
            self._typed = view.id
            return self._counted("typed", self._person.types("reply_text", _REPLY))
        if window == "label_modal":
            present = view.values["labels"]["label_choice"]["selected_options"]
            self._person.selects("label_choice", sorted({"human", *(option["value"] for option in present)}))
        if window == "close_modal":
            self._person.selects("close_disposition", self._dice.choice(DISPOSITIONS))
            self._owned.discard(self._closing)
        self._submitted = self._counted(window, self._person.submits())
        return self._submitted

    def _counted(self, what: str, delivery: Delivery | None) -> Delivery:
        assert delivery is not None, f"nothing came of {what}"
        self.did.append(what)
        return delivery


def _look(slack: SlackApi) -> Shown:
    methods = ("chat.postMessage", "chat.update")
    calls = [Called(call.at, _card_of(call.params)) for call in list(slack.calls) if call.method in methods]
    standing = slack.place().standing
    replies = Counter(each.thread_ts for each in standing if not each.is_root and "bot_id" in each.author)
    cards = [_card(message, replies[message.ts]) for message in slack.messages()]
    return Shown(calls, cards, len(slack.warnings))


def _card_of(params: dict[str, object]) -> int | None:
    match params.get("metadata"):
        case {"event_payload": {"case": int(case), "key": "card"}}:
            return case
    return None


def _card(message: Message, replies: int) -> Card:
    return Card(message.blocks[0]["text"]["text"], message.text, replies)
