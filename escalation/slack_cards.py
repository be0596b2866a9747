"""What a case looks like in Slack: one card in the channel, and under it the thread that tells what happened. Pure.

A card is the same for everybody who sees it, so nothing here asks who looks.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
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
from escalation.case import STEPS
from escalation.slack_text import (
    Block,
    Text,
    best_end,
    bold,
    button_alone,
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
    named,
    person,
    plain,
    quotes,
    sent,
    weight,
    wrote,
)

#: How much one message holds, see `weight`. Messages of 13,200 characters were seen to be refused, some of 11,341 too.
HEAVIEST_POST = 9000
#: Slack takes 50.
MOST_BLOCKS = 45
_FOLDED = 600  # characters of the first message on the card
_HEAVIEST_FOLDED = 3000
_HEAVIEST_LABELS = 3500
#: Words shown of each label, and characters of each: as many as fit.
_EVIDENCE = ((6, 80), (3, 80), (2, 40), (1, 20), (0, 0))

AUDIENCES: Mapping[str, str] = {"patient": "patient or caregiver", "hcp": "healthcare professional (self-attested)"}
_STATES = {
    "queued": "On its way",
    "retrying": "Not delivered yet, trying again",
    "sent": "Sent",
    "delivered": "Delivered",
    "failed": "Failed",
}


#: What somebody must look at now.
_ALARMS = ("raised", "reminded", "released")


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


# --- the card


def card_post(card: Card) -> Post:
    blocks = [
        HeaderBlock(text=plain(f"{card.number} · {card.priority} · {card.status}")).to_dict(),
        *grouped(_facts(card)),
        *grouped(_labels(card.labels)),
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
    if card.previous:
        yield line(f"Previous case: {card.previous}")
    if card.reports > 1:
        yield line(f"Safety reports in this case: {card.reports}")
    if card.erased:
        yield line(bold("What was written on this case was erased at the requester's request."))


def _standing(card: Card) -> Iterator[str | RichTextElement]:
    """Whose it is, or by when it must be somebody's."""
    if card.status == "closed":
        closed = next(each for each in reversed(card.thread) if each.kind == "closed")
        yield from (person(closed.author), f" closed it: {_plainly(inline(closed.text.partition(': ')[0], 80))}.")
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
    tried = ([_label(label, most, longest) for label in labels] for most, longest in _EVIDENCE)
    return next(
        (rows for rows in tried if weight([row.to_dict() for row in rows]) <= _HEAVIEST_LABELS),
        [line(bold(", ".join(_plainly(label.label) for label in labels)))],
    )


def _label(label: CardLabel, most: int, longest: int) -> RichTextElement:
    seen = [words for words in label.evidence if is_seen(words)]
    shown = ", ".join(f"“{inline(words, longest)}”" for words in seen[:most])
    more = f" and {len(seen) - most} more" if shown and len(seen) > most else ""
    return line(bold(_plainly(label.label).capitalize()), f": {shown}{more}" if shown else "")


def _plainly(name: str) -> str:
    """A name of ours in words."""
    return name.replace("-", " ")


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


# --- the thread


class _Told(NamedTuple):
    """A line, and how the case stood by then."""

    line: CardLine
    number: str
    case: int
    is_closed: bool  # by now
    owner: str | None
    priority: str


def line_posts(card: Card) -> tuple[Post, ...]:
    """The thread, in order. The same line gives the same posts whatever else happened."""
    posts: list[Post] = []
    keys: dict[str, int] = {}
    for told in _told(card):
        key = _key(told.line)
        keys[key] = keys.get(key, 0) + 1
        posts += _posts(told, key if keys[key] == 1 else f"{key}-{keys[key]}")
    return tuple(posts)


def _told(card: Card) -> Iterator[_Told]:
    owner: str | None = None
    priority = "normal"
    for each in card.thread:
        if each.kind in ("opened", "raised", "labelled"):
            stated = each.text.partition(":")[0]
            priority = stated if stated in STEPS else priority
        elif each.kind in ("claimed", "released"):
            owner = each.author if each.kind == "claimed" else None
        yield _Told(each, card.number, card.case, card.status == "closed", owner, priority)


def _key(told: CardLine) -> str:
    if told.event:
        return f"e{told.event}"
    # What the bot said by itself is no event of the case; when it said what is all there is to know it by.
    return "a" + hashlib.sha256(f"{told.at.isoformat()} {told.kind} {cleaned(told.text)}".encode()).hexdigest()[:16]


def _posts(told: _Told, key: str) -> Iterator[Post]:
    text, alarm = _news(told), told.line.kind in _ALARMS and told.owner is None
    for number, blocks in enumerate(_packed(_chunks(told)), 1):
        more = [] if number == 1 else list(grouped([line(italic(f"… continued ({number})"))]))
        yield Post(key if number == 1 else f"{key}.{number}", text, more + blocks, alarm)


def _packed(chunks: Iterable[list[Block]]) -> Iterator[list[Block]]:
    """As many chunks in each message as it holds; what is in a chunk stays together."""
    blocks: list[Block] = []
    for chunk in chunks:
        if blocks and (len(blocks) + len(chunk) > MOST_BLOCKS or weight(blocks) + weight(chunk) > HEAVIEST_POST):
            yield blocks
            blocks = []
        blocks = blocks + chunk
    if blocks:
        yield blocks


def _news(told: _Told) -> str:
    """What a notification says."""
    kind, state = told.line.kind, told.line.state
    words = {
        "message": "the requester wrote",
        "raised": f"raised to {told.priority} priority",
        "labelled": f"labels set, {told.priority} priority",
        "reminded": f"overdue, {told.priority} priority",
        "released": f"released, {told.priority} priority",
        "replied": f"a reply: {_STATES.get(state or '', '').lower()}",
        "noted": "a note",
        "answered": "the bot answered",
        "revealed": "the original text was looked at",
        "erasure": "the requester asked for deletion",
    }.get(kind, kind)
    return f"{told.number}: {words}."


def _chunks(told: _Told) -> Iterator[list[Block]]:
    """What one line shows, in parts that are small enough for a message."""
    if told.line.kind == "opened" or _was_written_here(told.line):
        return  # the card says it; it stands there already
    yield from ([block] for block in grouped(_lines(told)))
    yield from (sent(file, told.case) for file in told.line.attachments)
    if told.line.state == "failed" and told.line.kind == "replied" and not told.is_closed:
        yield [button_alone("reply_retry", "Send again", f"{told.case}:{told.line.event}")]


def _was_written_here(told: CardLine) -> bool:
    return told.kind == "noted" and told.author.startswith("slack:")


def _lines(told: _Told) -> Iterable[RichTextElement]:
    match told.line.kind:
        case "message":
            return wrote(told.line)
        case "replied":
            return [*_said(told.line, " replied to the requester"), _delivery(told.line)]
        case "noted":
            later = [line("Sent to the requester afterwards.")] if told.line.was_sent else []
            return [*_said(told.line, " noted, internally"), *later]
        case "answered" | "not delivered" | "waiting":
            return _of_bot(told.line)
    return _happened(told)


def _said(told: CardLine, verb: str) -> list[RichTextElement]:
    return [line(person(told.author), f"{verb}: ", moment(told.at, told.at_text)), *quotes(told.text)]


def _delivery(told: CardLine) -> RichTextElement:
    trouble = f": {inline(told.trouble, 300)}" if told.trouble else ""
    return line(bold(_STATES.get(told.state or "", "Unknown")), trouble)


def _happened(told: _Told) -> Iterator[RichTextElement]:
    """What is no part of the conversation."""
    yield line(*_alarm(told), *_sentence(told.line), " ", moment(told.line.at, told.line.at_text))
    note = told.line.text.partition(": ")[2] if told.line.kind == "closed" else ""
    if note:
        yield from quotes(note)


def _sentence(told: CardLine) -> tuple[str | RichTextElement, ...]:
    who, (first, _, rest) = person(told.author), inline(told.text, 300).partition(": ")
    sentences: Mapping[str, tuple[str | RichTextElement, ...]] = {
        "claimed": (who, " claimed the case."),
        "released": (who, " released the case.", *named(f" {inline(told.text, 200)}".rstrip())),
        "closed": (who, f" closed the case: {_plainly(first)}."),
        "labelled": (who, f" set the labels: {_plainly(rest)}; {first} priority."),
        "raised": (bold(f"Raised to {first} priority by a further message: {_plainly(rest)}."),),
        "revealed": (who, " looked at the original text."),
    }
    return sentences.get(told.kind, tuple(named(inline(told.text or told.kind, 500))))


def _alarm(told: _Told) -> Iterator[str | RichTextElement]:
    """Who must look now: the owner, or where there is none and it is urgent, everybody who is about."""
    if told.line.kind in _ALARMS and told.owner:
        if told.owner not in told.line.text:  # there they are mentioned anyway
            yield from (person(told.owner), " ")
    elif told.line.kind in _ALARMS and told.priority == "urgent":
        yield from (everybody(), " ")


def _of_bot(told: CardLine) -> Iterator[RichTextElement]:
    verb = {"answered": "answered", "not delivered": "could not deliver", "waiting": "could not deliver yet"}
    yield line(
        bold("The bot "), f"{verb.get(told.kind, told.kind)}: {inline(told.text, 200)} ", moment(told.at, told.at_text)
    )
    if told.trouble:
        yield line(f"Reason: {inline(told.trouble, 300)}")
