"""What approved content is made of: front matter as pydantic models, texts as plain strings."""

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from smi_bot.inquiry import Audience

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]*$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,}$")]


def _no_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("holds the same value twice; remove one")
    return values


Distinct = AfterValidator(_no_repeats)


def _one_spelling(key: str) -> str:
    """Base64 can spell the same bytes in several ways; two spellings would look like two keys."""
    try:
        raw = base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != 32 or base64.b64encode(raw).decode() != key:
        raise ValueError("is no Ed25519 public key; write its 32 bytes in base64")
    return key


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("names no time zone; write it by a command of 'smi-bot library' again")
    return text


#: As it was signed: ISO 8601 with its offset.
Moment = Annotated[Line, AfterValidator(_moment)]


#: Stands where nobody has written the words yet; a text that holds it is never approved, whoever signed it.
PLACEHOLDER = "TO BE WRITTEN"


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Dated(_Content):
    """Content that is served from `effective` until the day before `expires`."""

    id: Identifier
    version: int = Field(ge=1)
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = "en"
    effective: date
    review_due: date
    expires: date
    owner: Line
    last_author: Line

    @model_validator(mode="after")
    def _dates_in_order(self) -> "_Dated":
        if not self.effective <= self.review_due <= self.expires:
            raise ValueError("effective, review_due and expires must follow each other; correct the dates")
        return self

    def in_date(self, today: date) -> bool:
        return self.effective <= today < self.expires


#: The section of a longer text, sent to HCPs who ask for it.
LONG = "hcp long"


class NearMiss(_Content):
    """A look-alike question that must not get this answer, and the entry or label it belongs to."""

    text: Line
    belongs: Identifier


class StandardResponse(_Dated):
    """An entry of the library. `sections` maps `patient`, `hcp EU`, `safety`, `hcp long` … to approved Markdown."""

    product: Identifier
    title: Line
    audiences: Annotated[tuple[Audience, ...], Field(min_length=1), Distinct]
    regions: Annotated[tuple[Region, ...], Field(min_length=1), Distinct]
    label_version: Line
    references: tuple[Line, ...] = Field(min_length=1)
    phrasings: Annotated[tuple[Line, ...], Distinct] = Field(min_length=5)
    near_misses: tuple[NearMiss, ...] = ()
    sections: dict[str, str]

    @model_validator(mode="after")
    def _every_variant_has_a_text(self) -> "StandardResponse":
        reachable: set[str] = set()
        for audience in self.audiences:
            for region in self.regions:
                reachable |= {f"{audience} {region}", audience}
                reachable |= {f"safety {audience} {region}", f"safety {region}", f"safety {audience}", "safety"}
                reachable |= {f"{LONG} {region}", LONG} if audience == "hcp" else set()
                self._section(audience, region)
        if unreachable := sorted(set(self.sections) - reachable):
            raise ValueError(f"section '# {unreachable[0]}' is never shown; rename it or extend audiences and regions")
        return self

    def text(self, audience: Audience, region: str | None) -> str | None:
        """The approved text, or None where this entry has none for them.

        An unknown region gets a text only if it is the same in all regions.
        """
        return self._variant(audience, region, self._section)

    def long_text(self, audience: Audience, region: str | None) -> str | None:
        """The longer text for HCPs, or None where there is none, or where it is not certain which."""
        return self._variant(audience, region, self._long_section) or None if audience == "hcp" else None

    def has_one_safety(self, audience: Audience, region: str | None) -> bool:
        """Whether it is certain which safety text belongs: with an unknown region, only if all have the same."""
        return self._variant(audience, region, self._safety_section) is not None

    def safety(self, audience: Audience, region: str | None) -> str:
        return self._variant(audience, region, self._safety_section) or ""

    def _variant(self, audience: Audience, region: str | None, pick: Any) -> str | None:
        if audience not in self.audiences or (region is not None and region not in self.regions):
            return None
        if region is not None:
            return str(pick(audience, region))
        texts = {pick(audience, each) for each in self.regions}
        return str(texts.pop()) if len(texts) == 1 else None

    def _section(self, audience: str, region: str) -> str:
        for name in (f"{audience} {region}", audience):
            if name in self.sections:
                return self.sections[name]
        raise ValueError(f"there is no text for {audience} in {region}; add a section '# {audience}'")

    def _long_section(self, audience: str, region: str) -> str:
        return next((self.sections[name] for name in (f"{LONG} {region}", LONG) if name in self.sections), "")

    def _safety_section(self, audience: str, region: str) -> str:
        names = (f"safety {audience} {region}", f"safety {region}", f"safety {audience}", "safety")
        return next((self.sections[name] for name in names if name in self.sections), "")


class Wording(_Dated):
    """A service text: `body` is a Jinja2 template."""

    body: Line


class Page(_Dated):
    """The short labels on buttons and pages. A translation may hold some of the English ones only."""

    labels: dict[Identifier, Line]

    @property
    def document(self) -> str:
        """What its approvals are kept under."""
        return "wording/page" if self.language == "en" else f"wording/page.{self.language}"


class Contact(_Content):
    """Whom to call in one label region."""

    medical_information: Line
    emergency_number: Line
    poison_centre: Line
    email: Line
    safety_email: Line


class Product(_Content):
    """Facts of the product that texts, triage and matching need."""

    id: Identifier
    version: int = Field(ge=1)
    name: Line
    generic: Line
    company: Line
    fictional: bool
    label_version: Line
    indication: Line
    minimum_age: int
    strength_mg: int
    doses_per_day: int
    units: tuple[Line, ...] = ()
    units_per_dose: int = Field(default=1, ge=1)
    forms: tuple[Line, ...]
    routes: tuple[Line, ...]
    illness_names: tuple[Line, ...] = ()
    illness_places: tuple[Line, ...] = ()
    illness_signs: tuple[Line, ...] = ()
    illness_kinds_excluded: tuple[Line, ...] = ()
    names: tuple[Line, ...] = Field(min_length=1)
    misspellings: tuple[Line, ...] = ()
    regions: dict[Region, tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")], ...]]
    contacts: dict[Region, Contact]
    excluded_uses: tuple[Line, ...] = ()
    approved_combinations: tuple[Line, ...] = ()
    excluded_combinations: tuple[Line, ...] = ()
    interacting: tuple[Line, ...] = ()
    effective: date
    owner: Line
    last_author: Line

    def region(self, country: str | None) -> str | None:
        """The label region of an ISO 3166-1 country or of a region's own name; None where it is not served."""
        if country is None:
            return None
        return next((r for r, countries in self.regions.items() if country == r or country in countries), None)


class Signer(_Content):
    """Somebody who may approve content, in one role."""

    id: Identifier
    name: Line
    role: Literal["medical", "regulatory", "pharmacy", "drug-safety"]
    public_key: Annotated[Line, AfterValidator(_one_spelling)]  # Ed25519, 32 bytes, base64


class Approval(_Content):
    """A signature bound to one version of one text: it cannot be carried over to another."""

    document: Line  # "zelvanta/missed-dose", "wording/greeting.en"
    version: int
    hash: Line  # sha256 of the canonical form, hexadecimal
    signer: Identifier
    role: Line
    at: Moment
    meaning: Line
    signature: Line  # base64


class Stop(_Content):
    """A signed order that one version of a document is not to be sent any more; one signature is enough.

    A suspension ends when two people approve the same text again; what was withdrawn needs a new version.
    """

    document: Line
    version: int
    kind: Literal["suspended", "withdrawn"]
    reason: Line
    signer: Identifier
    role: Line
    at: Moment
    signature: Line  # base64
