"""Forms on our Slack: the elements of a message or a view that people press, choose in and type into."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from loopback import Json

_OPTION = {"static_select", "external_select", "radio_buttons", "overflow"}
_OPTIONS = {"multi_static_select", "multi_external_select", "checkboxes"}
_FIELDS = {
    **dict.fromkeys(("plain_text_input", "email_text_input", "url_text_input", "number_input"), "value"),
    **dict.fromkeys(_OPTION, "selected_option"),
    **dict.fromkeys(_OPTIONS, "selected_options"),
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
_WITHOUT_STATE = {"button", "overflow", "image"}
INCOMPLETE = "Please complete this required field."

Given = dict[tuple[str, str], Json]  # what somebody entered, by block_id and action_id


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """What can be pressed, chosen in or typed into, with the block around it."""
    for block in blocks:
        inside = block.get("elements", ()) if block["type"] == "actions" else ()
        for element in (*inside, block.get("accessory"), block.get("element")):
            if element and element["type"] != "image":
                yield block, element


def with_ids(blocks: list[Json], make: Callable[[], str]) -> list[Json]:
    """The blocks with the ids that Slack makes up where the app gave none."""
    blocks = copy.deepcopy(blocks)
    for block in blocks:
        block.setdefault("block_id", make())
    for _, element in elements(blocks):
        element.setdefault("action_id", make())
    return blocks


def find(blocks: list[Json], action_id: str, value: Any = None) -> tuple[Json, Json]:
    """An element by its action id; among buttons with the same one, that of a certain value."""
    known = list(elements(blocks))
    found = [pair for pair in known if pair[1]["action_id"] == action_id and value in (None, pair[1].get("value"))]
    there = [(each["action_id"], each.get("value")) for _, each in known]
    assert found, f"nothing with action_id {action_id!r} and value {value!r}; there is {there}"
    return found[0]


def chosen(element: Json, value: Any, offered: list[Json] = ()) -> Json:  # type: ignore[assignment]
    """What a payload says of an element in which somebody chose or typed this. `offered`: by the app, if external."""
    field = _FIELDS[element["type"]]
    if element["type"] in _OPTION:
        value = None if value is None else _option(element, value, offered)
    elif element["type"] in _OPTIONS:
        value = [_option(element, each, offered) for each in value]
    elif field == "value":
        value = _typed(element, value)
    return {"type": element["type"], field: value}


def _option(element: Json, value: str, offered: list[Json]) -> Json:
    options = [*element.get("options", ()), *in_groups(element.get("option_groups", ())), *offered]
    found = [option for option in options if option["value"] == value]
    assert found, f"no option {value!r}; there are {[option['value'] for option in options]}"
    return found[0]


def in_groups(groups: Any) -> list[Json]:
    return [option for group in groups for option in group["options"]]


def _typed(element: Json, text: str) -> str | None:
    longest = element.get("max_length", 3000)
    assert len(text) <= longest, f"Slack lets nobody type more than {longest} characters there"
    return text or None


def state(blocks: list[Json], given: Given) -> Json:
    """What stands in each field: what was entered, or else what stood there from the beginning."""
    values: Json = {}
    for block, element in elements(blocks):
        if element["type"] not in _WITHOUT_STATE:
            key = (block["block_id"], element["action_id"])
            values.setdefault(key[0], {})[key[1]] = given.get(key) or _initial(element)
    return {"values": values}


def _initial(element: Json) -> Json:
    field = _FIELDS[element["type"]]
    nothing: Any = [] if element["type"] in _OPTIONS else None
    initial = element.get("initial_" + field.removeprefix("selected_"), nothing)
    return {"type": element["type"], field: initial or nothing}


def unanswered(blocks: list[Json], values: Json) -> dict[str, str]:
    """What people are told of the fields that they must fill in before they can submit."""
    errors = {}
    for block, element in elements(blocks):
        if block["type"] == "input" and not block.get("optional"):
            value = values[block["block_id"]][element["action_id"]][_FIELDS[element["type"]]]
            short = isinstance(value, str) and len(value) < element.get("min_length", 0)
            errors |= {block["block_id"]: INCOMPLETE} if not value or short else {}
    return errors
