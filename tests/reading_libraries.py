"""What reading a library comes to: which text is served to whom, or what is said of a file that is broken."""

from pathlib import Path

import pytest
from libraries import NOW, signed_library

from smi_bot.errors import LibraryError
from smi_bot.inquiry import EntryPart
from smi_bot.library import Library, read_library

CHECKOUT = Path(__file__).parent.parent
RESPONSES = CHECKOUT / "responses"
AUDIENCES = ("patient", "hcp")


def said(folder: Path) -> list[str]:
    with pytest.raises(LibraryError) as error:
        read_library(folder)
    return str(error.value).splitlines()


ENTRY, WORDING, PAGE_FILE_DE = "testamol/shelf.md", "wording/greeting.md.j2", "wording/page.de.yaml"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Library:
    return read_library(signed_library(tmp_path_factory.mktemp("small")))


def served(library: Library, entry: str, audience: str, country: str | None) -> str:
    part = EntryPart(entry=entry, audience=audience, country=country)
    return library.entry_markdown(part, NOW)[0]
