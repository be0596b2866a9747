"""A spreadsheet becomes drafts: what its cells say is still there when the bot reads them."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from commands import command
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import PRODUCT

from smi_bot.library import StandardResponse, read_library
from smi_bot.library.model import PLACEHOLDER
from smi_bot.workbench.importing import drafts, one_line, safe_ids, write
from smi_bot.workbench.spreadsheet import Row, Sheet, read_sheet

TODAY = date(2026, 11, 23)
FIVE = [f"way {number} of asking" for number in range(5)]


def sheet(tmp_path: Path, text: str | bytes, name: str = "sheet.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def imported(to: Path, rows: list[dict[str, str]], *, force: bool = False) -> tuple[dict[str, StandardResponse], Sheet]:
    """Entries as the bot reads them, and the sheet with its faults and notes."""
    read = Sheet([Row(line, cells) for line, cells in enumerate(rows, start=2)])
    read.faults += write(drafts(read, None, None, TODAY), to, force=force).faults
    return dict(read_library(to, drafts=True).entries), read


def asked(id: str, *phrasings: str, **others: str) -> list[dict[str, str]]:
    return [{"id": id, "phrasing": phrasing, **(others if not i else {})} for i, phrasing in enumerate(phrasings)]


def test_phrasings_alone_make_a_draft_that_answers_match_only(tmp_path: Path) -> None:
    rows = [f"{id}\t{text} {id}" for text in FIVE for id in ("soup", "walk")]  # not adjacent
    path = sheet(tmp_path, "\n".join(["entry\tphrasing", *rows]), "sheet.tsv")
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"))
    assert (ended.code, ended.err) == (0, "")
    assert sorted(each.name for each in (tmp_path / "lib" / "imported").iterdir()) == ["soup.md", "walk.md"]
    question = json.dumps({"text": "way 3 of asking walk"}).encode()
    decided = command("decide", "--library", str(tmp_path / "lib"), "--drafts", "--match-only", stdin=question)
    assert json.loads(decided.out)["candidates"][0]["entry"] == "walk"


def test_what_nobody_wrote_is_a_placeholder_that_is_never_approved(tmp_path: Path) -> None:
    found, _ = imported(tmp_path, asked("soup", *FIVE))
    assert found["soup"].sections == {"patient": f"{PLACEHOLDER}: the text"}
    assert PLACEHOLDER in found["soup"].last_author
    assert PLACEHOLDER in read_library(tmp_path).unapproved()["imported/soup"]


def test_an_entry_with_few_phrasings_says_how_many_are_still_to_be_written(tmp_path: Path) -> None:
    found, read = imported(tmp_path, asked("soup", "one", "two"))
    assert not read.faults
    assert found["soup"].phrasings[:2] == ("one", "two")
    assert [PLACEHOLDER in phrasing for phrasing in found["soup"].phrasings] == [False] * 2 + [True] * 3


def test_other_columns_may_stand_on_the_first_row_only(tmp_path: Path) -> None:
    others = {"title": "Which soup?", "text": "**Soup**\n\n- hot", "audience": "HCP, patient", "country": "us;DE"}
    found, read = imported(tmp_path, asked("soup", *FIVE, reference="Cook book 1", **others))
    assert not read.faults
    soup = found["soup"]
    assert (soup.title, soup.audiences, soup.regions) == ("Which soup?", ("hcp", "patient"), ("US", "DE"))
    assert soup.sections == {"hcp": "**Soup**\n\n- hot", "patient": "**Soup**\n\n- hot"}
    assert soup.references == ("Cook book 1",)


def test_references_of_several_rows_are_all_kept(tmp_path: Path) -> None:
    rows = asked("soup", *FIVE)
    for row, reference in zip(rows, ("A", "B", "A"), strict=False):
        row["reference"] = reference
    assert imported(tmp_path, rows)[0]["soup"].references == ("A", "B")


def test_drafts_join_the_product_of_the_library(tmp_path: Path) -> None:
    (tmp_path / "lib" / "testamol").mkdir(parents=True)
    (tmp_path / "lib" / "testamol" / "product.yaml").write_text(PRODUCT)
    lines = ["id,phrasing,country", *(f"soup,{text},NO" for text in FIVE), "walk,may I walk,FR"]
    path = sheet(tmp_path, "\n".join(lines))
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"), "--author", "Wil Author")
    assert ended.code == 1
    assert "line 7: country: 'FR' is in no label region" in ended.err
    soup = read_library(tmp_path / "lib", drafts=True).entries["soup"]
    assert (soup.product, soup.regions, soup.last_author) == ("testamol", ("EU",), "Wil Author")


BAD = [
    (",no id", "id: is empty"),
    ("soup,", "phrasing: is empty"),
    ("soup,a,Title,more", "has 4 cells, but there are 3 columns"),
    ("soup,another,Other title", "title: 'soup' has another one further up"),
    ('soup,"a" b', "cannot be taken apart"),
    (b"soup,caf\xe9", "is not UTF-8"),
]


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_bad_row_is_named_with_its_line_and_the_rest_imported(tmp_path: Path, row: str | bytes, reason: str) -> None:
    line = row if isinstance(row, bytes) else row.encode()
    good = b'id,phrasing,title\nsoup,first,A title\n\n"soup","two\nlines"'
    path = sheet(tmp_path, good + b"\n" + line + b"\nsoup,last\n")
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"))
    assert ended.code == 1
    assert f"line 6: {reason}" in ended.err
    soup = read_library(tmp_path / "lib", drafts=True).entries["soup"]
    assert soup.phrasings[:3] == ("first", "two lines", "last")


def test_a_quotation_mark_that_is_never_closed_is_named_where_it_stands(tmp_path: Path) -> None:
    path = sheet(tmp_path, 'id,phrasing\nsoup,first\nsoup,"second\nsoup,third\n')
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"))
    assert ended.code == 1
    assert "line 3: cannot be taken apart" in ended.err


WRONG = [("audience", "nurse", "'nurse' is none of patient, hcp"), ("country", "QQ", "'QQ' is no two-letter country")]


@pytest.mark.parametrize(("column", "value", "reason"), [*WRONG, ("text", "a\n# b", "line that begins with '# '")])
def test_a_cell_that_means_nothing_is_named(tmp_path: Path, column: str, value: str, reason: str) -> None:
    found, read = imported(tmp_path, [*asked("soup", *FIVE), *asked("walk", "may I walk", **{column: value})])
    assert list(found) == ["soup"]
    assert len(read.faults) == 1
    assert f"line 7: {column}: " in read.faults[0]
    assert reason in read.faults[0]


def test_a_break_in_a_text_is_refused_as_the_bot_would_refuse_it(tmp_path: Path) -> None:
    found, read = imported(tmp_path, [*asked("soup", *FIVE), *asked("walk", "may I walk", text="one\n\n---\n\ntwo")])
    assert list(found) == ["soup"]
    assert "'walk': section '# patient': holds a break" in read.faults[0]


def test_a_repeated_phrasing_is_noted_and_no_fault(tmp_path: Path) -> None:
    path = sheet(tmp_path, "id,phrasing\nsoup,again\nsoup, again \n")
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"))
    assert ended.code == 0
    assert "note: line 3: 'soup' has this phrasing already" in ended.err


def test_unknown_columns_are_named_and_ignored(tmp_path: Path) -> None:
    path = sheet(tmp_path, "ID,Phrasing,Remark\nsoup,which soup,nonsense\n")
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"))
    assert ended.code == 0
    assert "columns ignored: 'remark'" in ended.err
    assert "nonsense" not in (tmp_path / "lib" / "imported" / "soup.md").read_text()


UNUSABLE = [
    ("sheet.txt", b"id,phrasing\na,b", "ends neither in .csv nor in .tsv"),
    ("sheet.csv", b"id,question\na,b", "has no column 'phrasing'"),
    ("sheet.csv", b"", "has no column 'id'"),
    ("sheet.csv", b"id,entry,phrasing\na,a,b", "has the column 'id' twice"),
    ("sheet.tsv", "id\tphrasing\n".encode("utf-16"), "is UTF-16"),
]


@pytest.mark.parametrize(("name", "content", "reason"), UNUSABLE)
def test_a_file_in_which_no_row_can_be_read_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    ended = command("library", "import", str(sheet(tmp_path, content, name)), "--to", str(tmp_path / "lib"))
    assert ended.code == 2
    assert reason in ended.err
    assert not (tmp_path / "lib").exists()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ended = command("library", "import", str(tmp_path / "none.csv"), "--to", str(tmp_path))
    assert (ended.code, "none.csv: No such file" in ended.err) == (2, True)


def test_a_mark_of_byte_order_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    read = read_sheet("id,phrasing\r\nsoup,wie geht's\r\n".encode("utf-8-sig"), "a.csv")
    assert [row.cells for row in read.rows] == [{"id": "soup", "phrasing": "wie geht's"}]


def test_tabs_quote_nothing() -> None:
    read = read_sheet(b'id\tphrasing\nsoup\t"soup", he said\nsoup\tan "open one\n', "a.tsv")
    assert [row.cells["phrasing"] for row in read.rows] == ['"soup", he said', 'an "open one']


def test_a_draft_that_somebody_changed_is_written_over_only_by_force(tmp_path: Path) -> None:
    imported(tmp_path, asked("soup", *FIVE))
    path = tmp_path / "imported" / "soup.md"
    path.write_text(path.read_text().replace("way 1", "road 1"))
    assert "exists and says something else" in imported(tmp_path, asked("soup", *FIVE))[1].faults[0]
    assert "road 1" in path.read_text()
    assert not imported(tmp_path, asked("soup", *FIVE), force=True)[1].faults
    assert "road 1" not in path.read_text()


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path = sheet(tmp_path, "id,phrasing\nsoup,which soup\n")
    command("library", "import", str(path), "--to", str(tmp_path / "lib"))
    ended = command("library", "import", str(path), "--to", str(tmp_path / "lib"), "--json")
    assert (ended.code, json.loads(ended.out)) == (0, {"written": 0, "unchanged": 1, "faults": [], "notes": []})


def test_ids_are_kept_where_they_can_be_names_of_files() -> None:
    notes = Sheet()
    given = ["a b", "a-b", "vira-000", "Vira-000", "../etc", "product", "ü", "…"]
    made = ["a-b-2", "a-b", "vira-000", "Vira-000-2", "etc", "product-2", "u", "entry"]
    assert safe_ids(given, notes) == made
    assert len(notes.notes) == 6


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=120), unique=True, max_size=8))
def test_ids_stay_different_and_can_be_names_of_files(given: list[str]) -> None:
    made = safe_ids(given, Sheet())
    assert len({id.lower() for id in made}) == len(given)
    assert all(id.replace("-", "").replace("_", "").isalnum() and id.isascii() and len(id) < 120 for id in made)
    assert safe_ids(given, Sheet()) == made


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_a_quoted_cell_may_hold_anything(rows: list[tuple[str, str]]) -> None:
    saved = io.StringIO(newline="")
    csv.writer(saved, quoting=csv.QUOTE_ALL).writerows([("id", "phrasing"), *rows])
    read = read_sheet(saved.getvalue().encode(), "a.csv")
    full = [(id.strip(), phrasing.strip()) for id, phrasing in rows if id.strip() and phrasing.strip()]
    assert [(row.id, row.cells["phrasing"]) for row in read.rows] == full
    assert len(read.faults) == sum(bool(id.strip()) != bool(phrasing.strip()) for id, phrasing in rows)


SPECIALS = ("- a", "a: b", "# a", "a #b", "'", '"', "[x](y)", "{{ a }}", "no", "~", "2026-01-01", "12:30", "&a", "*a*")
cells = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(SPECIALS), max_size=4).map(" ".join))


@settings(max_examples=150, deadline=None)
@given(phrasing=cells, title=cells, reference=cells, text=cells)
def test_what_is_imported_and_read_again_is_what_was_in_the_cell(
    tmp_path_factory: pytest.TempPathFactory, phrasing: str, title: str, reference: str, text: str
) -> None:
    given = {"id": "soup", "phrasing": phrasing, "title": title, "reference": reference, "text": text}
    row = {column: cell.strip() for column, cell in given.items() if cell.strip()}
    if not one_line(phrasing):
        return
    found, read = imported(tmp_path_factory.mktemp("lib"), [row])
    if not found:
        assert read.faults
        return
    soup = found["soup"]
    assert soup.phrasings[0] == one_line(phrasing)
    assert soup.title == (one_line(title) or one_line(phrasing))
    assert not one_line(reference) or soup.references == (one_line(reference),)
    assert not text.strip() or soup.sections["patient"] == "\n".join(text.strip().splitlines()).strip()
