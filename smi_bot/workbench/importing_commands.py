"""`smi-bot library import`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from smi_bot.errors import LibraryError
from smi_bot.workbench.commands import AsJson, as_json
from smi_bot.workbench.importing import drafts, product_of, write
from smi_bot.workbench.spreadsheet import read_sheet

commands = typer.Typer()


@commands.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A spreadsheet saved as .csv or .tsv, in UTF-8.")],
    to: Annotated[Path, typer.Option(help="A library, or a new folder.")],
    author: Annotated[str | None, typer.Option(help="Who wrote it; may not approve it.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over drafts that say something else.")] = False,
    json: AsJson = False,
) -> None:
    """Make drafts from a spreadsheet: one for each id, from all rows that have it.

    Columns: id (or entry) and phrasing; title, text, audience, country and reference may stand on the first row of an
    id only. Other columns are ignored. What is not given is marked as still to be written. Exit code 1 where rows were
    left out: each is named with its line.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LibraryError(f"{file}: {error.strerror}; name a file that may be read") from None
    sheet = read_sheet(content, file.name)
    product = product_of(to)
    done = write(drafts(sheet, product, author, datetime.now(UTC).date()), to, force=force)
    faults = [*sheet.faults, *done.faults]
    if json:
        as_json({"written": done.written, "unchanged": done.unchanged, "faults": faults, "notes": sheet.notes})
    else:
        for line in (*faults, *(f"note: {note}" for note in sheet.notes)):
            typer.echo(f"{file}: {line}", err=True)
        typer.echo(f"{done.written} drafts written to {to}, {done.unchanged} unchanged, {len(faults)} faults")
    raise typer.Exit(1 if faults else 0)
