"""Block Kit as Slack documents it: what may stand in a message and in a view, and how long it may be.

Two witnesses: our own reading of the documentation, which knows where a fault stands, and the models of slack_sdk.
"""

import copy
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from slack_api_elements import (
    BLOCK_ID,
    CHOICES,
    CONTEXT,
    HAS_PICTURE,
    IN_ACTIONS,
    IN_INPUTS,
    IN_SECTIONS,
    PICTURE,
    any_text,
    plain,
)
from slack_api_rich_text import RICH_TEXT
from slack_api_shapes import Check, fault, flag, items, kinds, needs_one, shape, string, typed, unique
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

LARGEST = 13_200  # characters of a message's blocks; undocumented, observed by others (slackapi/bolt-js 2509)
PAYLOAD = 8_000  # characters of metadata; that there is a limit is documented, how large it is is not

IN_BOTH: dict[str, Check] = {
    "section": typed(
        "section",
        {},
        {
            "text": any_text(3000),
            "fields": items(any_text(2000), 10),
            "accessory": IN_SECTIONS,
            "expand": flag,
            **BLOCK_ID,
        },
        needs_one("text", "fields"),
    ),
    "header": typed("header", {"text": plain(150)}, BLOCK_ID),
    "divider": typed("divider", {}, BLOCK_ID),
    "context": typed("context", {"elements": items(CONTEXT, 10)}, BLOCK_ID),
    "actions": typed("actions", {"elements": items(IN_ACTIONS, 25)}, BLOCK_ID),
    "image": typed("image", {"alt_text": string(2000)}, {**PICTURE, "title": plain(2000), **BLOCK_ID}, HAS_PICTURE),
    "input": typed(
        "input",
        {"label": plain(2000), "element": IN_INPUTS},
        {"hint": plain(2000), "optional": flag, "dispatch_action": flag, **BLOCK_ID},
    ),
    "rich_text": typed("rich_text", {"elements": items(RICH_TEXT, 500)}, BLOCK_ID),
}
IN_MESSAGES = items(kinds(**IN_BOTH, markdown=typed("markdown", {"text": string(12_000)}, BLOCK_ID)), 50, least=0)
IN_VIEWS = items(kinds(**IN_BOTH), 100)

_ANY_VIEW: dict[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
_MODAL = {"title": plain(24), "blocks": IN_VIEWS}
_MODAL_TOO = {"submit": plain(24), "close": plain(24), "clear_on_close": flag, "notify_on_close": flag}


def _needs_submit(view: Any, at: str) -> Iterator[str]:
    inputs = any(isinstance(block, dict) and block.get("type") == "input" for block in view.get("blocks") or ())
    if inputs and "submit" not in view:
        yield fault("missing required field: submit", at)


VIEWS = kinds(
    modal=typed("modal", _MODAL, {**_ANY_VIEW, **_MODAL_TOO}, _needs_submit),
    home=typed("home", {"blocks": IN_VIEWS}, _ANY_VIEW),
)


def faults_of_blocks(blocks: Any) -> list[str]:
    """What is wrong with the blocks of a message."""
    faults = list(IN_MESSAGES(blocks, "/blocks")) + _repeated(blocks, "/blocks")
    return faults or [said for n, block in enumerate(blocks) for said in _model_of_block_says(block, f"/blocks/{n}")]


def faults_of_view(view: Any) -> list[str]:
    faults = list(VIEWS(view, "/view"))
    blocks = view.get("blocks") if isinstance(view, dict) else None
    faults += _repeated(blocks, "/view/blocks")
    return faults or _model_says(view)


def size(blocks: Any) -> int:
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def options_faults(answer: Any) -> list[str]:
    """What is wrong with the options that an app offers to somebody who looks something up."""
    return list(shape({}, CHOICES, needs_one("options", "option_groups"))(answer, "")) if answer else ["no answer"]


def faults_of_metadata(metadata: Any) -> str:
    """Slack's word for what is wrong with a message's metadata; none if nothing is."""
    if not isinstance(metadata, dict):
        return "invalid_metadata_format"
    if not metadata:
        return ""  # removes what there was
    wrong = shape({"event_type": string(255, like=r"[A-Za-z0-9_.-]+"), "event_payload": _payload}, {})(metadata, "")
    if list(wrong):
        return "invalid_metadata_schema"
    return "metadata_too_large" if size(metadata) > PAYLOAD else ""


def _payload(value: Any, at: str) -> Iterator[str]:
    """Words, numbers and booleans; objects of such; lists of either."""
    if not isinstance(value, dict):
        yield fault("must be an object", at)
        return
    for name, part in value.items():
        if not all(_is_simple(each) or _is_flat(each) for each in (part if isinstance(part, list) else [part])):
            yield fault("must be of simple types", f"{at}/{name}")


def _is_flat(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_simple, value.values()))


def _is_simple(value: Any) -> bool:
    return isinstance(value, str | int | float)  # a boolean is an int


def _repeated(blocks: Any, at: str) -> list[str]:
    """Ids that stand twice where each must be unique."""
    known = [(block, f"{at}/{n}") for n, block in enumerate(blocks) if isinstance(block, dict)] if blocks else []
    faults = unique(
        "block_id", [(block["block_id"], f"{where}/block_id") for block, where in known if "block_id" in block]
    )
    of_elements = (unique("action_id", _action_ids(block, where)) for block, where in known)
    return [*faults, *chain.from_iterable(of_elements)]


def _action_ids(block: Any, at: str) -> list[tuple[Any, str]]:
    elements = block.get("elements") if block.get("type") == "actions" else None
    named = [(n, each) for n, each in enumerate(elements or ()) if isinstance(each, dict) and "action_id" in each]
    return [(element["action_id"], f"{at}/elements/{n}/action_id") for n, element in named]


def _model_of_block_says(block: Any, at: str) -> Iterator[str]:
    try:
        model = Block.parse(copy.deepcopy(block))
        if model is not None:  # of a type that is as new to slack_sdk as to us
            model.to_dict()
    except SlackObjectFormationError as error:
        yield fault(f"slack_sdk: {error}", at)
    except (TypeError, KeyError, AttributeError):
        yield fault("slack_sdk cannot read it", at)


def _model_says(view: Any) -> list[str]:
    try:
        View(**copy.deepcopy(view)).to_dict()
    except SlackObjectFormationError as error:
        return [fault(f"slack_sdk: {error}", "/view")]
    return []
