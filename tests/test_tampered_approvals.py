"""Tampering with approvals: only two people in two roles count."""

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from approved import RESTING, edit, folder, original, refused, refused_with, template  # noqa: F401 (fixtures)
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import (
    FILES,
    MEDICAL,
    NOW,
    REGULATORY,
    an_answer,
    key_of,
    sign_all,
    signer,
    write_signers,
)

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.library import read_library
from smi_bot.library.approval import MEANING, canonical_hash, sign, verified


def approvals_of(folder: Path, document: str = "testamol/shelf") -> list[dict[str, Any]]:
    return json.loads((folder / "approvals" / f"{document}.json").read_text("utf-8"))


def approve(folder: Path, approvals: Sequence[dict[str, Any]], document: str = "testamol/shelf") -> None:
    (folder / "approvals" / f"{document}.json").write_text(json.dumps(approvals), "utf-8")


@pytest.mark.parametrize("document", RESTING)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("document", "testamol/dose"),
        ("version", 2),
        ("hash", "0" * 64),
        ("signer", "bo"),
        ("role", "pharmacy"),
        ("at", "2026-11-24T09:00:00+00:00"),
        ("meaning", "I have seen this text."),
        ("signature", base64.b64encode(bytes(64)).decode()),
        ("signature", "no base64"),
        ("signature", "AAAA"),
    ],
)
def test_an_approval_with_one_changed_field_does_not_count(folder, document, field, value):
    first, second = approvals_of(folder, document)
    approve(folder, [first | {field: value}, second], document)
    refused_with(folder, document)


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 63), bit=st.integers(0, 7), who=st.integers(0, 1))
def test_a_signature_with_one_changed_bit_does_not_count(original, at, bit, who):
    content = original.entries["shelf"]
    approvals = list(original.approvals["testamol/shelf"])
    signature = bytearray(base64.b64decode(approvals[who].signature))
    signature[at] ^= 1 << bit
    approvals[who] = approvals[who].model_copy(update={"signature": base64.b64encode(signature).decode()})
    with pytest.raises(NotApproved):
        verified(content, "testamol/shelf", 1, content.last_author, approvals, original.signers)


def test_an_approval_of_another_text_cannot_be_carried_over(folder):
    edit(folder / "testamol/shelf.md", "**shelf**", "**floor**")
    dose = approvals_of(folder, "testamol/dose")
    for carried in (dose, [each | {"document": "testamol/shelf"} for each in dose]):
        approve(folder, carried)
        refused_with(folder, "testamol/shelf")
    current = read_library(folder).entries["shelf"]
    approve(folder, [each | {"hash": canonical_hash(current)} for each in approvals_of(folder)])
    refused_with(folder, "testamol/shelf")


def test_the_same_words_under_another_name_need_their_own_approval(folder):
    text = (folder / "testamol/shelf.md").read_text("utf-8")
    (folder / "testamol/other.md").write_text(text.replace("id: shelf", "id: other"), "utf-8")
    approve(folder, approvals_of(folder), "testamol/other")
    refused(read_library(folder), an_answer("other"))


def test_an_approval_of_an_older_version_does_not_count_for_a_newer_one(folder):
    old = approvals_of(folder)
    edit(folder / "testamol/shelf.md", "version: 1", "version: 2")
    approve(folder, [each | {"version": 2} for each in old])
    refused_with(folder, "testamol/shelf")
    # … nor does a newer one's count for the older.
    sign_all(folder)
    edit(folder / "testamol/shelf.md", "version: 2", "version: 1")
    refused_with(folder, "testamol/shelf")


def test_one_approver_is_not_two(folder):
    first, second = approvals_of(folder)
    for approvals in ([first], [second], [first, first], [second] * 5, []):
        approve(folder, approvals)
        refused_with(folder, "testamol/shelf")
    again = sign(
        read_library(folder).entries["shelf"], "testamol/shelf", 1, MEDICAL, key_of("alma"), NOW + timedelta(days=1)
    )
    approve(folder, [first, again.model_dump(mode="json")])
    refused_with(folder, "testamol/shelf")


@pytest.mark.parametrize(
    ("signers", "secrets"),
    [
        ((MEDICAL, signer("zoe", "Zoe Same", "medical")), ()),  # two people, one role
        ((MEDICAL, signer("zoe", "Zoe Key", "regulatory", "alma")), ("alma", "alma")),  # two names, one key
        ((MEDICAL, signer("zoe", "Alma Medic", "regulatory")), ()),  # one person, two keys
        ((MEDICAL, signer("zoe", "ALMA  MEDIC", "regulatory")), ()),
        ((MEDICAL, signer("zoe", "\uff21lma\u00a0Medic", "regulatory")), ()),
        (  # one person in two roles, and their key again under another name: still one person
            (MEDICAL, signer("am", "Alma Medic", "regulatory"), signer("zoe", "Zoe Key", "regulatory", "alma")),
            ("alma", "am", "alma"),
        ),
        ((MEDICAL, signer("wil", "Wil Author", "regulatory")), ()),  # the last author approves
        ((MEDICAL, REGULATORY, signer("wil", "wil  author", "pharmacy")), ()),
    ],
)
def test_two_signatures_that_are_not_two_people_in_two_roles_do_not_count(folder, signers, secrets):
    sign_all(folder, signers, secrets)
    for document in RESTING:
        refused_with(folder, document)


def test_a_third_signature_does_no_harm(folder):
    library = read_library(sign_all(folder, (MEDICAL, REGULATORY, signer("zoe", "Zoe", "medical"))))
    assert library.unapproved() == {}


def test_one_key_spelled_in_two_ways_is_refused_when_it_is_read(folder):
    spelled = MEDICAL.public_key
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = spelled[:-2] + alphabet[alphabet.index(spelled[-2]) + 1] + "="
    assert base64.b64decode(other, validate=True) == base64.b64decode(spelled)
    edit(folder / "signers.yaml", REGULATORY.public_key, other)
    with pytest.raises(LibraryError, match="signers.yaml: field public_key: is no Ed25519 public key"):
        read_library(folder)


def test_signatures_of_somebody_who_is_not_listed_do_not_count(folder):
    write_signers(folder, [MEDICAL])
    refused_with(folder, "testamol/shelf")
    (folder / "signers.yaml").unlink()
    refused_with(folder, "testamol/shelf")
    write_signers(folder, [MEDICAL, signer("bo", "Bo Rules", "regulatory", "another key")])
    refused_with(folder, "testamol/shelf")


def test_exchanged_keys_or_roles_undo_every_approval(folder):
    exchanged_keys = [
        MEDICAL.model_copy(update={"public_key": REGULATORY.public_key}),
        REGULATORY.model_copy(update={"public_key": MEDICAL.public_key}),
    ]
    exchanged_roles = [
        MEDICAL.model_copy(update={"role": "regulatory"}),
        REGULATORY.model_copy(update={"role": "medical"}),
    ]
    for signers in (exchanged_keys, exchanged_roles):
        write_signers(folder, signers)
        for document in RESTING:
            refused_with(folder, document)


def test_a_genuine_signature_under_other_words_is_no_approval(original):
    """Somebody may sign that they read a text, or that they refuse it."""
    content = original.entries["shelf"]
    first, second = original.approvals["testamol/shelf"]
    disapproval = first.model_copy(update={"meaning": "I do NOT approve this text."})
    unsigned = json.dumps(disapproval.model_dump(exclude={"signature"}), sort_keys=True, separators=(",", ":"))
    signature = base64.b64encode(key_of("alma").sign(unsigned.encode())).decode()
    signed = disapproval.model_copy(update={"signature": signature})
    with pytest.raises(NotApproved):
        verified(content, "testamol/shelf", 1, content.last_author, [signed, second], original.signers)
    assert first.meaning == MEANING


def test_another_file_of_signers_decides_whose_signatures_count(folder, tmp_path):
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    write_signers(trusted, [signer("alma", "Alma Medic", "medical", "x"), signer("bo", "Bo Rules", "regulatory", "y")])
    library = read_library(folder, trusted / "signers.yaml")
    assert len(library.unapproved()) == len(FILES)
    refused(library, an_answer())


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_no_selection_of_signers_counts_but_two_people_in_two_roles(original, data):
    """Any signers, any keys: approval needs a pair that differs in name, in key and in role, and no author."""
    content = original.entries["shelf"]
    people = st.tuples(
        st.sampled_from(["Ann", "Ben", "ann ", "Wil Author"]),
        st.sampled_from(["medical", "regulatory", "pharmacy"]),
        st.sampled_from(["k1", "k2", "k3"]),
    )
    drawn = data.draw(st.lists(people, max_size=4))
    signers = {f"s{i}": signer(f"s{i}", name, role, key) for i, (name, role, key) in enumerate(drawn)}
    approvals = [
        sign(content, "testamol/shelf", 1, signers[f"s{i}"], key_of(key), NOW) for i, (_, _, key) in enumerate(drawn)
    ]
    triples = [(name.strip().casefold(), role, key) for name, role, key in drawn]
    is_pair = any(all(a != b for a, b in zip(one, other, strict=True)) for one in triples for other in triples)
    by_author = any(name == "wil author" for name, _, _ in triples)
    accepted = partial(verified, content, "testamol/shelf", 1, content.last_author, approvals, signers)
    if is_pair and not by_author:
        assert len(accepted()) == len(drawn)
    else:
        with pytest.raises(NotApproved):
            accepted()


def test_a_draft_library_says_so_by_approving_nothing(folder):
    (folder / "approvals/testamol/shelf.json").unlink()
    library = read_library(folder, drafts=True)
    assert "shelf" in library.approved_entries()
    assert library.approved("testamol/shelf", library.entries["shelf"]) == ()
    assert not read_library(folder).drafts
