"""What a case looks like in Slack: its card in the channel; for the thread below it see slack_lines. Pure.

A card is the same for everybody who sees it, so nothing here asks who looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ConfirmObject,
    HeaderBlock,
    RichTextElement,
    RichTextQuoteElement,
    SectionBlock,
)

from escalation.card_lines import CardLine
from escalation.cards import Card, CardLabel, CardSuggestion
from escalation.slack_text import (
    Block,
    Text,
    best_end,
    bold,
    cleaned,
    everybody,
    grouped,
    inline,
    is_address,
    is_seen,
    italic,
    line,
    link,
    moment,
    person,
    plain,
    weight,
)
from escalation.times import compact

_FOLDED = 600  # characters of the first message on the card
_HEAVIEST_FOLDED = 3000
_HEAVIEST_LABELS = 3500
#: Words and rules shown of each label, and characters of each: as many as fit.
_EVIDENCE = ((6, 80), (3, 80), (2, 40), (1, 20), (0, 0))

AUDIENCES: Mapping[str, str] = {"patient": "patient or caregiver", "hcp": "healthcare professional (self-attested)"}


class Post(NamedTuple):
    """One message in Slack.

    `key` is the same for the same thing within a case; a post whose key is no longer there was about something that
    is no longer so. `text` is all that a locked screen shows: number, priority and state, never what somebody suffers
    from. `to_channel`: nobody follows the thread by then, so the channel must see it too.
    """

    key: str
    text: str
    blocks: list[Block]
    to_channel: bool = False


def card_post(card: Card) -> Post:
    blocks = [
        HeaderBlock(text=plain(f"{card.number} · {card.priority} · {card.status}")).to_dict(),
        *grouped(_facts(card)),
        *grouped(_labels(card.labels)),
        *grouped(_dropped(card.dropped)),
        *grouped(_first_words(card)),
        *_suggestions(card),
        ActionsBlock(elements=list(_buttons(card))).to_dict(),
    ]
    return Post("card", _news_of_card(card), blocks)


def _news_of_card(card: Card) -> str:
    late = ", overdue" if card.overdue else ""
    if card.status != "open":
        return f"{card.number}: {card.status}, {card.priority} priority{late}."
    is_new = not any(each.kind == "claimed" for each in card.thread)
    return f"{card.number}: {'new case' if is_new else 'open again'}, {card.priority} priority{late}. Claim it."


def _facts(card: Card) -> Iterator[RichTextElement]:
    yield line(*_standing(card))
    facts = (AUDIENCES.get(card.audience, "audience unknown"), card.country, card.channel, f"language {card.language}")
    yield line(bold(card.requester), *(f" · {inline(fact, 40)}" for fact in facts))
    if card.public:
        yield line(
            bold("Public forum: "), "everybody can read these posts, and nothing is ever sent there. ", *_post(card)
        )
    if card.screened_again:
        yield line(bold("Found by look-back screening. "), "The requester was told nothing of it.")
    if card.times:
        yield line(compact(card.times[0]))
    for each in card.answers:
        yield line(bold(each.question), f" {inline(each.answer, 200)}")
    if card.previous:
        yield line(f"Previous case: {card.previous}")
    if card.reports > 1:
        yield line(f"Safety reports in this case: {card.reports}")
    if card.erased:
        yield line(bold("What was written on this case was erased at the requester's request."))
        if any(is_of_slack(each) for each in card.thread):
            yield line(
                "Notes that specialists wrote in Slack still stand there: the bot cannot delete them, please do."
            )


def _standing(card: Card) -> Iterator[str | RichTextElement]:
    """Whose it is, or by when it must be somebody's."""
    if card.status == "closed":
        closed = next(each for each in reversed(card.thread) if each.kind == "closed")
        yield from (person(closed.author), f" closed it: {plainly(inline(closed.text.partition(': ')[0], 80))}.")
    elif card.owner:
        yield from ("Owner: ", person(card.owner))
    else:
        yield from ((everybody(), " ") if card.priority == "urgent" else ())
        yield bold("Nobody has claimed this yet.")
    if card.due:
        # Not `due_text`: how long there is left would soon be wrong, as messages stay as they are.
        awaited = f" To be {'answered' if card.owner else 'claimed'} by "
        yield from (bold(" Overdue since ") if card.overdue else awaited, moment(card.due, _utc(card)))


def _utc(card: Card) -> str:
    return f"{card.due:%Y-%m-%d %H:%M} UTC" if card.due else ""


def _post(card: Card) -> Iterator[RichTextElement]:
    address = next((each.link for each in card.thread if is_address(each.link)), "")
    if address:
        yield link(address, "Open the first post")


def _labels(labels: tuple[CardLabel, ...]) -> list[RichTextElement]:
    """The labels with as many of the words that raised them as fit."""
    tried: Iterator[list[RichTextElement]] = (
        [line(*raised_by(label, most, longest), *_judged(label)) for label in labels] for most, longest in _EVIDENCE
    )
    return next(
        (rows for rows in tried if weight([row.to_dict() for row in rows]) <= _HEAVIEST_LABELS),
        [line(bold(", ".join(plainly(label.label) for label in labels)))],
    )


def raised_by(label: CardLabel, most: int, longest: int) -> Iterator[RichTextElement]:
    """A label, the words that raised it, and by which rules. A refuted one is struck through, and stays."""
    is_refuted = label.judgement is not None and label.judgement.holds == "refuted"
    yield Text(text=plainly(label.label).capitalize(), style={"bold": True} | ({"strike": True} if is_refuted else {}))
    words = [f"“{inline(each, longest)}”" for each in label.evidence if is_seen(each)]
    if words and most:
        yield Text(text=f": {_some(words, most)}")
    rules = [inline(each, longest) for each in label.rules]
    if rules and most:
        yield Text(text=" · rule ")
        yield Text(text=_some(rules, most), style={"code": True})


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _judged(label: CardLabel) -> Iterator[str | RichTextElement]:
    if label.judgement:
        yield from (" · ", bold(label.judgement.verdict), " by ", person(label.judgement.actor))
        yield "; raised again since" if label.judgement.is_outdated else ""


def _dropped(labels: Sequence[CardLabel]) -> Iterator[RichTextElement]:
    """Labels that were judged and then taken off."""
    judged = [f"{plainly(each.label)} ({each.judgement.verdict})" for each in labels if each.judgement]
    if judged:
        yield line("Taken off: ", ", ".join(judged))


def plainly(name: str) -> str:
    """A name of ours in words."""
    return name.replace("-", " ")


def is_of_slack(told: CardLine) -> bool:
    """A note that was written in a thread."""
    return told.kind == "noted" and told.author.startswith("slack:")


def _first_words(card: Card) -> Iterator[RichTextElement]:
    """What the requester wrote first, folded: the thread holds all of it."""
    first = next((each for each in card.thread if each.kind == "message"), None)
    if first is None:
        return
    words = cleaned("\n".join(each.text for each in first.said if is_seen(each.text))).strip()
    end = best_end(words, _FOLDED, _HEAVIEST_FOLDED)
    if words:
        yield RichTextQuoteElement(elements=[Text(text=words[:end].rstrip())])
    more = ["… continues in the thread"] if end < len(words) else []
    more += [f"with {len(first.attachments)} file(s), in the thread"] if first.attachments else []
    if more:
        yield line(italic(", ".join(more)))


def _suggestions(card: Card) -> Iterator[Block]:
    if card.status == "closed" or not card.suggestions:
        return
    yield from grouped([line(bold("Approved answers that may fit"))])
    for suggestion in card.suggestions:
        yield suggestion_block(card.case, suggestion)


def suggestion_block(case: int, suggestion: CardSuggestion) -> Block:
    """An approved answer with the button that opens it."""
    title = inline(suggestion.title, 80) or suggestion.entry
    button = ButtonElement(
        text=plain("Show"),
        action_id="entry_show",
        value=f"{case}:{suggestion.entry}",
        accessibility_label=inline(f"Show {title}", 75),
    )
    return SectionBlock(text=plain(f"{title} · {round(suggestion.score * 100)} %"), accessory=button).to_dict()


def _buttons(card: Card) -> Iterator[ButtonElement]:
    """What makes sense in the case's state; whether somebody may do it is decided when they press."""
    if card.status == "open":
        yield _button(card, "case_claim", "Claim", style="primary")
    if card.status == "claimed" and not card.public:
        yield _button(card, "case_reply", "Reply", style="primary")
        yield _button(card, "case_insert", "Insert approved answer")
    if card.status == "claimed":
        yield _button(card, "case_label", "Change labels")
        yield _button(card, "case_release", "Release")
        yield _button(card, "case_close", "Close", style="danger")
    if card.status != "closed" and card.labels:
        yield _button(card, "case_judge", "Confirm or refute labels")
    yield _button(card, "case_reveal", "Show original text", confirm=_REVEAL)


#: Having looked cannot be undone.
_REVEAL = ConfirmObject(
    title=plain("Show original text?"),
    text=plain("It may name people. That you looked is recorded on the case."),
    confirm=plain("Show"),
    deny=plain("Cancel"),
)


def _button(
    card: Card, action: str, text: str, style: str | None = None, confirm: ConfirmObject | None = None
) -> ButtonElement:
    heard = f"{text}: {card.number}"
    return ButtonElement(
        text=plain(text),
        action_id=action,
        value=str(card.case),
        style=style,
        confirm=confirm,
        accessibility_label=heard,
    )
