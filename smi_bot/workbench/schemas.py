"""JSON Schemas of what content owners write by hand, for their editors: made from the models that read it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from smi_bot.library.model import Page, Product, Signer, StandardResponse, Wording

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Fields that stand below the front matter, as text.
_BELOW = frozenset({"sections", "body"})
#: What an editor shows beside a field.
_HELP = {
    "id": "Equals the file's name: lower case, hyphens.",
    "version": "Raise it with every change of meaning.",
    "language": "Two letters: en, de, fr, es.",
    "effective": "The first day on which it is sent.",
    "review_due": "The day by which somebody has to read it again.",
    "expires": "The first day on which it is sent no more.",
    "owner": "Who answers for the text.",
    "last_author": "Who changed it last; may not be one of the two approvers.",
    "product": "The id in product.yaml.",
    "title": "The question it answers; stands on buttons. Names no excluded use.",
    "audiences": "Whom it is for; each needs a section.",
    "regions": "Label regions in which it is approved.",
    "label_version": "The version of the label it rests on.",
    "references": "Where in the label it stands: name, version, section.",
    "phrasings": "At least five ways people ask this, as different as people are.",
    "near_misses": "Look-alike questions that must not get this answer, and where they belong.",
    "belongs": "Another entry's id, or a label: off-label, adverse-event, special-situation, unapproved …",
    "misspellings": "As people type the names. No word of any language, and no other medicine.",
    "excluded_uses": "Uses for which it is not approved, in people's words.",
    "approved_combinations": "What the label names as usable together with it.",
    "excluded_combinations": "What it is not to be combined with: names, or groups of triage/medicines.yaml.",
    "interacting": "What interacts with it: names, or groups of triage/medicines.yaml.",
    "units": "What one takes, as people say it: tablet, pills, puffs.",
    "units_per_dose": "How many of them make one dose.",
    "illness_names": "The approved illness, as people write it.",
    "illness_places": "The part of the body it sits in, where people name only that.",
    "illness_signs": "Its own signs: no event while the talk is of the illness.",
    "illness_kinds_excluded": "Kinds and degrees of the illness that the label does not name.",
    "public_key": "Ed25519, 32 bytes, base64.",
}


class _Signers(BaseModel):
    """Who may sign, in which role, with which public key."""

    model_config = ConfigDict(extra="forbid")

    signers: tuple[Signer, ...]


_MODELS: Mapping[str, type[BaseModel]] = {
    "entry": StandardResponse,
    "wording": Wording,
    "page": Page,
    "product": Product,
    "signers": _Signers,
}


def schemas() -> dict[str, dict[str, Any]]:
    """By name: of the front matter of entries and wordings, and of page, product and signers files."""
    return {name: _schema(name, model) for name, model in _MODELS.items()}


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    made = model.model_json_schema()
    for part in (made, *made.get("$defs", {}).values()):
        _trim(part)
    return {"$schema": _DIALECT, "title": f"smi-bot {name}", **{key: made[key] for key in made if key != "title"}}


def _trim(part: dict[str, Any]) -> None:
    """Leaves out what stands below the front matter and what only programmers read; adds what an editor shows."""
    part.pop("description", None)
    fields = part.get("properties", {})
    for name in _BELOW & set(fields):
        del fields[name]
    if "required" in part:
        part["required"] = [name for name in part["required"] if name in fields]
    for name, field in fields.items():
        field.pop("title", None)
        if name in _HELP:
            field["description"] = _HELP[name]


def schema_text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """One file each. Raises OSError where they cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, schema in schemas().items():
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(schema_text(schema), "utf-8")
    return paths
