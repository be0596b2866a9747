"""`smi-bot library schema`."""

from pathlib import Path
from typing import Annotated

import typer

from smi_bot.errors import LibraryError
from smi_bot.workbench.schemas import write_schemas

commands = typer.Typer()


@commands.command("schema")
def schema(to: Annotated[Path, typer.Option("--to", help="A folder, such as responses/schemas.")]) -> None:
    """Write JSON Schemas of everything written by hand, for editors that check while you type."""
    try:
        paths = write_schemas(to)
    except OSError as error:
        raise LibraryError(f"{to}: {error.strerror}; name a folder that may be written to") from None
    typer.echo(f"{len(paths)} schemas written to {to}")
