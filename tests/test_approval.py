"""Nothing unapproved: whatever is done to a signed library, a requester reads its approved words or nothing."""

import asyncio
import base64
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import (
    FILES,
    GREETING,
    GREETING_DE,
    MEDICAL,
    NOW,
    PAGE,
    PAGE_DE,
    PRODUCT,
    REGULATORY,
    SHELF,
    a_delivery,
    a_reply,
    a_wording,
    an_answer,
    key_of,
    sign_all,
    signed_library,
    signer,
    write,
    write_signers,
)
from pydantic import BaseModel

from smi_bot.assistant import Knowledge
from smi_bot.durable.outbox import post
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import LibraryError, NotApproved, SettingsError, SmiError
from smi_bot.inquiry import Action, Choice, Part, SpecialistPart
from smi_bot.knowledge import knowledge as build_knowledge
from smi_bot.knowledge import refuse_unfit
from smi_bot.library import Library, StandardResponse, Wording, read_library
from smi_bot.library.approval import MEANING, canonical_hash, demo_key, demo_signers, sign, verified
from smi_bot.library.library import REQUIRED_LABELS, REQUIRED_WORDINGS
from smi_bot.library.model import Approval, Page, Product, Signer
from smi_bot.library.signing import sign_with_demo_keys, write_approvals
from smi_bot.plain_yaml import load_yaml
from smi_bot.receiving import post_reply
from smi_bot.settings import Settings

BUTTON = Choice(action=Action(verb="specialist"))
#: What rests on each document: a change of it must take these words back.
RESTING: dict[str, tuple[Part, Choice | None]] = {
    "testamol/shelf": (an_answer(), None),
    "testamol/product": (an_answer(), None),
    "wording/answer.en": (an_answer(), None),
    "wording/greeting.en": (a_wording(), None),
    "wording/greeting.de": (a_wording(language="de"), None),
    "wording/page": (a_wording(), BUTTON),
    "wording/page.de": (a_wording(language="de"), BUTTON),
}
FILE_OF = {
    "testamol/shelf": "testamol/shelf.md",
    "testamol/product": "testamol/product.yaml",
    "wording/answer.en": "wording/answer.md.j2",
    "wording/greeting.en": "wording/greeting.md.j2",
    "wording/greeting.de": "wording/greeting.de.md.j2",
    "wording/page": "wording/page.yaml",
    "wording/page.de": "wording/page.de.yaml",
}
#: Translations: the English document that is said in their place, and their own words.
TRANSLATED = {
    "wording/greeting.de": ("wording/greeting.en", "Guten Tag"),
    "wording/page.de": ("wording/page", "Mit einem Menschen"),
}


def rendered(library: Library, part: Part, *choices: Choice, now: datetime = NOW) -> str:
    """What the requester would read, by the real delivery."""
    words = asyncio.run(a_delivery(library, now).render(a_reply(part, *choices)))
    return "\n".join([words.markdown, *(button.text for button in words.buttons)])


def refused(library: Library, part: Part, *choices: Choice, now: datetime = NOW) -> None:
    """Neither the library nor the delivery gives these words out."""
    with pytest.raises(NotApproved):
        rendered(library, part, *choices, now=now)
    if part.kind == "entry" and not choices:
        with pytest.raises(NotApproved):
            library.entry_markdown(part, now)
    if part.kind == "wording" and not choices:
        with pytest.raises(NotApproved):
            library.wording_markdown(part, now)


def is_approved(part: Part, words: str | None, approved: str | None, approved_words: list[str | None]) -> bool:
    """Nothing, what was approved, or line by line approved English in the place of a translation that may not."""
    if words in (None, approved):
        return True
    english = approved_words[ASKED.index(a_wording())]
    if part.kind != "wording" or approved is None or english is None:
        return False
    texts = zip(words.split("\n"), approved.split("\n"), english.split("\n"), strict=True)
    return all(line in (own, other) for line, own, other in texts)


def refused_with(folder: Path, document: str) -> None:
    part, choice = RESTING[document]
    choices = [choice] if choice else []
    library = read_library(folder)
    english, words = TRANSLATED.get(document, (document, ""))
    if english == document or english in library.unapproved():
        refused(library, part, *choices)
        return
    try:
        said = rendered(library, part, *choices)
    except NotApproved:
        return
    assert said.splitlines()[-1] == rendered(library, a_wording(), *choices).splitlines()[-1]  # in its place
    assert words not in said


ASKED = (
    *(
        an_answer(entry, who, where)
        for entry in ("shelf", "dose")
        for who in ("patient", "hcp")
        for where in ("US", "DE", None)
    ),
    *(an_answer("coupon", country=where) for where in ("US", "DE", None)),
    *(a_wording(language=language) for language in ("en", "de", "fr")),
)


def words_of(library: Library) -> list[str | None]:
    """Everything that anybody can be told; None where it is refused."""

    async def all_of_them() -> list[str | None]:
        delivery = a_delivery(library)
        found: list[str | None] = []
        for part in ASKED:
            try:
                words = await delivery.render(a_reply(part, *([BUTTON] if part.kind == "wording" else [])))
                found.append("\n".join([words.markdown, *(button.text for button in words.buttons)]))
            except (NotApproved, LibraryError):
                found.append(None)
        return found

    return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    return signed_library(tmp_path_factory.mktemp("signed"))


@pytest.fixture(scope="module")
def original(template) -> Library:
    return read_library(template)


@pytest.fixture(scope="module")
def approved_words(original) -> list[str | None]:
    return words_of(original)


@pytest.fixture
def folder(template, tmp_path) -> Path:
    """A signed library to tamper with."""
    return Path(shutil.copytree(template, tmp_path / "library"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


# --- what is signed is served, and only while it may be


def test_a_signed_library_is_served(original, approved_words):
    assert original.unapproved() == {}
    for part, choice in RESTING.values():
        assert rendered(original, part, *([choice] if choice else []))
    assert "Keep it on the **shelf**." in rendered(original, an_answer())
    assert sum(words is not None for words in approved_words) == 6 + 4 + 1 + 3


@pytest.mark.parametrize(
    ("now", "is_served"),
    [
        (datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 1, 0, 0, tzinfo=UTC), True),
        (datetime(2028, 9, 30, 23, 59, 59, 999999, tzinfo=UTC), True),
        (datetime(2028, 10, 1, 0, 0, tzinfo=UTC), False),
        (datetime(2030, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_text_is_served_from_its_first_day_until_the_day_before_it_expires(original, now, is_served):
    for part in (an_answer(), a_wording(), a_wording(language="de")):
        if is_served:
            assert rendered(original, part, now=now)
        else:
            refused(original, part, now=now)
    assert original.may_serve("shelf", "patient", "US", now.date()) == is_served


@settings(deadline=None, max_examples=40)
@given(day=st.dates(date(2020, 1, 1), date(2035, 1, 1)), effective=st.integers(0, 900), length=st.integers(0, 900))
def test_no_day_outside_the_signed_dates_is_ever_served(day, effective, length):
    first = date(2026, 1, 1) + timedelta(days=effective)
    last = first + timedelta(days=length)
    dates = {"effective": first, "review_due": first, "expires": last}
    library = in_memory(
        lambda document, content: content.model_copy(update=dates) if document == "testamol/shelf" else content
    )
    assert library.may_serve("shelf", "patient", "US", day) == (first <= day < last)


def in_memory(change: Callable[[str, Any], Any]) -> Library:
    """The small library with changed content, signed by both anew."""
    entry = StandardResponse.model_validate(_front(SHELF) | {"sections": {"patient": "p", "hcp": "h"}})
    wording = Wording.model_validate(_front(GREETING) | {"body": "{{ fields.text }}", "id": "answer"})
    product = Product.model_validate(_yaml(PRODUCT))
    documents = {"testamol/shelf": entry, "testamol/product": product, "wording/answer.en": wording}
    changed = {name: change(name, content) for name, content in documents.items()}
    approvals = {
        name: tuple(sign(content, name, content.version, each, key_of(each.id), NOW) for each in (MEDICAL, REGULATORY))
        for name, content in changed.items()
    }
    return Library(
        product=changed["testamol/product"],
        entries={"shelf": changed["testamol/shelf"]},
        wordings={("answer", "en"): changed["wording/answer.en"]},
        approvals=approvals,
        signers={each.id: each for each in (MEDICAL, REGULATORY)},
    )


def _yaml(text: str) -> dict[str, Any]:
    return dict(load_yaml(text))


def _front(text: str) -> dict[str, Any]:
    return _yaml(text.split("---\n")[1])


def test_a_text_that_rests_on_an_older_label_is_no_longer_served():
    def newer(document: str, content: Any) -> Any:
        return content.model_copy(update={"label_version": "2.0"}) if document.endswith("product") else content

    assert rendered(in_memory(lambda _, content: content), an_answer())
    library = in_memory(newer)
    assert library.unapproved() == {}
    refused(library, an_answer())
    assert any("rests on label 1.0" in finding for finding in library.findings(NOW))


@pytest.mark.parametrize(
    "part",
    [
        an_answer("coupon", "patient", "DE"),
        an_answer("coupon", "hcp", "EU"),
        an_answer("coupon", "patient", None),
        an_answer("dose", "patient", None),
        an_answer("shelf", "patient", "JP"),
        an_answer("shelf", "patient", "ZZ"),
        an_answer("nothing"),
        an_answer("testamol/shelf"),
        an_answer("../shelf"),
        an_answer(""),
        a_wording("nothing"),
        a_wording("answer.en"),
        a_wording("page"),
    ],
)
def test_a_queued_reply_for_somebody_the_text_is_not_meant_for_is_refused(original, part):
    refused(original, part)


def test_an_entry_for_professionals_is_refused_to_a_patient(folder):
    for name in ("shelf", "coupon"):
        edit(folder / f"testamol/{name}.md", "audiences: [patient, hcp]", "audiences: [hcp]")
    edit(folder / "testamol/shelf.md", "# patient\nKeep it on the **shelf**.\n", "")
    edit(folder / "testamol/coupon.md", "# patient\nThere is a coupon.\n", "")
    library = read_library(sign_all(folder))
    assert "Shelf storage" in rendered(library, an_answer(audience="hcp"))
    refused(library, an_answer(audience="patient"))
    refused(library, an_answer("coupon", "patient"))


# --- tampering with content


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


# --- tampering with approvals


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


# --- a specialist's own words, and the buttons


def test_words_that_no_specialist_wrote_are_refused(original):
    part = SpecialistPart(event=7, text="Take two.")
    delivery = a_delivery(original, wrote=lambda asked: asked.event == 8)
    with pytest.raises(NotApproved, match="no specialist wrote these words"):
        asyncio.run(delivery.render(a_reply(part)))
    written = asyncio.run(delivery.render(a_reply(part.model_copy(update={"event": 8}))))
    assert (written.markdown, written.author) == ("Take two\\.", "specialist")


def test_a_button_without_approved_words_takes_its_message_with_it(original):
    for choice in (Choice(action=Action(verb="helpful")), Choice(action=Action(verb="audience", value="nurse"))):
        refused(original, a_wording(), choice)


def test_a_suggestion_does_not_show_the_title_of_an_entry_that_nobody_approved(folder):
    edit(folder / "testamol/shelf.md", "Where do I keep it?", "Does it cure everything?")
    refused(read_library(folder), a_wording(), Choice(action=Action(verb="answer", value="shelf")))


def test_labels_that_are_out_of_date_are_not_shown(folder):
    edit(folder / "wording/page.yaml", "2028-10-01", "2027-10-01")
    now = NOW.replace(year=2027, month=10, day=2)
    library = read_library(sign_all(folder))
    assert rendered(library, a_wording(), now=now)
    refused(library, a_wording(), BUTTON, now=now)


def test_translated_labels_that_are_out_of_date_give_way_to_the_english_ones(folder):
    edit(folder / "wording/page.de.yaml", "2028-10-01", "2027-10-01")
    last, late = date(2027, 9, 30), date(2027, 10, 1)
    library = read_library(sign_all(folder))
    assert library.label("specialist", "de", last) == "Mit einem Menschen sprechen"
    assert library.label("specialist", "de", late) == "Talk to a person"
    library.check_labels(last, "de")
    library.check_labels(late)  # English may be shown, so a message need not be lost
    with pytest.raises(NotApproved, match=r"wording/page\.de: is served from"):
        library.check_labels(late, "de")


@pytest.mark.parametrize("today", [None, NOW.date()])
def test_translated_labels_that_nobody_approved_give_way_to_the_english_ones(folder, today):
    assert read_library(folder).label("specialist", "de", today) == "Mit einem Menschen sprechen"
    edit(folder / "wording/page.de.yaml", "Mit einem", "Mit keinem")
    library = read_library(folder)
    assert library.label("specialist", "de", today) == "Talk to a person"
    with pytest.raises(NotApproved, match=r"wording/page\.de v1: needs the signatures"):
        library.check_labels(NOW.date(), "de")


def test_english_labels_that_may_not_be_shown_take_every_language_with_them(folder):
    """They stand in for whatever a translation lacks."""
    edit(folder / "wording/page.yaml", "Talk to a person", "Talk to nobody")
    library = read_library(folder)
    for language in ("en", "de", "fr"):
        with pytest.raises(NotApproved, match="wording/page v1"):
            library.check_labels(NOW.date(), language)


async def refused_rows(service, *parts: Part) -> None:
    """Queues replies as anybody could who can write to the database, and waits until none is open."""
    async with service.app.database.transaction() as tx:
        for number, part in enumerate(parts):
            reply = a_reply(part).model_copy(update={"id": f"r{number}", "conversation": f"fake:{number}"})
            await post_reply(tx, service.clock(), reply)
    async with asyncio.timeout(20):
        while True:
            async with service.app.database.reading() as tx:
                keys = [f"r{number}" for number in range(len(parts))]
                rows = (await tx.execute(sa.select(OutboxRow).where(OutboxRow.key.in_(keys)))).scalars().all()
            if all(row.state != "open" for row in rows):
                break
            await asyncio.sleep(0.02)
    for row in rows:
        assert row.state == "failed"
        assert (row.error or "").startswith("not approved at the moment of sending")
        assert row.sent is None
        assert not any(heard.reply == row.key for heard in service.requester.received)


async def test_in_the_running_service_a_queued_reply_that_may_not_be_sent_is_failed_and_never_heard(service):
    await refused_rows(
        service,
        SpecialistPart(event=1, text="Take two."),
        an_answer("cost-support-us", "patient", "DE"),
        an_answer("nurse-line-eu", "patient", "US"),
        an_answer("missed-dose", "patient", "JP"),
        a_wording("no-such-wording"),
    )


async def test_in_the_running_service_an_answer_that_expired_in_the_queue_is_never_heard(open_service, clock):
    clock.now = datetime(2028, 10, 1, tzinfo=UTC)
    async with open_service() as service:
        await refused_rows(service, an_answer("missed-dose"), a_wording("emergency"))
        assert service.requester.received == []


async def test_in_the_running_service_words_written_to_one_requester_are_never_heard_by_another(service):
    await service.requester.says("I got a rash after two weeks on Zelvanta")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.desk.replies(case.id, "Please show it to a doctor.")
    await service.requester.hears("specialist")
    async with service.app.database.transaction() as tx:
        rows = (await tx.execute(sa.select(OutboxRow).where(OutboxRow.lane == "fake:ann"))).scalars()
        part = next(row.payload["part"] for row in rows if row.payload.get("part", {}).get("kind") == "specialist")
    await refused_rows(service, SpecialistPart.model_validate(part))


async def test_a_queued_reply_holds_no_words_that_could_be_changed(database, clock):
    async with database.transaction() as tx:
        await post_reply(tx, clock(), a_reply(an_answer(), BUTTON))
    async with database.reading() as tx:
        row = await tx.get_one(OutboxRow, 1)
    assert set(row.payload["part"]) == {"kind", "entry", "audience", "country"}
    assert set(row.payload["choices"][0]["action"]) == {"verb", "value", "reply"}
    assert callable(post)


# --- whose keys may serve real people


LIVE = {
    "telegram": {"telegram_token": "1:x"},
    "slack": {"slack_bot_token": "xoxb-x", "slack_app_token": "xapp-x", "slack_channel": "C1"},
}


@pytest.mark.parametrize("channel", LIVE)
def test_demo_keys_beside_a_real_channel_stop_the_start(knowledge: Knowledge, channel):
    refuse_unfit(knowledge.library, Settings(_env_file=None))
    with pytest.raises(SettingsError, match=rf"SMI_LIBRARY: is signed with the worthless demo keys and {channel}"):
        refuse_unfit(knowledge.library, Settings(_env_file=None, **LIVE[channel]))
    refuse_unfit(knowledge.library, Settings(_env_file=None, allow_demo_library=True, **LIVE[channel]))


@pytest.fixture
def whole(folder) -> Path:
    """The small library with every text and label that a start asks for, signed by its own people."""
    for name in set(REQUIRED_WORDINGS) - {"answer"}:
        text = GREETING.replace("greeting", name)
        public = text.replace("{{ contact.emergency_number }}", "for help")
        write(folder, {f"wording/{name}.md.j2": public if name == "invitation" else text})
    labels = "".join(f"  {key}: words\n" for key in REQUIRED_LABELS)
    write(folder, {"wording/page.yaml": PAGE.split("labels:")[0] + "labels:\n" + labels})
    (folder / "triage").symlink_to(Path(__file__).parent.parent / "responses" / "triage")
    return sign_all(folder)


@pytest.mark.parametrize("channel", LIVE)
def test_a_library_signed_by_ones_own_people_may_serve_a_real_channel(whole, channel):
    library = read_library(whole)
    assert not library.has_demo_signers()
    refuse_unfit(library, Settings(_env_file=None, **LIVE[channel]))


def test_a_demo_key_is_known_under_any_name(whole):
    demo = demo_signers()[0]
    disguised = Signer.model_validate(demo.model_dump() | {"id": "doctor", "name": "Dr. Real"})
    write_signers(whole, [MEDICAL, REGULATORY, disguised])
    library = read_library(whole)
    assert library.unapproved() == {}
    with pytest.raises(SettingsError, match="demo keys"):
        refuse_unfit(library, Settings(_env_file=None, **LIVE["telegram"]))


def test_the_demo_keys_cannot_be_told_apart_from_their_published_seed():
    library_signers = {each.id: each for each in demo_signers()}
    content = Page.model_validate(_yaml(PAGE))
    approvals = [sign(content, "wording/page", 1, each, demo_key(each.id), NOW) for each in library_signers.values()]
    assert verified(content, "wording/page", 1, content.last_author, approvals, library_signers)


def test_signing_for_the_demo_replaces_the_signers_so_that_it_cannot_slip_in_unseen(whole):
    count = sign_with_demo_keys(whole, read_library(whole), NOW)
    assert count == len(dict(read_library(whole).documents()))
    library = read_library(whole)
    assert set(library.signers) == {each.id for each in demo_signers()}
    with pytest.raises(SettingsError, match="SMI_ALLOW_DEMO_LIBRARY=true"):
        refuse_unfit(library, Settings(_env_file=None, **LIVE["telegram"]))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("wording/emergency.md.j2", "Hello", "Goodbye", "wording/emergency.en v1: needs the signatures"),
        ("wording/page.yaml", "helpful: words", "helpful: other", "wording/page v1: needs the signatures"),
        ("wording/page.de.yaml", "Mit einem", "Mit keinem", "wording/page.de v1: needs the signatures"),
        ("testamol/product.yaml", '"911"', '"119"', "testamol/product v1: needs the signatures"),
        (
            "wording/page.yaml",
            "  pressed: words\n",
            "",
            "wording/page.yaml: field labels: 'pressed' is missing; add it",
        ),
    ],
)
def test_a_start_is_refused_where_a_needed_text_is_not_approved(whole, file, old, new, expected):
    edit(whole / file, old, new)
    with pytest.raises(SettingsError) as error:
        refuse_unfit(read_library(whole), Settings(_env_file=None))
    (line,) = str(error.value).splitlines()
    assert line.startswith("SMI_LIBRARY: ")
    assert expected in line


@pytest.mark.parametrize("file", ["wording/emergency.md.j2", "wording/page.yaml"])
def test_a_start_is_refused_where_a_needed_text_is_missing(whole, file):
    (whole / file).unlink()
    with pytest.raises(SettingsError, match=f"SMI_LIBRARY: {file}"):
        refuse_unfit(read_library(whole), Settings(_env_file=None))


def test_a_start_without_any_approved_response_is_refused(whole):
    shutil.rmtree(whole / "approvals" / "testamol")
    library = read_library(whole)
    product = library.documents().__next__()[1]
    write_approvals(
        whole / "approvals/testamol/product.json",
        [sign(product, "testamol/product", 1, each, key_of(each.id), NOW) for each in (MEDICAL, REGULATORY)],
    )
    with pytest.raises(SettingsError, match="holds no approved response"):
        refuse_unfit(read_library(whole), Settings(_env_file=None))


def test_what_is_not_approved_is_never_looked_for(whole, knowledge, monkeypatch):
    edit(whole / "testamol/dose.md", "5 mg once daily", "500 mg once daily")
    given_to_the_matcher: list[str] = []

    def build_matcher(entries, *_, **__):
        given_to_the_matcher.extend(entry.id for entry in entries)
        return knowledge.matcher

    monkeypatch.setattr("smi_bot.knowledge.build_matcher", build_matcher)
    monkeypatch.setattr("smi_bot.knowledge.load_rules", lambda folder, product: knowledge.rules)
    build_knowledge(read_library(whole), whole / "triage")
    assert sorted(given_to_the_matcher) == ["coupon", "shelf"]


def test_every_refusal_is_an_error_of_ours():
    assert issubclass(NotApproved, SmiError)
    assert issubclass(LibraryError, SmiError)
    assert Approval.model_config["extra"] == "forbid"
