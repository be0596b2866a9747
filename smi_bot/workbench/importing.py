"""Drafts of responses from the rows of a spreadsheet. What a spreadsheet cannot say is left to be written."""

import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import pycountry
from pydantic import TypeAdapter, ValidationError

from smi_bot.errors import LibraryError
from smi_bot.inquiry import Audience
from smi_bot.library.model import PLACEHOLDER, Identifier, Product, StandardResponse
from smi_bot.library.reading import read_entry
from smi_bot.plain_yaml import YamlFault, load_yaml
from smi_bot.workbench.drafting import entry_file
from smi_bot.workbench.spreadsheet import Row, Sheet

#: The folder, and product, of drafts for a library that has no product.
IMPORTED = "imported"
#: The label region of drafts where neither a product nor a row names one.
ANYWHERE = "XX"
FEWEST_PHRASINGS = 5
_LONGEST_ID = 100
_ID: TypeAdapter[str] = TypeAdapter(Identifier)
_HEADING = re.compile(r"^# ", re.MULTILINE)
_SEPARATORS = re.compile(r"[,;/|]")


@dataclass(slots=True)
class Gathered:
    """What the rows of one id say together. `line`: of the first of them."""

    line: int
    phrasings: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    audiences: list[Audience] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Writing:
    """What became of the drafts: counts, and faults as in a Sheet."""

    written: int
    unchanged: int
    faults: list[str]


def product_of(folder: Path) -> Product | None:
    """The product of the library that is imported into, if it has one. Raises LibraryError."""
    for path in sorted(folder.glob("*/product.yaml")):
        try:
            return Product.model_validate(load_yaml(path.read_text("utf-8")))
        except (YamlFault, ValidationError, UnicodeDecodeError, OSError):
            raise LibraryError(f"{path}: cannot be used; see 'smi-bot library check'") from None
    return None


def drafts(sheet: Sheet, product: Product | None, author: str | None, today: date) -> Iterator[StandardResponse]:
    """One for each id that has a row without fault, in the order of the file; adds to the sheet's faults and notes."""
    found: dict[str, Gathered] = {}
    for row in sheet.rows:
        try:
            said = _said(row, product)
            gathered = found.setdefault(row.id, Gathered(row.line))
            _add(gathered, row, said, sheet)
        except ValueError as fault:
            sheet.faults.append(f"line {row.line}: {fault}")
    found = {id: gathered for id, gathered in found.items() if gathered.phrasings}
    regions = [*product.regions] if product else _regions_of(found.values())
    for id, (given, gathered) in zip(safe_ids(found, sheet), found.items(), strict=True):
        fields = _fields(gathered, product, regions, author or PLACEHOLDER, today)
        try:
            yield StandardResponse.model_validate({"id": id, **fields})
        except ValidationError as error:
            first = error.errors()[0]
            reason = str(first["msg"]).removeprefix("Value error, ")
            sheet.faults.append(f"line {gathered.line}: '{given}': {first['loc'][0]}: {reason}")


def _said(row: Row, product: Product | None) -> Mapping[str, Any]:
    """The cells of a row as an entry holds them. Raises ValueError."""
    cells = row.cells
    text = "\n".join(cells.get("text", "").splitlines()).strip()
    if _HEADING.search(text):
        raise ValueError("text: has a line that begins with '# ', which would begin another section; remove the mark")
    return {
        "phrasing": one_line(cells["phrasing"]),
        "title": one_line(cells.get("title", "")),
        "text": text,
        "audience": [_audience(each) for each in _parts(cells.get("audience", ""))],
        "country": [_region(each, product) for each in _parts(cells.get("country", ""))],
        "reference": one_line(cells.get("reference", "")),
    }


def one_line(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in _SEPARATORS.split(cell) if part.strip()]


def _audience(name: str) -> Audience:
    for audience in get_args(Audience):
        if name.lower() == audience:
            return audience  # type: ignore[no-any-return]  # get_args knows no types
    raise ValueError(f"audience: '{name}' is none of {', '.join(get_args(Audience))}; correct it")


def _region(name: str, product: Product | None) -> str:
    """The label region that a country, or a region's own name, stands for. Without a product, the country itself."""
    country = name.upper()
    if product is not None:
        region = product.region(country)
        if region is None:
            raise ValueError(f"country: '{name}' is in no label region of product.yaml; correct it")
        return region
    if pycountry.countries.get(alpha_2=country) is None:
        raise ValueError(f"country: '{name}' is no two-letter country code (ISO 3166-1); correct it")
    return country


def _add(gathered: Gathered, row: Row, said: Mapping[str, Any], sheet: Sheet) -> None:
    """Raises ValueError where a row contradicts those before it; then nothing of it is added."""
    for column in ("title", "text"):
        if said[column] and getattr(gathered, column) not in ("", said[column]):
            raise ValueError(f"{column}: '{row.id}' has another one further up; leave one of them empty")
    gathered.title, gathered.text = gathered.title or said["title"], gathered.text or said["text"]
    gathered.references += [each for each in [said["reference"]] if each and each not in gathered.references]
    gathered.audiences += [each for each in said["audience"] if each not in gathered.audiences]
    gathered.regions += [each for each in said["country"] if each not in gathered.regions]
    if said["phrasing"] in gathered.phrasings:
        sheet.notes.append(f"line {row.line}: '{row.id}' has this phrasing already; once is enough")
    else:
        gathered.phrasings.append(said["phrasing"])


def _regions_of(found: Iterable[Gathered]) -> list[str]:
    """Of a file without a product: all countries it names, so that what names none holds everywhere."""
    return [*dict.fromkeys(region for each in found for region in each.regions)] or [ANYWHERE]


def safe_ids(given: Iterable[str], sheet: Sheet) -> list[str]:
    """Ids that can be names of files: those given where they can, others made from them; all of them different.

    Upper and lower case count as the same, because some file systems hold them so; 'product' is taken.
    """
    names = list(given)
    taken, made = {"product"}, dict.fromkeys(names, "")
    for name in names:
        if _is_id(name) and name.lower() not in taken:
            taken.add(name.lower())
            made[name] = name
    for name in (name for name in names if not made[name]):
        made[name] = _free(_slug(name), taken)
        taken.add(made[name].lower())
        sheet.notes.append(f"id '{name}' cannot be the name of a file here; it is called '{made[name]}'")
    return [made[name] for name in names]


def _is_id(name: str) -> bool:
    try:
        _ID.validate_python(name)
    except ValidationError:
        return False
    return len(name) <= _LONGEST_ID


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z0-9_]+", plain)
    return "-".join(words).lstrip("_")[:_LONGEST_ID].rstrip("-") or "entry"


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _fields(
    gathered: Gathered, product: Product | None, regions: Sequence[str], author: str, today: date
) -> dict[str, Any]:
    """All but the id. What nobody gave is a placeholder, so that the draft cannot be approved as it is."""
    audiences: list[Audience] = gathered.audiences or ["patient"]
    lacking = range(len(gathered.phrasings), FEWEST_PHRASINGS)
    return {
        "version": 1,
        "product": product.id if product else IMPORTED,
        "title": gathered.title or gathered.phrasings[0],
        "audiences": audiences,
        "regions": gathered.regions or regions,
        "label_version": product.label_version if product else PLACEHOLDER,
        "effective": today,
        "review_due": today + timedelta(days=365),
        "expires": today + timedelta(days=730),
        "owner": product.owner if product else PLACEHOLDER,
        "last_author": author,
        "references": gathered.references or [f"{PLACEHOLDER}: document, version and section"],
        "phrasings": [*gathered.phrasings, *(f"{PLACEHOLDER}: phrasing {number + 1}" for number in lacking)],
        "sections": {str(who): gathered.text or f"{PLACEHOLDER}: the text" for who in audiences},
    }


def write(found: Iterable[StandardResponse], folder: Path, *, force: bool) -> Writing:
    """Each to a file of its own, but never over a different one unless `force`. Raises LibraryError."""
    counts, faults = {True: 0, False: 0}, []
    try:
        with tempfile.TemporaryDirectory() as aside:
            for entry in found:
                try:
                    counts[_write(entry, folder, Path(aside), force=force)] += 1
                except LibraryError as fault:
                    faults.append(f"'{entry.id}': {fault}")
    except OSError as error:
        raise LibraryError(f"{folder}: {error.strerror}; name a folder that may be written") from None
    return Writing(counts[True], counts[False], faults)


def _write(entry: StandardResponse, folder: Path, aside: Path, *, force: bool) -> bool:
    """Whether there was anything to write. Raises LibraryError."""
    content, path = entry_file(entry), folder / entry.product / f"{entry.id}.md"
    _refuse_altered(entry, content, aside)
    if path.exists():
        if path.read_bytes() == content.encode():
            return False
        if not force:
            raise LibraryError(f"{path} exists and says something else; --force writes over it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="\n")
    return True


def _refuse_altered(entry: StandardResponse, content: str, aside: Path) -> None:
    """Reads the draft as the bot will: what a cell said must still be there. Raises LibraryError."""
    path = aside / f"{entry.id}.md"
    path.write_text(content, encoding="utf-8", newline="\n")
    try:
        same = read_entry(path) == entry
    except LibraryError as error:
        raise LibraryError(str(error).replace(f"{path}: ", "")) from None
    finally:
        path.unlink()
    if not same:
        raise LibraryError("a cell would be read as something else; write it in plain words")
