"""Reads a folder of approved content into a Library. Every problem names file, field and mend."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from markdown_it import MarkdownIt
from pydantic import BaseModel, ValidationError

from smi_bot.errors import LibraryError
from smi_bot.library.library import Library, template_fault
from smi_bot.library.model import Approval, Page, Product, Signer, StandardResponse, Stop, Wording
from smi_bot.plain_yaml import YamlFault, load_yaml

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_SECTION = re.compile(r"^# +(.+?) *$", re.MULTILINE)
_TEMPLATE_MARK = re.compile(r"\{[{%#]")
_MARKDOWN = MarkdownIt("commonmark", {"html": False})  # as smi_bot.markup reads it
#: How a line ends that may be a break, wherever it stands; blanks between the marks do not count.
_BREAKS = ("---", "***", "___")

Content = TypeVar("Content", bound=BaseModel)
Signed = TypeVar("Signed", Approval, Stop)


def read_library(folder: Path, signers: Path | None = None, *, drafts: bool = False) -> Library:
    """Reads everything under `folder`. `drafts` also serves what nobody approved: for trying out, never for people.

    Raises LibraryError with one line for each file that cannot be used.
    """
    problems: list[str] = []
    library = collect(folder, signers or folder / "signers.yaml", drafts, problems)
    if problems:
        raise LibraryError("\n".join(problems))
    return library


def collect(folder: Path, signers: Path, drafts: bool, problems: list[str]) -> Library:
    """What can be read of a folder; what cannot is added to `problems`. Raises LibraryError where there is no folder."""
    if not folder.is_dir():
        raise LibraryError(f"{folder}: no such folder; set SMI_LIBRARY to a folder of approved content")
    products = [_attempt(problems, _yaml_model, path, Product) for path in sorted(folder.glob("*/product.yaml"))]
    entries = [(path, _attempt(problems, read_entry, path)) for path in entry_files(folder)]
    texts = {path: _attempt(problems, _read_wording, path) for path in sorted(folder.glob("wording/*.md.j2"))}
    pages = {path: _attempt(problems, _read_page, path) for path in sorted(folder.glob("wording/page*.yaml"))}
    people = _attempt(problems, _read_signers, signers) if signers.exists() else ()
    approvals = _attempt(problems, _read_signed, folder / "approvals", Approval)
    stops = _attempt(problems, _read_signed, folder / "stops", Stop)
    found = {path: entry for path, entry in entries if entry}
    labels = {path: page for path, page in pages.items() if page}
    wordings = {path: wording for path, wording in texts.items() if wording}
    problems.extend(_misfits(folder, [p for p in products if p], found))
    problems.extend(_stray_labels(labels))
    problems.extend(_told_in_public([p for p in products if p], wordings))
    return Library(
        product=next((p for p in products if p), None),
        entries={entry.id: entry for entry in found.values()},
        wordings={(w.id, w.language): w for w in wordings.values()},
        pages={page.language: page for page in labels.values()},
        approvals=approvals or {},
        signers={signer.id: signer for signer in people or ()},
        stops=stops or {},
        drafts=drafts,
    )


def entry_files(folder: Path) -> Iterator[Path]:
    """The files of standard responses."""
    skip = {"wording", "approvals", "stops", "triage"}
    for path in sorted(folder.glob("*/*.md")):
        if path.parent.name not in skip:
            yield path


def _attempt(problems: list[str], read: Any, *args: Any) -> Any:
    try:
        return read(*args)
    except LibraryError as error:
        problems.append(str(error))
        return None


def read_entry(path: Path) -> StandardResponse:
    """One standard response. Raises LibraryError."""
    front, body = _split(path)
    entry = _validated(path, _joined(path, front, sections=_sections(path, body)), StandardResponse)
    if entry.id == "product":  # its approvals would be kept under the name of product.yaml
        raise LibraryError(f"{path}: field id: 'product' is taken by product.yaml; give this response another")
    if entry.id != path.stem:
        raise LibraryError(f"{path}: field id: is '{entry.id}' but the file is called '{path.stem}'; make them equal")
    return entry


def _read_wording(path: Path) -> Wording:
    front, body = _split(path)
    wording = _validated(path, _joined(path, front, body=body.strip()), Wording)
    expected = wording.id if wording.language == "en" else f"{wording.id}.{wording.language}"
    if path.name != f"{expected}.md.j2":
        raise LibraryError(f"{path}: field id: this file must be called '{expected}.md.j2'; rename one of them")
    if wording.id == "page":  # its approvals would be kept under the name of the labels
        raise LibraryError(f"{path}: field id: 'page' is taken by the labels; give this text another")
    if fault := template_fault(wording.body):
        raise LibraryError(f"{path}: text: {fault}; correct it")
    return wording


def _read_page(path: Path) -> Page:
    page = _yaml_model(path, Page)
    expected = "page.yaml" if page.language == "en" else f"page.{page.language}.yaml"
    if page.id != "page" or path.name != expected:
        raise LibraryError(
            f"{path}: field id: must be 'page' and this file be called '{expected}'; correct one of them"
        )
    return page


def _joined(path: Path, front: dict[str, Any], **text: Any) -> dict[str, Any]:
    for name in set(front) & set(text):
        raise LibraryError(f"{path}: field {name}: is not known; write the text below the front matter")
    return front | text


def _read_signers(path: Path) -> tuple[Signer, ...]:
    signers = tuple(_validated(path, each, Signer) for each in _list(path, "signers"))
    ids = [signer.id for signer in signers]
    for id in ids:
        if ids.count(id) > 1:
            raise LibraryError(f"{path}: field id: '{id}' stands twice; give each signer an id of their own")
    return signers


def _read_signed(folder: Path, model: type[Signed]) -> dict[str, tuple[Signed, ...]]:
    """By document: a file for each."""
    found: dict[str, tuple[Signed, ...]] = {}
    for path in sorted(folder.glob("**/*.json")):
        document = path.relative_to(folder).as_posix().removesuffix(".json")
        found[document] = tuple(_validated(path, each, model) for each in _json_list(path))
        if any(each.document != document for each in found[document] if isinstance(each, Stop)):
            raise LibraryError(f"{path}: field document: is not '{document}'; write it by 'smi-bot library withdraw'")
    return found


def _json_list(path: Path) -> list[Any]:
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise LibraryError(f"{path}: JSON: {error}; write it by a command of 'smi-bot library' again") from None
    if not isinstance(found, list):
        raise LibraryError(f"{path}: JSON: must be a list; write it by a command of 'smi-bot library' again")
    return found


def _list(path: Path, key: str) -> list[Any]:
    found = _yaml(path, _text(path))
    if not isinstance(found.get(key), list) or set(found) != {key}:
        raise LibraryError(f"{path}: field {key}: must be the only key and hold a list")
    return list(found[key])


def _split(path: Path) -> tuple[dict[str, Any], str]:
    match = _FRONT_MATTER.match(_text(path))
    if match is None:
        raise LibraryError(f"{path}: front matter: must stand between two '---' lines at the top; add them")
    return _yaml(path, match[1], above=1), match[2]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise LibraryError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise LibraryError(f"{path}: {error.strerror}; make it a file that smi-bot may read") from None


def _sections(path: Path, body: str) -> dict[str, str]:
    parts = _SECTION.split(body)
    if parts[0].strip():
        raise LibraryError(f"{path}: text: begins before the first '# section'; put '# patient' or '# hcp' above it")
    sections: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in sections:
            raise LibraryError(f"{path}: section '# {name}': stands twice; merge them")
        if not text.strip():
            raise LibraryError(f"{path}: section '# {name}': is empty; write it or remove it")
        if _has_break(text.strip()):
            raise LibraryError(
                f"{path}: section '# {name}': holds a break ('---'), at which a long message may be split;"
                " remove it, so that benefit and risk stay together"
            )
        sections[name] = text.strip()
    return sections


def _has_break(text: str) -> bool:
    """Parsing every text takes longer than all else that reading does, and hardly any has such a line."""
    if not any(line.replace(" ", "").replace("\t", "").endswith(_BREAKS) for line in text.split("\n")):
        return False
    return any(token.type == "hr" for token in _MARKDOWN.parse(text))


def _yaml(path: Path, text: str, above: int = 0) -> dict[str, Any]:
    """`above`: lines of the file before the YAML."""
    try:
        found = load_yaml(text)
    except YamlFault as fault:
        line = f"line {fault.line + above}: " if fault.line else ""
        raise LibraryError(f"{path}: YAML: {line}{fault}; correct it") from None
    if not isinstance(found, dict):
        raise LibraryError(f"{path}: YAML: must be a list of 'key: value' lines")
    return found


def _yaml_model(path: Path, model: type[Content]) -> Content:
    return _validated(path, _yaml(path, _text(path)), model)


def _validated(path: Path, data: Any, model: type[Content]) -> Content:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = (f"{path}: field {_place(problem['loc'])}: {_mend(problem)}" for problem in error.errors())
        raise LibraryError("\n".join(lines)) from None


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "(whole file)"


def _mend(problem: Mapping[str, Any]) -> str:
    mends = {"missing": "is missing; add it", "extra_forbidden": "is not known; correct the name or remove it"}
    return mends.get(problem["type"], str(problem["msg"]).removeprefix("Value error, "))


def _misfits(folder: Path, products: list[Product], entries: Mapping[Path, StandardResponse]) -> Iterator[str]:
    """What each file says rightly by itself, but not beside the others."""
    if len(products) > 1:
        yield f"{folder}: product.yaml: there are {len(products)}; keep one product in a library"
    seen: set[str] = set()
    for where, entry in entries.items():
        if entry.id in seen:
            yield f"{where}: field id: another file has the id '{entry.id}'; rename one"
        seen.add(entry.id)
        for product in products[:1]:
            if entry.product != product.id:
                yield f"{where}: field product: '{entry.product}' is not '{product.id}'; correct it"
            for region in sorted(set(entry.regions) - set(product.regions)):
                yield f"{where}: field regions: '{region}' is not in product.yaml; correct it or add it there"


def _stray_labels(pages: Mapping[Path, Page]) -> Iterator[str]:
    """Labels of a translation that translate nothing."""
    english = next((page for page in pages.values() if page.language == "en"), None)
    if english is None:  # missing or broken, which is told elsewhere
        return
    for where, page in pages.items():
        for key in sorted(set(page.labels) - set(english.labels)):
            yield f"{where}: field labels.{key}: is not in page.yaml; correct the name or remove it"


def _told_in_public(products: list[Product], wordings: Mapping[Path, Wording]) -> Iterator[str]:
    """The invitation is posted where everybody reads it: it may not even tell what the question was about."""
    for where, wording in wordings.items():
        if wording.id != "invitation":
            continue
        if _TEMPLATE_MARK.search(wording.body):
            yield f"{where}: text: is posted in public and must hold no '{{{{ … }}}}' marks; write plain words"
        for product in products:
            for name in (product.name, product.generic, product.company, *product.names, *product.misspellings):
                if re.search(rf"\b{re.escape(name)}\b", wording.body, re.IGNORECASE):
                    yield f"{where}: text: is posted in public and must not say '{name}'; take it out"
