"""Builds what decisions rest on from a folder of content, and refuses what must not be served."""

from pathlib import Path

import structlog

from smi_bot.assistant import Knowledge
from smi_bot.errors import LibraryError, SettingsError
from smi_bot.library import Library, read_library
from smi_bot.library.library import REQUIRED_WORDINGS
from smi_bot.matching import build_matcher
from smi_bot.matching.gate import Cuts
from smi_bot.settings import Settings
from smi_bot.triage import Rules, load_rules

log = structlog.get_logger()

#: Service texts that must be approved, in whatever language; another may still be being written, as a notice is.
_NEEDED = {*REQUIRED_WORDINGS, "page"}


def content_folder(settings: Settings) -> Path:
    """Content is found beside the code (wheel) or in the checkout, unless a setting points elsewhere."""
    package = Path(__file__).parent
    shipped = package / "responses"
    return settings.library or (shipped if shipped.is_dir() else package.parent / "responses")


def read_knowledge(settings: Settings, *, drafts: bool = False) -> Knowledge:
    """Raises LibraryError with one line for each file that cannot be used."""
    folder = content_folder(settings)
    return knowledge(read_library(folder, settings.signers, drafts=drafts), folder / "triage", settings.flood_limit)


def knowledge(library: Library, triage_folder: Path, flood_limit: int = 20, cuts: Cuts | None = None) -> Knowledge:
    """Only approved entries can be found. `triage_folder` holds the rules; `cuts`: calibrated before, on this library."""
    rules = read_rules(library, triage_folder)
    entries = list(library.approved_entries().values())
    matcher = build_matcher(entries, library.product, medicines=sorted(rules.medicines), cuts=cuts)
    return Knowledge(library, rules, matcher, flood_limit)


def read_rules(library: Library, triage_folder: Path) -> Rules:
    """The rules of triage with this library's product in them. Raises LibraryError."""
    if library.product is None:
        raise LibraryError("product.yaml: is missing; add <product>/product.yaml to the library")
    return load_rules(triage_folder, library.product)


def refuse_unfit(library: Library, settings: Settings) -> None:
    """Raises SettingsError where this library must not be served with these settings."""
    unapproved = library.unapproved()
    for reason in unapproved.values():
        log.warning("not served", reason=reason)
    for missing in library.missing():
        raise SettingsError(f"SMI_LIBRARY: {missing}")
    for name, reason in unapproved.items():
        room, _, document = name.partition("/")
        needed = document.partition(".")[0] in _NEEDED if room == "wording" else document == "product"
        if needed:
            raise SettingsError(f"SMI_LIBRARY: {reason}")
    if not library.approved_entries():
        raise SettingsError("SMI_LIBRARY: holds no approved response; have responses approved by two people")
    if settings.live_channels and library.has_demo_signers() and not settings.allow_demo_library:
        raise SettingsError(
            f"SMI_LIBRARY: is signed with the worthless demo keys and {settings.live_channels[0]} has a real token;"
            " use a library signed by your own people, or set SMI_ALLOW_DEMO_LIBRARY=true to try it out"
        )
