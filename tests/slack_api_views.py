"""The views methods: modals over modals, opened by triggers that live for seconds, and home tabs."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loopback import Json
from slack_api_blocks import faults_of_view, size
from slack_api_events import Happenings
from slack_api_troubles import invalid, refused
from slack_api_world import View

DEEPEST = 3  # modals over each other
LARGEST_VIEW = 250_000  # bytes
# The documentation of views.open says so; that of interactions says trigger_exchanged.
EXCHANGED = "exchanged_trigger_id"

_EMPTY: Json = {"private_metadata": "", "callback_id": "", "external_id": "", "clear_on_close": False}
_NONE: Json = {"notify_on_close": False, "submit": None, "close": None, "title": None}


@dataclass
class Trigger:
    """A permission to show somebody one view. `view`: where the interaction took place, if in a view."""

    person: str
    at: float
    view: View | None = None
    used: bool = False


def open_view(slack: Any, params: Json) -> Json:
    content = right_view(params.get("view"), "modal")
    trigger = _exchanged(slack, params)
    view = new_view(slack, content, trigger.person)
    slack.people[trigger.person].sees_view(view)
    return {"view": view_json(slack, view)}


def push_view(slack: Any, params: Json) -> Json:
    content = right_view(params.get("view"), "modal")
    trigger = _exchanged(slack, params)
    person = slack.people[trigger.person]
    if trigger.view is None or trigger.view.id not in slack.views:
        raise refused("not_found")
    return {"view": view_json(slack, put_over(slack, person, content))}


def put_over(slack: Any, person: Any, content: Json) -> View:
    """Another modal over those that somebody sees."""
    if len(person.views) >= DEEPEST:
        raise refused("push_limit_reached")
    view = new_view(slack, content, person.id, below=person.view)
    person.sees_view(view)
    return view


def update_view(slack: Any, params: Json) -> Json:
    content = right_view(params.get("view"), "modal")
    view = _named(slack, params)
    if params.get("hash") not in (None, view.hash):
        raise refused("hash_conflict")
    replace(slack, view, content)
    return {"view": view_json(slack, view)}


def publish_view(slack: Any, params: Json) -> Json:
    content = right_view(params.get("view"), "home")
    person = slack.people.get(str(params.get("user_id")))
    if person is None:
        raise refused("invalid_arguments")
    if person.home and params.get("hash") not in (None, person.home.hash):
        raise refused("hash_conflict")
    if person.home:
        replace(slack, person.home, content)
    else:
        person.home = new_view(slack, content, person.id)
    return {"view": view_json(slack, person.home)}


def _exchanged(slack: Any, params: Json) -> Trigger:
    trigger = slack.triggers.get(str(params.get("trigger_id")))
    if trigger is None:
        raise refused("invalid_trigger_id")
    if slack.seconds() - trigger.at > slack.trigger_life:
        raise refused("expired_trigger_id")
    if trigger.used:
        raise refused(EXCHANGED)
    trigger.used = True
    return trigger


def _named(slack: Happenings, params: Json) -> View:
    id, external = params.get("view_id"), params.get("external_id")
    for view in slack.views.values():
        if view.id == id or (external and view.content.get("external_id") == external):
            return view
    raise refused("not_found")


def right_view(content: Any, type: str) -> Json:
    if faults := faults_of_view(content):
        raise invalid("invalid_arguments", faults)
    if content["type"] != type:
        raise invalid("invalid_arguments", [f"must be a {type} [json-pointer:/view/type]"])
    if size(content) > LARGEST_VIEW:
        raise refused("view_too_large")
    return dict(content)


def new_view(slack: Any, content: Json, owner: str, below: View | None = None) -> View:
    external = content.get("external_id")
    if external and any(view.content.get("external_id") == external for view in slack.views.values()):
        raise refused("duplicate_external_id")
    view = View(slack.new_id("V"), owner, _complete(slack, content), _hash(slack), below)
    slack.views[view.id] = view
    return view


def replace(slack: Any, view: View, content: Json) -> None:
    """Other content from now on. What stood in fields that are still there stays."""
    with slack.change():
        view.content, view.hash = _complete(slack, content), _hash(slack)


def _complete(slack: Any, content: Json) -> Json:
    return {**content, "blocks": slack.named(content["blocks"])}


def _hash(slack: Any) -> str:
    return f"{int(slack.seconds())}.{uuid.uuid4().hex[:8]}"


def view_json(slack: Any, view: View) -> Json:
    """It as Slack tells of it."""
    team, own = slack.team["id"], {"app_id": slack.app_id, "bot_id": slack.bot_id}
    place = {"root_view_id": view.root.id, "previous_view_id": view.below.id if view.below else None}
    about = {"id": view.id, "team_id": team, "app_installed_team_id": team, "hash": view.hash, **own, **place}
    return {**_EMPTY, **_NONE, **view.content, **about, "state": view.state(view.owner)}


VIEWS: dict[str, Callable[[Any, Json], Json]] = {
    "views.open": open_view,
    "views.push": push_view,
    "views.update": update_view,
    "views.publish": publish_view,
}
