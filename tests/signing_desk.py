"""People with keys at the small library: `smi-bot library …` as they run it, with a clock that tests may turn."""

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, command
from libraries import MEDICAL, NOW, REGULATORY, key_of, sign_all, signer, write

from smi_bot.library import Library, read_library
from smi_bot.library.approval import demo_signers
from smi_bot.library.library import Document
from smi_bot.library.standing import standing
from smi_bot.workbench import signing_commands
from smi_bot.workbench.keys import write_key

PHARMACY = signer("cleo", "Cleo Pharma", "pharmacy")
SECOND_MEDICAL = signer("dan", "Dan Doctor", "medical")
AUTHOR = signer("wil", "wil  AUTHOR", "drug-safety")  # as front matter names its last author, but for the spelling
TWICE = signer("alma2", "Alma Medic", "drug-safety")  # one person with a second key
SAME_KEY = signer("eve", "Eve Other", "drug-safety", "bo")  # a second name for one key
DEMO = demo_signers()[0]
PEOPLE = (MEDICAL, REGULATORY, PHARMACY, SECOND_MEDICAL, AUTHOR, TWICE, SAME_KEY, DEMO)
SECRETS = {"eve": "bo"}


@dataclass
class Desk:
    """A folder of content and the key files of people."""

    folder: Path
    keys: Path
    now: datetime = field(default=NOW + timedelta(hours=1))

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def run(self, *arguments: str, stdin: bytes = b"") -> Ended:
        return command("library", *arguments, "--library", str(self.folder), stdin=stdin)

    def key(self, id: str) -> str:
        path = self.keys / f"{id}.pem"
        if not path.exists():
            write_key(path, key_of(SECRETS.get(id, id)), None)
        return str(path)

    def approve(self, topic: str, id: str, *more: str) -> Ended:
        return self.run("approve", topic, "--as", id, "--key", self.key(id), "--yes", *more)

    def stop(self, how: str, topic: str, id: str = "alma", reason: str = "The dose is wrong.", *more: str) -> Ended:
        return self.run(how, topic, "--as", id, "--key", self.key(id), "--reason", reason, *more)

    @property
    def library(self) -> Library:
        return read_library(self.folder)

    def document(self, name: str = "testamol/shelf") -> Document:
        return dict(self.library.documents())[name]

    def stands(self, name: str = "testamol/shelf") -> str:
        return standing(self.library, name, self.document(name), self.now.date())

    def stored(self, kind: str, name: str = "testamol/shelf") -> list[dict[str, Any]]:
        path = self.folder / kind / f"{name}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else []

    def store(self, kind: str, found: list[dict[str, Any]], name: str = "testamol/shelf") -> None:
        path = self.folder / kind / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), "utf-8")

    def edit(self, old: str, new: str, file: str = "testamol/shelf.md") -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def commit(self, folder: Path | None = None) -> None:
        place = str(folder or self.folder)
        git = ["git", "-C", place, "-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"]
        for step in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "state"]):
            subprocess.run([*git, *step], check=True, capture_output=True)


@pytest.fixture(scope="module")
def signed_by_two(tmp_path_factory) -> Path:
    folder = write(tmp_path_factory.mktemp("signed"))
    sign_all(folder, (MEDICAL, REGULATORY))
    listed = {"signers": [each.model_dump(mode="json") for each in PEOPLE]}
    (folder / "signers.yaml").write_text(json.dumps(listed), "utf-8")  # JSON is YAML
    return folder


@pytest.fixture
def desk(signed_by_two, tmp_path, monkeypatch) -> Desk:
    """Everything is signed by Alma (medical) and Bo (regulatory)."""
    (tmp_path / "keys").mkdir()
    place = Desk(Path(shutil.copytree(signed_by_two, tmp_path / "library")), tmp_path / "keys")
    monkeypatch.setattr(signing_commands, "_now", place.tick)
    return place


@pytest.fixture
def changed(desk) -> Desk:
    """The text of `shelf` was changed, so that nobody's signature counts."""
    desk.edit("on the **shelf**", "in the **drawer**")
    assert desk.stands() == "draft"
    return desk
