"""The windows in which specialists write, choose and look things up in Slack. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from slack_sdk.models.blocks import (
    ActionsBlock,
    CheckboxesElement,
    ExternalDataSelectElement,
    InputBlock,
    Option,
    PlainTextInputElement,
    RadioButtonsElement,
    RichTextElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks import Block as SlackBlock
from slack_sdk.models.blocks.basic_components import DispatchActionConfig
from slack_sdk.models.views import View

from escalation.cards import Card, CardLabel, CardSuggestion
from escalation.case import DISPOSITIONS
from escalation.judging import JUDGED, LabelVerdict
from escalation.slack_cards import AUDIENCES, raised_by, suggestion_block
from escalation.slack_text import (
    Block,
    bold,
    cleaned,
    grouped,
    inline,
    italic,
    line,
    plain,
    quotes,
    rich_text,
    weight,
)
from smi_bot.decision import PRECEDENCE, SAFETY
from smi_bot.markup import to_styled
from smi_bot.text import repair

LONGEST_INPUT = 3000  # more cannot be typed into a window of Slack
#: Slack takes 100 blocks and, it is said, 250 kB; some of both is for what stands around the text.
_MOST_BLOCKS = 90
_HEAVIEST_VIEW = 200_000
_MOST_OPTIONS = 100
_MOST_SHOWN = 6  # words, and rules, of one label
_LONGEST_OPTION = 75
_LONGEST_VALUE = 150


class Preview(NamedTuple):
    """An approved text as the requester of a case will get it."""

    entry: str
    title: str
    version: int
    markdown: str
    audience: str = "patient"
    country: str | None = None


class Form(NamedTuple):
    """What somebody entered in a window. `id` makes a second press of the same window do nothing.

    `verdicts`: those that are other than what the window showed.
    `entry` and `version` are those of the text that was shown, whatever was searched for since; `audience` and
    `country` those of the requester for whom it was.
    """

    case: int
    id: str
    entry: str = ""
    version: int = 0
    audience: str = ""
    country: str | None = None
    reply: str = ""
    labels: tuple[str, ...] = ()
    verdicts: tuple[LabelVerdict, ...] = ()
    disposition: str = ""
    note: str = ""


# --- windows


def reply_view(card: Card, id: str, draft: str = "", preview: str = "") -> dict[str, Any]:
    """`preview`: what is typed by now. Slack keeps what is typed while a window is updated, as block_id stays."""
    blocks = [*grouped(_recipient(card, "write")), *grouped(_warning(card)), _input(draft)]
    if cleaned(preview).strip():
        blocks += grouped([line(bold("The requester will read:")), *quotes(preview)])
    return _modal("reply_modal", "Reply to requester", blocks, _metadata(card, id), submit="Send to requester")


def entry_view(card: Card, id: str, chosen: Preview | None, options: Sequence[CardSuggestion] = ()) -> dict[str, Any]:
    """`options`: what is offered at once, while nothing is chosen. What cannot be sent has no button for it."""
    blocks = [*grouped(_recipient(card, "see here")), _search(chosen)]
    if chosen is None:
        blocks += [suggestion_block(card.case, suggestion) for suggestion in options[: _MOST_OPTIONS // 2]]
        return _modal("entry_modal", "Approved answer", blocks, _metadata(card, id))
    shown = _fitting(rich_text(to_styled(chosen.markdown)))
    why_not = _why_not(card, is_whole=shown[1])
    blocks += [
        *grouped([line(bold(inline(chosen.title, 150) or "Untitled"), f" · {chosen.entry} v{chosen.version}")]),
        *shown[0],
    ]
    blocks += grouped([line(italic(why_not))]) if why_not else []
    shown_for = {"audience": chosen.audience, "country": chosen.country}
    metadata = _metadata(card, id, entry=chosen.entry, version=chosen.version, **shown_for)
    return _modal("entry_modal", "Approved answer", blocks, metadata, submit="" if why_not else "Send to requester")


def label_view(card: Card, id: str = "") -> dict[str, Any]:
    options = {label: _option(label, _plainly(label)) for label in PRECEDENCE}
    present = [options[each.label] for each in card.labels if each.label in options]
    element = CheckboxesElement(
        action_id="label_choice", options=list(options.values()), initial_options=present or None
    )
    hint = plain("The priority follows the labels.")
    blocks = [_of(InputBlock(block_id="labels", label=plain("Labels"), element=element, hint=hint))]
    return _modal("label_modal", "Labels", [*_case(card), *blocks], _metadata(card, id), submit="Save")


def judge_view(card: Card, reasons: Mapping[str, str], id: str = "") -> dict[str, Any]:
    """Each label with what raised it and why, and whether that is right. `reasons`: of rules, by name."""
    blocks = [block for each in card.labels for block in _judging(each, reasons)]
    told = grouped([line(italic("Labels and priority stay as they are; Change labels changes them."))])
    shown = {each.label: [_standing(each), each.raised_in] for each in card.labels}
    metadata = json.dumps({"case": card.case, "id": id, "shown": shown})
    submit = "Save" if blocks else ""
    return _modal("judge_modal", "Are the labels right?", [*_case(card), *blocks, *told], metadata, submit=submit)


def close_view(card: Card, id: str = "") -> dict[str, Any]:
    options = [_option(each, _plainly(each)) for each in DISPOSITIONS]
    select = StaticSelectElement(action_id="close_disposition", options=options, placeholder=plain("Choose one"))
    note = PlainTextInputElement(action_id="close_note", multiline=True, max_length=LONGEST_INPUT)
    blocks = [
        _of(InputBlock(block_id="close", label=plain("What became of it"), element=select)),
        _of(InputBlock(block_id="note", label=plain("Note, internal"), element=note, optional=True)),
    ]
    told = [] if card.public else list(grouped([line(italic("The requester is told that the case is closed."))]))
    return _modal("close_modal", "Close case", [*_case(card), *blocks, *told], _metadata(card, id), submit="Close case")


def reveal_view(card: Card, text: str) -> dict[str, Any]:
    """The requester's words as they were written."""
    shown, is_whole = _fitting(list(grouped(quotes(text))))
    cut = [] if is_whole else list(grouped([line(bold("This window holds no more; the desk page shows all of it."))]))
    return _modal("reveal_modal", "Original text", [*_case(card), *shown, *cut], _metadata(card, ""))


# --- what they are made of


def _modal(name: str, title: str, blocks: Sequence[Block], metadata: str, submit: str = "") -> dict[str, Any]:
    view = View(
        type="modal",
        callback_id=name,
        title=plain(title),
        submit=plain(submit) if submit else None,
        close=plain("Cancel" if submit else "Close"),
        blocks=blocks,
        private_metadata=metadata,
    )
    return view.to_dict()


def _of(block: SlackBlock) -> Block:
    return block.to_dict()


def _metadata(card: Card, id: str, **more: str | int | None) -> str:
    return json.dumps({"case": card.case, "id": id, **more})


def _plainly(name: str) -> str:
    """A name of ours in words."""
    return name.replace("-", " ").capitalize()


def _case(card: Card) -> Iterator[Block]:
    yield from grouped([line(bold(card.number), f" · {card.requester}")])


def _judging(label: CardLabel, reasons: Mapping[str, str]) -> Iterator[Block]:
    why = [line(italic(f"{rule}: {reasons[rule]}")) for rule in label.rules[:_MOST_SHOWN] if rule in reasons]
    yield from grouped([line(*raised_by(label, _MOST_SHOWN, 80)), *why])
    options: dict[str, Option] = {verdict: _option(verdict, verdict.capitalize()) for verdict in JUDGED}
    element = RadioButtonsElement(
        action_id=f"verdict_{label.label}", options=list(options.values()), initial_option=options.get(_standing(label))
    )
    named = plain(_plainly(label.label))
    yield _of(InputBlock(block_id=f"judge_{label.label}", label=named, element=element, optional=True))


def _standing(label: CardLabel) -> str:
    return (label.judgement.holds if label.judgement else None) or ""


def _recipient(card: Card, what: str) -> Iterator[RichTextElement]:
    audience = AUDIENCES.get(card.audience, "audience unknown")
    facts = " · ".join(inline(fact, 40) for fact in (card.channel, card.country, audience, f"language {card.language}"))
    yield line(bold(f"{card.number} · {card.requester}"), f" · {facts}")
    yield line(italic(f"The requester reads exactly what you {what}."))


def _warning(card: Card) -> Iterator[RichTextElement]:
    found = [each.label for each in card.labels if each.label in SAFETY]
    if found:
        names = ", ".join(_plainly(label).lower() for label in found)
        yield line(bold(f"Safety report ({names}): "), "it must reach drug safety or quality, whatever you answer.")


def _input(draft: str) -> Block:
    typed = PlainTextInputElement(
        action_id="reply_text",
        multiline=True,
        max_length=LONGEST_INPUT,
        initial_value=_short_enough(draft) or None,
        dispatch_action_config=DispatchActionConfig(trigger_actions_on=["on_character_entered"]),
    )
    return _of(InputBlock(block_id="reply", label=plain("Your reply"), element=typed, dispatch_action=True))


def _short_enough(draft: str) -> str:
    # Counted as browsers count; what somebody typed into such a window is never longer.
    return repair(draft).encode("utf-16-le")[: 2 * LONGEST_INPUT].decode("utf-16-le", "ignore")


def _search(chosen: Preview | None) -> Block:
    initial = _entry_option(chosen.entry, chosen.title) if chosen else None
    select = ExternalDataSelectElement(
        action_id="entry_search",
        placeholder=plain("Search the approved answers"),
        min_query_length=0,
        initial_option=initial,
    )
    return _of(ActionsBlock(block_id="entry", elements=[select]))


def _why_not(card: Card, *, is_whole: bool) -> str:
    """Why the text shown cannot be sent; empty if it can."""
    if card.public:
        return "Public forum: nothing is ever sent there."
    if card.status != "claimed":
        return f"{card.number} is {card.status}; its owner can send this while it is claimed."
    return "" if is_whole else "Too long to be shown here, so it cannot be sent from here; the desk page can."


def _fitting(blocks: list[Block]) -> tuple[list[Block], bool]:
    """As many as fit a window, and whether these are all."""
    shown: list[Block] = []
    left = _HEAVIEST_VIEW
    for block in blocks[:_MOST_BLOCKS]:
        left -= weight(block)
        if left < 0:
            break
        shown.append(block)
    return shown, len(shown) == len(blocks)


# --- options


def search_options(found: Sequence[CardSuggestion]) -> dict[str, Any]:
    """The answer to Slack's asking for what matches somebody's search."""
    options = (_entry_option(each.entry, each.title) for each in found)
    return {"options": [option.to_dict() for option in options if option][:_MOST_OPTIONS]}


def _entry_option(entry: str, title: str) -> Option | None:
    return (
        _option(entry, inline(title, _LONGEST_OPTION) or entry[:_LONGEST_OPTION])
        if len(entry) <= _LONGEST_VALUE
        else None
    )


def _option(value: str, text: str) -> Option:
    return Option(value=value, text=plain(text))


# --- what was entered


def read_state(view: Mapping[str, Any]) -> Form:
    """What stands in a window. Raises ValueError where it is none of ours."""
    try:
        kept = json.loads(view["private_metadata"])
        blocks = view.get("state", {}).get("values", {}).values()
        entered = {action: value for block in blocks for action, value in block.items()}
        return Form(
            case=int(kept["case"]),
            id=str(kept["id"]),
            entry=str(kept.get("entry", "")),
            version=int(kept.get("version", 0)),
            audience=str(kept.get("audience", "")),
            country=kept.get("country"),
            reply=_typed(entered, "reply_text"),
            labels=_chosen(entered, "label_choice"),
            verdicts=tuple(_verdicts(kept, entered)),
            disposition="".join(_chosen(entered, "close_disposition")),
            note=_typed(entered, "close_note"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("this is no window of ours") from error


def _typed(entered: Mapping[str, Any], action: str) -> str:
    return repair(entered.get(action, {}).get("value") or "")


def _chosen(entered: Mapping[str, Any], action: str) -> tuple[str, ...]:
    element = entered.get(action, {})
    options = element.get("selected_options") or [element.get("selected_option")]
    return tuple(option["value"] for option in options if option)


def _verdicts(kept: Mapping[str, Any], entered: Mapping[str, Any]) -> Iterator[LabelVerdict]:
    for label, (before, raised_in) in kept.get("shown", {}).items():
        verdict = "".join(_chosen(entered, f"verdict_{label}"))
        if verdict and verdict != before:
            yield LabelVerdict(label, verdict, int(raised_in))
