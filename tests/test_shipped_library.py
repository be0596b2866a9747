"""The library that is shipped: whole, said in every language, and without a word too many."""

import json
import re
from typing import get_args

import pytest
from commands import Ended, command
from libraries import ANSWER, DOSE, FILES, NOW, PAGE, PAGE_DE, SHELF, signed_library, write
from reading_libraries import AUDIENCES, CHECKOUT, RESPONSES, said, served, small  # noqa: F401 (fixtures)

from smi_bot.assistant import COMMANDS, Knowledge
from smi_bot.decision import PRECEDENCE
from smi_bot.inquiry import Action, EntryPart, WordingPart
from smi_bot.library import Library, read_library
from smi_bot.library.library import REQUIRED_LABELS, REQUIRED_WORDINGS
from smi_bot.markup import to_html, to_text
from smi_bot.replies import label_of

CODE = sorted(path for room in ("smi_bot", "channels", "escalation") for path in (CHECKOUT / room).rglob("*.py"))
COUNTRIES = ("US", "DE", None)


@pytest.fixture(scope="module")
def shipped(knowledge: Knowledge) -> Library:
    return knowledge.library


def test_the_shipped_library_has_nothing_to_complain_about(shipped):
    assert shipped.unapproved() == {}
    assert list(shipped.findings(NOW)) == []
    assert shipped.has_demo_signers()
    assert shipped.product is not None
    assert shipped.product.fictional


def test_the_command_that_checks_the_library_finds_no_error_in_the_shipped_one():
    assert command("library", "check", "--no-warnings") == Ended(0, "", "")


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
