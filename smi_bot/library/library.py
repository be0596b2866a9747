"""The library as the bot uses it: what may be served to whom, checked anew each time, and rendered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from jinja2 import DictLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel

from smi_bot.errors import LibraryError, NotApproved
from smi_bot.inquiry import Audience, EntryPart, WordingPart
from smi_bot.library.approval import canonical_hash, is_demo, verified
from smi_bot.library.model import Approval, Contact, Page, Product, Signer, StandardResponse, Stop, Wording

#: Contacts of requesters outside every label region, or whose country is unknown.
ELSEWHERE = "OTHER"

Dated = TypeVar("Dated", StandardResponse, Wording, Page)

#: Service texts that the bot may have to send; a library without one of them is incomplete.
REQUIRED_WORDINGS = (
    *("emergency", "self-harm", "adverse-event", "special-situation", "product-complaint", "off-label", "human"),
    *("language", "privacy", "unapproved", "attachment", "over-long", "country-not-served", "added-to-case"),
    *("greeting", "thanks", "identity", "help", "empty", "chatter", "slow-down", "clarify", "answer", "withdrawn"),
    *("first-contact", "ask-audience", "ask-country", "audience-saved", "country-saved", "settings", "notice-thanks"),
    *("helpful-thanks", "not-helpful", "specialist-joined", "specialist-left", "case-closed", "stale", "invitation"),
    *("privacy-notice", "delete-ask", "delete-done", "delete-done-kept", "delete-cancelled"),
    *("file-too-big", "file-type", "file-failed"),
    *("follow-up-patient", "follow-up-product", "follow-up-contact", "follow-up-thanks"),
)
#: Buttons, commands and short notes that the bot may have to show, likewise.
REQUIRED_LABELS = (
    *("details", "helpful", "not-helpful", "specialist", "none-of-these", "accept-notice", "settings", "pressed"),
    *("audience-patient", "audience-hcp", "country-other", "delete", "delete-confirm", "delete-cancel", "private-chat"),
    *("command-start", "command-help", "command-settings", "command-specialist", "command-privacy", "command-delete"),
    *("already-pressed", "stale-press", "erased"),
    *("follow-up", "follow-up-yes", "follow-up-no", "follow-up-end"),
)
#: What a wording's template may name.
_NAMES = frozenset({"product", "contact", "fields"})


@dataclass(frozen=True)
class Library:
    """Approved content. Immutable: a change of content is a new Library."""

    product: Product | None
    entries: Mapping[str, StandardResponse]
    wordings: Mapping[tuple[str, str], Wording] = field(default_factory=dict)
    pages: Mapping[str, Page] = field(default_factory=dict)  # by language; the English one is whole
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)
    signers: Mapping[str, Signer] = field(default_factory=dict)
    stops: Mapping[str, tuple[Stop, ...]] = field(default_factory=dict)  # by document, as approvals
    drafts: bool = False

    @property
    def page(self) -> Page | None:
        """The English labels."""
        return self.pages.get("en")

    @cached_property
    def version(self) -> str:
        """Names this content: equal for equal content, different otherwise."""
        documents = {name: canonical_hash(content) for name, content in self.documents()}
        return canonical_hash(_Documents(documents=documents))[:12]

    def documents(self) -> Iterator[tuple[str, "Document"]]:
        """Everything that needs approval, by the name its approvals are kept under."""
        if self.product:
            yield f"{self.product.id}/product", self.product
        for entry in self.entries.values():
            yield f"{entry.product}/{entry.id}", entry
        for wording in self.wordings.values():
            yield f"wording/{wording.id}.{wording.language}", wording
        for page in self.pages.values():
            yield page.document, page

    def approved(self, document: str, content: "Document") -> tuple[Approval, ...]:
        """The signatures under a document. Raises NotApproved."""
        if self.drafts:
            return ()
        approvals, stops = self.approvals.get(document, ()), self.stops.get(document, ())
        return verified(content, document, content.version, content.last_author, approvals, self.signers, stops)

    def unapproved(self) -> Mapping[str, str]:
        """Documents that are not approved, and why."""
        return self._unapproved

    @cached_property
    def _unapproved(self) -> Mapping[str, str]:
        reasons: dict[str, str] = {}
        for name, content in self.documents():
            try:
                self.approved(name, content)
            except NotApproved as error:
                reasons[name] = str(error)
        return reasons

    def approved_entries(self) -> dict[str, StandardResponse]:
        """The entries that carry their signatures, whatever their dates."""
        reasons = self.unapproved()
        return {id: entry for id, entry in self.entries.items() if f"{entry.product}/{id}" not in reasons}

    def findings(self, now: datetime) -> Iterator[str]:
        """What is wrong with approved content although every file by itself is valid."""
        for entry in self.entries.values():
            if not entry.in_date(now.date()):
                yield f"{entry.product}/{entry.id}: is served from {entry.effective} until {entry.expires} only"
            if self.product and entry.label_version != self.product.label_version:
                yield f"{entry.product}/{entry.id}: rests on label {entry.label_version}; the product has another"
        for text in (*self.wordings.values(), *self.pages.values()):
            if not text.in_date(now.date()):
                yield f"wording/{text.id} ({text.language}): is served from {text.effective} until {text.expires} only"
        yield from self.missing()

    def missing(self) -> Iterator[str]:
        """Service texts and buttons without which the bot would fall silent."""
        for name in REQUIRED_WORDINGS:
            if (name, "en") not in self.wordings:
                yield f"wording/{name}.md.j2 is missing; write it"
        labels = self.page.labels if self.page else {}
        for key in REQUIRED_LABELS:
            if key not in labels:
                yield f"wording/page.yaml: field labels: '{key}' is missing; add it"

    def has_demo_signers(self) -> bool:
        return any(is_demo(signer) for signer in self.signers.values())

    def region(self, country: str | None) -> str | None:
        return self.product.region(country) if self.product else None

    def serves(self, country: str | None) -> bool:
        """Whether there may be answers for this country; an unknown one may get what is equal everywhere."""
        return country is None or self.product is None or self.region(country) is not None

    def servable(self, entry: str, audience: Audience, country: str | None, today: date) -> StandardResponse:
        """The entry, if it may be sent to them today. Raises NotApproved with the reason."""
        response = self.entries.get(entry)
        if response is None:
            raise NotApproved(f"{entry}: is not in the library")
        self.approved(f"{response.product}/{response.id}", response)
        self._meant_for(response, audience, country, today)
        return response

    def may_serve(self, entry: str, audience: Audience, country: str | None, today: date) -> bool:
        """The same by the signatures as they were read, for choosing; what is sent is verified anew."""
        response = self.entries.get(entry)
        if response is None or f"{response.product}/{entry}" in self._unapproved:
            return False
        try:
            self._meant_for(response, audience, country, today)
        except NotApproved:
            return False
        return True

    def _meant_for(self, response: StandardResponse, audience: Audience, country: str | None, today: date) -> None:
        if not self.drafts:
            self._in_force(response, today)
        if not self._has_text(response, audience, country):
            raise NotApproved(
                f"{response.id}: has no approved text for {audience} in {country or 'an unknown country'}"
            )

    def _in_force(self, response: StandardResponse, today: date) -> None:
        if not response.in_date(today):
            raise NotApproved(f"{response.id}: is served from {response.effective} until {response.expires}")
        if self.product and response.label_version != self.product.label_version:
            raise NotApproved(f"{response.id}: rests on label {response.label_version}, which is no longer in force")

    def _has_text(self, response: StandardResponse, audience: Audience, country: str | None) -> bool:
        if not self.serves(country):
            return False
        if country is None and self.product and set(response.regions) != set(self.product.regions):
            return False
        region = self.region(country)
        return response.text(audience, region) is not None and response.has_one_safety(audience, region)

    def entry_markdown(self, part: EntryPart, now: datetime) -> tuple[str, str]:
        """An approved answer and its source. Raises NotApproved unless it may be sent now."""
        response = self.servable(part.entry, part.audience, part.country, now.date())
        region = self.region(part.country)
        approvals = self.approved(f"{response.product}/{response.id}", response)
        text = (response.long_text if part.long else response.text)(part.audience, region)
        if text is None:
            raise NotApproved(f"{response.id}: has no longer text for {part.audience} in {part.country}")
        fields = {
            "text": text,
            "safety": response.safety(part.audience, region),
            "id": response.id,
            "version": str(response.version),
            "approved_on": max((a.at[:10] for a in approvals), default="not approved"),
            "references": list(response.references),
        }
        frame = WordingPart(wording="answer", country=part.country, fields=fields)
        return self.wording_markdown(frame, now)[0], f"{response.product}/{response.id} v{response.version}"

    def wording_markdown(self, part: WordingPart, now: datetime) -> tuple[str, str]:
        """A service text in the requester's language, else in English. Raises NotApproved."""
        wording = self._wording(part, now.date())
        document = f"wording/{wording.id}.{wording.language}"
        context = {"product": self.product, "contact": self._contact(part.country), "fields": part.fields}
        return _render(document, wording.body, context), f"{document} v{wording.version}"

    def _wording(self, part: WordingPart, today: date) -> Wording:
        """What may be sent of a wording: a translation that may not must not take the English text with it."""
        if self.product is None:
            raise NotApproved("product.yaml: is missing")
        self.approved(f"{self.product.id}/product", self.product)  # its names and numbers are part of the text
        refusal = NotApproved(f"wording/{part.wording}: is not in the library")
        for language in dict.fromkeys((part.language, "en")):
            try:
                if wording := self.wordings.get((part.wording, language)):
                    return self._approved_in_date(f"wording/{wording.id}.{language}", wording, today)
            except NotApproved as error:
                refusal = error
        raise refusal

    def _approved_in_date(self, document: str, content: Dated, today: date) -> Dated:
        self.approved(document, content)
        if not self.drafts and not content.in_date(today):
            raise NotApproved(f"{document}: is served from {content.effective} until {content.expires}")
        return content

    def _contact(self, country: str | None) -> Contact | None:
        contacts = self.product.contacts if self.product else {}
        return contacts.get(self.region(country) or ELSEWHERE) or contacts.get(ELSEWHERE)

    def label(self, key: str, language: str = "en", today: date | None = None) -> str:
        """The words on a button or on the chat page. Raises NotApproved where there are none.

        English, where the translation lacks them, is not approved or, if `today` is given, not in date.
        """
        for page in (self._translation(language, today), self.page):
            if page is not None and key in page.labels:
                return page.labels[key]
        raise NotApproved(f"wording/page: has no label '{key}'; add it")

    def _translation(self, language: str, today: date | None) -> Page | None:
        page = None if language == "en" else self.pages.get(language)
        if page is None or page.document in self._unapproved:
            return None
        try:
            return page if today is None else self._approved_in_date(page.document, page, today)
        except NotApproved:
            return None

    def check_labels(self, today: date, language: str = "en") -> None:
        """Raises NotApproved unless the labels may be shown now: those of `language`, and the English ones.

        Whoever can do with English in the place of a translation need not name the language: `label` passes over it.
        """
        for page in (self.page, self.pages.get(language)):
            if page is not None:
                self._approved_in_date(page.document, page, today)

    def title(self, entry: str, today: date) -> str:
        """The question an entry answers, as a button shows it. Raises NotApproved."""
        response = self.entries.get(entry)
        if response is None:
            raise NotApproved(f"{entry}: is not in the library")
        return self._approved_in_date(f"{response.product}/{entry}", response, today).title


Document = StandardResponse | Wording | Page | Product


class _Documents(BaseModel):
    documents: dict[str, str]


def _sandbox() -> SandboxedEnvironment:
    sandbox = SandboxedEnvironment(loader=DictLoader({}), undefined=StrictUndefined, autoescape=False)
    sandbox.globals.clear()
    return sandbox


def template_fault(body: str) -> str | None:
    """What would keep a template from ever rendering."""
    sandbox = _sandbox()
    try:
        sandbox.from_string(body)
        tree = sandbox.parse(body)
    except TemplateSyntaxError as error:
        return f"line {error.lineno} of the template: {error.message}"
    if any(True for _ in find_referenced_templates(tree)):
        return "takes in another template; write its words here"
    unknown = find_undeclared_variables(tree) - _NAMES
    return f"'{min(unknown)}' is no name a template knows" if unknown else None


@lru_cache(maxsize=512)
def _template(body: str) -> Template:
    return _sandbox().from_string(body)


def _render(document: str, body: str, context: Mapping[str, Any]) -> str:
    try:
        return _template(body).render(context).strip()
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise LibraryError(f"{document}: template: {error}; correct the name or the mark") from None
