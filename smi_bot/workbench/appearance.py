"""How a text looks to whom and where, before anybody gets it: rendered as it would be sent, on each channel. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from channels.telegram_text import LIMIT, parts
from escalation.cards import Card
from escalation.slack_text import rich_text
from escalation.slack_views import Preview, entry_view
from smi_bot.decision import Answer, Grounds
from smi_bot.errors import LibraryError, NotApproved, Refused
from smi_bot.inquiry import Audience, Button, Choice, Conversation, EntryPart, Rendered, WordingPart
from smi_bot.library import Library, StandardResponse, Wording
from smi_bot.markup import Styled, to_html, to_styled
from smi_bot.replies import label_of, sayings
from smi_bot.workbench.styles import of_slack, of_telegram

ChannelName = Literal["web", "telegram", "slack"]

#: What a service text may be passed, for looking at it: see responses/README.md.
_EXAMPLES: dict[str, str | list[str]] = {
    "text": "The text of the answer.",
    "safety": "Its safety text.",
    "id": "topic",
    "version": "1",
    "approved_on": "2026-01-01",
    "references": ["A reference"],
    "language": "Portuguese",
    "limit": "10 MB",
    "audience": "Patient or caregiver",
    "country": "United States",
    "cases": "SMI-3, SMI-7",
}
#: A case for the specialist's window to show the text in.
_CASE = Card(
    case=1,
    number="SMI-1",
    status="claimed",
    priority="normal",
    labels=(),
    audience="patient",
    country="US",
    channel="telegram",
    public=False,
    requester="Requester",
    language="en",
    erased=False,
    due=None,
    due_text="",
    overdue=False,
    owner="you",
    mine=True,
    suggestions=(),
    previous=None,
    reports=0,
    thread=(),
    actions=(),
)


class Whom(NamedTuple):
    """Who would read it. `country`: ISO 3166-1, or a label region. `long`: they asked for the longer text."""

    audience: Audience
    country: str | None
    long: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """A text for somebody. `refusals`: why it would not be sent to them now; empty if it would.

    `rendered` is None where there is no text for them at all.
    """

    whom: Whom
    rendered: Rendered | None
    refusals: tuple[str, ...]
    of_wording: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a channel shows it. `length` and `limit`: in the channel's own units; None: without limit."""

    styled: Styled
    length: int
    limit: int | None = None
    html: str = ""  # of the chat page


@dataclass(frozen=True, slots=True)
class Shown:
    """A text on a channel. `refusals`: why it cannot be sent there now.

    `blocks`: what Slack is given for the specialist's window, in which the requester's buttons are not seen.
    """

    variant: Variant
    channel: ChannelName
    messages: tuple[Message, ...]
    refusals: tuple[str, ...]
    buttons: tuple[str, ...] = ()
    blocks: Sequence[dict[str, Any]] = field(default=())


# --- what would be said


def variant_of(library: Library, content: StandardResponse | Wording, whom: Whom, now: datetime) -> Variant:
    """The text with its buttons; where it may not be sent, as it would be if everything in it were approved."""
    refusals: list[str] = []
    rendered = _rendered(library, content, whom, now, refusals)
    if rendered is None:
        rendered = _rendered(replace(library, drafts=True), content, whom, now, [])
    return Variant(whom, rendered, tuple(refusals), isinstance(content, Wording))


def _rendered(
    library: Library, content: StandardResponse | Wording, whom: Whom, now: datetime, refusals: list[str]
) -> Rendered | None:
    try:
        markdown, source = _words(library, content, whom, now)
    except (NotApproved, LibraryError) as refusal:
        refusals.append(str(refusal))
        return None
    buttons = tuple(_buttons(library, content, whom, now, refusals))
    shared = {"reply": "r1", "conversation": "preview", "language": content.language}
    return Rendered(markdown=markdown, source=source, buttons=buttons, **shared)


def _words(library: Library, content: StandardResponse | Wording, whom: Whom, now: datetime) -> tuple[str, str]:
    if isinstance(content, StandardResponse):
        part = EntryPart(entry=content.id, audience=whom.audience, country=whom.country, long=whom.long)
        return library.entry_markdown(part, now)
    fields = {"wording": content.id, "language": content.language, "country": whom.country}
    return library.wording_markdown(WordingPart.model_validate({**fields, "fields": _EXAMPLES}), now)


def _buttons(
    library: Library, content: StandardResponse | Wording, whom: Whom, now: datetime, refusals: list[str]
) -> Iterator[Button]:
    """Those below an answer. A service text has its buttons from what it is said to."""
    for choice in _choices(library, content, whom):
        try:
            yield Button(text=label_of(choice.action, library, now.date()), action=choice.action)
        except NotApproved as refusal:
            refusals.append(str(refusal))


def _choices(library: Library, content: StandardResponse | Wording, whom: Whom) -> tuple[Choice, ...]:
    if isinstance(content, Wording):
        return ()
    to = Conversation(id="preview", channel="preview", audience=whom.audience, country=whom.country)
    (said,) = sayings(Answer(content.id, Grounds(), long=whom.long), to, None, library)
    return said.choices


# --- on a channel


def shown_on(channel: ChannelName, variant: Variant, content: StandardResponse | Wording) -> Shown:
    """What of a variant is seen there."""
    if variant.rendered is None:
        return Shown(variant, channel, (), variant.refusals)
    if channel == "telegram":
        return _on_telegram(variant, variant.rendered)
    if channel == "slack":
        return _on_slack(variant, variant.rendered, content)
    rendered = variant.rendered
    styled = to_styled(rendered.markdown)
    message = Message(styled, len(styled.text), html=to_html(rendered.markdown))
    return Shown(variant, channel, (message,), variant.refusals, _texts(rendered))


def _texts(rendered: Rendered) -> tuple[str, ...]:
    return tuple(button.text for button in rendered.buttons)


def _on_telegram(variant: Variant, rendered: Rendered) -> Shown:
    try:
        made = parts(rendered)
    except (NotApproved, Refused) as refusal:
        return Shown(variant, "telegram", (), (*variant.refusals, str(refusal)))
    lengths = (len(part.text.encode("utf-16-le")) // 2 for part in made)
    messages = (Message(of_telegram(part), length, LIMIT) for part, length in zip(made, lengths, strict=True))
    return Shown(variant, "telegram", tuple(messages), variant.refusals, _texts(rendered))


def _on_slack(variant: Variant, rendered: Rendered, content: StandardResponse | Wording) -> Shown:
    """The window in which a specialist sees the text before sending it; service texts are in none."""
    if isinstance(content, Wording):
        return Shown(variant, "slack", (), variant.refusals)
    preview = Preview(content.id, content.title, content.version, rendered.markdown)
    view = entry_view(_CASE, "preview", preview)
    body = rich_text(to_styled(rendered.markdown))
    blocks = [block for block in view["blocks"] if block in body]
    too_long = () if view.get("submit") else ("too long to be shown in Slack, so it cannot be sent from there",)
    styled = of_slack(blocks)
    refusals = (*variant.refusals, *too_long)
    return Shown(variant, "slack", (Message(styled, len(styled.text)),), refusals, blocks=view["blocks"])
