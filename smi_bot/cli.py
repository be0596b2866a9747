"""The command line. Every command is a few lines around a function of some room."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from sqlalchemy.exc import SQLAlchemyError

from channels.console import ConsoleChannel
from escalation import slack_manifest
from smi_bot import journal, trying
from smi_bot.app import open_app, stop_signals, utc_now
from smi_bot.assistant import Knowledge
from smi_bot.backup import backup as back_up
from smi_bot.database import Database
from smi_bot.database import migrate as migrate_database
from smi_bot.errors import SettingsError, SmiError
from smi_bot.knowledge import content_folder, read_knowledge
from smi_bot.librarian import spare_what_stays
from smi_bot.library import Product, read_library
from smi_bot.logs import configure_logs
from smi_bot.matching import build_matcher
from smi_bot.publishing import bundle_of, read_bundle
from smi_bot.screening_commands import rescreen
from smi_bot.settings import Settings, load_settings, unknown_settings
from smi_bot.workbench import library_commands, triage_commands
from smi_bot.workbench.commands import Folder, settings_of

log = structlog.get_logger()

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Social Medical Information bot.")
journal_app = typer.Typer(no_args_is_help=True, help="The append-only record.")
app.add_typer(library_commands.library, name="library")
app.add_typer(journal_app, name="journal")
app.add_typer(triage_commands.triage, name="triage")
slack_app = typer.Typer(no_args_is_help=True, help="The Slack app of the desk.")
app.add_typer(slack_app, name="slack")
app.command()(rescreen)


def main() -> None:
    """Entry point: known errors become one clear line each and exit code 2."""
    try:
        app()
    except SmiError as error:
        for line in str(error).splitlines():
            typer.echo(f"smi-bot: {line}", err=True)
        sys.exit(2)
    except SQLAlchemyError as error:
        kind = type(error).__name__
        typer.echo(
            f"smi-bot: SMI_DATABASE_URL: the database cannot be used ({kind}); check address and rights, and run 'smi-bot migrate' if it is new",
            err=True,
        )
        sys.exit(2)


@app.command()
def run() -> None:
    """Run the service: chat page, desk page and whatever channels have a token."""
    configure_logs()
    asyncio.run(_run(load_settings()))


async def _run(settings: Settings) -> None:
    for name in unknown_settings():
        log.warning("no such setting", name=name)
    async with open_app(settings) as service:
        spare_what_stays()
        with stop_signals() as stopping:
            await service.run(stopping, partial(_announce, service.shelf.library.product))


def _announce(product: Product | None, address: str) -> None:
    if product and product.fictional:
        typer.echo(f"{product.name} is fictional; nothing here is medical advice.")
    typer.echo(f"requester's chat   {address}/chat\nspecialist's desk  {address}/desk\nstop with Ctrl-C")


@app.command()
def chat() -> None:
    """Talk to the bot in this terminal; the desk page runs beside it. Type a number to press a button."""
    configure_logs()
    asyncio.run(_chat(load_settings()))


async def _chat(settings: Settings) -> None:
    async with open_app(settings) as service:
        console = ConsoleChannel(service.database, service.inbox, utc_now)
        service.join(console)
        spare_what_stays()
        with stop_signals() as stopping:
            console.at_end = stopping.set
            await service.run(stopping, partial(_announce, service.shelf.library.product))


@app.command()
def decide(
    library: Folder = None,
    drafts: Annotated[bool, typer.Option(help="Also entries nobody approved.")] = False,
    match_only: Annotated[bool, typer.Option(help="Leave triage and service intents out.")] = False,
) -> None:
    """Decide on messages: one JSON object a line on stdin, one a line on stdout."""
    settings = settings_of(library)
    today = datetime.now(UTC).date()
    if match_only:
        content = read_library(content_folder(settings), settings.signers, drafts=drafts)
        matcher = build_matcher(list(content.approved_entries().values()), content.product)
        decide_one = trying.match_only(content, matcher, today)
    else:
        decide_one = trying.live(read_knowledge(settings, drafts=drafts), today)
    failed = False
    for line in trying.decide_lines(sys.stdin.buffer, decide_one, settings.country):
        failed |= "error" in line
        sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")
    sys.stdout.flush()
    raise typer.Exit(1 if failed else 0)


@app.command()
def explain(
    message: Annotated[str, typer.Argument(help="Number or key of an inbound message.")],
    now: Annotated[bool, typer.Option("--now", help="By the library in the folder, not by that of then.")] = False,
) -> None:
    """Show why the bot did what it did, and compute it again: by the published library of then, if it is kept here."""
    settings = load_settings()
    knowledge_of = partial(_knowledge_of, settings, now=now)
    found = asyncio.run(_with_database(settings, lambda db: trying.explain(db, partial(knowledge_of, db), message)))
    was, again = found.journalled, found.again
    typer.echo(json.dumps({"at": found.at.isoformat(), "text": found.text, **was}, indent=2, ensure_ascii=False))
    changed = [name for name in again["versions"] if again["versions"][name] != was["versions"].get(name)]
    if found.same:
        typer.echo("computed again: the same decision")
    else:
        typer.echo(f"computed again: DIFFERENT, {json.dumps(again['decision'], ensure_ascii=False)}")
    if changed:
        typer.echo(f"changed since then: {', '.join(changed)}")
    raise typer.Exit(0 if found.same else 1)


async def _knowledge_of(settings: Settings, database: Database, library: str, *, now: bool) -> Knowledge:
    async with database.reading() as tx:
        row = None if now else await bundle_of(tx, library)
    if row is None:
        return await asyncio.to_thread(read_knowledge, settings)
    return await asyncio.to_thread(read_bundle, row.bundle, settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    settings = load_settings()
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate_database(settings.database)
    typer.echo("the database is up to date")


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Copy the SQLite data dir, consistently, while the service runs."""
    back_up(load_settings(), target)
    typer.echo(f"copied to {target}; restore it by pointing SMI_DATA_DIR there")


@journal_app.command("verify")
def journal_verify() -> None:
    """Find any change, gap or reordering in the journal, or in the messages it vouches for."""
    audit = asyncio.run(_with_database(load_settings(), _verify))
    if audit.fault:
        typer.echo(f"NOT INTACT: {audit.fault}", err=True)
        raise typer.Exit(1)
    typer.echo(f"intact: {audit.entries} entries, head {audit.head}")


async def _verify(database: Database) -> journal.Audit:
    async with database.reading() as tx:
        return await journal.verify(tx)


async def _with_database(settings: Settings, work: Any) -> Any:
    if settings.sqlite_file and not settings.sqlite_file.exists():
        raise SettingsError(f"SMI_DATA_DIR: there is no database at {settings.sqlite_file}; name the one you mean")
    database = Database(settings.database)
    try:
        return await work(database)
    finally:
        await database.close()


@slack_app.command("manifest")
def slack_manifest_json(
    url: Annotated[str, typer.Option(help="Our public https address, where Slack comes by HTTP.")] = "",
) -> None:
    """Print the manifest of the Slack app: for Socket Mode, or with --url for HTTP."""
    typer.echo(json.dumps(slack_manifest.manifest(socket=not url, url=url), indent=2))


@slack_app.command("check")
def slack_check() -> None:
    """Say what the installed Slack app lacks, a line each; quiet and 0 when nothing is wrong."""
    problems = asyncio.run(_collected(slack_manifest.lacking(load_settings())))
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1 if problems else 0)


async def _collected(lines: AsyncIterator[str]) -> list[str]:
    return [line async for line in lines]


if __name__ == "__main__":
    main()
