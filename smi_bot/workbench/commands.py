"""`smi-bot library …`: the commands of each part of the workbench, in one place."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from smi_bot.errors import LibraryError
from smi_bot.knowledge import content_folder
from smi_bot.library import Library, read_library
from smi_bot.settings import Settings, load_settings

Folder = Annotated[Path | None, typer.Option("--library", help="Another folder of content.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def settings_of(library: Path | None) -> Settings:
    return load_settings(**({"library": library} if library else {}))


def folder_of(library: Path | None) -> Path:
    return content_folder(settings_of(library))


def content_of(library: Path | None, *, drafts: bool = False) -> Library:
    """The library in a folder, as it is read and verified. Raises LibraryError."""
    settings = settings_of(library)
    return read_library(content_folder(settings), settings.signers, drafts=drafts)


def document_named(content: Library, topic: str) -> str:
    """The full name of a document: a topic alone is an entry's id. Raises LibraryError."""
    names = [name for name, _ in content.documents()]
    found = [name for name in names if name == topic or name.rpartition("/")[2] == topic]
    if len(found) != 1:
        near = ", ".join(name for name in names if topic in name) or "see 'smi-bot library list'"
        raise LibraryError(f"{topic}: {'names several documents' if found else 'is no document'}: {near}")
    return found[0]


def as_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
