"""What a broken file of a library says."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import FILES, GREETING, PAGE, PRODUCT, SHELF, signed_library, write
from reading_libraries import ENTRY, PAGE_FILE_DE, RESPONSES, WORDING, said

from smi_bot.errors import LibraryError
from smi_bot.knowledge import knowledge as build_knowledge
from smi_bot.library import StandardResponse, read_library
from smi_bot.library.reading import read_entry


def replaced(old: str, new: str) -> Callable[[str], str]:
    def replace(text: str) -> str:
        assert text.count(old) >= 1
        return text.replace(old, new, 1)

    return replace


def without(key: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"(?m)^{key}:.*\n((?: |-).*\n)*", "", text)


BROKEN = {
    "YAML that is none": (ENTRY, replaced("title: ", "title: [")),
    "a key given twice": (ENTRY, replaced("version: 1", "version: 1\nversion: 2")),
    "a field that is missing": (ENTRY, without("label_version")),
    "a field nobody knows": (ENTRY, replaced("version: 1", "version: 1\ncolour: blue")),
    "a field for the text": (ENTRY, replaced("version: 1", "version: 1\nsections: {}")),
    "dates that do not follow each other": (ENTRY, replaced("expires: 2028", "expires: 2027-01-01 # 2028")),
    "a review before it begins": (ENTRY, replaced("review_due: 2027-10-01", "review_due: 2026-09-30")),
    "a date that is none": (ENTRY, replaced("2028-10-01", "2028-13-01")),
    "too few phrasings": (ENTRY, replaced("  - shelf five\n", "")),
    "a phrasing given twice": (ENTRY, replaced("  - shelf five\n", "  - shelf one\n")),
    "no references": (ENTRY, replaced("references:\n  - Label sheet 1.0, section 11", "references: []")),
    "an audience without a text": (ENTRY, replaced("# hcp\n", "# hcp EU\n")),
    "an audience that does not exist": (ENTRY, replaced("[patient, hcp]", "[patient, nurse]")),
    "an audience given twice": (ENTRY, replaced("[patient, hcp]", "[patient, hcp, hcp]")),
    "a region without a text": (ENTRY, replaced("# patient\n", "# patient US\n")),
    "a section that is never shown": (ENTRY, replaced("# safety\n", "# safety NO\n")),
    "a section written differently": (ENTRY, replaced("# safety\n", "# Safety\n")),
    "an empty section": (ENTRY, replaced("Keep it away from children.", "")),
    "a section with a break in it": (ENTRY, replaced("Keep it away", "Keep it cool.\n\n---\n\nKeep it away")),
    "a section given twice": (ENTRY, replaced("# safety\n", "# patient\n")),
    "text before the first section": (ENTRY, replaced("# patient\n", "Hello\n\n# patient\n")),
    "no front matter": (ENTRY, replaced("---\n", "")),
    "an id unlike its file name": (ENTRY, replaced("id: shelf", "id: shelve")),
    "an id with a path in it": (ENTRY, replaced("id: shelf", "id: ../shelf")),
    "a region the product does not have": (ENTRY, replaced("[US, EU]", "[US, EU, JP]")),
    "a product nobody has": (ENTRY, replaced("product: testamol", "product: other")),
    "a number where words belong": (ENTRY, replaced('"1.0"', "1.0")),
    "a version of nought": (ENTRY, replaced("version: 1", "version: 0")),
    "a tag that builds objects": (ENTRY, replaced("version: 1", "version: !!python/object:os.system {}")),
    "a truth value that is none": (ENTRY, replaced("version: 1", "version: !!bool perhaps")),
    "a wording under a wrong name": (WORDING, replaced("id: greeting", "id: greetings")),
    "a wording under a wrong language": (WORDING, replaced("language: en", "language: fr")),
    "a wording without words": (WORDING, replaced("Hello. Call {{ contact.emergency_number }} if you must.", "")),
    "a wording with an open mark": (WORDING, replaced("emergency_number }}", "emergency_number")),
    "a wording with an unknown name": (WORDING, replaced("contact.", "contcat.")),
    "a wording with an unknown filter": (WORDING, replaced("_number }}", "_number | shout }}")),
    "a wording that takes in another": (WORDING, replaced("Hello.", "{% include 'answer' %}")),
    "a page without labels": ("wording/page.yaml", without("labels")),
    "a label without words": ("wording/page.yaml", replaced("Talk to a person", '""')),
    "labels under a wrong name": ("wording/page.yaml", replaced("id: page", "id: pages")),
    "labels under a wrong language": (PAGE_FILE_DE, replaced("language: de", "language: fr")),
    "a translated label that translates nothing": (PAGE_FILE_DE, replaced("specialist:", "specialists:")),
    "a product without a name": ("testamol/product.yaml", without("name")),
    "a product with an unknown field": ("testamol/product.yaml", replaced("version: 1", "version: 1\nprice: 5")),
    "a product whose country is none": ("testamol/product.yaml", replaced("[DE, NO]", "[DE, Norway]")),
    "approvals that are no JSON": ("approvals/testamol/shelf.json", lambda text: text[:-3]),
    "approvals that are no list": ("approvals/testamol/shelf.json", lambda text: "{}"),
    "approvals nested without end": ("approvals/testamol/shelf.json", lambda text: "[" * 100_000),
    "an approval without a signature": (
        "approvals/testamol/shelf.json",
        lambda text: text.replace('"signature"', '"sign"'),
    ),
    "signers without a list": ("signers.yaml", lambda text: "signers: nobody\n"),
    "a signer in a role that is none": ("signers.yaml", replaced('"medical"', '"marketing"')),
    "a signer's key that is none": ("signers.yaml", lambda text: re.sub(r'("public_key": ".)', r"\1*", text)),
    "a signer listed twice": ("signers.yaml", replaced('"id": "bo"', '"id": "alma"')),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_named_with_its_field_and_the_mend(what, tmp_path):
    file, break_it = BROKEN[what]
    path = signed_library(tmp_path) / file
    before = path.read_text("utf-8")
    path.write_text(break_it(before), "utf-8")
    assert path.read_text("utf-8") != before
    lines = said(tmp_path)
    assert all(line.startswith(f"{path}: ") for line in lines), lines
    for line in lines:
        assert re.search(r"(field|section|YAML|JSON|front matter|text)\b", line.removeprefix(str(path)))
        assert re.search(r"; .|must|should|valid|Input|at least|add it|is not known|twice", line), line
        assert "Traceback" not in line and len(line) < 600


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("YAML that is none", "shelf.md: YAML: line 6: "),
        ("a key given twice", "'version' stands twice"),
        ("a field that is missing", "field label_version: is missing; add it"),
        ("a field nobody knows", "field colour: is not known; correct the name or remove it"),
        ("dates that do not follow each other", "effective, review_due and expires must follow each other"),
        ("too few phrasings", "field phrasings: "),
        ("an audience without a text", "there is no text for hcp in US; add a section '# hcp'"),
        ("a region without a text", "there is no text for patient in EU; add a section '# patient'"),
        ("a section that is never shown", "section '# safety NO' is never shown"),
        ("a section with a break in it", "section '# safety': holds a break ('---')"),
        ("labels under a wrong name", "must be 'page' and this file be called 'page.yaml'"),
        ("labels under a wrong language", "must be 'page' and this file be called 'page.fr.yaml'"),
        ("a translated label that translates nothing", "field labels.specialists: is not in page.yaml"),
        ("an empty section", "section '# safety': is empty; write it or remove it"),
        ("a section given twice", "section '# patient': stands twice; merge them"),
        ("an id unlike its file name", "field id: is 'shelve' but the file is called 'shelf'; make them equal"),
        ("a region the product does not have", "field regions: 'JP' is not in product.yaml"),
        ("a product nobody has", "field product: 'other' is not 'testamol'; correct it"),
        ("a wording under a wrong name", "must be called 'greetings.md.j2'"),
        ("a wording with an unknown name", "'contcat' is no name a template knows"),
        ("approvals that are no JSON", "write it by a command"),
        ("a signer listed twice", "field id: 'alma' stands twice"),
    ],
)
def test_the_line_says_which_field_it_is_and_what_to_do(what, expected, tmp_path):
    file, break_it = BROKEN[what]
    path = signed_library(tmp_path) / file
    path.write_text(break_it(path.read_text("utf-8")), "utf-8")
    (line,) = said(tmp_path)
    assert expected in line


@pytest.mark.parametrize("file", [*FILES, "signers.yaml", "approvals/testamol/shelf.json"])
def test_a_file_that_is_not_utf8_is_named(file, tmp_path):
    path = signed_library(tmp_path) / file
    path.write_bytes(path.read_bytes() + b"\xe9\n")
    (line,) = said(tmp_path)
    assert line.startswith(f"{path}: ")
    assert "UTF-8" in line or "utf-8" in line


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "testamol" / "folder.md").mkdir()
    (line,) = said(tmp_path)
    assert line.startswith(f"{tmp_path / 'testamol' / 'folder.md'}: ")


def test_every_broken_file_has_its_own_line(tmp_path):
    write(tmp_path)
    write(tmp_path, {"testamol/shelf.md": "nothing", "testamol/dose.md": "nothing", "wording/page.yaml": "- x"})
    assert [line.split(":")[0] for line in said(tmp_path)] == [
        f"{tmp_path}/testamol/dose.md",
        f"{tmp_path}/testamol/shelf.md",
        f"{tmp_path}/wording/page.yaml",
    ]


@pytest.mark.parametrize("mark", ["---", "***", "___", "- - -", "   * * *", "---------", "> ---", "- one\n\n  ---"])
@pytest.mark.parametrize("section", ["patient", "hcp", "safety"])
def test_no_section_holds_a_break_at_which_benefit_and_risk_could_be_parted(mark, section, tmp_path):
    path = tmp_path / "shelf.md"
    path.write_text(re.sub(f"(?m)^# {section}\n", f"# {section}\nFirst.\n\n{mark}\n\n", SHELF), "utf-8")
    with pytest.raises(LibraryError) as error:
        read_entry(path)
    assert f"{path}: section '# {section}': holds a break" in str(error.value)
    assert "remove it, so that benefit and risk stay together" in str(error.value)


@pytest.mark.parametrize("text", ["---", "    ---\nIndented.", "---\nAt the top."])
def test_a_break_at_the_top_of_a_section_is_one_too(text, tmp_path):
    path = tmp_path / "shelf.md"
    path.write_text(SHELF.replace("Keep it away from children.", text), "utf-8")
    with pytest.raises(LibraryError, match="holds a break"):
        read_entry(path)


@pytest.mark.parametrize("text", ["Two -- dashes.", "One — dash.", "Code `---` is none.", "- one\n- two", r"\---"])
def test_dashes_that_are_no_break_may_stand_in_a_section(text, tmp_path):
    path = tmp_path / "shelf.md"
    path.write_text(SHELF.replace("Keep it away from children.", text), "utf-8")
    assert read_entry(path).sections["safety"] == text


def test_labels_in_other_languages_without_english_ones_are_told_as_missing(tmp_path):
    write(tmp_path, {name: text for name, text in FILES.items() if text != PAGE})
    missing = list(read_library(tmp_path).missing())
    assert "wording/page.yaml: field labels: 'specialist' is missing; add it" in missing


def test_no_wording_may_take_the_place_where_the_approvals_of_labels_are_kept(tmp_path):
    write(tmp_path, {**FILES, "wording/page.de.md.j2": GREETING.replace("greeting", "page").replace("en\n", "de\n", 1)})
    (line,) = said(tmp_path)
    assert "field id: 'page' is taken by the labels" in line


INVITATION = GREETING.replace("greeting", "invitation").replace("{{ contact.emergency_number }}", "a doctor")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{{ product.name }}", "must hold no '{{ … }}' marks"),
        ("{% if fields.x %}a{% endif %}", "must hold no '{{ … }}' marks"),
        ("Testamol", "must not say 'Testamol'"),
        ("TESTAMINE", "must not say 'testamine'"),
        ("Nowhere Laboratories", "must not say 'Nowhere Laboratories'"),
        ("testamoll", "must not say 'testamoll'"),
    ],
)
def test_what_is_posted_in_public_may_not_tell_which_product_it_is_about(words, expected, tmp_path):
    product = PRODUCT.replace("regions:\n  US", "misspellings: [testamoll]\nregions:\n  US", 1)
    file = "wording/invitation.md.j2"
    write(tmp_path, {**FILES, "testamol/product.yaml": product, file: INVITATION})
    read_library(tmp_path)
    write(tmp_path, {file: INVITATION.replace("Hello.", f"Hello, {words}.")})
    lines = said(tmp_path)
    assert all(line.startswith(f"{tmp_path / file}: text: is posted in public and must ") for line in lines)
    assert any(expected in line for line in lines)


def test_two_products_in_one_library_are_refused(tmp_path):
    write(tmp_path)
    write(tmp_path, {"another/product.yaml": PRODUCT.replace("id: testamol", "id: another")})
    assert any("product.yaml: there are 2; keep one product in a library" in line for line in said(tmp_path))


def test_one_id_in_two_folders_is_refused_and_the_second_file_named(tmp_path):
    write(tmp_path)
    write(tmp_path, {"zz-more/shelf.md": SHELF})
    assert said(tmp_path) == [f"{tmp_path}/zz-more/shelf.md: field id: another file has the id 'shelf'; rename one"]


def test_a_folder_that_is_not_there_is_named_with_its_setting(tmp_path):
    (line,) = said(tmp_path / "nowhere")
    assert "nowhere" in line
    assert "SMI_LIBRARY" in line


def test_a_library_without_a_product_cannot_become_knowledge(tmp_path):
    write(tmp_path, {name: text for name, text in FILES.items() if "product" not in name})
    with pytest.raises(LibraryError, match=r"product\.yaml: is missing; add"):
        build_knowledge(read_library(tmp_path), RESPONSES / "triage")


def test_windows_line_ends_change_nothing(tmp_path):
    write(tmp_path)
    expected = read_library(tmp_path).version
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.replace("\n", "\r\n").encode())
    assert read_library(tmp_path).version == expected


@pytest.fixture(scope="module")
def entry_file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("entry") / "shelf.md"


@settings(deadline=None, max_examples=150)
@given(at=st.integers(0, len(SHELF) - 1), cut=st.integers(0, 40), put=st.text(max_size=6) | st.sampled_from(
    ["!!bool x", "!!binary '*'", "? [a]", "&a [*a]", "{[1]: 2}", "---\n", "\0", "0x_", "!!timestamp 1", "<<: [1]", "\t"]
))  # fmt: skip
def test_any_damage_to_a_file_is_either_read_or_told(entry_file, at, cut, put):
    entry_file.write_text(SHELF[:at] + put + SHELF[at + cut :], "utf-8")
    try:
        assert isinstance(read_entry(entry_file), StandardResponse)
    except LibraryError as error:
        assert all(line.startswith(str(entry_file)) for line in str(error).split("\n"))


def test_no_response_may_bear_the_name_under_which_the_products_facts_are_signed(tmp_path):
    folder = signed_library(tmp_path)
    entry = (folder / ENTRY).read_text("utf-8").replace("id: shelf", "id: product")
    (folder / "testamol" / "product.md").write_text(entry, "utf-8")
    (line,) = said(folder)
    assert line.endswith("field id: 'product' is taken by product.yaml; give this response another")
