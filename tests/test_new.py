"""`smi-bot library new`: a draft that can be read at once, and approved only when it is written."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from commands import command
from hypothesis import given
from hypothesis import strategies as st
from libraries import NOW, PRODUCT, sign_all, signed_library

from smi_bot.library import read_library
from smi_bot.library.approval import has_placeholder
from smi_bot.library.model import PLACEHOLDER, Product
from smi_bot.library.reading import read_entry
from smi_bot.library.standing import standing
from smi_bot.plain_yaml import load_yaml
from smi_bot.text import repair
from smi_bot.workbench.drafting import correction, entry_file, new_entry

TITLE = ("--title", "Can it be frozen?")
AUTHOR = ("--author", "Wil Author")


@pytest.fixture
def folder(tmp_path) -> Path:
    return signed_library(tmp_path / "library")


def begun(folder: Path, id: str, *options: str):
    return command("library", "new", id, *TITLE, *AUTHOR, "--library", str(folder), *options)


def test_a_new_response_is_a_draft_with_todays_dates_and_five_places_for_phrasings(folder):
    ended = begun(folder, "freezing")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[0] == str(folder / "testamol" / "freezing.md")
    library = read_library(folder)
    entry, today = library.entries["freezing"], datetime.now(UTC).date()
    assert (entry.title, entry.last_author, entry.label_version) == ("Can it be frozen?", "Wil Author", "1.0")
    assert (entry.audiences, entry.regions) == (("patient", "hcp"), ("US", "EU"))
    assert (entry.effective, entry.version) == (today, 1)
    assert (entry.review_due.year, entry.expires.year) == (today.year + 1, today.year + 2)
    assert len(entry.phrasings) == 5
    assert all(PLACEHOLDER in each for each in (*entry.phrasings, *entry.references, *entry.sections.values()))
    assert standing(library, "testamol/freezing", entry, today) == "draft"


def test_signatures_under_what_is_not_written_yet_count_for_nothing(folder):
    begun(folder, "freezing")
    library = read_library(sign_all(folder))
    assert "testamol/freezing" in library.unapproved()
    assert "testamol/shelf" not in library.unapproved()
    path = folder / "testamol" / "freezing.md"
    path.write_text(path.read_text("utf-8").replace(PLACEHOLDER, "Written"), "utf-8")
    assert not has_placeholder(read_entry(path))
    assert "testamol/freezing" not in read_library(sign_all(folder)).unapproved()


def test_other_responses_stay_approved_when_one_is_begun(folder):
    begun(folder, "freezing")
    assert set(read_library(folder).unapproved()) == {"testamol/freezing"}


def test_audience_region_and_product_can_be_named(folder):
    options = ("--audience", "hcp", "--region", "EU", "--product", "testamol", "--json")
    ended = begun(folder, "freezing", *options)
    path = json.loads(ended.out)["file"]
    entry = read_entry(Path(path))
    assert (entry.audiences, entry.regions, set(entry.sections)) == (("hcp",), ("EU",), {"hcp", "safety"})


@pytest.mark.parametrize("id", ["shelf", "Shelf", "SHELF"])
def test_an_id_that_is_taken_is_refused_and_the_file_left_alone(folder, id):
    before = (folder / "testamol" / "shelf.md").read_bytes()
    ended = begun(folder, id)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "stands already in" in ended.err
    assert (folder / "testamol" / "shelf.md").read_bytes() == before
    assert len(list(folder.glob("testamol/*.md"))) == 3


@pytest.mark.parametrize(
    ("id", "options", "said"),
    [
        ("../freezing", (), "smi-bot: id: "),
        ("free zing", (), "smi-bot: id: "),
        ("", (), "smi-bot: id: "),
        ("product", (), "is the name of the product's own facts"),
        ("freezing", ("--region", "XX"), "choose among US, EU"),
        ("freezing", ("--product", "other"), "its product is testamol"),
        ("freezing", ("--title", "  "), "smi-bot: title: "),
        ("freezing", ("--author", ""), "smi-bot: --author: "),
        ("freezing", ("--region", "US", "--region", "US"), "smi-bot: regions: "),
    ],
)
def test_what_cannot_be_begun_is_one_line_and_writes_nothing(folder, id, options, said):
    ended = begun(folder, id, *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err
    assert len(list(folder.glob("**/*.md"))) == 3


def test_without_a_product_there_is_nothing_to_begin(tmp_path):
    (tmp_path / "empty").mkdir()
    ended = begun(tmp_path / "empty", "freezing")
    assert (ended.code, ended.err) == (
        2,
        "smi-bot: product.yaml: is missing; add <product>/product.yaml to the library\n",
    )


def test_a_response_begun_on_a_leap_day_is_due_on_the_last_of_february():
    entry = _entry("Freezing?", today=date(2028, 2, 29))
    assert (entry.effective, entry.review_due, entry.expires) == (
        date(2028, 2, 29),
        date(2029, 2, 28),
        date(2030, 2, 28),
    )


@given(st.text().map(lambda text: " ".join(repair(text).split())).filter(bool))
def test_any_title_is_read_as_it_was_given(tmp_path_factory, title):
    path = tmp_path_factory.getbasetemp() / "freezing.md"
    path.write_text(entry_file(_entry(title)), "utf-8")
    assert read_entry(path).title == title


@given(st.text().map(lambda text: " ".join(repair(text).split())))
def test_a_correction_notice_of_any_title_is_a_template_that_can_be_read(tmp_path_factory, title):
    folder = tmp_path_factory.getbasetemp() / "notices"
    (folder / "wording").mkdir(parents=True, exist_ok=True)
    (folder / "wording" / "correction-shelf.md.j2").write_text(correction("shelf", title, 1, "MI", NOW.date()), "utf-8")
    wording = read_library(folder).wordings["correction-shelf", "en"]
    assert has_placeholder(wording)


TODAY = NOW.date()


def _entry(title: str, today: date = TODAY):
    product = Product.model_validate(load_yaml(PRODUCT))
    return new_entry("freezing", title, product, ["patient", "hcp"], ["US", "EU"], "Wil Author", today)
