"""`smi-bot triage`: what triage finds in a text; and what specialists said of its labels."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from smi_bot.knowledge import read_rules
from smi_bot.text import read
from smi_bot.triage import triage as find
from smi_bot.workbench.commands import AsJson, Folder, as_json, content_of, folder_of, settings_of
from smi_bot.workbench.highlighting import Mark, as_lines, as_record
from smi_bot.workbench.judged import JudgedLabel, judged_labels
from smi_bot.workbench.records import looking


class _ReadsByDefault(TyperGroup):
    """What does not name a command is a text to read. Who types nothing at all is told how."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and sys.stdin.isatty():
            args = ["--help"]
        names = (*self.commands, *ctx.help_option_names)
        return super().parse_args(ctx, args if args and args[0] in names else ["read", *args])


triage = typer.Typer(
    cls=_ReadsByDefault,
    subcommand_metavar="[TEXT | COMMAND [ARGS]...]",
    help="""Read a text for safety, as the bot does, and show what raised each label.

    smi-bot triage "I got a rash" is short for smi-bot triage read "I got a rash".
    """,
)


@triage.command("read")
def read_text(
    text: Annotated[list[str] | None, typer.Argument(help="What somebody may write.", show_default="stdin")] = None,
    library: Folder = None,
    json: AsJson = False,
) -> None:
    """Show each label with its rule and reason, the words that raised it, doubts, and the language."""
    words = " ".join(text) if text else sys.stdin.buffer.read().decode("utf-8", "replace")
    rules = read_rules(content_of(library), folder_of(library) / "triage")
    reading = read(words)
    found = find(reading, rules)
    if json:
        as_json(as_record(reading.original, found, rules.reasons) | {"rules_version": rules.version})
    else:
        typer.echo("\n".join(as_lines(reading.original, found, rules.reasons, _mark())))


def _mark() -> Mark:
    if sys.stdout.isatty():
        return lambda words: typer.style(words, fg="red", bold=True)
    return lambda words: f"[{words}]"


@triage.command("export")
def export(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Judged on this day or later.")] = None,
    json: AsJson = False,
) -> None:
    """List the labels that specialists confirmed or refuted, to measure triage by: TSV with a header.

    A row holds the masked text that raised the label, the label, its rules, the verdict, its day, and the rules' version.

    Personal data is masked by rules, which can miss a name that is merely mentioned: read before you pass it on.
    """
    start = since.replace(tzinfo=UTC) if since else None
    found: list[JudgedLabel] = asyncio.run(looking(settings_of(None), lambda tx: judged_labels(tx, start)))
    if json:
        as_json([each._asdict() for each in found])
    else:
        typer.echo("\n".join(_table(found)))


def _table(found: Sequence[JudgedLabel]) -> Iterator[str]:
    """No value has a tab or a line break in it."""
    yield "\t".join(JudgedLabel._fields)
    yield from ("\t".join(each) for each in found)
