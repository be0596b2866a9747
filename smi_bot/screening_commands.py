"""`smi-bot rescreen`: look-back screening from the command line, beside a service that runs."""

import asyncio
import getpass
import json as json_format
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from escalation import sla
from escalation.handoff import CaseHandoff
from smi_bot import journal
from smi_bot.database import Database, migrate
from smi_bot.errors import SettingsError
from smi_bot.librarian import knowledge_in_force
from smi_bot.screening import LookBack, ScreeningRow, as_record
from smi_bot.settings import Settings, load_settings

#: Told how many more messages were read.
Progress = Callable[[int], None]


def rescreen(
    since: Annotated[str, typer.Option(help="Read what came in from this day (UTC) or moment on, as 2026-11-23.")],
    until: Annotated[
        str, typer.Option(help="… to the end of this day, or before this moment.", show_default="now")
    ] = "",
    by: Annotated[str, typer.Option("--by", help="Who screens; for the record.", show_default="your user name")] = "",
    json: Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")] = False,
) -> None:
    """Read stored messages again by the rules in force now, and open cases for what was not taken for a report then.

    Nothing is sent to anybody but the desk. Stopped or killed in the middle, the same command goes on where it was.
    Wait some seconds after publishing: until a running service has the new rules, it reads by the old ones.
    """
    began, ended = _moment(since, "--since"), _moment(until, "--until", end=True) if until else None
    if (ended or datetime.now(UTC)) <= began:
        raise typer.BadParameter("must be earlier than --until, and than now", param_hint="--since")
    settings = load_settings()
    if settings.sqlite_file and not settings.sqlite_file.exists():
        raise SettingsError(f"SMI_DATA_DIR: there is no database at {settings.sqlite_file}; name the one you mean")
    migrate(settings.database)
    record = as_record(asyncio.run(_screened(settings, began, ended, by or getpass.getuser())))
    typer.echo(json_format.dumps(record) if json else "\n".join(_told(record)))


def _moment(text: str, name: str, *, end: bool = False) -> datetime:
    """UTC unless it says otherwise. `end`: of a day, where only a day is given."""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at + timedelta(days=1) if end and len(text) <= len("2026-11-23") else at
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text}: is no day or moment; write 2026-11-23", param_hint=name) from None


async def _screened(settings: Settings, since: datetime, until: datetime | None, by: str) -> ScreeningRow:
    database = Database(settings.database, before_commit=(journal.chain,))
    try:
        rules = (await knowledge_in_force(database, settings)).rules
        handoff = CaseHandoff(sla.windows(settings), settings.country)
        look_back = LookBack(database, handoff, rules, lambda: datetime.now(UTC), settings.country)
        screening = await look_back.begin(since, until, by)
        with _progress(await look_back.remaining(screening)) as progress:
            while passed := await look_back.step(screening):
                progress(passed)
        return await look_back.finish(screening)
    finally:
        await database.close()


@contextmanager
def _progress(length: int) -> Iterator[Progress]:
    """A bar for whoever watches; nothing where nobody does."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with typer.progressbar(length=length, label="reading again", file=sys.stderr) as bar:
        yield bar.update


def _told(record: dict[str, Any]) -> Iterator[str]:
    yield f"screening {record['screening']}: {record['since']} to {record['until']}, rules {record['rules']}"
    if record["state"] == "overtaken":
        yield "STOPPED: somebody began it anew by other rules meanwhile; run it again"
    yield f"{record['read']} messages read, {record['wordless']} without words"
    if record["unreadable"]:
        yield f"{record['unreadable']} could NOT be read: their words were erased"
    if record["waiting"]:
        yield f"{record['waiting']} left to the service, which has not read them yet"
    cases = ", ".join(f"SMI-{id}" for id in record["cases"])
    yield f"{record['suspected']} newly suspected" + (f", on {cases}" if cases else "")
