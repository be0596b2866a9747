"""`library approve`: two people in two roles approve what they were shown, and nobody approves what they may not."""

import json

import pytest
from libraries import MEDICAL, NOW, REGULATORY, key_of, sign_all, write
from signing_desk import Desk, changed, desk, signed_by_two  # noqa: F401 (fixtures)
from typer.testing import CliRunner

from smi_bot.library import read_library
from smi_bot.library.approval import canonical_hash, sign, verified
from smi_bot.library.model import PLACEHOLDER
from smi_bot.library.signing import sign_with_demo_keys
from smi_bot.workbench import signing_commands


def test_two_people_in_two_roles_approve_a_text(changed: Desk):
    first = changed.approve("shelf", "alma")
    assert (first.code, first.lines[-2:]) == (
        0,
        [
            "signed: testamol/shelf v1 by alma, medical",
            "still needed: one more signature, by another person in another role than medical",
        ],
    )
    assert changed.stands() == "in review"
    second = changed.approve("testamol/shelf", "bo")
    assert (second.code, second.lines[-1]) == (0, "approved: nothing is missing; commit approvals/")
    assert changed.stands() == "effective"
    assert [each["signer"] for each in changed.stored("approvals")] == ["alma", "bo"]
    assert changed.run("verify").code == 0


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("testamol/product", "testamol/product.yaml", "approved for nothing", "approved for little"),
        ("wording/greeting.de", "wording/greeting.de.md.j2", "Guten Tag", "Guten Abend"),
        ("wording/page", "wording/page.yaml", "Talk to a person", "Talk to somebody"),
    ],
)
def test_every_kind_of_document_obeys_the_same_rules(desk: Desk, name, file, old, new):
    desk.edit(old, new, file)
    assert "its last author" not in desk.approve(name, "alma").err
    assert "field last_author" in desk.approve(name, "wil").err
    assert desk.stands(name) == "in review"
    desk.approve(name, "bo")
    assert desk.stands(name) == "effective"


@pytest.mark.parametrize(
    ("signer", "expected"),
    [
        ("wil", "testamol/shelf v1: field last_author: is wil  AUTHOR; somebody else must approve it"),
        ("alma", "you signed it on 2026-11-23, as alma; somebody else must"),
        ("alma2", "you signed it on 2026-11-23, as alma; somebody else must"),
        ("dan", "Alma Medic signed it for medical already; somebody in another role must sign"),
        ("nobody", "nobody: is not in signers.yaml ("),
    ],
)
def test_a_signature_that_would_not_count_is_refused(changed: Desk, signer, expected):
    changed.approve("shelf", "alma")
    before = changed.stored("approvals")
    ended = changed.approve("shelf", signer)
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert expected in ended.err
    assert changed.stored("approvals") == before


def test_a_second_name_for_one_key_is_refused(changed: Desk):
    changed.approve("shelf", "bo")
    assert "you signed it on 2026-11-23, as bo" in changed.approve("shelf", "eve").err
    assert changed.stands() == "in review"


def test_somebody_elses_key_signs_nothing(changed: Desk):
    ended = changed.run("approve", "shelf", "--as", "alma", "--key", changed.key("bo"), "--yes")
    assert (ended.code, "is not the key of 'alma'" in ended.err) == (2, True)
    assert changed.stands() == "draft"


def test_only_a_demo_signer_signs_without_a_key_file(changed: Desk):
    ended = changed.run("approve", "shelf", "--as", "alma", "--yes")
    assert (ended.code, "name its file with --key FILE" in ended.err) == (2, True)
    assert changed.run("approve", "shelf", "--as", "demo-medical", "--yes").code == 0
    assert [each["signer"] for each in changed.stored("approvals")] == ["demo-medical"]


def test_a_third_role_may_sign_too(desk: Desk):
    assert desk.approve("shelf", "cleo").code == 0
    assert [each["signer"] for each in desk.stored("approvals")] == ["alma", "bo", "cleo"]


def test_signatures_that_no_longer_count_are_dropped(changed: Desk):
    changed.approve("shelf", "cleo")
    assert [each["signer"] for each in changed.stored("approvals")] == ["cleo"]
    changed.edit("version: 1", "version: 2")
    changed.approve("shelf", "bo")
    assert [(each["signer"], each["version"]) for each in changed.stored("approvals")] == [("bo", 2)]


def test_a_signature_that_its_last_author_slipped_in_keeps_nobody_from_signing(changed: Desk):
    content, wil = changed.document(), changed.library.signers["wil"]
    slipped = sign(content, "testamol/shelf", 1, wil, key_of("wil"), NOW)
    changed.store("approvals", [slipped.model_dump(mode="json")])
    changed.approve("shelf", "alma")
    changed.approve("shelf", "bo")
    assert changed.stands() == "effective"


def test_a_document_with_errors_is_not_signed(changed: Desk):
    changed.edit("owner: Medical Information\n", "")
    ended = changed.approve("shelf", "alma")
    assert (ended.code, "shelf.md: field owner: is missing; add it" in ended.err) == (2, True)


def test_a_text_that_is_not_in_the_library_is_not_signed(changed: Desk):
    assert (changed.approve("nothing", "alma").code, changed.approve("greeting", "alma").code) == (2, 2)


# --- words that nobody wrote yet


@pytest.mark.parametrize(
    ("file", "old", "name"),
    [
        ("testamol/shelf.md", "Keep it on the **shelf**.", "testamol/shelf"),
        ("testamol/shelf.md", "Label sheet 1.0, section 11", "testamol/shelf"),
        ("wording/page.yaml", "Talk to a person", "wording/page"),
    ],
)
def test_a_placeholder_is_never_approved_whatever_signatures_it_has(tmp_path, file, old, name):
    write(tmp_path)
    (tmp_path / file).write_text((tmp_path / file).read_text("utf-8").replace(old, f"… {PLACEHOLDER} …"), "utf-8")
    library = read_library(sign_all(tmp_path))
    assert library.unapproved() == {name: f"{name} v1: holds 'TO BE WRITTEN'; write the text, then have it approved"}
    assert sign_with_demo_keys(tmp_path, library, NOW) == len(list(library.documents())) - 1
    assert name in read_library(tmp_path).unapproved()


def test_a_placeholder_is_not_even_signed(desk: Desk):
    desk.edit("Keep it on the **shelf**.", PLACEHOLDER)
    ended = desk.approve("shelf", "alma")
    assert (ended.code, "holds 'TO BE WRITTEN'" in ended.err) == (2, True)
    signed = sign(desk.document(), "testamol/shelf", 1, MEDICAL, key_of("alma"), NOW)
    desk.store("approvals", [signed.model_dump(mode="json")])
    assert "alma: does not count: the text holds 'TO BE WRITTEN'" in desk.run("verify").err


# --- what is shown is what is signed


def test_the_whole_text_is_shown_where_nothing_was_approved_before(changed: Desk):
    shown = changed.approve("shelf", "alma").out
    assert f"hash: {canonical_hash(changed.document())}" in shown
    for words in ("in the **drawer**.", "Shelf storage", "away from children", "shelf five", "Where do I keep it?"):
        assert words in shown


def test_what_changed_since_the_last_approval_is_shown_where_git_knows_it(desk: Desk):
    desk.commit()
    desk.edit("on the **shelf**", "in the **drawer**")
    desk.commit()
    shown = desk.approve("shelf", "alma").lines
    assert "    - Keep it on the **shelf**." in shown
    assert "    + Keep it in the **drawer**." in shown
    assert "Shelf storage" not in "\n".join(shown)
    desk.commit()  # half approved: not what is compared with
    assert "    - Keep it on the **shelf**." in desk.approve("shelf", "bo").lines


def test_what_git_knows_and_nobody_approved_is_not_compared_with(changed: Desk):
    changed.store("approvals", changed.stored("approvals"))
    changed.commit()
    changed.edit("in the **drawer**", "under the **bed**")
    shown = changed.approve("shelf", "alma").out
    assert "under the **bed**" in shown
    assert "Shelf storage" in shown
    assert "what changed" not in shown


def test_nothing_hides_from_whoever_is_about_to_sign(changed: Desk):
    changed.edit("in the **drawer**", "in the \x1b[8mdrawer\u202e\u200b")
    shown = changed.approve("shelf", "alma").out
    assert "\\x1b[8mdrawer\\u202e\\u200b" in shown
    assert "\x1b" not in shown


def test_nothing_is_signed_unless_it_is_confirmed(changed: Desk):
    arguments = ["approve", "shelf", "--as", "alma", "--key", changed.key("alma"), "--library", str(changed.folder)]
    before = changed.stored("approvals")
    for answer in ("n\n", "\n", ""):
        ended = CliRunner().invoke(signing_commands.commands, arguments, input=answer)
        assert (ended.exit_code, changed.stored("approvals")) == (1, before)
    assert CliRunner().invoke(signing_commands.commands, arguments, input="y\n").exit_code == 0
    assert changed.stands() == "in review"


def test_what_is_signed_is_what_was_shown_although_the_file_changes_meanwhile(changed: Desk, monkeypatch):
    def confirm(*_, **__):
        changed.edit("in the **drawer**", "under the **bed**")
        return True

    monkeypatch.setattr(signing_commands.typer, "confirm", confirm)
    changed.run("approve", "shelf", "--as", "alma", "--key", changed.key("alma"))
    assert changed.stands() == "draft"
    assert "the text was changed since" in changed.run("verify").err


def test_an_approver_is_told_what_a_signature_does_not_mend(desk: Desk):
    desk.edit('label_version: "1.0"', 'label_version: "0.9"')
    desk.edit("effective: 2026-10-01", "effective: 2026-12-24")
    err = desk.approve("shelf", "alma").err
    assert "note: field label_version: rests on 0.9; the product has 1.0" in err
    assert "note: field effective: it is not sent before 2026-12-24" in err
    desk.now = NOW.replace(year=2027, month=11)
    assert "note: field review_due: its review was due on 2027-10-01" in desk.approve("shelf", "bo").err
    desk.now = NOW.replace(year=2028, month=10, day=1)
    assert "note: field expires: it is not sent since 2028-10-01" in desk.approve("shelf", "cleo").err


def test_a_folder_that_cannot_be_written_is_one_clear_line(changed: Desk):
    (changed.folder / "approvals/testamol/shelf.json").unlink()
    for file in (changed.folder / "approvals/testamol").iterdir():
        file.unlink()
    (changed.folder / "approvals/testamol").rmdir()
    (changed.folder / "approvals/testamol").write_text("a file in the way", "utf-8")
    ended = changed.approve("shelf", "alma")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert "cannot be written" in ended.err


def test_what_was_approved_by_command_is_what_the_rule_asks_for(changed: Desk):
    changed.approve("shelf", "alma")
    changed.approve("shelf", "bo")
    content, library = changed.document(), changed.library
    approvals = library.approvals["testamol/shelf"]
    assert verified(content, "testamol/shelf", 1, content.last_author, approvals, library.signers) == approvals
    assert {each.signer for each in approvals} == {MEDICAL.id, REGULATORY.id}
    assert json.loads(json.dumps(changed.stored("approvals"))) == [a.model_dump(mode="json") for a in approvals]
