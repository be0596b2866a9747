"""Blocks, views and metadata at the limits that Slack documents, and one beyond, sent by the real client."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from slack_api import SlackApi
from slack_api_apps import client
from slack_sdk.errors import SlackApiError
from slack_sdk.models import blocks as models

pytestmark = [pytest.mark.timeout(60), pytest.mark.filterwarnings("ignore:The top-level `text`:UserWarning")]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackApi]:
    with SlackApi() as slack:
        yield slack


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def section(**parts: Any) -> Json:
    return {"type": "section", **parts}


def button(**parts: Any) -> Json:
    return {"type": "button", "text": plain(5), **parts}


def actions(*elements: Json, **parts: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **parts}


def option(n: int = 0, text: int = 5, value: int = 0) -> Json:
    return {"text": plain(text), "value": "v" * value or f"value {n}"}


def select(count: int = 1, **parts: Any) -> Json:
    return {"type": "static_select", "options": [option(n) for n in range(count)], **parts}


def field(type: str = "plain_text_input", label: int = 5, **parts: Any) -> Json:
    return {"type": "input", "label": plain(label), "element": {"type": type, **parts}}


def rich(*inside: Json, type: str = "rich_text_section", **parts: Any) -> Json:
    return {"type": "rich_text", "elements": [{"type": type, "elements": list(inside), **parts}]}


def line(*inside: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(inside)}


def buttons(count: int) -> Json:
    return actions(*[button(action_id=f"a{n}") for n in range(count)])


async def faults(slack: SlackApi, *blocks: Json) -> list[str]:
    """What Slack finds wrong with a message of these blocks."""
    try:
        await client(slack).chat_postMessage(channel=slack.channel, text="x", blocks=list(blocks))
    except SlackApiError as no:
        assert no.response["error"] == "invalid_blocks"
        assert no.response["response_metadata"]["messages"] == [f"[ERROR] {each}" for each in no.response["errors"]]
        return no.response["errors"]
    return []


LIMITS = {  # each makes a block of a size; at this size it is right, at the next it is not
    "section text": (lambda n: section(text=mrkdwn(n)), 3000, "/blocks/0/text/text"),
    "fields": (lambda n: section(fields=[mrkdwn(1)] * n), 10, "/blocks/0/fields"),
    "field": (lambda n: section(fields=[mrkdwn(n)]), 2000, "/blocks/0/fields/0/text"),
    "header": (lambda n: {"type": "header", "text": plain(n)}, 150, "/blocks/0/text/text"),
    "context": (lambda n: {"type": "context", "elements": [mrkdwn(1)] * n}, 10, "/blocks/0/elements"),
    "actions": (buttons, 25, "/blocks/0/elements"),
    "button text": (lambda n: actions({**button(), "text": plain(n)}), 75, "/blocks/0/elements/0/text/text"),
    "button value": (lambda n: actions(button(value="v" * n)), 2000, "/blocks/0/elements/0/value"),
    "button url": (lambda n: actions(button(url="u" * n)), 3000, "/blocks/0/elements/0/url"),
    "action_id": (lambda n: actions(button(action_id="i" * n)), 255, "/blocks/0/elements/0/action_id"),
    "block_id": (lambda n: section(text=plain(1), block_id="i" * n), 255, "/blocks/0/block_id"),
    "options": (lambda n: actions(select(n)), 100, "/blocks/0/elements/0/options"),
    "option text": (
        lambda n: actions({"type": "static_select", "options": [option(text=n)]}),
        75,
        "/blocks/0/elements/0/options/0/text/text",
    ),
    "option value": (
        lambda n: actions({"type": "static_select", "options": [option(value=n)]}),
        150,
        "/blocks/0/elements/0/options/0/value",
    ),
    "placeholder": (lambda n: actions(select(placeholder=plain(n))), 150, "/blocks/0/elements/0/placeholder/text"),
    "overflow": (
        lambda n: section(text=plain(1), accessory={"type": "overflow", "options": [option(m) for m in range(n)]}),
        5,
        "/blocks/0/accessory/options",
    ),
    "input label": (lambda n: field(label=n), 2000, "/blocks/0/label/text"),
    "initial value": (lambda n: field(initial_value="x" * n), 3000, "/blocks/0/element/initial_value"),
    "initial value beside max_length": (
        lambda n: field(initial_value="x" * n, max_length=10),
        10,
        "/blocks/0/element/initial_value",
    ),
    "max_length": (lambda n: field(max_length=n), 3000, "/blocks/0/element/max_length"),
    "markdown": (lambda n: {"type": "markdown", "text": "x" * n}, 12_000, "/blocks/0/text"),
    "alt text": (
        lambda n: {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x" * n},
        2000,
        "/blocks/0/alt_text",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_a_block_may_be_as_large_as_documented_and_no_larger(slack, name):
    make, most, where = LIMITS[name]
    assert await faults(slack, make(most)) == []
    found = await faults(slack, make(most + 1))
    assert f"[json-pointer:{where}]" in found[-1]


WRONG: dict[str, tuple[Json, str]] = {
    "no text": (section(), "must have one of text, fields"),
    "empty text": (section(text=mrkdwn(0)), "must be more than 0 characters"),
    "header in markup": ({"type": "header", "text": mrkdwn(1)}, "unsupported type: mrkdwn"),
    "words without a type": (section(text="words"), "unsupported type: None"),
    "unknown block": ({"type": "glitter"}, "unsupported type: glitter"),
    "unknown field": (section(text=plain(1), glitter=True), "invalid additional property: glitter"),
    "disabled button": (actions(button(disabled=True)), "invalid additional property: disabled"),
    "button of no style": (actions(button(style="huge")), "must be one of primary, danger"),
    "button in a context": ({"type": "context", "elements": [button()]}, "unsupported type: button"),
    "input in actions": (actions({"type": "plain_text_input"}), "unsupported type: plain_text_input"),
    "no elements": (actions(), "no fewer than 1 items allowed"),
    "two buttons of one id": (actions(button(action_id="a"), button(action_id="a")), '"a" already exists'),
    "options both ways": (actions(select(option_groups=[])), "exclude each other"),
    "no options": (actions({"type": "static_select"}), "must have one of options, option_groups"),
    "an initial option of its own": (actions(select(initial_option=option(7))), "must match one of the options"),
    "image of nothing": ({"type": "image", "alt_text": "x"}, "must have one of image_url, slack_file"),
    "empty words in rich text": (rich({"type": "text", "text": ""}), "must be more than 0 characters"),
    "a link without address": (rich({"type": "link", "text": "x"}), "missing required field: url"),
    "a style that is none": (rich({"type": "text", "text": "x", "style": {"big": True}}), "additional property: big"),
    "a list of words": (rich({"type": "text", "text": "x"}, type="rich_text_list", style="bullet"), "unsupported type"),
    "a list of no style": (rich(line(), type="rich_text_list"), "missing required field: style"),
    "a section in a section": (rich(line()), "unsupported type: rich_text_section"),
    "a section without more": ({"type": "rich_text", "elements": []}, "no fewer than 1 items"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_breaks_the_rules_is_refused_with_its_place(slack, name):
    block, why = WRONG[name]
    found = await faults(slack, block)
    assert why in found[-1]
    assert "[json-pointer:/blocks/0" in found[-1]


async def test_ids_of_blocks_are_unique_in_a_message_and_there_are_fifty_of_them(slack):
    divider = {"type": "divider", "block_id": "d"}
    assert '`block_id` "d" already exists [json-pointer:/blocks/1/block_id]' in await faults(slack, divider, divider)
    assert await faults(slack, *[{"type": "divider"}] * 50) == []
    assert await faults(slack, *[{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    same = [actions(button(action_id="a")), actions(button(action_id="a"))]
    assert await faults(slack, *same) == []  # in different blocks


async def test_all_blocks_together_may_not_be_too_large(slack):
    web = client(slack)
    with pytest.raises(SlackApiError, match="msg_blocks_too_long"):
        await web.chat_postMessage(channel=slack.channel, text="x", blocks=[section(text=mrkdwn(2700))] * 5)
    await web.chat_postMessage(channel=slack.channel, text="x", blocks=[section(text=mrkdwn(2500))] * 5)
    with pytest.raises(SlackApiError, match="invalid_blocks_format"):
        await web.chat_postMessage(channel=slack.channel, text="x", blocks="no list")
    with pytest.raises(SlackApiError, match="no_text"):
        await web.chat_postMessage(channel=slack.channel, text="")


async def test_rich_text_of_every_kind_is_right_and_is_read_as_it_looks(slack):
    inside: list[Json] = [
        {"type": "text", "text": "a & b ", "style": {"bold": True, "code": True}},
        {"type": "link", "url": "https://zelvanta.example", "text": "link"},
        {"type": "emoji", "name": "wave"},
        {"type": "user", "user_id": "U1"},
        {"type": "broadcast", "range": "here"},
        {"type": "date", "timestamp": 1_700_000_000, "format": "{date}", "fallback": "14 Nov"},
    ]
    items = [line({"type": "text", "text": text}) for text in ("one", "two")]
    kinds = [
        rich(*inside),
        rich(*items, type="rich_text_list", style="ordered", indent=1),
        rich({"type": "text", "text": "quoted"}, type="rich_text_quote"),
        rich({"type": "text", "text": "code"}, type="rich_text_preformatted", border=1),
    ]
    assert await faults(slack, *kinds) == []
    assert slack.posted[-1].all_text == "a & b link:wave:<@U1><!here>14 Nov\none\ntwo\nquoted\ncode"


async def test_what_the_models_of_slack_sdk_write_is_right(slack):
    made = [
        models.HeaderBlock(text="SMI-1"),
        models.SectionBlock(text="words", accessory=models.ButtonElement(text="Go", action_id="go", value="1")),
        models.ContextBlock(elements=[models.MarkdownTextObject(text="small")]),
        models.ActionsBlock(
            elements=[
                models.StaticSelectElement(
                    placeholder="Which?", action_id="s", options=[models.Option(text="One", value="1")]
                ),
                models.UserSelectElement(placeholder="Who?", action_id="u"),
                models.DatePickerElement(action_id="d", initial_date="2026-11-23"),
            ]
        ),
        models.InputBlock(label="Reply", element=models.PlainTextInputElement(action_id="t", multiline=True)),
        models.DividerBlock(),
    ]
    assert await faults(slack, *(block.to_dict() for block in made)) == []


# Views


async def opening(slack: SlackApi, view: Any) -> list[str]:
    """What Slack finds wrong with a modal."""
    web, rao = client(slack), slack.person("Dr. Rao")
    with pytest.raises(SlackApiError) as no:
        await web.views_open(trigger_id=rao._trigger()["trigger_id"], view=view)
    assert no.value.response["error"] == "invalid_arguments"
    return no.value.response["errors"]


def modal(**parts: Any) -> Json:
    return {"type": "modal", "title": plain(24), "submit": plain(24), "close": plain(24), "blocks": [field()], **parts}


VIEWS: dict[str, tuple[Any, str]] = {
    "title": (modal(title=plain(25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    "submit": (modal(submit=plain(25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
    "close": (modal(close=plain(25)), "must be less than 25 characters [json-pointer:/view/close/text]"),
    "metadata": (modal(private_metadata="x" * 3001), "must be less than 3001 characters [json-pointer:/view/private"),
    "callback_id": (modal(callback_id="x" * 256), "must be less than 256 characters [json-pointer:/view/callback_id]"),
    "blocks": (modal(blocks=[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    "markdown": (modal(blocks=[{"type": "markdown", "text": "x"}]), "unsupported type: markdown"),
    "no submit": ({"type": "modal", "title": plain(1), "blocks": [field()]}, "missing required field: submit"),
    "no blocks": ({"type": "modal", "title": plain(1)}, "missing required field: blocks [json-pointer:/view]"),
    "no kind": ({"title": plain(1)}, "unsupported type: None [json-pointer:/view/type]"),
    "no view": ("nonsense", "unsupported type: None [json-pointer:/view/type]"),
    "home": ({"type": "home", "blocks": [field()]}, "must be a modal [json-pointer:/view/type]"),
    "twice": (
        modal(blocks=[{"type": "divider", "block_id": "d"}] * 2),
        '"d" already exists [json-pointer:/view/blocks',
    ),
}


@pytest.mark.parametrize("name", VIEWS)
async def test_a_modal_that_breaks_the_rules_does_not_open(slack, name):
    view, why = VIEWS[name]
    assert why in " ".join(await opening(slack, view))


async def test_a_modal_at_its_limits_opens(slack):
    blocks = [field(), *[{"type": "divider"}] * 99]
    view = modal(private_metadata="x" * 3000, callback_id="x" * 255, notify_on_close=True, blocks=blocks)
    rao = slack.person("Dr. Rao")
    answer = await client(slack).views_open(trigger_id=rao._trigger()["trigger_id"], view=view)
    assert (answer["view"]["id"], answer["view"]["root_view_id"]) == (rao.view.id, rao.view.id)


# Metadata


METADATA: dict[str, tuple[Any, str]] = {
    "no object": ("nonsense", "invalid_metadata_format"),
    "no payload": ({"event_type": "smi_case"}, "invalid_metadata_schema"),
    "no name": ({"event_type": "smi case", "event_payload": {}}, "invalid_metadata_schema"),
    "nothing": ({"event_type": "smi_case", "event_payload": {"case": None}}, "invalid_metadata_schema"),
    "too deep": ({"event_type": "smi_case", "event_payload": {"a": {"b": {"c": 1}}}}, "invalid_metadata_schema"),
    "too much": ({"event_type": "smi_case", "event_payload": {"a": "x" * 8000}}, "metadata_too_large"),
}


@pytest.mark.parametrize(("name", "method"), list(itertools.product(METADATA, ["post", "update"])))
async def test_metadata_is_of_simple_types(slack, name, method):
    metadata, error = METADATA[name]
    web = client(slack)
    ts = (await web.chat_postMessage(channel=slack.channel, text="x"))["ts"]
    changing = {"update": {"ts": ts}, "post": {}}[method]
    with pytest.raises(SlackApiError, match=error):
        calls = {"post": web.chat_postMessage, "update": web.chat_update}
        await calls[method](channel=slack.channel, text="x", metadata=metadata, **changing)
