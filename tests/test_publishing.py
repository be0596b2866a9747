"""Publishing a library, changing to it while the service runs, and going back."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from commands import command
from conftest import CHECKOUT
from serving import FORGOT
from sqlmodel import col

from smi_bot import journal
from smi_bot.app import open_app
from smi_bot.bundle import Bundle, pack
from smi_bot.database import Database
from smi_bot.errors import LibraryError, SettingsError
from smi_bot.journal import JournalRow
from smi_bot.librarian import first_knowledge
from smi_bot.library import read_library
from smi_bot.matching.gate import Cuts
from smi_bot.publishing import BundleRow, InForceRow, history, in_force, publish, put_in_force
from smi_bot.settings import Settings

OTHER_WORDS = "Have you read the fictional leaflet?"


# Some of the shipped answers: each version is read several times here, and the whole library takes seconds each time.
KEPT = ("missed-dose", "alcohol", "latex", "gluten", "elderly", "tb-screening", "storage-temperature", "pregnancy")


def without_others(folder: Path, kept: tuple[str, ...]) -> None:
    """Leaves the answers of `kept` alone in a library, signed anew."""
    entries = {path.stem: path for path in (folder / "zelvanta").glob("*.md")}
    for name in entries.keys() - set(kept):
        entries[name].unlink()
    for name in kept:
        text = entries[name].read_text("utf-8")
        left = re.sub(r"belongs: (\S+)", lambda found: stays(found, set(entries) - set(kept)), text)
        entries[name].write_text(left, "utf-8")
    assert command("library", "sign-demo", "--library", str(folder)).code == 0


def stays(belongs: re.Match[str], gone: set[str]) -> str:
    return "belongs: unapproved" if belongs[1] in gone else belongs[0]


@pytest.fixture(autouse=True)
def _reading_has_its_turn(monkeypatch) -> None:
    """Other tests run beside these: a reader that gives way to everybody would starve."""
    monkeypatch.setattr("smi_bot.librarian._NICE", 0)


@pytest.fixture(scope="module")
def shipped_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "responses"
    shutil.copytree(CHECKOUT / "responses", folder)
    without_others(folder, KEPT)
    return folder


@pytest.fixture(scope="module")
def shipped(shipped_folder, knowledge) -> Bundle:
    return pack(shipped_folder, None, knowledge.matcher.cuts)


@pytest.fixture(scope="module")
def changed_folder(tmp_path_factory, shipped_folder) -> Path:
    """The same library without one answer, and with another greeting; signed anew."""
    folder = tmp_path_factory.mktemp("changed") / "responses"
    shutil.copytree(shipped_folder, folder)
    without_others(folder, KEPT[1:])
    greeting = folder / "wording" / "greeting.md.j2"
    front, rule, _ = greeting.read_text("utf-8").rpartition("---\n")
    greeting.write_text(front.replace("version: 1", "version: 2") + rule + OTHER_WORDS, "utf-8")
    assert command("library", "sign-demo", "--library", str(folder)).code == 0
    return folder


async def published(database: Database, bundle: Bundle, library: str, clock) -> int:
    async with database.transaction() as tx:
        return await publish(tx, bundle, library, "ann", clock())


async def now_in_force(database: Database) -> int | None:
    async with database.reading() as tx:
        return await in_force(tx)


# --- in the database


async def test_versions_count_up_and_the_same_bundle_keeps_its_version(database, clock):
    assert await now_in_force(database) is None
    one, two = Bundle(b"one", "1" * 64), Bundle(b"two", "2" * 64)
    assert [await published(database, each, "x", clock) for each in (one, two, two, one)] == [1, 2, 2, 1]
    assert await now_in_force(database) == 1
    async with database.reading() as tx:
        assert [row.version for row in await history(tx)] == [1, 2, 1]


async def test_going_back_adds_to_the_record_and_takes_nothing_away(database, clock):
    for name in ("1", "2"):
        await published(database, Bundle(name.encode(), name * 64), name, clock)
    async with database.transaction() as tx:
        await put_in_force(tx, 1, "bob", clock())
    async with database.reading() as tx:
        rows = (await tx.execute(sa.select(JournalRow).where(col(JournalRow.kind) == "library"))).scalars().all()
        assert [(row.subject, row.body["by"], row.body["library"]) for row in rows] == [
            ("1", "ann", "1"),
            ("2", "ann", "2"),
            ("1", "bob", "1"),
        ]
        assert (await journal.verify(tx)).fault is None


async def test_a_version_that_never_was_cannot_be_put_in_force(database, clock):
    with pytest.raises(LibraryError, match="version 7: was never published"):
        async with database.transaction() as tx:
            await put_in_force(tx, 7, "ann", clock())
    assert await now_in_force(database) is None


# --- while the service runs


async def test_a_running_service_changes_to_what_is_published_and_back(
    service, shipped, shipped_folder, changed_folder, knowledge, clock, monkeypatch
):
    monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
    await published(service.app.database, shipped, read_library(shipped_folder).version, clock)
    await changes(service, lambda library: len(library.entries) == len(KEPT))
    says, hears = service.requester.says, service.requester.hears
    await says(FORGOT)
    await hears("zelvanta/missed-dose")

    ended = await asyncio.to_thread(command, "library", "publish", "--library", str(changed_folder), "--by", "ann")
    assert (ended.code, ended.out) == (0, f"library version 2 is in force: {len(KEPT) - 1} responses\n")
    await changes(service, lambda library: "missed-dose" not in library.entries)
    await says("hello")
    assert OTHER_WORDS in (await hears("wording/greeting.en")).markdown
    await says(FORGOT)
    await hears("wording/unapproved.en")

    ended = await asyncio.to_thread(command, "library", "publish", "--version", "1", "--by", "bob")
    assert (ended.code, ended.out) == (0, "library version 1 is in force again\n")
    await changes(service, lambda library: "missed-dose" in library.entries)
    await says(FORGOT)
    await hears("zelvanta/missed-dose", times=2)
    assert await service.app.not_ready() == []

    # Each decision is computed again by the library of its own time, unless asked otherwise.
    ends = [await asyncio.to_thread(command, "explain", number) for number in ("1", "3")]
    assert [(ended.code, ended.lines[-1]) for ended in ends] == [(0, "computed again: the same decision")] * 2
    assert (await asyncio.to_thread(command, "explain", "3", "--now", knowledge=knowledge)).code == 1

    shown = json.loads((await asyncio.to_thread(command, "library", "versions", "--json")).out)
    assert [(row["version"], row["by"]) for row in shown] == [(1, "bob"), (2, "ann"), (1, "ann")]


async def test_a_withdrawal_counts_within_seconds_and_for_every_version_that_is_put_in_force_later(
    service, shipped, shipped_folder, knowledge, clock, tmp_path, monkeypatch
):
    """It reaches the service without a text being read, and going back does not bring back what was withdrawn."""
    monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
    await published(service.app.database, shipped, knowledge.library.version, clock)
    folder = shutil.copytree(shipped_folder, tmp_path / "library")
    where = ("--library", str(folder))
    why = ("--as", "demo-medical", "--reason", "the limit of 12 hours is wrong")
    assert command("library", "withdraw", "missed-dose", *why, *where).code == 0
    (folder / "zelvanta" / "alcohol.md").write_text("broken")
    ended = await asyncio.to_thread(command, "library", "publish", "--stops-only", *where)
    assert (ended.code, ended.out) == (0, "1 new stops count from now on, whatever version is in force\n")
    await changes(service, lambda library: "zelvanta/missed-dose" in library.unapproved())
    await service.requester.says(FORGOT)
    await service.requester.hears("wording/unapproved.en")

    other = pack(shipped_folder, None, Cuts(0.9, 0.3))
    version = await published(service.app.database, other, knowledge.library.version, clock)
    await changes(service, lambda _: service.app.shelf.knowledge.matcher.cuts.answer == 0.9)
    assert (await asyncio.to_thread(command, "library", "publish", "--version", str(version - 1))).code == 0
    await changes(service, lambda _: service.app.shelf.knowledge.matcher.cuts.answer != 0.9)
    assert "was withdrawn" in service.app.shelf.library.unapproved()["zelvanta/missed-dose"]
    ended = await asyncio.to_thread(command, "library", "publish", "--stops-only", *where)
    assert ended.out.startswith("0 new stops")


async def changes(service, is_there) -> None:
    """Waits until another library is on the shelf."""
    async with asyncio.timeout(60):
        while not is_there(service.app.shelf.library):
            await asyncio.sleep(0.02)


async def test_what_cannot_be_used_leaves_the_library_before_in_force_and_says_so(service, shipped, knowledge, clock):
    database = service.app.database
    await published(database, Bundle(b"no archive", "0" * 64), "broken", clock)
    async with asyncio.timeout(20):
        while not await service.app.not_ready():
            await asyncio.sleep(0.02)
    (trouble,) = await service.app.not_ready()
    assert trouble.startswith("library: version 1 is not used: the published library was changed")
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    await published(database, shipped, knowledge.library.version, clock)
    async with asyncio.timeout(60):
        while await service.app.not_ready():
            await asyncio.sleep(0.02)


def test_what_the_check_finds_wrong_is_named_and_nothing_is_published(changed_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(changed_folder, tmp_path / "library")
    entry = folder / "zelvanta" / "alcohol.md"
    entry.write_text(entry.read_text("utf-8").replace("review_due: 2027-10-01", "review_due: 2029-10-01"), "utf-8")
    monkeypatch.setenv("SMI_DATA_DIR", str(tmp_path / "data"))
    ended = command("library", "publish", "--library", str(folder))
    assert (ended.code, ended.out) == (1, "")
    assert "alcohol.md" in ended.err
    assert "correct the dates" in ended.err
    assert command("library", "versions").out == ""


def test_what_nobody_approved_is_left_out_and_named(changed_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(changed_folder, tmp_path / "library")
    (folder / "approvals" / "zelvanta" / "alcohol.json").unlink()
    monkeypatch.setenv("SMI_DATA_DIR", str(tmp_path / "data"))
    ended = command("library", "publish", "--library", str(folder))
    assert (ended.code, ended.out) == (0, f"library version 1 is in force: {len(KEPT) - 2} responses\n")
    assert "left out: zelvanta/alcohol" in ended.err


# --- at the start


LIVE = {"telegram_token": "123456:" + "a" * 35}


async def test_with_people_on_the_other_side_nothing_starts_before_something_is_published(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", **LIVE)
    with pytest.raises(SettingsError, match="run 'smi-bot library publish'"):
        async with open_app(settings):
            pass


async def test_with_people_on_the_other_side_the_published_library_counts_and_not_the_folder(
    tmp_path, database, shipped, shipped_folder, knowledge, clock, monkeypatch
):
    monkeypatch.setattr("smi_bot.librarian.refuse_unfit", lambda library, settings: None)  # its keys are the demo's
    empty = Settings(_env_file=None, data_dir=tmp_path, library=tmp_path / "gone", **LIVE)
    await published(database, shipped, knowledge.library.version, clock)
    found = await first_knowledge(database, empty, clock())
    assert found.library.entries.keys() == set(KEPT)
    assert found.matcher.cuts == knowledge.matcher.cuts


async def test_a_trial_run_publishes_by_itself_what_is_new(tmp_path, database, knowledge, shipped, clock, monkeypatch):
    """Twice the same: two starts, or two workers at once."""
    monkeypatch.setattr("smi_bot.librarian.prepared", lambda settings: (knowledge, shipped))
    settings = Settings(_env_file=None, data_dir=tmp_path)
    await asyncio.gather(*(first_knowledge(database, settings, clock()) for _ in range(2)))
    async with database.reading() as tx:
        assert [row.by for row in await history(tx)] == ["trial run"]
        assert (await tx.execute(sa.select(sa.func.count()).select_from(BundleRow))).scalar_one() == 1
        assert (await tx.execute(sa.select(sa.func.count()).select_from(InForceRow))).scalar_one() == 1
