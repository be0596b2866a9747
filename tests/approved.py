"""The approved words of a library, and what becomes of them when a file is changed."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from libraries import (
    GREETING,
    MEDICAL,
    NOW,
    PRODUCT,
    REGULATORY,
    SHELF,
    a_delivery,
    a_reply,
    a_wording,
    an_answer,
    key_of,
    signed_library,
)

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import Action, Choice, Part
from smi_bot.library import Library, StandardResponse, Wording, read_library
from smi_bot.library.approval import sign
from smi_bot.library.model import Product
from smi_bot.plain_yaml import load_yaml

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
