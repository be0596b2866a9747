"""`smi-bot library check`."""

from datetime import UTC, datetime

import typer

from smi_bot.knowledge import knowledge
from smi_bot.workbench.commands import Folder, content_of, folder_of

commands = typer.Typer()


@commands.command("check")
def check(library: Folder = None) -> None:
    """Read and verify everything; quiet and 0 when nothing is wrong."""
    content = content_of(library)
    knowledge(content, folder_of(library) / "triage")
    problems = [*content.unapproved().values(), *content.findings(datetime.now(UTC))]
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1 if problems else 0)
