"""Pages in one file each, to look at in a browser or to attach to a review: no scripts, nothing fetched."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from smi_bot.errors import LibraryError
from smi_bot.text import repair

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    # Told to escape always: what stands on these pages was written by anybody.
    return Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)


def page(template: str, **content: Any) -> str:
    """A page; only what is of the type Markup stands in it as HTML."""
    return repair(_environment().get_template(template).render(content))


def write_page(path: Path, html: str) -> None:
    """Raises LibraryError where the file cannot be written."""
    try:
        path.write_text(html, "utf-8")
    except OSError as error:
        raise LibraryError(f"{path}: {error.strerror}; name a file that may be written") from None
