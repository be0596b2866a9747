"""All commands of `smi-bot library`."""

import typer

from smi_bot.workbench import checking_commands, publishing_commands, signing_commands

library = typer.Typer(no_args_is_help=True, help="Approved content: write, check, sign, try out, publish, recall.")
for part in (checking_commands, publishing_commands, signing_commands):
    library.add_typer(part.commands)
