"""`library verify`: every signature and every stop that does not count is named, with the reason."""

import json

import pytest
from libraries import NOW, REGULATORY, key_of, write_signers
from signing_desk import PEOPLE, Desk, desk, signed_by_two  # noqa: F401 (fixtures)

from smi_bot.library.approval import sign


def test_a_library_in_which_all_is_well_is_passed_in_silence(desk: Desk):
    ended = desk.run("verify")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert desk.run("verify", "--json").out == "[]\n"


def test_what_one_stopped_and_another_withdrew_is_as_it_should_be(desk: Desk):
    desk.stop("suspend", "shelf")
    desk.stop("withdraw", "dose", "bo")
    assert desk.run("verify").code == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signature": "AAAA"}, "the signature is not theirs, or something was changed after it"),
        ({"at": "2026-11-24T09:00:00+00:00"}, "the signature is not theirs, or something was changed after it"),
        ({"version": 2}, "the signature is not theirs, or something was changed after it"),
        ({"hash": "0" * 64}, "the signature is not theirs, or something was changed after it"),
        ({"document": "testamol/dose"}, "the signature is not theirs, or something was changed after it"),
        ({"meaning": "I have seen it."}, "signed another sentence; let them sign again"),
        ({"role": "pharmacy"}, "signed as pharmacy and is medical in signers.yaml"),
        ({"signer": "bo"}, "signed as medical and is regulatory in signers.yaml"),
    ],
)
def test_an_altered_approval_is_named(desk: Desk, change, reason):
    first, second = desk.stored("approvals")
    desk.store("approvals", [first | change, second])
    ended = desk.run("verify")
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert ended.err.startswith(
        f"approvals/testamol/shelf.json: {change.get('signer', 'alma')}: does not count: {reason}"
    )


def test_signatures_of_a_text_that_was_changed_since_are_named(desk: Desk):
    desk.edit("on the **shelf**", "in the **drawer**")
    lines = desk.run("verify").err.splitlines()
    assert [line.split(": ", 2)[1] for line in lines] == ["alma", "bo"]
    assert all("the text was changed since; have it approved again" in line for line in lines)


def test_signatures_of_an_older_version_are_named(desk: Desk):
    desk.edit("version: 1", "version: 2")
    assert "was given to version 1, and this is 2; have it approved" in desk.run("verify").err


def test_a_genuine_signature_of_another_document_is_named(desk: Desk):
    desk.store("approvals", desk.stored("approvals", "testamol/dose"))
    assert "alma: does not count: was given to 'testamol/dose'" in desk.run("verify").err


def test_a_signer_whom_nobody_lists_is_named(desk: Desk):
    write_signers(desk.folder, [REGULATORY])
    err = desk.run("verify").err
    assert err.count("alma: does not count: is not in signers.yaml") == len(list(desk.library.documents()))
    assert " bo: " not in err


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("alma", "wil"), "wil: does not count: they are the last author; somebody else must approve it"),
        (("alma", "alma"), "alma: does not count beside alma: they are one person; somebody else must sign"),
        (("alma", "alma2"), "alma2: does not count beside alma: they are one person; somebody else must sign"),
        (("bo", "eve"), "eve: does not count beside bo: they are one person; somebody else must sign"),
        (("alma", "dan"), "dan: does not count beside alma: both are medical; somebody in another role must sign"),
    ],
)
def test_two_signatures_that_are_not_two_people_in_two_roles_are_named(desk: Desk, pair, expected):
    people = {each.id: each for each in PEOPLE}
    signed = [
        sign(desk.document(), "testamol/shelf", 1, people[who], key_of("bo" if who == "eve" else who), NOW)
        for who in pair
    ]
    desk.store("approvals", [each.model_dump(mode="json") for each in signed])
    ended = desk.run("verify")
    assert (ended.code, ended.err) == (1, f"approvals/testamol/shelf.json: {expected}\n")


def test_a_draft_without_signatures_is_no_fault_of_a_signature(desk: Desk):
    (desk.folder / "approvals/testamol/shelf.json").unlink()
    assert desk.run("verify").code == 0


def test_signatures_under_nothing_are_named(desk: Desk):
    (desk.folder / "testamol/shelf.md").unlink()
    assert "approvals/testamol/shelf.json: -: there is no such document" in desk.run("verify").err


def test_programs_get_each_fault_by_its_parts(desk: Desk):
    desk.edit("version: 1", "version: 2")
    ended = desk.run("verify", "--json")
    found = json.loads(ended.out)
    assert (ended.code, ended.err, len(found)) == (1, "", 2)
    assert found[0] == {
        "file": "approvals/testamol/shelf.json",
        "signer": "alma",
        "reason": "does not count: was given to version 1, and this is 2; have it approved",
    }
