"""Reads a folder of approved content into a Library. Every problem names file, field and mend."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from smi_bot.errors import LibraryError
from smi_bot.library.library import Library
from smi_bot.library.model import Approval, Page, Product, Signer, StandardResponse, Wording

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_SECTION = re.compile(r"^# +(.+?) *$", re.MULTILINE)

Content = TypeVar("Content", bound=BaseModel)


def read_library(folder: Path, signers: Path | None = None, *, drafts: bool = False) -> Library:
    """Reads everything under `folder`. `drafts` also serves what nobody approved: for trying out, never for people.

    Raises LibraryError with one line for each file that cannot be used.
    """
    problems: list[str] = []
    library = _collect(folder, signers or folder / "signers.yaml", drafts, problems)
    if problems:
        raise LibraryError("\n".join(problems))
    return library


def _collect(folder: Path, signers: Path, drafts: bool, problems: list[str]) -> Library:
    if not folder.is_dir():
        raise LibraryError(f"{folder}: no such folder; set SMI_LIBRARY to a folder of approved content")
    products = [_attempt(problems, _yaml_model, path, Product) for path in sorted(folder.glob("*/product.yaml"))]
    entries = [_attempt(problems, read_entry, path) for path in _entry_files(folder)]
    wordings = [_attempt(problems, _read_wording, path) for path in sorted(folder.glob("wording/*.md.j2"))]
    page_file = folder / "wording" / "page.yaml"
    page = _attempt(problems, _yaml_model, page_file, Page) if page_file.exists() else None
    people = _attempt(problems, _read_signers, signers) if signers.exists() else ()
    approvals = _attempt(problems, _read_approvals, folder / "approvals")
    found = [entry for entry in entries if entry]
    problems.extend(_misfits(folder, [p for p in products if p], found))
    return Library(
        product=next((p for p in products if p), None),
        entries={entry.id: entry for entry in found},
        wordings={(w.id, w.language): w for w in wordings if w},
        page=page,
        approvals=approvals or {},
        signers={signer.id: signer for signer in people or ()},
        drafts=drafts,
    )


def _entry_files(folder: Path) -> Iterator[Path]:
    skip = {"wording", "approvals", "triage"}
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
    entry = _validated(path, {**front, "sections": _sections(path, body)}, StandardResponse)
    if entry.id != path.stem:
        raise LibraryError(f"{path}: field id: is '{entry.id}' but the file is called '{path.stem}'; make them equal")
    return entry


def _read_wording(path: Path) -> Wording:
    front, body = _split(path)
    wording = _validated(path, {**front, "body": body.strip()}, Wording)
    expected = wording.id if wording.language == "en" else f"{wording.id}.{wording.language}"
    if path.name != f"{expected}.md.j2":
        raise LibraryError(f"{path}: field id: this file must be called '{expected}.md.j2'; rename one of them")
    return wording


def _read_signers(path: Path) -> tuple[Signer, ...]:
    return tuple(_validated(path, each, Signer) for each in _list(path, "signers"))


def _read_approvals(folder: Path) -> dict[str, tuple[Approval, ...]]:
    approvals: dict[str, tuple[Approval, ...]] = {}
    for path in sorted(folder.glob("**/*.json")):
        document = path.relative_to(folder).as_posix().removesuffix(".json")
        approvals[document] = tuple(_validated(path, each, Approval) for each in _json_list(path))
    return approvals


def _json_list(path: Path) -> list[Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise LibraryError(f"{path}: JSON: {error}; have the text approved again") from None
    if not isinstance(found, list):
        raise LibraryError(f"{path}: JSON: must be a list of approvals; have the text approved again")
    return found


def _list(path: Path, key: str) -> list[Any]:
    found = _yaml(path, path.read_text("utf-8"))
    if not isinstance(found.get(key), list) or set(found) != {key}:
        raise LibraryError(f"{path}: field {key}: must be the only key and hold a list")
    return list(found[key])


def _split(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise LibraryError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    match = _FRONT_MATTER.match(text)
    if match is None:
        raise LibraryError(f"{path}: front matter: must stand between two '---' lines at the top; add them")
    return _yaml(path, match[1]), match[2]


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
        sections[name] = text.strip()
    return sections


def _yaml(path: Path, text: str) -> dict[str, Any]:
    # YAML 1.2 by ruamel: refuses a key given twice, and does not read the country code NO as false.
    try:
        found = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise LibraryError(f"{path}: YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(found, dict):
        raise LibraryError(f"{path}: YAML: must be a list of 'key: value' lines")
    return found


def _yaml_model(path: Path, model: type[Content]) -> Content:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise LibraryError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    return _validated(path, _yaml(path, text), model)


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


def _misfits(folder: Path, products: list[Product], entries: list[StandardResponse]) -> Iterator[str]:
    """What each file says rightly by itself, but not beside the others."""
    if len(products) > 1:
        yield f"{folder}: product.yaml: there are {len(products)}; keep one product in a library"
    seen: set[str] = set()
    for entry in entries:
        where = f"{folder / entry.product / entry.id}.md"
        if entry.id in seen:
            yield f"{where}: field id: another file has the id '{entry.id}'; rename one"
        seen.add(entry.id)
        for product in products[:1]:
            if entry.product != product.id:
                yield f"{where}: field product: '{entry.product}' is not '{product.id}'; correct it"
            for region in set(entry.regions) - set(product.regions):
                yield f"{where}: field regions: '{region}' is not in product.yaml; correct it or add it there"
