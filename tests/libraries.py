"""A small library to read, sign and break. Its medicine is invented, like its people."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from channels.delivery import Delivery
from smi_bot.inquiry import Audience, Choice, EntryPart, Part, Reply, SpecialistPart, WordingPart
from smi_bot.library import Library, read_library
from smi_bot.library.approval import public_text, sign
from smi_bot.library.model import Signer
from smi_bot.library.signing import write_approvals

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

_DATES = """\
effective: 2026-10-01
review_due: 2027-10-01
expires: 2028-10-01
owner: Medical Information
last_author: Wil Author
"""

PRODUCT = """\
id: testamol
version: 1
name: Testamol
generic: testamine
company: Nowhere Laboratories
fictional: true
label_version: "1.0"
indication: Testamol is approved for nothing at all.
minimum_age: 18
strength_mg: 5
doses_per_day: 1
forms: [tablet]
routes: [oral]
names: [testamol, testamine]
regions:
  US: [US]
  EU: [DE, NO]
contacts:
  US:
    medical_information: "+1 202-555-0101"
    emergency_number: "911"
    poison_centre: your poison centre
    email: mi@nowhere.example
    safety_email: safety@nowhere.example
  OTHER:
    medical_information: "+1 202-555-0102"
    emergency_number: "112"
    poison_centre: a poison centre
    email: mi@nowhere.example
    safety_email: safety@nowhere.example
effective: 2026-10-01
owner: Medical Information
last_author: Wil Author
"""

_ENTRY = """\
---
id: {id}
version: 1
product: testamol
title: {title}
audiences: [patient, hcp]
regions: {regions}
language: en
label_version: "1.0"
{dates}references:
  - Label sheet 1.0, section 11
phrasings:
  - {id} one
  - {id} two
  - {id} three
  - {id} four
  - {id} five
near_misses:
  - text: the {id} hurt me
    belongs: adverse-event
---
{text}"""

SHELF = _ENTRY.format(
    id="shelf",
    title="Where do I keep it?",
    regions="[US, EU]",
    dates=_DATES,
    text="""\
# patient
Keep it on the **shelf**.

# hcp
Shelf storage for all packs.

# safety
Keep it away from children.
""",
)

DOSE = _ENTRY.format(
    id="dose",
    title="How much do I take?",
    regions="[US, EU]",
    dates=_DATES,
    text="""\
# patient
One tablet, as in the United States.

# patient EU
One tablet, as in Europe.

# hcp
5 mg once daily.

# safety
Safety for anybody.

# safety hcp
Safety for professionals.

# safety EU
Safety in Europe.

# safety hcp EU
Safety for European professionals.
""",
)

COUPON = _ENTRY.format(
    id="coupon",
    title="Is there help with the price?",
    regions="[US]",
    dates=_DATES,
    text="""\
# patient
There is a coupon.

# hcp
There is a programme.
""",
)

_WORDING = "---\nid: {id}\nversion: 1\nlanguage: {language}\n" + _DATES + "---\n{body}\n"

ANSWER = _WORDING.format(
    id="answer",
    language="en",
    body="{{ fields.text }}\n\n{{ fields.safety }}\n\n{{ product.name }} is fictional.",
)
GREETING = _WORDING.format(id="greeting", language="en", body="Hello. Call {{ contact.emergency_number }} if you must.")
GREETING_DE = _WORDING.format(id="greeting", language="de", body="Guten Tag.")
PAGE = "id: page\nversion: 1\nlanguage: en\n" + _DATES + "labels:\n  specialist: Talk to a person\n  pressed: Pressed\n"
PAGE_DE = "id: page\nversion: 1\nlanguage: de\n" + _DATES + "labels:\n  specialist: Mit einem Menschen sprechen\n"

FILES = {
    "testamol/product.yaml": PRODUCT,
    "testamol/shelf.md": SHELF,
    "testamol/dose.md": DOSE,
    "testamol/coupon.md": COUPON,
    "wording/answer.md.j2": ANSWER,
    "wording/greeting.md.j2": GREETING,
    "wording/greeting.de.md.j2": GREETING_DE,
    "wording/page.yaml": PAGE,
    "wording/page.de.yaml": PAGE_DE,
}


def write(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Writes the small library, or other files, unsigned."""
    for name, text in (FILES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def key_of(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())


def signer(id: str, name: str, role: str, secret: str | None = None) -> Signer:
    """Somebody who signs; their key is made from `secret`, else from their id."""
    return Signer.model_validate(
        {"id": id, "name": name, "role": role, "public_key": public_text(key_of(secret or id))}
    )


MEDICAL = signer("alma", "Alma Medic", "medical")
REGULATORY = signer("bo", "Bo Rules", "regulatory")


def write_signers(folder: Path, signers: Sequence[Signer]) -> None:
    listed = {"signers": [each.model_dump(mode="json") for each in signers]}
    (folder / "signers.yaml").write_text(json.dumps(listed, indent=1), "utf-8")  # JSON is YAML


def sign_all(folder: Path, signers: Sequence[Signer] = (MEDICAL, REGULATORY), secrets: Sequence[str] = ()) -> Path:
    """Lists the signers and lets each sign every document. `secrets`: of their keys, where these are not their ids."""
    write_signers(folder, signers)
    keys = [key_of(secret) for secret in secrets or [each.id for each in signers]]
    for document, content in read_library(folder).documents():
        signed = [
            sign(content, document, content.version, each, key, NOW) for each, key in zip(signers, keys, strict=True)
        ]
        write_approvals(folder / "approvals" / f"{document}.json", signed)
    return folder


def signed_library(folder: Path) -> Path:
    return sign_all(write(folder))


class _NoDatabase:
    """Enough of a database for words that are looked up in the library."""

    @asynccontextmanager
    async def reading(self):
        yield None


def a_delivery(
    library: Library, now: datetime = NOW, *, wrote: Callable[[SpecialistPart], bool] | None = None
) -> Delivery:
    """The real last step before a requester reads something; `wrote`: whether a specialist wrote these words."""

    async def vouch(tx, part: SpecialistPart, conversation: str) -> bool:
        return wrote is not None and wrote(part)

    async def nothing(*args) -> None:
        raise AssertionError("rendering tells nobody anything")

    return Delivery(
        _NoDatabase(), SimpleNamespace(library=library), lambda: now, vouch=vouch, withdrawn=nothing, settled=nothing
    )


def a_reply(part: Part, *choices: Choice) -> Reply:
    return Reply(id="r1", conversation="fake:ann", channel="fake", part=part, choices=choices)


def an_answer(entry: str = "shelf", audience: Audience = "patient", country: str | None = "US") -> EntryPart:
    return EntryPart(entry=entry, audience=audience, country=country)


def a_wording(wording: str = "greeting", language: str = "en") -> WordingPart:
    return WordingPart(wording=wording, language=language, country="US")
