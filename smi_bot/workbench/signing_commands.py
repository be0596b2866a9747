"""`smi-bot library …` around signatures: keys, approvals, stops, and what became of them."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import ValidationError

from smi_bot.library import Library
from smi_bot.library.approval import canonical_hash, public_text, sign, stop
from smi_bot.library.library import Document
from smi_bot.library.model import Approval, Signer
from smi_bot.library.signing import sign_with_demo_keys, write_approvals, write_stops
from smi_bot.library.standing import Standing
from smi_bot.workbench import approving, comparing, history, keys, listing, stopping, verifying
from smi_bot.workbench.commands import AsJson, Folder, as_json, content_of, document_named, folder_of, settings_of
from smi_bot.workbench.keys import NotSigned

commands = typer.Typer()

Topic = Annotated[str, typer.Argument(help="A response's id, or a full name: zelvanta/missed-dose, wording/page.")]
SignerId = Annotated[str, typer.Option("--as", help="Who signs: an id from signers.yaml.", show_default=False)]
KeyFile = Annotated[Path | None, typer.Option("--key", help="Your private key; demo signers need none.")]
Passphrase = Annotated[
    bool, typer.Option("--passphrase", help="Ask for the key's passphrase (or: SMI_KEY_PASSPHRASE).")
]
#: Of one person at one machine, so no setting of the service.
Secret = Annotated[str | None, typer.Option("--passphrase-given", envvar="SMI_KEY_PASSPHRASE", hidden=True)]
Reason = Annotated[str, typer.Option(help="Why, for everybody who finds the record.", show_default=False)]
Version = Annotated[int | None, typer.Option(help="Another version than the one in the folder.", show_default=False)]
Against = Annotated[str, typer.Option(help="What to compare with: a folder, or a git revision.")]


def _now() -> datetime:
    return datetime.now(UTC)


@commands.command("sign-demo")
def sign_demo(library: Folder = None) -> None:
    """Sign everything with the worthless demo keys."""
    count = sign_with_demo_keys(folder_of(library), content_of(library), _now())
    typer.echo(f"{count} documents signed with the worthless demo keys")


@commands.command("keygen")
def keygen(
    signer: Annotated[str, typer.Option("--as", help="An id for you, such as alma.", show_default=False)],
    name: Annotated[str, typer.Option(help="Your full name.", show_default=False)],
    role: Annotated[str, typer.Option(help="medical, regulatory, pharmacy or drug-safety.", show_default=False)],
    key: Annotated[
        Path, typer.Option(help="A new file for your private key, outside the library.", show_default=False)
    ],
    passphrase: Passphrase = False,
    secret: Secret = None,
) -> None:
    """Make a private key for yourself, and the lines that others add to signers.yaml."""
    made = keys.new_key()
    someone = _signer(id=signer, name=name, role=role, public_key=public_text(made))
    keys.write_key(key, made, _passphrase(passphrase, secret, confirm=True))
    typer.echo(keys.signer_lines(someone), nl=False)
    typer.echo(
        f"{key} is your private key: keep it to yourself, and keep a copy where only you can reach it.\n"
        "Have somebody else add the lines above to signers.yaml.",
        err=True,
    )


def _signer(**fields: str) -> Signer:
    try:
        return Signer.model_validate(fields)
    except ValidationError as error:
        faults = (f"--{'as' if each['loc'] == ('id',) else each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise NotSigned("\n".join(faults)) from None


def _passphrase(ask: bool, given: str | None, *, confirm: bool = False) -> str | None:
    return typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True) if ask else given


@commands.command("approve")
def approve(
    topic: Topic,
    signer: SignerId,
    key: KeyFile = None,
    passphrase: Passphrase = False,
    secret: Secret = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    library: Folder = None,
) -> None:
    """Read a text once more and sign it. Two people in two roles approve it; its last author is neither."""
    content = content_of(library)
    name = document_named(content, topic)
    document, someone = dict(content.documents())[name], approving.signer_named(content, signer)
    approving.refuse_unfit(content, name, document, someone, _now())
    private = keys.key_of(someone, key, _passphrase(passphrase, secret))
    _show_before_signing(library, content, name, document)
    if not yes and not typer.confirm(f"Sign this as {someone.name}, {someone.role}?", err=True):
        typer.echo("nothing was signed", err=True)
        raise typer.Exit(1)
    signed = sign(document, name, document.version, someone, private, _now())
    _keep(library, content, name, document, signed)


def _show_before_signing(library: Path | None, content: Library, name: str, document: Document) -> None:
    """What differs from the text approved last, where git knows that; else all of it."""
    folder = folder_of(library)
    earlier = history.last_approved(folder, settings_of(library).signers or folder / "signers.yaml", name)
    typer.echo(f"{name} v{document.version}\nhash: {canonical_hash(document)}")
    found = comparing.difference(name, earlier[1], document) if earlier else None
    if earlier is None or found is None:
        _echo_all(comparing.shown_whole(document))
    else:
        typer.echo(f"what changed since it was approved last, in commit {earlier[0]}:")
        _echo_all(comparing.shown(found))
    _echo_all((f"note: {each}" for each in approving.cautions(content, document, _now().date())), err=True)


def _keep(library: Path | None, content: Library, name: str, document: Document, signed: Approval) -> None:
    approvals = [*approving.standing_approvals(content, name, document), signed]
    write_approvals(folder_of(library) / "approvals" / f"{name}.json", approvals)
    needed = approving.still_needed(approving.with_approvals(content, name, approvals), name, document)
    typer.echo(f"signed: {name} v{document.version} by {signed.signer}, {signed.role}")
    typer.echo(f"still needed: {needed}" if needed else "approved: nothing is missing; commit approvals/")


@commands.command("suspend")
def suspend(
    topic: Topic,
    signer: SignerId,
    reason: Reason,
    key: KeyFile = None,
    passphrase: Passphrase = False,
    secret: Secret = None,
    version: Version = None,
    library: Folder = None,
) -> None:
    """Stop a text at once, until two people approve it again."""
    _stop("suspended", topic, signer, reason, version, library, (key, passphrase, secret))


@commands.command("withdraw")
def withdraw(
    topic: Topic,
    signer: SignerId,
    reason: Reason,
    key: KeyFile = None,
    passphrase: Passphrase = False,
    secret: Secret = None,
    version: Version = None,
    library: Folder = None,
) -> None:
    """Stop a text and all versions before it at once and for good: only a new version can be approved."""
    _stop("withdrawn", topic, signer, reason, version, library, (key, passphrase, secret))


def _stop(
    kind: stopping.Kind,
    topic: str,
    signer: str,
    reason: str,
    version: int | None,
    library: Path | None,
    key: tuple[Path | None, bool, str | None],
) -> None:
    found = stopping.to_stop(library, topic, version)
    someone, why = approving.signer_named(found.library, signer), stopping.reason_given(reason)
    stopping.refuse_repeated(found, kind)
    file, ask, secret = key
    private = keys.key_of(someone, file, _passphrase(ask, secret))
    order = stop(found.name, found.version, kind, why, someone, private, _now())
    write_stops(folder_of(library) / "stops" / f"{found.name}.json", [*found.stops, order])
    typer.echo(f"{kind}: {found.name} v{found.version} by {someone.id}, {someone.role}")
    typer.echo("commit stops/; on the server, 'smi-bot library publish --stops-only' makes it count within seconds")
    if not found.approved and not found.stops:
        typer.echo(
            f"note: v{found.version} is not approved here; if people get another version, stop that one: --version",
            err=True,
        )


@commands.command("verify")
def verify(
    against: Annotated[
        str | None,
        typer.Option(help="Also name stops that a folder or git revision holds and that are gone.", show_default=False),
    ] = None,
    json: AsJson = False,
    library: Folder = None,
) -> None:
    """Verify every signature and every stop; quiet and 0 when each is genuine and counts."""
    content = content_of(library)
    found = list(verifying.faults(content, _now()))
    if against is not None:
        before = history.library_at(folder_of(library), against, settings_of(library).signers)
        found.extend(verifying.lost_stops(before, content))
    if json:
        as_json([asdict(fault) for fault in found])
    else:
        _echo_all(map(str, found), err=True)
    raise typer.Exit(1 if found else 0)


@commands.command("list")
def list_documents(
    standing: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(get_args(Standing))}.")] = None,
    json: AsJson = False,
    library: Folder = None,
) -> None:
    """List all documents: where each stands, its dates, owner and signatures; say which reviews are due."""
    if standing is not None and standing not in get_args(Standing):
        raise typer.BadParameter(f"'{standing}' is none of {', '.join(get_args(Standing))}", param_hint="--standing")
    found = [each for each in listing.listed(content_of(library), _now().date()) if standing in (None, each.standing)]
    if json:
        as_json([asdict(each) for each in found])
        return
    _echo_all(map(str, found))
    overdue = (each for each in found if each.review_overdue)
    _echo_all(
        (f"{each.document} v{each.version}: its review was due on {each.review_due}" for each in overdue), err=True
    )


@commands.command("diff")
def diff(
    topic: Annotated[str | None, typer.Argument(help="One document; all of them unless given.")] = None,
    against: Against = "HEAD",
    json: AsJson = False,
    library: Folder = None,
) -> None:
    """Show what changed in meaning: fields, phrasings, sections. 0 when nothing did, else 1."""
    after = content_of(library)
    before = history.library_at(folder_of(library), against, settings_of(library).signers)
    found = list(comparing.differences(before, after))
    if topic is not None:
        name = comparing.named(before, after, topic)
        found = [each for each in found if each.document == name]
    if json:
        as_json([comparing.as_object(each) for each in found])
    else:
        _echo_all(line for each in found for line in comparing.shown(each))
    raise typer.Exit(1 if found else 0)


def _echo_all(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        typer.echo(line, err=err)
