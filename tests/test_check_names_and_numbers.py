"""What the check finds in names, in numbers, and in what is suggested on buttons."""

import pytest
from checks import PRODUCT_FILE, SHELF_FILE, found, line_of, replaced
from libraries import write

from smi_bot.workbench.checks.lookalikes import lookalikes
from smi_bot.workbench.checks.number_traps import number_traps
from smi_bot.workbench.checks.suggestions import suggestions

TEXT = "Keep it on the **shelf**."


def looked_at(subject):
    return lookalikes(subject, frozenset({"testamon"}))


@pytest.mark.parametrize(
    ("misspelling", "severity"),
    [
        ("adalimumab", "error"),
        ("adalimumap", "warning"),
        ("adalimuamb", "warning"),
        ("testamoon", "warning"),
        ("testaamol", None),
    ],
)
def test_a_name_that_is_nearly_another_medicines_is_named(misspelling, severity, tmp_path):
    replaced(
        tmp_path, PRODUCT_FILE, ("regions:", f"misspellings:\n  - {misspelling}\nregions:"), ("Testamol\n", "Qqqqq\n")
    )
    findings = [each for each in found(looked_at, tmp_path) if f"'{misspelling}'" in each.reason]
    assert [each.severity for each in findings] == ([severity] if severity else [])
    assert not findings or findings[0].line == line_of(tmp_path, PRODUCT_FILE, misspelling)


def test_the_products_own_name_is_looked_at_too(tmp_path):
    write(tmp_path)
    (finding,) = found(looked_at, tmp_path)
    assert (finding.kind, finding.severity) == ("look-alike", "warning")
    assert "'testamol' is one slip of the keyboard away from 'testamon'" in finding.reason


# --- numbers


@pytest.mark.parametrize(
    "text",
    [
        "Take 5 mg, never 50 mg.",
        "Draw up 0.5 mL of the 5 ml bottle.",
        "1 tablet, not 10 tablets",
        "2.5mg or 25 mg",
        "100 micrograms and 1,000 mcg",
        "5 mg/kg or 50 mg/kg",
    ],
)
def test_two_numbers_that_differ_by_a_nought_or_a_point_are_a_warning(text, tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, text))
    (finding,) = found(number_traps, tmp_path)
    assert (finding.kind, finding.severity, finding.line) == ("number", "warning", line_of(tmp_path, SHELF_FILE, text))


@pytest.mark.parametrize(
    "text",
    [
        "5 mg and 50 mL",
        "5 mg and 15 mg",
        "1.8% and 18%",
        "in week 2 and week 20",
        "section 5 and 50 mg",
        "5 mg/kg and 50 mg",
        "version 1.5 mg, then 150 mg",
        "0 mg",
    ],
)
def test_other_numbers_are_none(text, tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, text))
    assert found(number_traps, tmp_path) == []


def test_variants_of_one_topic_are_looked_at_together(tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, "Take 5 mg."), ("Shelf storage for all packs.", "The dose is 50 mg."))
    (finding,) = found(number_traps, tmp_path)
    assert "'5 mg' and '50 mg' (section '# hcp')" in finding.reason


@pytest.mark.parametrize("text", ["Take 5.0 mg.", "Take .5 mg."])
def test_a_number_that_is_tenfold_without_its_point_is_a_warning(text, tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, text))
    (finding,) = found(number_traps, tmp_path)
    assert "a point that is overlooked" in finding.reason


# --- suggestions

USES = ("effective: 2026-10-01\nowner", "excluded_uses: [lupus, crushed tablets]\neffective: 2026-10-01\nowner")


def with_excluded_uses(folder, *changes):
    replaced(folder, SHELF_FILE, *changes)
    product = (folder / PRODUCT_FILE).read_text("utf-8")
    (folder / PRODUCT_FILE).write_text(product.replace(*USES), "utf-8")
    return found(suggestions, folder)


@pytest.mark.parametrize("title", ["Can I take it for lupus?", "What about crushed  tablets?", "LUPUS?"])
def test_a_title_that_names_an_excluded_use_is_an_error(title, tmp_path):
    (finding,) = with_excluded_uses(tmp_path, ("Where do I keep it?", title))
    assert (finding.kind, finding.severity) == ("suggestion", "error")
    assert finding.line == line_of(tmp_path, SHELF_FILE, "title:")


def test_a_phrasing_that_names_one_is_a_warning_unless_the_answer_speaks_of_it(tmp_path):
    (finding,) = with_excluded_uses(tmp_path / "one", ("shelf three", "does it help with lupus"))
    assert (finding.severity, finding.line) == ("warning", line_of(tmp_path / "one", SHELF_FILE, "lupus"))
    said = with_excluded_uses(
        tmp_path / "two", ("shelf three", "does it help with lupus"), (TEXT, "It is not for lupus.")
    )
    assert said == []


def test_words_that_only_begin_like_an_excluded_use_are_none(tmp_path):
    assert with_excluded_uses(tmp_path, ("Where do I keep it?", "Can a lupusina tablet be crushed?")) == []
