"""Tampering with content: whatever is changed, the approved words are read, or nothing."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from approved import (  # noqa: F401 (fixtures)
    ASKED,
    RESTING,
    _front,
    _yaml,
    approved_words,
    edit,
    folder,
    in_memory,
    original,
    refused,
    refused_with,
    template,
    words_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import (
    FILES,
    GREETING_DE,
    MEDICAL,
    NOW,
    PAGE,
    PAGE_DE,
    REGULATORY,
    a_wording,
    an_answer,
    key_of,
)
from pydantic import BaseModel

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import Part
from smi_bot.library import StandardResponse, Wording, read_library
from smi_bot.library.approval import canonical_hash, sign, verified
from smi_bot.library.model import Page, Product

FILE_OF = {
    "testamol/shelf": "testamol/shelf.md",
    "testamol/product": "testamol/product.yaml",
    "wording/answer.en": "wording/answer.md.j2",
    "wording/greeting.en": "wording/greeting.md.j2",
    "wording/greeting.de": "wording/greeting.de.md.j2",
    "wording/page": "wording/page.yaml",
    "wording/page.de": "wording/page.de.yaml",
}


def is_approved(part: Part, words: str | None, approved: str | None, approved_words: list[str | None]) -> bool:
    """Nothing, what was approved, or line by line approved English in the place of a translation that may not."""
    if words in (None, approved):
        return True
    english = approved_words[ASKED.index(a_wording())]
    if part.kind != "wording" or approved is None or english is None:
        return False
    texts = zip(words.split("\n"), approved.split("\n"), english.split("\n"), strict=True)
    return all(line in (own, other) for line, own, other in texts)


def changes(value: Any) -> list[Any]:
    """Other values in the place of `value`, at any depth."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case str() if value[:2] == "20":
            return [value.replace("-10-", "-09-"), value.replace("-01", "-02")]
        case str():
            return [value + " not", value[:-1], value[::-1], value.swapcase()]
        case []:
            return [["more"]]
        case list():
            inside = [[*value[:i], other, *value[i + 1 :]] for i, each in enumerate(value) for other in changes(each)]
            return [*inside, value[1:], [*value, *value[-1:]], value[::-1]]
        case dict():
            inside = [value | {key: other} for key, each in value.items() for other in changes(each)]
            return [*inside, *({k: v for k, v in value.items() if k != key} for key in value)]
        case _:
            return []


def is_allowed(model: type[BaseModel], data: Any) -> bool:
    try:
        model.model_validate(data)
    except ValueError:
        return False
    return True


def all_changes() -> list[tuple[str, str, Any]]:
    """(document, field, another value) for every field of every kind of document; all of them valid content."""
    return [
        (document, field, value)
        for document, content in CONTENTS.items()
        for field, before in content.model_dump(mode="json").items()
        for value in changes(before)
        if value != before and is_allowed(type(content), content.model_dump(mode="json") | {field: value})
    ]


CONTENTS: dict[str, Any] = {
    **dict(in_memory(lambda _, content: content).documents()),
    "wording/greeting.de": Wording.model_validate(_front(GREETING_DE) | {"body": "Guten Tag."}),
    "wording/page": Page.model_validate(_yaml(PAGE)),
    "wording/page.de": Page.model_validate(_yaml(PAGE_DE)),
}
CHANGES = all_changes()


def test_there_are_changes_to_every_field():
    fields = {(document, field) for document, field, _ in CHANGES}
    for document, model in (
        ("testamol/shelf", StandardResponse),
        ("testamol/product", Product),
        ("wording/page", Page),
    ):
        assert {field for each, field in fields if each == document} == set(model.model_fields)


@pytest.mark.parametrize("document", sorted({document for document, _, _ in CHANGES}))
def test_a_change_of_any_field_of_any_document_undoes_its_approval(document):
    before = CONTENTS[document]
    signers = {each.id: each for each in (MEDICAL, REGULATORY)}
    approvals = [sign(before, document, 1, each, key_of(each.id), NOW) for each in signers.values()]
    assert verified(before, document, 1, before.last_author, approvals, signers)
    for field, value in ((field, value) for each, field, value in CHANGES if each == document):
        after = type(before).model_validate(before.model_dump(mode="json") | {field: value})
        if after == before:
            continue
        assert canonical_hash(after) != canonical_hash(before)
        with pytest.raises(NotApproved):
            verified(after, document, after.version, after.last_author, approvals, signers)


@pytest.mark.parametrize(
    ("document", "old", "new"),
    [
        ("testamol/shelf", "**shelf**", "**floor**"),
        ("testamol/shelf", "Shelf storage", "Floor storage"),  # the text of another audience
        ("testamol/shelf", "away from", "near"),  # the safety text
        ("testamol/shelf", "title: Where", "title: When"),
        ("testamol/shelf", "  - shelf five", "  - shelf six"),
        ("testamol/shelf", "  - shelf five", "  - shelf five\n  - shelf six"),
        ("testamol/shelf", "the shelf hurt me", "the shelf healed me"),
        ("testamol/shelf", "belongs: adverse-event", "belongs: dose"),
        ("testamol/shelf", "section 11", "section 12"),
        ("testamol/shelf", "version: 1", "version: 2"),
        ("testamol/shelf", "expires: 2028", "expires: 2038"),
        ("testamol/shelf", "effective: 2026-10", "effective: 2026-09"),
        ("testamol/shelf", "owner: Medical", "owner: Other"),
        ("testamol/shelf", "last_author: Wil", "last_author: Ann"),
        ("testamol/shelf", "regions: [US, EU]", "regions: [US]"),
        ("testamol/shelf", "regions: [US, EU]", "regions: [EU, US]"),
        ("testamol/product", 'emergency_number: "911"', 'emergency_number: "119"'),
        ("testamol/product", "EU: [DE, NO]", "EU: [DE, NO, JP]"),
        ("testamol/product", "name: Testamol", "name: Besttamol"),
        ("wording/answer.en", "is fictional", "is real"),
        ("wording/answer.en", "{{ fields.safety }}", ""),
        ("wording/greeting.en", "Hello", "Goodbye"),
        ("wording/greeting.de", "Guten Tag", "Guten Abend"),
        ("wording/page", "Talk to a person", "Talk to nobody"),
        ("wording/page", "labels:\n", "labels:\n  more: More\n"),
        ("wording/page.de", "Mit einem Menschen sprechen", "Mit keinem Menschen sprechen"),
        ("wording/page.de", "labels:\n", "labels:\n  pressed: Mit einem Menschen\n"),
    ],
)
def test_one_changed_word_in_a_signed_folder_and_nothing_that_rests_on_it_is_said(folder, document, old, new):
    edit(folder / FILE_OF[document], old, new)
    refused_with(folder, document)


@pytest.mark.parametrize("document", RESTING)
def test_without_its_approvals_nothing_that_rests_on_a_document_is_said(folder, document):
    (folder / "approvals" / f"{document}.json").unlink()
    refused_with(folder, document)


def test_a_product_that_moves_a_country_cannot_move_an_answer(folder):
    edit(folder / "testamol/product.yaml", "  US: [US]\n  EU: [DE, NO]", "  US: [US, DE]\n  EU: [NO]")
    refused(read_library(folder), an_answer("coupon", country="DE"))
    refused(read_library(folder), an_answer("dose", country="DE"))


def test_dates_are_part_of_what_is_signed(folder):
    late = datetime(2029, 1, 1, tzinfo=UTC)
    for name in ("testamol/shelf.md", "wording/answer.md.j2", "wording/greeting.md.j2"):
        edit(folder / name, "2028-10-01", "2038-10-01")
    refused(read_library(folder), an_answer(), now=late)
    refused(read_library(folder), a_wording(), now=late)


@pytest.fixture(scope="module")
def playground(template, tmp_path_factory) -> Path:
    """A signed library for many tamperings: each puts back what it changed."""
    return Path(shutil.copytree(template, tmp_path_factory.mktemp("play") / "library"))


SIGNED_FILES = [*FILES, "signers.yaml", *(f"approvals/{name}.json" for name in RESTING)]


@settings(deadline=None, max_examples=100)
@given(file=st.sampled_from(SIGNED_FILES), data=st.data())
def test_whatever_bytes_are_changed_a_requester_reads_the_approved_words_or_nothing(
    playground, approved_words, file, data
):
    path = playground / file
    before = path.read_bytes()
    at, length = data.draw(st.integers(0, len(before) - 1)), data.draw(st.integers(0, 30))
    piece = st.binary(max_size=4) | st.sampled_from([b"not ", b"9", b"\n", b"  - x\n", b"#", b"-", b'"', b"AAAA", b"="])
    path.write_bytes(before[:at] + data.draw(piece) + before[at + length :])
    try:
        found = words_of(read_library(playground))
    except LibraryError:
        return
    finally:
        path.write_bytes(before)
    for part, words, approved in zip(ASKED, found, approved_words, strict=True):
        assert is_approved(part, words, approved, approved_words)


@settings(deadline=None, max_examples=30)
@given(one=st.sampled_from(SIGNED_FILES), other=st.sampled_from(SIGNED_FILES))
def test_whatever_files_are_exchanged_a_requester_reads_the_approved_words_or_nothing(
    playground, approved_words, one, other
):
    contents = {file: (playground / file).read_bytes() for file in (one, other)}
    (playground / one).write_bytes(contents[other])
    (playground / other).write_bytes(contents[one])
    try:
        found = words_of(read_library(playground))
    except LibraryError:
        return
    finally:
        for file, content in contents.items():
            (playground / file).write_bytes(content)
    for part, words, approved in zip(ASKED, found, approved_words, strict=True):
        assert is_approved(part, words, approved, approved_words)
