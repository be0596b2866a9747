"""`smi-bot library …` around signatures."""

from datetime import UTC, datetime

import typer

from smi_bot.library.signing import sign_with_demo_keys
from smi_bot.workbench.commands import Folder, content_of, folder_of

commands = typer.Typer()


@commands.command("sign-demo")
def sign_demo(library: Folder = None) -> None:
    """Sign everything with the worthless demo keys."""
    count = sign_with_demo_keys(folder_of(library), content_of(library), datetime.now(UTC))
    typer.echo(f"{count} documents signed with the worthless demo keys")
