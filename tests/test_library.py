"""Reading approved content: what a broken file says, which text is meant for whom, and the library that is shipped."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from commands import Ended, command
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import ANSWER, DOSE, FILES, GREETING, NOW, PAGE, PAGE_DE, PRODUCT, SHELF, signed_library, write

from smi_bot.assistant import COMMANDS, Knowledge
from smi_bot.decision import PRECEDENCE
from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import Action, EntryPart, WordingPart
from smi_bot.knowledge import knowledge as build_knowledge
from smi_bot.library import Library, StandardResponse, read_library
from smi_bot.library.library import REQUIRED_LABELS, REQUIRED_WORDINGS
from smi_bot.library.reading import read_entry
from smi_bot.markup import to_html, to_text
from smi_bot.replies import label_of

CHECKOUT = Path(__file__).parent.parent
RESPONSES = CHECKOUT / "responses"
CODE = sorted(path for room in ("smi_bot", "channels", "escalation") for path in (CHECKOUT / room).rglob("*.py"))

AUDIENCES = ("patient", "hcp")
COUNTRIES = ("US", "DE", None)


# --- what a broken file says


def said(folder: Path) -> list[str]:
    with pytest.raises(LibraryError) as error:
        read_library(folder)
    return str(error.value).splitlines()


def replaced(old: str, new: str) -> Callable[[str], str]:
    def replace(text: str) -> str:
        assert text.count(old) >= 1
        return text.replace(old, new, 1)

    return replace


def without(key: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"(?m)^{key}:.*\n((?: |-).*\n)*", "", text)


ENTRY, WORDING, PAGE_FILE_DE = "testamol/shelf.md", "wording/greeting.md.j2", "wording/page.de.yaml"

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
        ("approvals that are no JSON", "have the text approved again"),
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


# --- which text is meant for whom


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Library:
    return read_library(signed_library(tmp_path_factory.mktemp("small")))


def served(library: Library, entry: str, audience: str, country: str | None) -> str:
    part = EntryPart(entry=entry, audience=audience, country=country)
    return library.entry_markdown(part, NOW)[0]


def test_norway_is_a_country_and_not_a_no(small):
    assert small.product is not None
    assert small.product.regions["EU"] == ("DE", "NO")
    assert small.region("NO") == "EU"
    assert "in Europe" in served(small, "dose", "patient", "NO")


@pytest.mark.parametrize(
    ("audience", "country", "text", "safety"),
    [
        ("patient", "US", "as in the United States", "Safety for anybody."),
        ("patient", "DE", "as in Europe", "Safety in Europe."),
        ("patient", "EU", "as in Europe", "Safety in Europe."),
        ("hcp", "US", "5 mg once daily", "Safety for professionals."),
        ("hcp", "DE", "5 mg once daily", "Safety for European professionals."),
    ],
)
def test_each_audience_and_region_has_its_own_text_and_its_own_safety_text(small, audience, country, text, safety):
    markdown = served(small, "dose", audience, country)
    assert text in markdown
    assert markdown.count("Safety") == 1
    assert safety in markdown


def test_an_unknown_country_gets_only_what_is_equal_everywhere(small):
    assert "shelf" in served(small, "shelf", "patient", None)
    for audience in AUDIENCES:  # the text of professionals is equal everywhere, but not their safety text
        assert not small.may_serve("dose", audience, None, NOW.date())
        with pytest.raises(NotApproved, match="an unknown country"):
            served(small, "dose", audience, None)


def test_a_text_of_one_region_is_not_served_to_an_unknown_or_another_country(small):
    assert "coupon" in served(small, "coupon", "patient", "US")
    for country in (None, "DE", "EU", "JP", "ZZ", "OTHER", ""):
        assert not small.may_serve("coupon", "patient", country, NOW.date())


@pytest.mark.parametrize("country", ["JP", "ZZ", "us", "OTHER", "", "U", "\0"])
def test_a_country_that_is_not_listed_gets_no_answer(small, country):
    assert not small.serves(country)
    for entry in small.entries:
        with pytest.raises(NotApproved):
            served(small, entry, "patient", country)


@given(audience=st.sampled_from(AUDIENCES), country=st.sampled_from(["US", "DE", "NO", "EU", None]), data=st.data())
@settings(deadline=None, max_examples=60)
def test_no_variant_ever_shows_a_text_of_another_audience_or_region(tmp_path_factory, audience, country, data):
    """Any set of sections: what is served is the closest one meant for this requester, or nothing."""
    names = [f"{a}{r}" for a in AUDIENCES for r in ("", " US", " EU")]
    names += [f"safety{a}{r}" for a in ("", " patient", " hcp") for r in ("", " US", " EU")]
    sections = {name: f"<{name}>" for name in data.draw(st.sets(st.sampled_from(names)))}
    try:
        entry = StandardResponse.model_validate({**_entry(), "sections": sections})
    except ValueError:
        return
    region = None if country is None else {"US": "US"}.get(country, "EU")
    text, safety = entry.text(audience, region), entry.safety(audience, region)
    regions = ("US", "EU") if region is None else (region,)
    allowed = {f"<{audience}>"} | ({f"<{audience} {region}>"} if region else set())
    assert text is None or text in allowed
    if region:
        assert text is not None
        assert (text == f"<{audience} {region}>") == (f"{audience} {region}" in sections)
    for each in regions:
        wanted = (f"safety {audience} {each}", f"safety {each}", f"safety {audience}", "safety")
        closest = next((f"<{name}>" for name in wanted if name in sections), "")
        assert safety in (closest, "") if region is None else safety == closest
        if region is None and entry.has_one_safety(audience, None):
            assert safety == closest


def _entry() -> dict[str, object]:
    return {
        "id": "x",
        "version": 1,
        "product": "testamol",
        "title": "X?",
        "audiences": AUDIENCES,
        "regions": ("US", "EU"),
        "label_version": "1",
        "effective": date(2026, 1, 1),
        "review_due": date(2026, 2, 1),
        "expires": date(2026, 3, 1),
        "owner": "o",
        "last_author": "a",
        "references": ["r"],
        "phrasings": ["a", "b", "c", "d", "e"],
    }


# --- wordings


def draft(tmp_path: Path, body: str) -> Library:
    """The small library with another greeting, which nobody need approve."""
    write(tmp_path)
    (tmp_path / WORDING).write_text(GREETING.replace("Hello. Call {{ contact.emergency_number }} if you must.", body))
    return read_library(tmp_path, drafts=True)


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ product.__class__.__init__.__globals__ }}",
        "{{ fields.__class__.__base__.__subclasses__() }}",
        "{{ product.model_dump.__func__.__globals__ }}",
        "{{ contact.nothing }}",
        "{{ fields.nothing }}",
        "{{ product.contacts.XX.email }}",
        "{% include 'other' %}",
        "{% for x in range(99999999) %}{% endfor %}",
        "{{ product.name + 1 }}",
        "{{ product.version / 0 }}",
    ],
)
def test_a_template_that_reaches_for_more_than_it_may_raises(body, tmp_path):
    with pytest.raises(LibraryError):
        draft(tmp_path, body).wording_markdown(WordingPart(wording="greeting", country="US"), NOW)


def test_words_that_a_wording_is_given_are_never_read_as_a_template(tmp_path):
    library = draft(tmp_path, "You said {{ fields.said }}")
    part = WordingPart(wording="greeting", country="US", fields={"said": "{{ product.name }} {% raise %}"})
    assert library.wording_markdown(part, NOW)[0] == "You said {{ product.name }} {% raise %}"


def test_a_wording_is_said_in_the_requesters_language_and_else_in_english(small):
    def greeting(language: str) -> tuple[str, str]:
        return small.wording_markdown(WordingPart(wording="greeting", language=language, country="US"), NOW)

    assert greeting("de") == ("Guten Tag.", "wording/greeting.de v1")
    assert greeting("fr") == ("Hello. Call 911 if you must.", "wording/greeting.en v1")


def test_a_wording_may_hold_a_break(tmp_path):
    library = draft(tmp_path, "One.\n\n---\n\nTwo.")
    assert "---" in library.wording_markdown(WordingPart(wording="greeting", country="US"), NOW)[0]


@pytest.mark.parametrize("today", [None, NOW.date()])
def test_a_label_is_shown_in_the_requesters_language_and_else_in_english(small, today):
    assert small.label("specialist", "de", today) == "Mit einem Menschen sprechen"
    assert small.label("specialist", "en", today) == small.label("specialist") == "Talk to a person"
    assert small.label("pressed", "de", today) == "Pressed"  # a translation need not hold every label
    assert small.label("specialist", "fr", today) == "Talk to a person"
    for language in ("en", "de", "fr"):
        with pytest.raises(NotApproved, match="has no label 'nothing'; add it"):
            small.label("nothing", language, today)


def test_each_language_of_the_labels_is_a_document_of_its_own(small):
    documents = dict(small.documents())
    assert {name for name in documents if "page" in name} == {"wording/page", "wording/page.de"}
    assert small.page is documents["wording/page"] is small.pages["en"]
    small.check_labels(NOW.date())
    small.check_labels(NOW.date(), "de")
    small.check_labels(NOW.date(), "fr")  # there is none: English it is


def test_a_library_without_labels_has_no_page(tmp_path):
    write(tmp_path, {name: text for name, text in FILES.items() if "page" not in name})
    library = read_library(tmp_path)
    assert library.page is None
    with pytest.raises(NotApproved):
        library.label("specialist", "de", NOW.date())


def test_a_requester_from_elsewhere_gets_the_contacts_of_elsewhere(small):
    for country in (None, "JP", "DE"):  # the small library has no contacts for Europe of its own
        part = WordingPart(wording="greeting", country=country)
        assert "112" in small.wording_markdown(part, NOW)[0]


# --- the library that is shipped


@pytest.fixture(scope="module")
def shipped(knowledge: Knowledge) -> Library:
    return knowledge.library


def test_the_shipped_library_has_nothing_to_complain_about(shipped):
    assert shipped.unapproved() == {}
    assert list(shipped.findings(NOW)) == []
    assert shipped.has_demo_signers()
    assert shipped.product is not None
    assert shipped.product.fictional


def test_the_command_that_checks_the_library_is_quiet_about_the_shipped_one(monkeypatch):
    monkeypatch.setattr("smi_bot.cli.knowledge", lambda *_: None)  # built once for all tests, by their fixture
    assert command("library", "check") == Ended(0, "", "")


def test_the_command_that_checks_the_library_says_what_is_wrong_with_another(tmp_path):
    folder = signed_library(tmp_path / "library")
    (folder / "triage").symlink_to(RESPONSES / "triage")
    (folder / "testamol" / "shelf.md").write_text(SHELF.replace("**shelf**", "floor"))
    ended = command("library", "check", "--library", str(folder))
    assert (ended.code, ended.out) == (1, "")
    errors = ended.err
    assert "testamol/shelf v1: needs the signatures of two people in two roles" in errors
    assert "wording/emergency.md.j2 is missing; write it" in errors
    assert "wording/page.yaml: field labels: 'helpful' is missing; add it" in errors


def test_findings_name_texts_that_are_out_of_date(small):
    late = NOW.replace(year=2028)
    found = "\n".join(small.findings(late))
    for name in (
        "testamol/shelf",
        "wording/greeting (en)",
        "wording/greeting (de)",
        "wording/page (en)",
        "wording/page (de)",
    ):
        assert f"{name}: is served from 2026-10-01 until 2028-10-01 only" in found


#: Values for the names that some wordings are passed.
FIELDS = {
    "audience": "a patient",
    "country": "Germany",
    "language": "French",
    "cases": "SMI-3, SMI-7",
    "limit": "10 MB",
}
LANGUAGES = ("en", "de", "fr", "es")
#: Texts without a word of medicine, which everybody gets in their own language.
TRANSLATED = (
    *("privacy-notice", "delete-ask", "delete-done", "delete-done-kept", "delete-cancelled", "invitation", "stale"),
    *("file-too-big", "file-type", "file-failed", "help", "greeting", "settings", "ask-audience", "ask-country"),
    *("audience-saved", "country-saved", "notice-thanks", "helpful-thanks", "not-helpful"),
)


@pytest.mark.parametrize("country", ["US", "DE", "EU", "JP", "OTHER", None])
def test_every_wording_renders_for_everybody(shipped, country):
    for (name, language), wording in shipped.wordings.items():
        if name == "answer":
            continue
        part = WordingPart(wording=name, language=language, country=country, fields=dict(FIELDS))
        markdown, source = shipped.wording_markdown(part, NOW)
        assert source == f"wording/{name}.{language} v{wording.version}"
        assert markdown
        assert not re.search(r"\{\{|\}\}|\{%|<[a-z]|None|Undefined", markdown)


def test_the_bot_has_every_wording_that_its_code_names(shipped):
    pattern = re.compile(r'(?:wording=|words\()"([a-z-]+)"')
    in_code = {name for path in CODE for name in pattern.findall(path.read_text("utf-8"))}
    assert in_code > {"answer", "clarify", "withdrawn"}
    for name in in_code | set(REQUIRED_WORDINGS) | set(PRECEDENCE):
        assert (name, "en") in shipped.wordings, name
    assert {name for name, _ in shipped.wordings} - set(REQUIRED_WORDINGS) == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TRANSLATED)
def test_texts_without_medicine_are_said_in_every_language(shipped, name, language):
    wording = shipped.wordings[name, language]
    english = shipped.wordings[name, "en"]
    assert language == "en" or wording.body != english.body
    used = re.compile(r"fields\.\w+")
    assert used.findall(wording.body) == used.findall(english.body)
    assert wording.body.count("\n") == english.body.count("\n")  # the same paragraphs and points
    commands = re.compile(r"(?<![\w/])/[a-z]+\b")
    assert commands.findall(wording.body) == commands.findall(english.body)


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_who_asks_for_help_in_another_language_is_told_that_medical_answers_are_in_english(shipped, language):
    english = {"de": "nur auf Englisch", "fr": "en anglais seulement", "es": "solo están en inglés"}[language]
    for name in ("help", "greeting"):
        assert english in shipped.wordings[name, language].body


def test_the_help_text_names_every_command(shipped):
    assert set(COMMANDS) - {"/start"} == set(re.findall(r"/[a-z]+\b", shipped.wordings["help", "en"].body))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_posted_in_public_names_no_product_no_company_and_no_matter_of_health(shipped, language):
    product = shipped.product
    part = WordingPart(wording="invitation", language=language, country=None)
    said, source = shipped.wording_markdown(part, NOW)
    assert source.startswith(f"wording/invitation.{language} ")
    assert said == shipped.wordings["invitation", language].body  # no field of anything
    assert len(said) <= 350
    folded = said.casefold()
    names = (product.name, product.generic, product.company, *product.company.split(), *product.names)
    for name in (*names, *product.misspellings, "asterleaf", "psoria", "tablet", "comprim"):
        assert name.casefold() not in folded, name
    for contact in product.contacts.values():
        assert not any(str(value) in said for value in contact.model_dump().values())
    effects = ("side effect", "nebenwirkung", "indésirable", "secundario", "arzneimittel", "médicament", "medicamento")
    assert not any(words in folded for words in effects)
    assert not re.search(r"\d|@|http|fictional", said)


def test_an_answer_has_one_break_after_its_safety_text_and_nowhere_else(shipped):
    for id, entry in shipped.entries.items():
        for audience, country in ((a, c) for a in entry.audiences for c in COUNTRIES):
            if not shipped.may_serve(id, audience, country, NOW.date()):
                continue
            part = EntryPart(entry=id, audience=audience, country=country)
            markdown, _ = shipped.entry_markdown(part, NOW)
            html = to_html(markdown)
            assert html.count("<hr />") == 1
            before, after = html.split("<hr />")
            region = shipped.region(country)
            both = f"{entry.text(audience, region)}\n\n{entry.safety(audience, region)}"
            assert before == to_html(both)
            assert after.startswith(f"\n<p>{id}, version {entry.version}, ")
            assert "---" not in to_text(markdown)
            assert "\n\n\n" not in to_text(markdown)


def test_safety_texts_exist_in_every_language_that_any_of_them_has(shipped):
    languages = {language for _, language in shipped.wordings}
    for name in (
        "emergency",
        "self-harm",
        "adverse-event",
        "special-situation",
        "product-complaint",
        "language",
        "human",
    ):
        assert {language for each, language in shipped.wordings if each == name} == languages


#: Verbs that are typed or found out, never on a button.
NEVER_SHOWN = {"start", "help", "privacy", "stale"}


def verbs() -> tuple[str, ...]:
    return get_args(Action.model_fields["verb"].annotation)


def test_every_button_has_its_words(shipped):
    assert shipped.product is not None
    values = {
        "answer": [*shipped.entries],
        "audience": ["patient", "hcp"],
        "country": [*(c for countries in shipped.product.regions.values() for c in countries), "other", "ZZ"],
    }
    for verb in verbs():
        for value in values.get(verb, [""]) if verb not in NEVER_SHOWN else []:
            assert label_of(Action(verb=verb, value=value), shipped, NOW.date())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_button_command_and_note_has_its_words_in_every_language(shipped, language):
    assert shipped.product is not None
    countries = {f"country-{country}" for served in shipped.product.regions.values() for country in served}
    page = shipped.pages[language]
    assert (set(REQUIRED_LABELS) | countries) - set(page.labels) == set()
    for key in REQUIRED_LABELS:
        assert shipped.label(key, language, NOW.date()) == page.labels[key]
    assert len(set(page.labels.values())) == len(page.labels) or language == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_is_described_in_3_to_60_characters(shipped, language):
    for typed in COMMANDS:
        described = shipped.pages[language].labels[f"command-{typed.removeprefix('/')}"]
        assert 3 <= len(described) <= 60, described
        assert "\n" not in described


def test_labels_and_wordings_are_translated_into_the_same_languages(shipped):
    assert set(shipped.pages) == {language for _, language in shipped.wordings} == set(LANGUAGES)


WRONG_FILE = re.compile(r'WrongFile\("([a-z-]+)"')


def test_whatever_is_wrong_with_a_file_has_its_text(shipped):
    wrong = {name for path in CODE for name in WRONG_FILE.findall(path.read_text("utf-8"))}
    assert wrong >= {"file-too-big", "file-type"}
    assert {("file-failed", "en"), *((name, "en") for name in wrong)} <= set(shipped.wordings)


def test_every_label_that_the_pages_and_the_code_name_exists(shipped):
    assert shipped.page is not None
    static = CHECKOUT / "channels" / "web_static"
    html = (static / "chat.html.j2").read_text("utf-8")
    named = set(re.findall(r"labels\[['\"]([a-z-]+)['\"]\]", html)) | set(re.findall(r'words\("([a-z-]+)"', html))
    script = "\n".join(path.read_text("utf-8") for path in sorted(static.glob("*.js")))
    named |= set(re.findall(r'\bsay\("([a-z]+(?:-[a-z]+)*)"', script))
    for path in CODE:
        code = path.read_text("utf-8")
        for pattern in (
            r'library\.label\("([a-z-]+)"',
            r'"label": "(file-[a-z-]+|refused|too-long)"',
        ):
            named |= set(re.findall(pattern, code))
    named |= set(WRONG_FILE.findall((CHECKOUT / "smi_bot" / "attachments.py").read_text("utf-8")))  # shown by the page
    assert named > {"refused", "file-too-big", "state-failed", "heading"}, (
        "the patterns above still find what they should"
    )
    assert (named | set(REQUIRED_LABELS)) - set(shipped.page.labels) == set()
    for prefix in re.findall(r"\bsay\(`([a-z-]+)\$", script):
        assert any(label.startswith(prefix) for label in shipped.page.labels), prefix


def test_the_required_labels_are_those_of_the_buttons():
    fixed = {verb for verb in verbs() if verb not in ("answer", "audience", "country")}
    fixed -= NEVER_SHOWN
    assert fixed <= set(REQUIRED_LABELS)


def test_the_shipped_library_is_large_enough_to_be_of_use(shipped):
    both = [entry for entry in shipped.entries.values() if set(entry.audiences) == set(AUDIENCES)]
    assert len(both) >= 15
    for entry in shipped.entries.values():
        assert len(entry.phrasings) >= 6, entry.id
        assert entry.title.endswith("?"), entry.id


def test_near_misses_belong_to_an_entry_or_a_label_and_no_phrasing_stands_in_two_entries(shipped):
    stray = {
        near.belongs
        for entry in shipped.entries.values()
        for near in entry.near_misses
        if near.belongs not in shipped.entries and near.belongs not in PRECEDENCE
    }
    phrasings = [phrasing.casefold() for entry in shipped.entries.values() for phrasing in entry.phrasings]
    assert len(phrasings) == len(set(phrasings))
    near = {n.text.casefold() for entry in shipped.entries.values() for n in entry.near_misses}
    assert not near & set(phrasings)
    # A near miss may belong to a topic that the library does not have; that is an id like any other.
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in stray)


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("country", COUNTRIES)
def test_every_rendered_answer_says_that_it_is_fictional_and_where_it_comes_from(shipped, audience, country):
    rendered = 0
    for id, entry in shipped.entries.items():
        if not shipped.may_serve(id, audience, country, NOW.date()):
            continue
        markdown, source = shipped.entry_markdown(EntryPart(entry=id, audience=audience, country=country), NOW)
        rendered += 1
        assert "Zelvanta is fictional" in markdown
        assert f"{id}, version {entry.version}, approved 2026-" in markdown
        assert all(reference in markdown for reference in entry.references)
        assert source == f"zelvanta/{id} v{entry.version}"
        assert not re.search(r"\{\{|\{%|<[a-z]|None|Undefined|\]\(", markdown)
    assert rendered >= 15


def test_approved_markdown_has_no_html_headings_tables_images_or_template_marks():
    forbidden = re.compile(r"<[A-Za-z/!]|^#{2,} |^\|.*\||!\[|\{\{|\{%|\{#", re.MULTILINE)
    for path in RESPONSES.glob("zelvanta/*.md"):
        body = path.read_text("utf-8").split("\n---\n", 1)[1]
        assert not forbidden.search(body), path


def test_no_python_lives_among_the_responses():
    assert list(RESPONSES.rglob("*.py")) == []


def test_approvals_are_kept_for_what_exists_and_nothing_else(shipped):
    assert set(shipped.approvals) == {name for name, _ in shipped.documents()}


def test_signing_again_what_is_signed_changes_no_file(tmp_path):
    from smi_bot.library.signing import sign_with_demo_keys

    write(tmp_path)
    assert sign_with_demo_keys(tmp_path, read_library(tmp_path), NOW) == len(FILES)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sign_with_demo_keys(tmp_path, read_library(tmp_path), NOW) == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert json.loads((tmp_path / "approvals/testamol/shelf.json").read_text())[0]["document"] == "testamol/shelf"


def test_the_small_library_of_the_tests_is_a_good_one(small):
    assert small.unapproved() == {}
    assert {DOSE, ANSWER, PAGE, PAGE_DE} <= set(FILES.values())
    assert set(small.approved_entries()) == {"shelf", "dose", "coupon"}
