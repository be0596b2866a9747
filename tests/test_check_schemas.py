"""The JSON Schemas that editors use."""

import json

import pytest
from commands import command
from libraries import write
from reading_libraries import RESPONSES

from smi_bot.library import read_library
from smi_bot.library.model import Page, Product, StandardResponse, Wording
from smi_bot.workbench.schemas import schema_text, schemas

NAMES = ("entry", "page", "product", "signers", "wording")


def test_the_published_schemas_are_those_of_the_models():
    published = {path.stem: path.read_text("utf-8") for path in (RESPONSES / "schemas").glob("*.json")}
    expected = {name: schema_text(schema) for name, schema in schemas().items()}
    assert published == expected, "run: smi-bot library schema --to responses/schemas"


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_nobody_knows_is_an_error_in_every_schema(name):
    schema = schemas()[name]
    parts = [schema, *schema.get("$defs", {}).values()]
    assert all(part["additionalProperties"] is False for part in parts if part.get("type") == "object")


@pytest.mark.parametrize(
    ("name", "model", "below"),
    [
        ("entry", StandardResponse, {"sections"}),
        ("wording", Wording, {"body"}),
        ("page", Page, set()),
        ("product", Product, set()),
    ],
)
def test_a_schema_has_the_fields_of_the_front_matter_and_none_of_the_text(name, model, below):
    schema = schemas()[name]
    assert set(schema["properties"]) == set(model.model_fields) - below
    required = {field for field, info in model.model_fields.items() if info.is_required()}
    assert set(schema["required"]) == required - below


def test_what_the_readme_says_of_numbers_stands_in_the_schema():
    entry = schemas()["entry"]["properties"]
    assert entry["phrasings"]["minItems"] == 5
    assert entry["version"]["minimum"] == 1
    assert entry["audiences"]["items"]["enum"] == ["patient", "hcp"]


def test_the_command_writes_them_where_it_is_told(tmp_path):
    ended = command("library", "schema", "--to", str(tmp_path / "new" / "folder"))
    assert ended.code == 0
    assert sorted(path.stem for path in (tmp_path / "new" / "folder").iterdir()) == list(NAMES)
    for path in (tmp_path / "new" / "folder").iterdir():
        assert json.loads(path.read_text("utf-8"))["$schema"].startswith("https://json-schema.org/")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    ended = command("library", "schema", "--to", str(tmp_path / "file"))
    assert ended.code == 2
    assert ended.err.startswith("smi-bot: ")


def test_schemas_in_a_library_are_no_content(tmp_path):
    write(tmp_path)
    before = read_library(tmp_path).version
    command("library", "schema", "--to", str(tmp_path / "schemas"))
    assert read_library(tmp_path).version == before
