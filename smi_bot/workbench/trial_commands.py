"""`smi-bot library try`, `recall` and `suggestions`: what a library would do, what it did, and what it lacks."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from escalation.slack_text import inline
from smi_bot.errors import LibraryError
from smi_bot.library import Library
from smi_bot.plain_yaml import dump_yaml
from smi_bot.settings import Settings
from smi_bot.workbench.commands import AsJson, Folder, as_json, content_of, folder_of, settings_of
from smi_bot.workbench.drafting import correction
from smi_bot.workbench.editions import Edition, changed, published
from smi_bot.workbench.pages import page, write_page
from smi_bot.workbench.questions import Questions, journalled_questions, read_questions
from smi_bot.workbench.recalling import Recall, recipients
from smi_bot.workbench.records import looking
from smi_bot.workbench.suggesting import Heard, Suggestion, grouped, heard
from smi_bot.workbench.trial import Changed, Outcome, Trial, trial

commands = typer.Typer()

_WIDE = 60  # characters of a question in the terminal


# --- try


@commands.command("try")
def try_(
    against: Annotated[str, typer.Option(help="A file of questions (lines, CSV, TSV or JSON lines), or 'journal'.")],
    library: Folder = None,
    published_: Annotated[
        str | None,
        typer.Option(
            "--published",
            help="What to compare with: a folder, a published version's number, or a git revision.",
            show_default="the version in force, else what is committed",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to attach to a review.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 where a decision changes.")] = False,
    json: AsJson = False,
) -> None:
    """Decide past questions with the library in force and with the one in the folder, as if all of that were approved.

    Personal data is masked by rules, which can miss a name that is merely mentioned: read before you pass it on.
    """
    settings, today = settings_of(library), datetime.now(UTC).date()
    questions = _questions(settings, against)
    before = published(settings, folder_of(library), published_)
    after = changed(settings, folder_of(library), today)
    found = trial(questions, before.knowledge, after.knowledge, today)
    facts = {"against": against, "before": _named(before), "after": _named(after)}
    if html:
        write_page(html, trial_page(found, facts))
    if json:
        as_json({**facts, **_totals(found), "changed": [_change(each) for each in found.changed]})
    else:
        typer.echo("\n".join(_table(found, facts)))
    raise typer.Exit(1 if exit_code and found.changed else 0)


def _named(edition: Edition) -> dict[str, str]:
    return {"name": edition.name, "library": edition.knowledge.library.version}


def _questions(settings: Settings, against: str) -> Questions:
    if against == "journal":
        return asyncio.run(looking(settings, journalled_questions))
    return read_questions(Path(against), settings.country)


def _totals(found: Trial) -> dict[str, Any]:
    changes = sum(each.times for each in found.changed)
    return {
        "asked": found.unchanged + changes,
        "unchanged": found.unchanged,
        "left_out": found.left_out,
        "counts": found.counts,
    }


def _change(each: Changed) -> dict[str, Any]:
    asked = {"text": each.asked.masked, "audience": each.asked.audience, "country": each.asked.country}
    return {
        **asked,
        "times": each.times,
        "changes": each.changes,
        "before": asdict(each.before),
        "after": asdict(each.after),
    }


def _table(found: Trial, facts: dict[str, Any]) -> Iterator[str]:
    totals = _totals(found)
    yield f"before: {facts['before']['name']}, after: {facts['after']['name']}"
    yield f"{totals['asked']:>6}  asked"
    yield f"{found.unchanged:>6}  decided as before"
    yield from (f"{count:>6}  {change}" for change, count in found.counts.items())
    if found.left_out:
        yield f"{found.left_out:>6}  left out: erased"
    for each in found.changed:
        who = f"{each.asked.audience}, {each.asked.country or 'country unknown'}"
        yield f"\n{inline(each.asked.masked, _WIDE)}  ({who}; asked {_times(each.times)})"
        yield f"    {', '.join(each.changes)}"
        yield f"    {each.before.in_words}  ->  {each.after.in_words}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def trial_page(found: Trial, facts: dict[str, Any]) -> str:
    """A trial as a page: whatever anybody wrote stands there as words."""
    rows = [
        {
            "text": each.asked.masked,
            "who": f"{each.asked.audience}, {each.asked.country or 'country unknown'}",
            "times": each.times,
            "changes": each.changes,
            "before": each.before,
            "after": each.after,
        }
        for each in found.changed
    ]
    texts = dict.fromkeys(_texts(found.changed))
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return page("trial.html", facts=facts, totals=_totals(found), rows=rows, texts=list(texts), now=now)


def _texts(all_changed: Sequence[Changed]) -> Iterator[tuple[Outcome, Outcome]]:
    """The two wordings of each answer that says something else, once for each audience and region."""
    plain = {"labels": (), "reason": "", "offers": ()}
    for each in all_changed:
        if "answered in other words" in each.changes:
            before, after = (Outcome(**{**asdict(side), **plain}) for side in (each.before, each.after))
            yield before, after


# --- recall


@commands.command("recall")
def recall(
    topic: Annotated[str, typer.Argument(help="An entry's id, or a document: 'wording/greeting.de'.")],
    version: Annotated[int, typer.Option(min=1, help="The version of the text that is taken back.")],
    to: Annotated[Path | None, typer.Option(help="Folder for the correction notice; the library unless given.")] = None,
    library: Folder = None,
    json: AsJson = False,
) -> None:
    """List who got a version of a text, without their words or names, and draft the correction notice for approval."""
    content = content_of(library)
    document = _document(content, topic)
    settings = settings_of(library)
    found = asyncio.run(looking(settings, lambda tx: recipients(tx, document, version)))
    notice = _notice(content, document, version, to or folder_of(library)) if found.recipients else None
    if json:
        people = [asdict(each) for each in found.recipients]
        facts = {"document": document, "version": version, "notice": str(notice) if notice else None}
        as_json({**facts, "unaccounted": found.unaccounted, "recipients": people})
    else:
        typer.echo("\n".join(_recalled(found, document, version, notice)))


def _document(content: Library, topic: str) -> str:
    """The document's full name; what is recalled may have left the library."""
    names = [name for name, _ in content.documents()]
    found = [name for name in names if topic in (name, name.rpartition("/")[2])]
    if len(found) > 1:
        raise LibraryError(f"{topic}: names several documents: {', '.join(found)}")
    product = f"{content.product.id}/" if content.product and "/" not in topic else ""
    return found[0] if found else f"{product}{topic}"


def _recalled(found: Recall, document: str, version: int, notice: Path | None) -> Iterator[str]:
    if not found.recipients and not found.unaccounted:
        yield f"{document} v{version}: nobody got it"
    for each in found.recipients:
        facts = [f"{each.at:%Y-%m-%d %H:%M}", each.state, each.channel, each.requester, *each.cases, each.audience]
        facts += [each.country] + ["seen"] * each.seen + ["erased since"] * each.erased
        yield "  ".join(filter(None, facts))
    if found.recipients:
        counts = Counter(each.state for each in found.recipients)
        yield f"{document} v{version}: " + ", ".join(f"{count} {state}" for state, count in counts.items())
    if found.unaccounted:
        yield f"{found.unaccounted} more are in the journal, whose replies are gone; run 'smi-bot journal verify'"
    if "waiting" in {each.state for each in found.recipients}:
        yield "what waits is checked again when it goes out: withdraw the text and publish, and it is not sent"
    if notice:
        yield f"correction notice: {notice}\nwrite it and have it approved before the next start or publish"


def _notice(content: Library, document: str, version: int, folder: Path) -> Path:
    """The draft of a correction; one that was begun before is left as it is."""
    topic = document.rpartition("/")[2].replace(".", "-")
    entry = content.entries.get(topic)
    path = folder / "wording" / f"correction-{topic}.md.j2"
    owner = entry.owner if entry else "Medical Information"
    text = correction(topic, entry.title if entry else topic, version, owner, datetime.now(UTC).date())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, "utf-8")
    except OSError as error:
        raise LibraryError(f"{path}: {error.strerror}; name a folder that may be written by --to") from None
    return path


# --- suggestions


@commands.command("suggestions")
def suggestions(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Asked on this day or later.")] = None,
    library: Folder = None,
    json: AsJson = False,
) -> None:
    """List what people asked: confirmed phrasings by entry, and what found nothing. Copy what fits into front matter.

    Personal data is masked by rules, which can miss a name that is merely mentioned: read before you copy.
    """
    start = since.replace(tzinfo=UTC) if since else None
    said: list[Heard] = asyncio.run(looking(settings_of(library), lambda tx: heard(tx, start)))
    found = grouped(said, content_of(library))
    if json:
        as_json([asdict(each) for each in found])
    else:
        typer.echo("\n".join(_to_copy(found)), nl=bool(found))


def _to_copy(found: Sequence[Suggestion]) -> Iterator[str]:
    """As lines of YAML, by entry, the one with the most asked first."""
    for entry in dict.fromkeys(each.entry for each in found):
        yield f"# {entry or 'found nothing'}"
        for each in found:
            if each.entry == entry:
                yield f"  # {_times(each.count)}, last on {each.last}" + (
                    f"; {', '.join(each.grounds)}" if entry else ""
                )
                yield f"  {dump_yaml([each.text]).rstrip()}".replace("\n", "\n  ")
