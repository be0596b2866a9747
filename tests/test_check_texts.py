"""What the check finds in texts: each kind provoked, and what is right left alone."""

from datetime import timedelta

import pytest
from checks import (
    COUPON_FILE,
    GREETING_FILE,
    PRODUCT_FILE,
    SHELF_FILE,
    TODAY,
    found,
    line_of,
    replaced,
    shown,
)
from libraries import FILES, GREETING, write

from smi_bot.workbench.checks.dates import dates
from smi_bot.workbench.checks.lengths import lengths
from smi_bot.workbench.checks.number_traps import number_traps
from smi_bot.workbench.checks.placeholders import placeholders
from smi_bot.workbench.checks.references import references
from smi_bot.workbench.checks.suggestions import suggestions
from smi_bot.workbench.checks.terms import is_explained, terms
from smi_bot.workbench.checks.variants import safety, variants

TEXT = "Keep it on the **shelf**."


@pytest.mark.parametrize("part", [dates, references, variants, lengths, terms, placeholders, number_traps, suggestions])
def test_the_small_library_gives_no_part_anything_to_say(part, tmp_path):
    write(tmp_path)
    assert [each for each in found(part, tmp_path) if each.file != shown(tmp_path, COUPON_FILE)] == []


# --- dates


@pytest.mark.parametrize(
    ("days", "severity", "said"),
    [(-1, "error", "is served from"), (0, "error", "is served from"), (1, "warning", "the review was due on")],
)
def test_an_expired_entry_is_an_error_from_the_day_on_which_it_is_sent_no_more(days, severity, said, tmp_path):
    end = TODAY + timedelta(days=days)
    changes = ("review_due: 2027-10-01", "review_due: 2026-10-02"), ("expires: 2028-10-01", f"expires: {end}")
    replaced(tmp_path, SHELF_FILE, *changes)
    (finding,) = found(dates, tmp_path)
    assert (finding.kind, finding.severity) == ("dates", severity)
    assert said in finding.reason
    assert finding.line == line_of(tmp_path, SHELF_FILE, "expires" if severity == "error" else "review_due")


@pytest.mark.parametrize(("days", "said"), [(0, "was due on"), (60, "is due on"), (61, None)])
def test_a_review_is_named_two_months_before_it_is_due(days, said, tmp_path):
    replaced(tmp_path, SHELF_FILE, ("review_due: 2027-10-01", f"review_due: {TODAY + timedelta(days=days)}"))
    findings = found(dates, tmp_path)
    assert [each.severity for each in findings] == (["warning"] if said else [])
    assert said is None or said in findings[0].reason


def test_a_service_text_that_is_not_yet_in_force_is_an_error_and_an_answer_may_wait(tmp_path):
    later = ("effective: 2026-10-01", f"effective: {TODAY + timedelta(days=1)}")
    replaced(tmp_path / "wording", GREETING_FILE, later)
    assert [each.severity for each in found(dates, tmp_path / "wording")] == ["error"]
    replaced(tmp_path / "entry", SHELF_FILE, later)
    assert found(dates, tmp_path / "entry") == []


# --- references


@pytest.mark.parametrize(
    ("reference", "severity"),
    [
        ("Label sheet 0.9, section 11", "error"),
        ("Label sheet 1.0", "warning"),
        ("Testamol prescribing information", "warning"),
        ("Label sheet 1.0, table 4", None),
        ("A. Person and others, Journal of Something 2024;1:1-9", None),
        ("Labelling of foods 2.0", None),
    ],
)
def test_a_reference_names_the_label_in_force_and_its_section(reference, severity, tmp_path):
    replaced(tmp_path, SHELF_FILE, ("Label sheet 1.0, section 11", reference))
    findings = found(references, tmp_path)
    assert [each.severity for each in findings] == ([severity] if severity else [])
    assert not findings or findings[0].line == line_of(tmp_path, SHELF_FILE, reference)


def test_an_entry_that_rests_on_another_label_is_an_error_on_the_line_of_its_label_version(tmp_path):
    replaced(tmp_path, PRODUCT_FILE, ('label_version: "1.0"', 'label_version: "1.1"'))
    findings = found(references, tmp_path, SHELF_FILE)
    assert [(each.severity, each.line) for each in findings] == [
        ("error", line_of(tmp_path, SHELF_FILE, "label_version"))
    ]


def test_a_label_that_a_text_cites_is_the_one_the_entry_rests_on(tmp_path):
    replaced(tmp_path, SHELF_FILE, ("Shelf storage for all packs.", "Shelf.\n\nSource: label sheet 0.9, section 2."))
    (finding,) = found(references, tmp_path)
    assert finding.line == line_of(tmp_path, SHELF_FILE, "label sheet 0.9")


# --- variants and safety texts


def test_a_region_that_is_served_and_gets_no_answer_is_a_warning(tmp_path):
    write(tmp_path)
    (finding,) = found(variants, tmp_path)
    assert (finding.file, finding.severity) == (shown(tmp_path, COUPON_FILE), "warning")
    assert finding.line == line_of(tmp_path, COUPON_FILE, "regions:")
    assert "EU" in finding.reason


def test_an_entry_that_says_for_which_region_it_is_is_meant_so(tmp_path):
    replaced(tmp_path, COUPON_FILE, ("help with the price?", "help with the price in the US?"))
    assert found(variants, tmp_path) == []


@pytest.mark.parametrize(
    ("audience", "phrasing", "named"),
    [
        ("hcp", "my doctor wants to know where it is kept", True),
        ("hcp", "storage of unopened packs", False),
        ("hcp", "where does my patient keep it", False),
        ("patient", "what do I tell my patient about shelves", True),
        ("patient", "where do I keep it", False),
    ],
)
def test_an_entry_for_one_audience_is_not_asked_for_in_the_words_of_the_other(audience, phrasing, named, tmp_path):
    gone = {"hcp": f"# patient\n{TEXT}\n\n", "patient": "# hcp\nShelf storage for all packs.\n\n"}[audience]
    change = ("[patient, hcp]", f"[{audience}]"), ("shelf three", phrasing), (gone, "")
    replaced(tmp_path, SHELF_FILE, *change)
    findings = found(variants, tmp_path, SHELF_FILE)
    assert [each.line for each in findings] == ([line_of(tmp_path, SHELF_FILE, phrasing)] if named else [])


def test_a_product_without_contacts_for_a_region_is_an_error(tmp_path):
    replaced(tmp_path, PRODUCT_FILE, ("  OTHER:\n", "  JP:\n"))
    (finding,) = found(variants, tmp_path, PRODUCT_FILE)
    assert (finding.severity, finding.line) == ("error", line_of(tmp_path, PRODUCT_FILE, "contacts:"))


NO_SAFETY = ("# safety\nKeep it away from children.\n", "")


def test_a_benefit_without_a_safety_text_is_an_error_on_its_line(tmp_path):
    replaced(tmp_path, SHELF_FILE, NO_SAFETY, (TEXT, "Keep it.\n\nIt relieves pain."))
    patient, hcp = found(safety, tmp_path, SHELF_FILE)
    assert (patient.severity, patient.line) == ("error", line_of(tmp_path, SHELF_FILE, "relieves"))
    assert (hcp.severity, hcp.line) == ("warning", line_of(tmp_path, SHELF_FILE, "# hcp"))


def test_an_audience_without_the_safety_text_that_others_have_is_an_error(tmp_path):
    replaced(tmp_path, SHELF_FILE, ("# safety\n", "# safety hcp\n"))
    (finding,) = found(safety, tmp_path, SHELF_FILE)
    assert (finding.severity, finding.line) == ("error", line_of(tmp_path, SHELF_FILE, "# patient"))


def test_texts_with_a_safety_text_may_tell_of_benefits(tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, "It relieves pain."))
    assert found(safety, tmp_path, SHELF_FILE) == []


# --- length


@pytest.mark.parametrize(("letters", "is_long"), [(4066, False), (4068, True), (2032, False)])
def test_text_and_safety_text_fit_into_one_telegram_message(letters, is_long, tmp_path):
    """What stands below the break of the wording `answer` may go into a second message."""
    body = "\n\n---\n\n{{ product.name }} is fictional."
    files = {
        **FILES,
        "wording/answer.md.j2": FILES["wording/answer.md.j2"].replace("\n\n{{ product.name }} is fictional.", body),
    }
    write(tmp_path, {**files, SHELF_FILE: FILES[SHELF_FILE].replace(TEXT, "x" * letters)})
    findings = found(lengths, tmp_path)
    assert [(each.kind, each.line) for each in findings] == (
        [("length", line_of(tmp_path, SHELF_FILE, "# patient"))] if is_long else []
    )


def test_the_longer_text_for_professionals_must_fit_with_its_safety_text_too(tmp_path):
    replaced(tmp_path, SHELF_FILE, ("# safety\n", f"# hcp long\n{'x' * 4090}\n\n# safety\n"))
    (finding,) = found(lengths, tmp_path)
    assert finding.line == line_of(tmp_path, SHELF_FILE, "# hcp long")


def test_telegram_counts_in_utf_16_so_an_emoji_is_two(tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, "\N{PILL}" * 2050))
    (finding,) = found(lengths, tmp_path)
    assert "4127 characters long for US, and one Telegram message holds 4096" in finding.reason


def test_a_service_text_that_is_too_long_is_named(tmp_path):
    replaced(tmp_path, GREETING_FILE, ("Hello.", "Hello. " * 700))
    assert {each.file for each in found(lengths, tmp_path)} == {shown(tmp_path, GREETING_FILE)}


def test_the_invitation_and_the_menu_of_commands_have_limits_of_their_own(tmp_path):
    invitation = GREETING.replace("greeting", "invitation").replace("{{ contact.emergency_number }}", "us " * 130)
    page = FILES["wording/page.yaml"].replace("labels:\n", "labels:\n  command-help: It\n")
    write(tmp_path, {**FILES, "wording/invitation.md.j2": invitation, "wording/page.yaml": page})
    said = [each.reason for each in found(lengths, tmp_path)]
    assert len(said) == 2
    assert any("350 are the most" in each for each in said)
    assert any("field labels.command-help: has 2 characters" in each for each in said)


# --- terms


@pytest.mark.parametrize(
    ("mark", "name"), [("contact.nothing", "nothing"), ("product.price", "price"), ("fields.limit", "limit")]
)
def test_a_name_that_a_template_does_not_get_is_an_error(mark, name, tmp_path):
    replaced(tmp_path, GREETING_FILE, ("contact.emergency_number", mark))
    (finding,) = found(terms, tmp_path)
    assert (finding.kind, finding.severity, finding.line) == ("terms", "error", line_of(tmp_path, GREETING_FILE, mark))
    assert name in finding.reason


def test_an_abbreviation_that_patients_are_never_told_is_a_warning(tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, "Keep it dry.\n\nYour ALT is measured."))
    (finding,) = found(terms, tmp_path)
    assert (finding.severity, finding.line) == ("warning", line_of(tmp_path, SHELF_FILE, "ALT"))
    replaced(tmp_path, SHELF_FILE, ("Shelf storage for all packs.", "ALT is measured."))
    assert found(terms, tmp_path) == []  # professionals know it


@pytest.mark.parametrize(
    "text",
    [
        "active tuberculosis (TB), or TB of old",
        "TB (tuberculosis) is tested",
        "a disease called TB",
        "TB, an infection of the lungs",
        "in the US you need no HIV test",
        'It is marked "ZV".',
        "JAK1 and IL-23 are proteins",
        "write to TEAM@COMPANY.example",
        "do NOT chew it, and NEVER TAKE TWO",
    ],
)
def test_an_abbreviation_that_is_explained_or_known_or_none_is_left_alone(text, tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, text))
    assert found(terms, tmp_path) == []


def test_another_abbreviation_in_brackets_explains_nothing():
    assert not is_explained("TB", "Tested are TB and side effects (SE).")


# --- placeholders


@pytest.mark.parametrize(
    "words",
    [
        "TO BE WRITTEN",
        "TODO",
        "TBD",
        "XX mg",
        "Lorem ipsum",
        "[ ]",
        "[insert the dose]",
        "[…]",
        "???",
        "{{ product.name }}",
        "{% if %}",
    ],
)
@pytest.mark.parametrize("place", [TEXT, "shelf two", "Label sheet 1.0"])
def test_what_is_to_be_written_later_is_an_error_wherever_it_stands(words, place, tmp_path):
    replaced(tmp_path, SHELF_FILE, (place, f'"{words}"' if place == "shelf two" else f"Keep {words}"))
    if place == "Label sheet 1.0" and "{" in words:
        return  # YAML takes no brace behind a colon; in front of a text it does
    findings = found(placeholders, tmp_path)
    assert [(each.kind, each.severity) for each in findings] == [("placeholder", "error")]
    assert findings[0].line == line_of(tmp_path, SHELF_FILE, words)


@pytest.mark.parametrize(
    "words", ["[the leaflet](https://nowhere.example)", "XL", "all that is to be written", "ToDo? No."]
)
def test_words_that_only_look_alike_are_no_placeholder(words, tmp_path):
    replaced(tmp_path, SHELF_FILE, (TEXT, words))
    assert found(placeholders, tmp_path) == []


def test_service_texts_labels_and_contacts_hold_no_placeholder_but_marks_of_templates(tmp_path):
    replaced(tmp_path, PRODUCT_FILE, ("mi@nowhere.example", "TBD"))
    write(tmp_path, {GREETING_FILE: FILES[GREETING_FILE].replace("Hello.", "TODO.")})
    write(tmp_path, {"wording/page.yaml": FILES["wording/page.yaml"].replace("Pressed", "XX")})
    findings = found(placeholders, tmp_path)
    lines = [(PRODUCT_FILE, "TBD"), (GREETING_FILE, "TODO"), ("wording/page.yaml", "XX")]
    assert {(each.file, each.line) for each in findings} == {
        (shown(tmp_path, file), line_of(tmp_path, file, words)) for file, words in lines
    }
