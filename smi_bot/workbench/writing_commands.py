"""`smi-bot library new` and `show`: a response is begun, and looked at."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import typer
from markupsafe import Markup
from pydantic import ValidationError

from smi_bot.errors import LibraryError
from smi_bot.inquiry import Audience
from smi_bot.library import Library, Product, StandardResponse, Wording
from smi_bot.library.library import Document
from smi_bot.library.standing import standing
from smi_bot.text import repair
from smi_bot.workbench.appearance import ChannelName, Shown, Variant, Whom, shown_on, variant_of
from smi_bot.workbench.commands import AsJson, Folder, as_json, content_of, document_named, folder_of
from smi_bot.workbench.drafting import entry_file, new_entry
from smi_bot.workbench.pages import page, write_page
from smi_bot.workbench.styles import marked, runs

commands = typer.Typer()


class _Audience(StrEnum):
    """Typer takes lists of enumerations only."""

    PATIENT = "patient"
    HCP = "hcp"


class _Channel(StrEnum):
    WEB = "web"
    TELEGRAM = "telegram"
    SLACK = "slack"


Audiences = Annotated[list[_Audience] | None, typer.Option("--audience", help="May stand twice; both unless given.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="A label region; all unless given.")]


# --- new


@commands.command("new")
def new(
    id: Annotated[str, typer.Argument(metavar="ID", help="Lower case, hyphens: 'missed-dose'. Also the file's name.")],
    title: Annotated[str, typer.Option(help="The question it answers, as people would ask it.")],
    author: Annotated[str, typer.Option(help="Your name; you may not approve it.")],
    product: Annotated[str | None, typer.Option(help="The product's id; that of the library unless given.")] = None,
    audience: Audiences = None,
    region: Regions = None,
    library: Folder = None,
    json: AsJson = False,
) -> None:
    """Begin a response: a file with today's dates and marks where something is to be written."""
    content = content_of(library)
    of = _product(content, product)
    wanted = region or [*of.regions]
    if unknown := sorted(set(wanted) - set(of.regions)):
        raise LibraryError(
            f"--region {unknown[0]}: is no label region of {of.id}; choose among {', '.join(of.regions)}"
        )
    entry = _entry(id, title, of, _audiences(audience) or [*get_args(Audience)], wanted, author)
    path = _written(folder_of(library), entry)
    if json:
        as_json({"file": str(path), "document": f"{entry.product}/{entry.id}"})
    else:
        typer.echo(f"{path}\nwrite it, then: smi-bot library check, and smi-bot library show {entry.id}")


def _audiences(given: list[_Audience] | None) -> list[Audience]:
    return [each.value for each in given or ()]


def _product(content: Library, named: str | None) -> Product:
    if content.product is None:
        raise LibraryError("product.yaml: is missing; add <product>/product.yaml to the library")
    if named not in (None, content.product.id):
        raise LibraryError(f"--product {named}: is not in the library; its product is {content.product.id}")
    return content.product


def _entry(
    id: str, title: str, product: Product, audiences: list[Audience], regions: list[str], author: str
) -> StandardResponse:
    names = (" ".join(repair(text).split()) for text in (title, author))
    title, author = names
    if id.lower() == "product":
        raise LibraryError("product: is the name of the product's own facts; give the response another id")
    try:
        return new_entry(id, title, product, audiences, regions, author, datetime.now(UTC).date())
    except ValidationError as error:
        first = error.errors()[0]
        field = str((*first["loc"], "(whole file)")[0]).replace("last_author", "--author")
        raise LibraryError(f"{field}: {str(first['msg']).removeprefix('Value error, ')}; correct it") from None


def _written(folder: Path, entry: StandardResponse) -> Path:
    """Never over another file: an id is somebody's work."""
    same = [path for path in folder.glob("*/*.md") if path.stem.lower() == entry.id.lower()]
    if same:
        raise LibraryError(f"{entry.id}: stands already in {same[0]}; choose another id, or edit that file")
    path = folder / entry.product / f"{entry.id}.md"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(entry_file(entry))
    except OSError as error:
        raise LibraryError(f"{path}: {error.strerror}; name a folder that may be written") from None
    return path


# --- show


class _Subject(NamedTuple):
    """What is looked at, and when."""

    library: Library
    name: str
    content: StandardResponse | Wording
    now: datetime


@commands.command("show")
def show(
    topic: Annotated[str, typer.Argument(help="An entry's id, or a document: 'wording/greeting.de'.")],
    audience: Audiences = None,
    region: Regions = None,
    country: Annotated[str | None, typer.Option(help="A country instead of a region: 'DE'.")] = None,
    channel: Annotated[list[_Channel] | None, typer.Option(help="May stand twice; all unless given.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to look at in a browser.")] = None,
    library: Folder = None,
    json: AsJson = False,
) -> None:
    """Show a text as each channel shows it, and whether it may be sent. Exit code 1 where something would not be sent."""
    subject = _subject(library, topic)
    variants = [
        variant_of(subject.library, subject.content, whom, subject.now)
        for whom in _whom(subject, _audiences(audience), region, country)
    ]
    shown = [shown_on(each, variant, subject.content) for variant in variants for each in _channels(subject, channel)]
    if html:
        write_page(html, _page(subject, shown))
    if json:
        as_json({**_facts(subject), "shown": [_record(each) for each in shown]})
    else:
        typer.echo("\n\n".join(["\n".join(_heading(subject)), *("\n".join(_lines(each)) for each in shown)]))
    raise typer.Exit(1 if any(each.refusals for each in shown) else 0)


def _subject(library: Path | None, topic: str) -> _Subject:
    content = content_of(library)
    name = document_named(content, topic)
    found: Document = dict(content.documents())[name]
    if not isinstance(found, StandardResponse | Wording):
        raise LibraryError(f"{topic}: is no text of its own; name a response or a service text")
    return _Subject(content, name, found, datetime.now(UTC))


def _channels(subject: _Subject, chosen: list[_Channel] | None) -> Sequence[ChannelName]:
    if chosen:
        return [each.value for each in chosen]
    every: tuple[ChannelName, ...] = get_args(ChannelName)
    return every if isinstance(subject.content, StandardResponse) else every[:2]


def _whom(subject: _Subject, audiences: list[Audience], regions: list[str] | None, country: str | None) -> list[Whom]:
    """A service text is the same for all audiences, but not for all regions: it names telephone numbers."""
    product, content = subject.library.product, subject.content
    own: tuple[Audience, ...] = content.audiences if isinstance(content, StandardResponse) else ("patient",)
    elsewhere = (*(product.regions if product else ()), None)
    served = content.regions if isinstance(content, StandardResponse) else elsewhere
    where = [country.upper()] if country else regions or [*served]
    asked = [Whom(audience, each) for audience in audiences or own for each in where]
    longer = [whom._replace(long=True) for whom in asked if _has_more(subject, whom)]
    return sorted((*asked, *longer), key=lambda whom: asked.index(whom._replace(long=False)))


def _has_more(subject: _Subject, whom: Whom) -> bool:
    """Whether there is a longer text for them."""
    if not isinstance(subject.content, StandardResponse):
        return False
    return subject.content.long_text(whom.audience, subject.library.region(whom.country)) is not None


def _facts(subject: _Subject) -> dict[str, Any]:
    library, name, content, now = subject
    return {
        "document": name,
        "version": content.version,
        "title": getattr(content, "title", ""),
        "standing": standing(library, name, content, now.date()),
        "why": library.unapproved().get(name, ""),
        "effective": content.effective,
        "review_due": content.review_due,
        "expires": content.expires,
        "last_author": content.last_author,
        "approvals": _signed(library, name),
    }


def _signed(library: Library, name: str) -> list[dict[str, str]]:
    """Who approved it, if that counts."""
    approvals = () if name in library.unapproved() else library.approvals.get(name, ())
    known = [(library.signers[each.signer].name, each) for each in approvals if each.signer in library.signers]
    return [{"signer": signer, "role": each.role, "at": each.at} for signer, each in known]


def _heading(subject: _Subject) -> list[str]:
    facts = _facts(subject)
    names = ", ".join(f"{each['signer']} ({each['role']}, {each['at'][:10]})" for each in facts["approvals"])
    return [
        f"{facts['document']} v{facts['version']}{': ' if facts['title'] else ''}{facts['title']}",
        f"{facts['standing']}: served from {facts['effective']} until {_last(facts['expires'])}",
        f"signed by {names}" if names else facts["why"],
    ]


def _last(expires: date) -> str:
    return f"the day before {expires}"


def _lines(shown: Shown) -> list[str]:
    many = f", {len(shown.messages)} messages" if len(shown.messages) > 1 else ""
    lines = [f"=== {_title(shown.variant)}, {shown.channel}{many}"]
    lines += [f"NOT SENT NOW: {refusal}" for refusal in shown.refusals]
    for message in shown.messages:
        limit = f" of {message.limit}" if message.limit else ""
        lines += [f"--- {message.length}{limit} characters", marked(message.styled)]
    return [*lines, *([" ".join(f"[{button}]" for button in shown.buttons)] if shown.buttons else [])]


def _title(variant: Variant) -> str:
    whom = variant.whom
    who = "anybody" if variant.of_wording else whom.audience
    return f"{who} in {whom.country or 'an unknown country'}{', longer text' if whom.long else ''}"


def _record(shown: Shown) -> dict[str, Any]:
    return {
        **shown.variant.whom._asdict(),
        "channel": shown.channel,
        "refusals": shown.refusals,
        "messages": [
            {"text": each.styled.text, "length": each.length, "limit": each.limit}
            | {"looks": [span._asdict() for span in each.styled.spans]}
            | ({"html": each.html} if each.html else {})
            for each in shown.messages
        ],
        "buttons": shown.buttons,
        **({"blocks": shown.blocks} if shown.blocks else {}),
    }


def _page(subject: _Subject, shown: list[Shown]) -> str:
    """The chat page's HTML is made without any of the source's own, so it may stand on this page as it is."""
    content = [
        {
            "title": _title(each.variant),
            "channel": each.channel,
            "refusals": each.refusals,
            "messages": [
                {"html": Markup(message.html), "runs": runs(message.styled)}  # noqa: S704  # see above
                | {"length": message.length, "limit": message.limit}
                for message in each.messages
            ],
            "buttons": each.buttons,
        }
        for each in shown
    ]
    entry = subject.content if isinstance(subject.content, StandardResponse) else None
    return page("show.html", facts=_facts(subject), heading=_heading(subject), shown=content, entry=entry)
