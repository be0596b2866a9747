"""What people do to messages and modals: press, choose, type, look up, submit, dismiss; and what they see of it."""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from loopback import Json, Refusal
from slack_api_answers import ResponseUrl, answer
from slack_api_blocks import options_faults
from slack_api_delivery import Delivery
from slack_api_forms import Given, chosen, in_groups, unanswered
from slack_api_views import Trigger, put_over, replace, right_view, view_json
from slack_api_world import Message, View

TROUBLE = "We had some trouble connecting. Try again?"


class Hands:
    """A person's. Each verb returns what Slack brings to the app because of it, and waits for nothing."""

    def __init__(self, slack: Any, id: str, username: str) -> None:
        self.slack = slack
        self.id = id
        self.username = username
        self.views: list[View] = []  # modals over each other, the uppermost last
        self.home: View | None = None
        self.errors: dict[str, str] = {}  # below fields of the modal, by block id; under "" what is said of the whole
        self.ephemerals: list[Message] = []  # all that only this person was ever shown
        self.offered: dict[str, list[Json]] = {}  # options by action id, as the app told them

    # In messages and modals

    def presses(self, where: Message | View, action_id: str, value: Any = None, *, stale: bool = False) -> Delivery:
        """Presses a button. `stale`: as it stood there before the latest edits, which somebody's screen may lack."""
        block, button = where.element(action_id, value, stale=stale)
        shown = {name: button[name] for name in ("type", "text", "value", "style") if name in button}
        return self._acts(where, block, button, shown)

    def selects(self, action_id: str, value: Any, where: Message | View | None = None) -> Delivery | None:
        """Chooses by value: an option, several, a date, a person. The app hears of it at once, except in an input."""
        where = where or self._open_view()
        block, element = where.element(action_id)
        choice = chosen(element, value, self.offered.get(action_id, []))
        self._given(where)[block["block_id"], action_id] = choice
        if block["type"] == "input" and not block.get("dispatch_action"):
            return None
        return self._acts(where, block, element, choice)

    def types(self, action_id: str, text: str, where: Message | View | None = None) -> Delivery | None:
        """Types into a field."""
        return self.selects(action_id, text, where)

    def looks_up(self, action_id: str, text: str, where: Message | View | None = None) -> Delivery:
        """Types into a select whose options the app knows; they are `offered` then."""
        where = where or self._open_view()
        block, element = where.element(action_id)
        asks = {"action_id": action_id, "block_id": block["block_id"], "value": text}
        payload = self._interaction("block_suggestion") | self._place(where) | asks
        return self._brings(payload, lambda answer: self._is_offered(action_id, answer))

    def _is_offered(self, action_id: str, answer: Json) -> None:
        if faults := options_faults(answer):
            self.slack.warnings.append(f"no options were shown for {action_id}: {faults}")
            answer = {}
        self.offered[action_id] = [*answer.get("options", ()), *in_groups(answer.get("option_groups", ()))]

    def _acts(self, where: Message | View, block: Json, element: Json, what: Json) -> Delivery:
        action = {"action_id": element["action_id"], "block_id": block["block_id"], **what}
        place, state = self._place(where), {"state": where.state(self.id)} if isinstance(where, Message) else {}
        act = {"actions": [{**action, "action_ts": self.slack.stamp()}], **self._trigger(where)}
        url = self._response_url(where.channel.id, where) if isinstance(where, Message) else {}
        return self._brings(self._interaction("block_actions") | place | state | act | url)

    def _place(self, where: Message | View) -> Json:
        """Where something happens, as payloads tell it."""
        if isinstance(where, View):
            view = view_json(self.slack, where)
            return {"container": {"type": "view", "view_id": where.id}, "view": view}
        channel, about = where.channel, {"message_ts": where.ts, "channel_id": where.channel.id}
        thread = {"thread_ts": where.thread_ts} if where.thread_ts else {}
        container = {"type": "message", **about, "is_ephemeral": bool(where.to), **thread}
        place = {"container": container, "channel": {"id": channel.id, "name": channel.name}}
        return place if where.to else {**place, "message": where.json()}

    def _given(self, where: Message | View) -> Given:
        return where.given if isinstance(where, View) else where.given.setdefault(self.id, {})

    # Modals

    @property
    def view(self) -> View | None:
        """The uppermost modal."""
        return self.views[-1] if self.views else None

    def _open_view(self) -> View:
        assert self.view, "no modal is open"
        return self.view

    def sees_view(self, view: View) -> None:
        """A modal opens: over the one it belongs to, or instead of whatever was there."""
        with self.slack.change():
            if view.below is None:
                self._close(list(self.views))
            self.views.append(view)
            self.errors = {}

    def submits(self) -> Delivery | None:
        """Submits the uppermost modal. While a field that must be filled in is empty, the app hears nothing of it."""
        view = self._open_view()
        self.errors = unanswered(view.blocks, view.values)
        if self.errors:
            return None
        shown = {"view": view_json(self.slack, view), "response_urls": []}
        payload = self._interaction("view_submission") | shown | self._trigger(view)
        return self._brings(payload, lambda answer: self._is_submitted(view, answer), self._is_in_trouble)

    def _is_submitted(self, view: View, answer: Json) -> None:
        try:
            self._follows(view, answer)
        except (Refusal, KeyError, TypeError) as wrong:
            self.slack.warnings.append(f"this is no answer to a submission: {answer} ({wrong!r})")
            self._is_in_trouble()

    def _follows(self, view: View, answer: Json) -> None:
        """What the app's answer to a submission does to modals."""
        match answer.get("response_action"):
            case None if not answer:
                self._close([view])
            case "clear":
                self._close(list(self.views))
            case "errors":
                self.errors = _below_fields(view, answer["errors"])
            case "update":
                replace(self.slack, view, right_view(answer["view"], "modal"))
            case "push":
                put_over(self.slack, self, right_view(answer["view"], "modal"))
            case _:
                raise TypeError

    def _is_in_trouble(self) -> None:
        self.errors = {"": TROUBLE}

    def dismisses(self, *, all: bool = False) -> Delivery | None:
        """Closes the uppermost modal, or all of them. The app hears of it if it asked for that."""
        upper = self._open_view()
        payload = self._interaction("view_closed") | {"view": view_json(self.slack, upper), "is_cleared": all}
        with self.slack.change():
            self._close(list(self.views) if all else [upper])
        return self._brings(payload) if upper.content.get("notify_on_close") else None

    def _close(self, views: list[View]) -> None:
        for view in views:
            self.views.remove(view)
            del self.slack.views[view.id]
        self.errors = {}

    # Commands

    def commands(self, line: str, channel: str = "") -> Delivery:
        """A slash command: `rao.commands("/smi open 7")`. What the app answers at once is shown."""
        command, _, text = line.partition(" ")
        place, team = self.slack.place(channel), self.slack.team
        where = {"channel_id": place.id, "channel_name": place.name} | {f"team_{name}": team[name] for name in team}
        who = {"user_id": self.id, "user_name": self.username, "api_app_id": self.slack.app_id, "token": "verification"}
        ways = {**self._response_url(place.id), **self._trigger(), "is_enterprise_install": "false"}
        payload = {"command": command, "text": text, **who, **where, **ways}
        then = functools.partial(self._is_answered, ResponseUrl(self.id, place.id, 0))
        return self.slack._bring(Delivery("slash_commands", payload, self.slack, then))

    def _is_answered(self, url: ResponseUrl, said: Json) -> None:
        """What the app said at once to a command, if anything."""
        if said.get("text") or said.get("blocks"):
            try:
                answer(self.slack, url, said)
            except Refusal as no:
                self.slack.warnings.append(f"this is no answer to a command: {said} ({no})")

    # What belongs to an interaction

    def _brings(
        self, payload: Json, then: Callable[[Json], None] = lambda answer: None, otherwise: Any = lambda: None
    ) -> Delivery:
        return self.slack._bring(Delivery("interactive", payload, self.slack, then, otherwise))

    def _interaction(self, type: str) -> Json:
        team = self.slack.team
        user = {"id": self.id, "username": self.username, "name": self.username, "team_id": team["id"]}
        about = {"api_app_id": self.slack.app_id, "token": "verification", "enterprise": None}
        return {"type": type, "team": team, "user": user, **about, "is_enterprise_install": False}

    def _trigger(self, where: object = None) -> Json:
        number = next(self.slack.numbers)
        id = f"{number}.{1_000_000 + number}.{uuid.uuid4().hex}"
        view = where if isinstance(where, View) else None
        self.slack.triggers[id] = Trigger(self.id, self.slack.seconds(), view)
        return {"trigger_id": id}

    def _response_url(self, channel: str, message: Message | None = None) -> Json:
        token = uuid.uuid4().hex
        self.slack.response_urls[token] = ResponseUrl(self.id, channel, self.slack.seconds(), message)
        return {"response_url": f"{self.slack.root}/actions/{self.slack.team['id']}/{token}"}


def _below_fields(view: View, errors: dict[str, str]) -> dict[str, str]:
    """Slack shows an error below an input, and none anywhere else."""
    fields = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not errors or not fields.issuperset(errors):
        raise KeyError(f"{set(errors)} are not among the inputs {fields}")
    return errors
