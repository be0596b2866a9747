"""The shapes of what stands in blocks: texts, options, buttons, selects and inputs, with their documented limits."""

from collections.abc import Iterator
from typing import Any

from slack_api_shapes import (
    Check,
    excludes,
    fault,
    flag,
    items,
    kinds,
    matches,
    needs_one,
    number,
    one_of,
    shape,
    string,
    typed,
)

BLOCK_ID: dict[str, Check] = {"block_id": string(255)}


def plain(longest: int) -> Check:
    return matches(kinds(plain_text=typed("plain_text", {"text": string(longest)}, {"emoji": flag})))


def any_text(longest: int) -> Check:
    return matches(
        kinds(
            plain_text=typed("plain_text", {"text": string(longest)}, {"emoji": flag}),
            mrkdwn=typed("mrkdwn", {"text": string(longest)}, {"verbatim": flag}),
        )
    )


def _option(text: Check) -> Check:
    return shape({"text": text, "value": string(150)}, {"description": text, "url": string(3000)})


_PLAIN_OPTION, _OPTION = _option(plain(75)), _option(any_text(75))
_GROUP = shape({"label": plain(75), "options": items(_PLAIN_OPTION, 100)}, {})
CHOICES: dict[str, Check] = {"options": items(_PLAIN_OPTION, 100), "option_groups": items(_GROUP, 100)}

_CONFIRM = shape(
    {"title": plain(100), "text": any_text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
_ACTION: dict[str, Check] = {"action_id": string(255)}
_ASKS: dict[str, Check] = {**_ACTION, "confirm": _CONFIRM}
_PROMPTS: dict[str, Check] = {"placeholder": plain(150), "focus_on_load": flag}
_ON = shape({}, {"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 2)})
_TYPING: dict[str, Check] = {**_ACTION, **_PROMPTS, "initial_value": string(3000, 0), "dispatch_action_config": _ON}
_SEVERAL: dict[str, Check] = {"max_selected_items": number(1)}
_IDS = items(string(30), 100)

PICTURE: dict[str, Check] = {
    "image_url": string(3000),
    "slack_file": shape({}, {"id": string(30), "url": string(3000)}),
}
HAS_PICTURE = needs_one("image_url", "slack_file")


def _knows_its_initial(element: Any, at: str) -> Iterator[str]:
    """An initial option is one of the options, to the letter."""
    groups = [group.get("options", []) for group in element.get("option_groups") or ()]
    offered = [*(element.get("options") or ()), *(option for options in groups for option in options)]
    initial = [element["initial_option"]] if "initial_option" in element else element.get("initial_options") or []
    if any(option not in offered for option in initial):
        yield fault("`initial_option` or `initial_options` must match one of the options", at)


def _fits(element: Any, at: str) -> Iterator[str]:
    """An initial value is not longer than what may be typed."""
    longest, initial = element.get("max_length", 3000), element.get("initial_value", "")
    if isinstance(longest, int) and isinstance(initial, str) and len(initial) > longest:
        yield fault(f"must be less than {longest + 1} characters", f"{at}/initial_value")
    if isinstance(longest, int) and element.get("min_length", 0) > longest:
        yield fault("must not be greater than max_length", f"{at}/min_length")


def _static(type: str, **more: Check) -> Check:
    known = {**_ASKS, **_PROMPTS, **CHOICES, **more}
    return typed(
        type, {}, known, needs_one("options", "option_groups"), excludes("options", "option_groups"), _knows_its_initial
    )


def _one_of_few(type: str, initial: str, check: Check) -> Check:
    known = {**_ASKS, initial: check, "focus_on_load": flag}
    return typed(type, {"options": items(_OPTION, 10)}, known, _knows_its_initial)


def _external(type: str, **more: Check) -> Check:
    return typed(type, {}, {**_ASKS, **_PROMPTS, "min_query_length": number(), **more})


def _picks(type: str, **initial: Check) -> Check:
    return typed(type, {}, {**_ASKS, **_PROMPTS, **initial})


_BUTTON = typed(
    "button",
    {"text": plain(75)},
    {
        "url": string(3000),
        "value": string(2000, 0),
        "style": one_of("primary", "danger"),
        "accessibility_label": string(75),
        **_ASKS,
    },
)
_IMAGE = typed("image", {"alt_text": string(2000)}, PICTURE, HAS_PICTURE)
_CONVERSATIONS: dict[str, Check] = {"default_to_current_conversation": flag, "response_url_enabled": flag}

_CHOOSERS: dict[str, Check] = {
    "static_select": _static("static_select", initial_option=_PLAIN_OPTION),
    "multi_static_select": _static("multi_static_select", initial_options=items(_PLAIN_OPTION, 100), **_SEVERAL),
    "external_select": _external("external_select", initial_option=_PLAIN_OPTION),
    "multi_external_select": _external("multi_external_select", initial_options=items(_PLAIN_OPTION, 100), **_SEVERAL),
    "users_select": _picks("users_select", initial_user=string(30)),
    "multi_users_select": _picks("multi_users_select", initial_users=_IDS, **_SEVERAL),
    "channels_select": _picks("channels_select", initial_channel=string(30)),
    "conversations_select": _picks("conversations_select", initial_conversation=string(30), **_CONVERSATIONS),
    "radio_buttons": _one_of_few("radio_buttons", "initial_option", _OPTION),
    "checkboxes": _one_of_few("checkboxes", "initial_options", items(_OPTION, 10)),
    "datepicker": _picks("datepicker", initial_date=string(10, like=r"\d{4}-\d\d-\d\d")),
    "timepicker": _picks("timepicker", initial_time=string(5, like=r"\d\d:\d\d"), timezone=string(50)),
    "datetimepicker": _picks("datetimepicker", initial_date_time=number()),
}
_OVERFLOW = typed("overflow", {"options": items(_PLAIN_OPTION, 5)}, _ASKS)
_TYPED: dict[str, Check] = {
    "plain_text_input": typed(
        "plain_text_input",
        {},
        {**_TYPING, "multiline": flag, "min_length": number(0, 3000), "max_length": number(1, 3000)},
        _fits,
    ),
    "email_text_input": typed("email_text_input", {}, _TYPING),
    "url_text_input": typed("url_text_input", {}, _TYPING),
    "number_input": typed(
        "number_input",
        {"is_decimal_allowed": flag},
        {**_TYPING, "min_value": string(30), "max_value": string(30)},
    ),
}
CONTEXT = kinds(
    image=_IMAGE,
    plain_text=typed("plain_text", {"text": string(3000)}, {"emoji": flag}),
    mrkdwn=typed("mrkdwn", {"text": string(3000)}, {"verbatim": flag}),
)
IN_ACTIONS = kinds(button=_BUTTON, overflow=_OVERFLOW, **_CHOOSERS)
IN_SECTIONS = kinds(button=_BUTTON, overflow=_OVERFLOW, image=_IMAGE, **_CHOOSERS)
IN_INPUTS = kinds(**_TYPED, **_CHOOSERS)
