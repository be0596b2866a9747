"""`smi-bot library check` as a whole: it goes on behind every broken file, and says each thing with its line."""

import json
import re
from datetime import timedelta

import pytest
from checks import GREETING_FILE, PRODUCT_FILE, SHELF_FILE, TODAY, line_of, replaced, shown, with_triage
from commands import command
from libraries import DOSE, FILES, MEDICAL, NOW, PRODUCT, SHELF, key_of, sign_all, signed_library, write
from reading_libraries import RESPONSES
from test_broken_library import BROKEN

from smi_bot.assistant import Knowledge
from smi_bot.errors import LibraryError
from smi_bot.library.approval import stop
from smi_bot.workbench.checks.checking import check
from smi_bot.workbench.checks.subject import read_subject
from smi_bot.workbench.checks.unreadable import unreadable


def said(folder, topic=None):
    return check(folder, None, TODAY, topic).findings


# --- what cannot be read


@pytest.mark.parametrize("what", BROKEN)
def test_every_broken_file_is_an_error_with_its_file_reason_and_mend(what, tmp_path):
    file, break_it = BROKEN[what]
    path = signed_library(tmp_path) / file
    path.write_text(break_it(path.read_text("utf-8")), "utf-8")
    findings = list(unreadable(read_subject(tmp_path, None, TODAY)))
    assert findings
    for finding in findings:
        assert finding.severity == "error"
        assert finding.file == shown(tmp_path, file)
        assert finding.reason
        assert finding.mend
        assert finding.line is None or 1 <= finding.line <= len(path.read_text("utf-8").splitlines()) + 1
        assert str(finding).startswith(f"{shown(tmp_path, file)}:")


@pytest.mark.parametrize(
    ("change", "line", "kind"),
    [
        (("version: 1", "version: 1\ncolour: blue"), "colour:", "schema"),
        (("  - shelf five\n", "  - shelf one\n"), "phrasings:", "schema"),
        (("[patient, hcp]", "[patient, nurse]"), "audiences:", "variants"),
        (("[US, EU]", "[US, EU, JP]"), "regions:", "variants"),
        (("# safety\n", "# safety NO\n"), "# safety NO", "variants"),
        (("# hcp\n", "# hcp EU\n"), "audiences:", "variants"),
        (("expires: 2028-10-01", "expires: 2026-10-02"), "effective:", "dates"),
        (("expires: 2028-10-01", "expires: 2028-13-01"), "expires:", "dates"),
        (("references:\n  - Label sheet 1.0, section 11", "references: []"), "references:", "references"),
        (("    belongs: adverse-event", "    belongs: adverse event"), "belongs:", "near-miss"),
        (("id: shelf", "id: shelve"), "id:", "schema"),
        (("title: Where", "title: [Where"), "audiences:", "schema"),
    ],
)
def test_a_broken_field_is_named_with_its_line_and_kind(change, line, kind, tmp_path):
    replaced(tmp_path, SHELF_FILE, change)
    (finding,) = unreadable(read_subject(tmp_path, None, TODAY))
    assert (finding.kind, finding.line) == (kind, line_of(tmp_path, SHELF_FILE, line))


def test_a_broken_template_is_named_with_its_line(tmp_path):
    replaced(tmp_path, GREETING_FILE, ("Hello.", "Hello.\n\n{% if %}"))
    (finding,) = unreadable(read_subject(tmp_path, None, TODAY))
    assert (finding.kind, finding.line) == ("schema", line_of(tmp_path, GREETING_FILE, "{% if %}"))
    replaced(tmp_path, GREETING_FILE, ("contact.", "contcat."))
    (finding,) = unreadable(read_subject(tmp_path, None, TODAY))
    assert (finding.kind, finding.reason) == ("terms", "text: 'contcat' is no name a template knows")


def test_behind_a_broken_file_all_others_are_checked(tmp_path):
    replaced(tmp_path, SHELF_FILE, ("version: 1", "version: none"))
    write(tmp_path, {"testamol/dose.md": DOSE.replace("5 mg once daily.", "TODO")})
    write(tmp_path, {GREETING_FILE: FILES[GREETING_FILE].replace("Hello.", "Hello. {{ contact.fax }}")})
    found = {(each.file, each.kind) for each in said(tmp_path)}
    assert {
        (shown(tmp_path, SHELF_FILE), "schema"),
        (shown(tmp_path, "testamol/dose.md"), "placeholder"),
        (shown(tmp_path, GREETING_FILE), "terms"),
    } <= found


def test_without_a_product_or_triage_the_rest_is_checked(tmp_path):
    write(tmp_path, {name: text for name, text in FILES.items() if name != PRODUCT_FILE})
    write(tmp_path, {SHELF_FILE: SHELF.replace("shelf one", "TODO")})
    found = said(tmp_path)
    assert any("product.yaml: is missing" in each.reason for each in found)
    assert any(each.kind == "placeholder" for each in found)
    write(tmp_path)
    assert any("triage" in each.file for each in said(tmp_path))


def test_a_folder_or_a_topic_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LibraryError, match="no such folder"):
        said(tmp_path / "nowhere")
    with pytest.raises(LibraryError, match="names no documents"):
        said(write(tmp_path), "nothing")


# --- signatures


def test_what_is_not_approved_is_an_error_on_the_line_of_its_version(tmp_path):
    signed_library(tmp_path)
    assert [each for each in said(tmp_path) if each.kind == "approval"] == []
    write(tmp_path, {SHELF_FILE: SHELF.replace("**shelf**", "floor")})
    (finding,) = (each for each in said(tmp_path) if each.kind == "approval")
    assert (finding.severity, finding.file) == ("error", shown(tmp_path, SHELF_FILE))
    assert finding.line == line_of(tmp_path, SHELF_FILE, "version:")
    assert "needs the signatures of two people in two roles" in finding.reason


@pytest.mark.parametrize("kind", ["suspended", "withdrawn"])
def test_an_entry_that_was_stopped_on_purpose_is_a_warning_and_a_service_text_an_error(kind, tmp_path):
    signed_library(tmp_path)
    for document in ("testamol/shelf", "wording/greeting.en"):
        order = stop(document, 1, kind, "It is wrong.", MEDICAL, key_of("alma"), NOW + timedelta(hours=1))
        write(tmp_path, {f"stops/{document}.json": json.dumps([order.model_dump(mode="json")])})
    found = {each.file: each.severity for each in said(tmp_path) if each.kind == "approval"}
    assert found == {shown(tmp_path, SHELF_FILE): "warning", shown(tmp_path, GREETING_FILE): "error"}


# --- one topic


def test_of_one_topic_only_what_concerns_it_is_said(tmp_path):
    write(tmp_path, {**FILES, SHELF_FILE: SHELF.replace("Keep it on", "TODO Keep it on")})
    write(tmp_path, {"testamol/dose.md": DOSE.replace("dose five", "Shelf two!")})
    for topic in ("shelf", "testamol/shelf"):
        found = said(tmp_path, topic)
        assert {each.kind for each in found} == {"approval", "placeholder", "confusable"}
        assert all(shown(tmp_path, SHELF_FILE) in (each.file, each.beside) for each in found)
    assert {each.file for each in said(tmp_path, "greeting.de") if each.kind == "approval"} == {
        shown(tmp_path, "wording/greeting.de.md.j2")
    }


def test_a_topic_that_cannot_be_read_can_be_asked_for(tmp_path):
    replaced(tmp_path, SHELF_FILE, ("version: 1", "version: none"))
    assert [each.kind for each in said(tmp_path, "shelf")] == ["schema"]


# --- the command


@pytest.fixture
def triage_is_read(monkeypatch, knowledge: Knowledge):
    """Read once for all tests, by their fixture."""
    monkeypatch.setattr("smi_bot.workbench.checks.checking.load_rules", lambda *_: knowledge.rules)


def whole(folder):
    """A library with no error: the service texts of the shipped one, and a warning or two."""
    contacts = PRODUCT.split("  OTHER:\n")[1].split("effective")[0]
    write(folder, {**FILES, PRODUCT_FILE: PRODUCT.replace("  OTHER:\n", f"  EU:\n{contacts}  OTHER:\n")})
    for path in (RESPONSES / "wording").glob("*"):
        if "Zelvanta" not in (text := path.read_text("utf-8")):
            (folder / "wording" / path.name).write_text(text, "utf-8")
    with_triage(folder)
    return sign_all(folder)


def test_warnings_are_told_and_leave_the_exit_code_alone(tmp_path, triage_is_read):
    folder = whole(tmp_path)
    ended = command("library", "check", "--library", str(folder))
    assert (ended.code, ended.out) == (0, "")
    assert ended.err
    assert all(re.match(r"\S+:\d+: warning: .+; .+", line) for line in ended.err.splitlines())
    quiet = command("library", "check", "--no-warnings", "--library", str(folder))
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_errors_are_exit_code_1(tmp_path, triage_is_read):
    folder = whole(tmp_path)
    (folder / SHELF_FILE).write_text(SHELF.replace("**shelf**", "TODO"), "utf-8")
    ended = command("library", "check", "shelf", "--no-warnings", "--library", str(folder))
    assert ended.code == 1
    line = line_of(folder, SHELF_FILE, "TODO")
    assert f"{shown(folder, SHELF_FILE)}:{line}: 'TODO' is a placeholder; write what belongs there\n" in ended.err


def test_for_programs_there_is_json_whether_anything_is_wrong_or_not(tmp_path, triage_is_read):
    folder = whole(tmp_path)
    (folder / SHELF_FILE).write_text(SHELF.replace("**shelf**", "TODO"), "utf-8")
    ended = command("library", "check", "shelf", "--json", "--library", str(folder))
    report = json.loads(ended.out)
    assert (ended.code, ended.err) == (1, "")
    assert report["errors"] >= 1
    first = next(each for each in report["findings"] if each["kind"] == "placeholder")
    assert set(first) == {"kind", "severity", "file", "line", "reason", "mend", "beside"}
    nothing = json.loads(command("library", "check", "dose", "--json", "--no-warnings", "--library", str(folder)).out)
    assert (nothing["errors"], nothing["findings"]) == (0, [])


def test_the_shipped_library_has_no_error_and_few_warnings(triage_is_read):
    found = check(RESPONSES, None, TODAY)
    assert found.errors == ()
    assert all("spread evenly, were tried" in note for note in found.notes)
    assert len(found.findings) <= 25
    assert all(each.line for each in found.findings)
