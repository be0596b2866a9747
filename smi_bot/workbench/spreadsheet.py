"""Reads a spreadsheet of questions, row by row: what cannot be used is named with its line and left out. Pure."""

import csv
import io
from _csv import Reader  # the type that csv.reader gives; csv itself has no name for it
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from smi_bot.errors import LibraryError

COLUMNS = ("id", "phrasing", "title", "text", "audience", "country", "reference")
#: Another name of a column.
_ALSO = {"entry": "id"}
#: How decoding marks a byte that is not UTF-8.
_FIRST_BAD_BYTE, _LAST_BAD_BYTE = "\udc80", "\udcff"
#: A cell as long as a book is a quotation mark that nobody closed; csv gives up before that.
_LONGEST_CELL = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """`line`: of the file, from 1, where the row begins. `cells`: of known columns, those that are not empty."""

    line: int
    cells: Mapping[str, str]

    @property
    def id(self) -> str:
        return self.cells["id"]


@dataclass(slots=True)
class Sheet:
    """`faults`: what is wrong with rows that were left out. `notes`: what is worth knowing. A line each."""

    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_sheet(content: bytes, name: str) -> Sheet:
    """`name`: of the file; '.csv' is separated by commas and may quote cells, '.tsv' by tabs and quotes nothing.

    Raises LibraryError where no row can be read.
    """
    sheet = Sheet()
    lines = _lines(_text(content, name), name, sheet)
    _, header = next(lines, (1, []))
    columns = _columns(header, name, sheet)
    for line, cells in lines:
        try:
            found = _row(line, cells, columns)
        except ValueError as fault:
            sheet.faults.append(f"line {line}: {fault}")
            continue
        if found:
            sheet.rows.append(found)
    return sheet


def _text(content: bytes, name: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LibraryError(f"{name}: is UTF-16; save it as 'CSV UTF-8'")
    return content.decode("utf-8-sig", errors="surrogateescape")


def _lines(text: str, name: str, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, beside the line on which it begins."""
    csv.field_size_limit(_LONGEST_CELL)
    source = io.StringIO(text, newline="")
    reader = _reader(source, name)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            sheet.faults.append(f"line {line}: cannot be taken apart ({error}); look at its quotation marks")


def _reader(source: io.StringIO, name: str) -> Reader:
    ending = name.lower().rpartition(".")[2]
    if ending == "tsv":
        return csv.reader(source, delimiter="\t", quoting=csv.QUOTE_NONE)
    if ending == "csv":
        return csv.reader(source, strict=True)
    raise LibraryError(f"{name}: ends neither in .csv nor in .tsv; save it as one of them")


def _columns(header: Sequence[str], name: str, sheet: Sheet) -> list[str | None]:
    """The known column of each cell, None for one that is ignored. Raises LibraryError."""
    given = [cell.strip().lower() for cell in header]
    known = [_ALSO.get(cell, cell) for cell in given]
    for column in ("id", "phrasing"):
        if column not in known:
            raise LibraryError(f"{name}: has no column '{column}'; its first line must name the columns")
    for column in COLUMNS:
        if known.count(column) > 1:
            raise LibraryError(f"{name}: has the column '{column}' twice; remove one")
    ignored = [cell for cell in given if cell and _ALSO.get(cell, cell) not in COLUMNS]
    if ignored:
        sheet.notes.append(f"columns ignored: {', '.join(map(repr, ignored))}; known are {', '.join(COLUMNS)}")
    return [cell if cell in COLUMNS else None for cell in known]


def _row(line: int, cells: Sequence[str], columns: Sequence[str | None]) -> Row | None:
    """None for an empty row. Raises ValueError."""
    if not any(cell.strip() for cell in cells):
        return None
    if any(_FIRST_BAD_BYTE <= c <= _LAST_BAD_BYTE for cell in cells for c in cell):
        raise ValueError("is not UTF-8; save the file as UTF-8")
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise ValueError(f"has {len(cells)} cells, but there are {len(columns)} columns; quote cells that hold commas")
    pairs = zip(columns, cells, strict=False)
    found = {column: cell.strip() for column, cell in pairs if column and cell.strip()}
    for column in ("id", "phrasing"):
        if column not in found:
            raise ValueError(f"{column}: is empty; fill it in")
    return Row(line, found)
