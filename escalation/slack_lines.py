"""What happened on a case, as the thread below its card in Slack tells it. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from slack_sdk.models.blocks import RichTextElement

from escalation.card_lines import CardLine
from escalation.cards import Card
from escalation.case import STEPS
from escalation.slack_cards import Post, is_of_slack, plainly
from escalation.slack_text import (
    Block,
    bold,
    button_alone,
    cleaned,
    everybody,
    grouped,
    inline,
    italic,
    line,
    moment,
    named,
    person,
    quotes,
    sent,
    weight,
    wrote,
)

#: How much one message holds, see `weight`. Messages of 13,200 characters were seen to be refused, some of 11,341 too.
HEAVIEST_POST = 9000
#: Slack takes 50.
MOST_BLOCKS = 45
_STATES = {
    "queued": "On its way",
    "retrying": "Not delivered yet, trying again",
    "sent": "Sent",
    "delivered": "Delivered",
    "failed": "Failed",
}
#: What somebody must look at now.
_ALARMS = ("raised", "reported", "reminded", "released", "undelivered")


class _Told(NamedTuple):
    """A line, and how the case stood by then."""

    line: CardLine
    number: str
    case: int
    is_closed: bool  # by now
    owner: str | None
    priority: str


def line_posts(card: Card, below: str = "") -> tuple[Post, ...]:
    """The thread, in order. The same line gives the same posts whatever else happened.

    `below`: the place of the card, which is also when it was posted; empty where it stands nowhere yet.
    """
    posts: list[Post] = []
    keys: dict[str, int] = {}
    for told in _told(card, below):
        key = _key(told.line)
        keys[key] = keys.get(key, 0) + 1
        posts += _posts(told, key if keys[key] == 1 else f"{key}-{keys[key]}")
    return tuple(posts)


def _told(card: Card, below: str) -> Iterator[_Told]:
    owner: str | None = None
    priority = "normal"
    for each in card.thread:
        if each.kind in ("opened", "raised", "labelled"):
            stated = each.text.partition(":")[0]
            priority = stated if stated in STEPS else priority
        elif each.kind in ("claimed", "released"):
            owner = each.author if each.kind == "claimed" else None
        if not _was_written_here(each, below):
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
        "reported": "a further safety report",
        "undelivered": "a reply failed",
        "judged": "a label was judged",
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
    if told.line.kind == "opened":
        return  # the card says it; it stands there already
    yield from ([block] for block in grouped(_lines(told)))
    yield from (sent(file, told.case) for file in told.line.attachments)
    if told.line.state == "failed" and told.line.kind == "replied" and not told.is_closed:
        yield [button_alone("reply_retry", "Send again", f"{told.case}:{told.line.event}")]


def _was_written_here(told: CardLine, below: str) -> bool:
    """A note that its author wrote below this very card: not below one that was deleted, or in another channel."""
    return is_of_slack(told) and told.note.rpartition("-")[2] >= below  # the end of its id is when it was posted


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
    label, bracket, rules = rest.partition(" (")  # names of rules stay as they are
    sentences: Mapping[str, tuple[str | RichTextElement, ...]] = {
        "claimed": (who, " claimed the case."),
        "released": (who, " released the case.", *named(f" {inline(told.text, 200)}".rstrip())),
        "closed": (who, f" closed the case: {plainly(first)}."),
        "labelled": (who, f" set the labels: {plainly(rest)}; {first} priority."),
        "judged": (who, f" {first} the label {plainly(label)}{bracket}{rules}."),
        "raised": (bold(f"Raised to {first} priority by a further message: {plainly(rest)}."),),
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
