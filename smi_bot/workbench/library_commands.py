"""All commands of `smi-bot library`."""

import typer

from smi_bot.workbench import (
    checking_commands,
    importing_commands,
    publishing_commands,
    schema_commands,
    signing_commands,
    trial_commands,
    writing_commands,
)

library = typer.Typer(no_args_is_help=True, help="Approved content: write, check, sign, try out, publish, recall.")
for part in (
    *(checking_commands, importing_commands, publishing_commands, schema_commands),
    *(signing_commands, trial_commands, writing_commands),
):
    library.add_typer(part.commands)
