"""`smi-bot library check`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from smi_bot.knowledge import content_folder
from smi_bot.workbench.checks.checking import Checked
from smi_bot.workbench.checks.checking import check as checked
from smi_bot.workbench.commands import AsJson, Folder, as_json, settings_of

commands = typer.Typer()

Topic = Annotated[
    str | None, typer.Argument(help="An entry's id or a document's name: only what concerns it.", show_default=False)
]
Warnings = Annotated[bool, typer.Option("--warnings/--no-warnings", help="Also what people must judge.")]


@commands.command("check")
def check(topic: Topic = None, library: Folder = None, json: AsJson = False, warnings: Warnings = True) -> None:
    """Check everything: form, dates, texts, and whether questions find home.

    One line for each finding: file:line: reason; mend. Quiet where nothing is wrong. Exit code 1 where there are
    errors; warnings are for people to judge, and leave it at 0.
    """
    settings = settings_of(library)
    found = checked(content_folder(settings), settings.signers, datetime.now(UTC).date(), topic)
    shown = [each for each in found.findings if warnings or each.severity == "error"]
    if json:
        as_json(_report(found, [each.as_json() for each in shown]))
    else:
        for line in (*shown, *(f"note: {note}" for note in found.notes if warnings)):
            typer.echo(str(line), err=True)
    raise typer.Exit(1 if found.errors else 0)


def _report(found: Checked, shown: list[dict[str, object]]) -> dict[str, object]:
    errors = len(found.errors)
    return {"errors": errors, "warnings": len(found.findings) - errors, "findings": shown, "notes": found.notes}
