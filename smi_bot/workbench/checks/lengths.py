"""Findings about texts that a channel cannot show whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from channels import telegram_text
from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import Rendered, WordingPart
from smi_bot.library import StandardResponse
from smi_bot.library.model import LONG
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject
from smi_bot.workbench.checks.wordings import FIELDS, rendered

#: Characters of the one text that is posted under other people's posts (responses/README.md).
INVITATION = 350
#: Characters of a command's description (Bot API, BotCommand, allows 256; a phone's menu shows one line of these).
COMMAND = range(3, 61)


@dataclass(frozen=True, slots=True)
class _Limit:
    """`longest`: of one message, in the UTF-16 code units in which the channel counts. None: the channel has no limit."""

    channel: str
    longest: int | None


#: The chat page shows a text of any length; Telegram's limit is that of its sendMessage.
LIMITS = (_Limit("Telegram", telegram_text.LIMIT), _Limit("web", None))


def lengths(subject: Subject) -> Iterator[Finding]:
    """A benefit and its risk go into one message, so both together must fit; and so must each service text."""
    for entry, source in subject.entries():
        for limit in LIMITS:
            yield from _entry(subject, entry, source, limit)
    yield from _wordings(subject)
    yield from _labels(subject)


class _Variant(NamedTuple):
    """What goes into one message, and the section that its text comes from."""

    section: str
    region: str
    text: str
    safety: str


def _variants(entry: StandardResponse) -> Iterator[_Variant]:
    """Each pair of text and safety text once; the longer text for professionals has the same safety text."""
    seen: set[tuple[str, str]] = set()
    for audience, region in ((a, r) for a in entry.audiences for r in entry.regions):
        safety = entry.safety(audience, region)
        texts = {audience: entry.text(audience, region), LONG: entry.long_text(audience, region)}
        for name, text in texts.items():
            if text and (text, safety) not in seen:
                seen.add((text, safety))
                own = f"{name} {region}"
                yield _Variant(own if own in entry.sections else name, region, text, safety)


def _entry(subject: Subject, entry: StandardResponse, source: Source, limit: _Limit) -> Iterator[Finding]:
    for variant in _variants(entry):
        size = _size(variant.text) + _size(variant.safety)
        if _is_surely_short(size, limit) or _fits(_answer(subject, entry, variant), limit):
            continue
        reason = f"section '# {variant.section}' with its safety text is {size} characters long for {variant.region}"
        reason += f", and one {limit.channel} message holds {limit.longest}"
        yield source.finding("length", "error", source.section(variant.section), reason, "shorten it")


def _answer(subject: Subject, entry: StandardResponse, variant: _Variant) -> str:
    fields = {**FIELDS["answer"], "text": variant.text, "safety": variant.safety, "references": list(entry.references)}
    frame = WordingPart(wording="answer", country=variant.region, fields=fields)
    try:
        return subject.drafts.wording_markdown(frame, subject.midday)[0]
    except (LibraryError, NotApproved):  # the frame around answers is broken or missing, which is told elsewhere
        return f"{variant.text}\n\n{variant.safety}"


def _is_surely_short(size: int, limit: _Limit) -> bool:
    """What is shown is about as long as its Markdown, but for the sources, which may go into a second message."""
    return limit.longest is None or 2 * size < limit.longest


def _size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _fits(markdown: str, limit: _Limit) -> bool:
    if limit.longest is None:
        return True
    reply = Rendered(reply="check", conversation="check", markdown=markdown, source="check")
    try:
        telegram_text.parts(reply, limit.longest)
    except NotApproved:
        return False
    return True


def _wordings(subject: Subject) -> Iterator[Finding]:
    for limit in LIMITS:
        for wording, region, markdown in rendered(subject):
            if not _fits(markdown, limit):
                source = subject.source(wording)
                reason = f"is too long for one {limit.channel} message of {limit.longest} characters in {region}"
                yield source.finding("length", "error", source.body(), reason, "shorten it")
    for wording in subject.library.wordings.values():
        if wording.id == "invitation" and len(wording.body) > INVITATION:
            source = subject.source(wording)
            reason = f"is posted in public and has {len(wording.body)} characters; {INVITATION} are the most"
            yield source.finding("length", "error", source.body(), reason, "shorten it")


def _labels(subject: Subject) -> Iterator[Finding]:
    for page in subject.library.pages.values():
        for key, words in page.labels.items():
            if key.startswith("command-") and len(words) not in COMMAND:
                source: Source = subject.source(page)
                reason = f"field labels.{key}: has {len(words)} characters; a menu of commands takes 3 to 60"
                yield source.finding("length", "error", source.line("labels", key), reason, "write it anew")
