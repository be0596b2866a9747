"""`smi-bot library publish` and `versions`."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeVar

import typer

from smi_bot import journal
from smi_bot.bundle import Bundle
from smi_bot.database import Database, Transaction, migrate
from smi_bot.knowledge import content_folder
from smi_bot.library import Library
from smi_bot.publishing import BundleRow, add_stops, history, prepared, publish, put_in_force, stops_in
from smi_bot.settings import Settings
from smi_bot.workbench.checks.checking import check
from smi_bot.workbench.commands import AsJson, Folder, as_json, settings_of
from smi_bot.workbench.stopping import without_texts

commands = typer.Typer()
By = Annotated[str, typer.Option("--by", help="Who publishes; for the record.", show_default="your user name")]
Version = Annotated[
    int | None, typer.Option("--version", help="Put this published version in force again.", show_default=False)
]
T = TypeVar("T")


@commands.command("publish")
def publish_command(
    library: Folder = None,
    version: Version = None,
    stops_only: Annotated[bool, typer.Option(help="Only suspensions and withdrawals; reads no text.")] = False,
    by: By = "",
) -> None:
    """Check, verify and calibrate the library, keep it as a version for ever, and put it in force.

    A running bot changes to it within seconds, and no message waits for that.
    """
    settings, by = settings_of(library), by or getpass.getuser()
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    if version is not None:
        _in_transaction(settings, lambda tx: put_in_force(tx, version, by, datetime.now(UTC)))
        typer.echo(f"library version {version} is in force again")
        return
    if stops_only:
        orders = stops_in(without_texts(library))
        count = _in_transaction(settings, lambda tx: add_stops(tx, orders, by, datetime.now(UTC)))
        typer.echo(f"{count} new stops count from now on, whatever version is in force")
        return
    _refuse_errors(settings)
    found, bundle = prepared(settings)
    for reason in found.library.unapproved().values():
        typer.echo(f"left out: {reason}", err=True)
    number = _in_transaction(settings, partial(_publish, found.library, bundle, by))
    typer.echo(f"library version {number} is in force: {len(found.library.approved_entries())} responses")


async def _publish(library: Library, bundle: Bundle, by: str, tx: Transaction) -> int:
    now = datetime.now(UTC)
    await add_stops(tx, stops_in(library), by, now)
    return await publish(tx, bundle, library.version, by, now)


def _refuse_errors(settings: Settings) -> None:
    """What nobody approved yet is left out, and keeps nothing from being published."""
    found = check(content_folder(settings), settings.signers, datetime.now(UTC).date())
    errors = [finding for finding in found.errors if finding.kind != "approval"]
    for finding in errors:
        typer.echo(str(finding), err=True)
    if errors:
        raise typer.Exit(1)


@commands.command("versions")
def versions(json: AsJson = False) -> None:
    """What was published when and by whom; the first line is in force."""
    rows = _in_transaction(settings_of(None), _versions)
    if json:
        as_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['version']:>4}  {row['at']:%Y-%m-%d %H:%M}  {row['library']}  {row['by']}")


async def _versions(tx: Transaction) -> list[dict[str, object]]:
    found = []
    for row in await history(tx):
        bundle = await tx.get_one(BundleRow, row.version)
        found.append({"version": row.version, "at": row.at, "by": row.by, "library": bundle.library})
    return found


def _in_transaction(settings: Settings, work: Callable[[Transaction], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(settings.database, before_commit=(journal.chain,))
        try:
            async with database.transaction() as tx:
                return await work(tx)
        finally:
            await database.close()

    return asyncio.run(run())
