"""Migrations on both databases, and the wheel that has to carry everything along."""

import json
import os
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

import smi_bot.cli  # noqa: F401  every table is known once all commands are
from smi_bot.database import migrate

CHECKOUT = Path(__file__).parent.parent


def inspected(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("sqlite+aiosqlite:", "sqlite:", 1), poolclass=sa.NullPool)


def tables(url: str) -> set[str]:
    return set(sa.inspect(inspected(url)).get_table_names())


def test_the_migrated_tables_are_those_of_the_code(database_url):
    with inspected(database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert tables(database_url) == set(SQLModel.metadata.tables) | {"alembic_version"}


def test_every_partial_index_of_the_code_is_partial_in_the_database(database_url):
    """compare_metadata does not look at the condition of an index."""
    with inspected(database_url).connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        query = "SELECT name, sql FROM sqlite_master" if sqlite else "SELECT indexname, indexdef FROM pg_indexes"
        definitions = {name: sql or "" for name, sql in connection.execute(sa.text(query))}
    for table in SQLModel.metadata.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            assert ("WHERE" in definitions[str(index.name)].upper()) == (condition is not None), index.name


def test_migrating_again_is_harmless(database_url):
    with inspected(database_url).begin() as connection:
        connection.execute(sa.text("UPDATE journal_head SET seq = 7"))
    for _ in range(2):
        migrate(database_url)
    with inspected(database_url).connect() as connection:
        assert connection.execute(sa.text("SELECT id, seq FROM journal_head")).all() == [(1, 7)]


def test_there_is_one_line_of_migrations():
    scripts = ScriptDirectory(str(CHECKOUT / "smi_bot" / "migrations"))
    assert len(scripts.get_heads()) == len(scripts.get_bases()) == 1


def test_migrations_can_be_taken_back(tmp_path):
    from alembic import command
    from alembic.config import Config

    url = f"sqlite+aiosqlite:///{tmp_path / 'x.sqlite3'}"
    migrate(url)
    config = Config()
    config.set_main_option("script_location", str(CHECKOUT / "smi_bot" / "migrations"))
    config.attributes["url"] = url.replace("sqlite+aiosqlite:", "sqlite:", 1)
    command.downgrade(config, "base")
    assert tables(url) == {"alembic_version"}
    migrate(url)
    assert tables(url) == set(SQLModel.metadata.tables) | {"alembic_version"}


MIGRATE = "import sys; from smi_bot.database import migrate; sys.stdin.readline(); migrate(sys.argv[1]); print('done')"


@pytest.fixture
def empty_postgres(postgres_url):
    """A database without tables beside the test's own."""
    name = f"smi_empty_{uuid.uuid4().hex[:8]}"
    server = postgres_url.replace("postgresql+psycopg://", "postgresql://", 1)
    url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        yield url
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def test_two_processes_that_migrate_postgresql_at_once_both_succeed(empty_postgres):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": os.environ["PATH"]}
    both = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, empty_postgres], env=environment, **pipes) for _ in range(2)
    ]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=60) for process in both]
    assert [(process.returncode, out) for process, (out, _) in zip(both, ended, strict=True)] == [(0, "done\n")] * 2, (
        ended
    )
    assert tables(empty_postgres) == set(SQLModel.metadata.tables) | {"alembic_version"}
    with inspected(empty_postgres).connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM journal_head")).scalar() == 1


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return built


def contents(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_carries_everything_that_the_service_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ("smi_bot", "channels", "escalation"):
        assert {f"{room}/{name}" for name in contents(CHECKOUT / room)} <= names
    assert {f"smi_bot/responses/{name}" for name in contents(CHECKOUT / "responses")} <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) or name.endswith(".pyc") for name in names)


def test_from_the_wheel_alone_the_library_is_read_decided_on_and_the_database_made(wheel, tmp_path):
    place = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(place)
    script = (
        "import sys, smi_bot; from smi_bot.cli import main\n"
        f"assert smi_bot.__file__.startswith({str(place)!r}), smi_bot.__file__\n"
        "for command in ('decide', 'migrate'):\n"
        "    sys.argv = ['smi-bot', command]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, end.code\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(place), "PATH": os.environ["PATH"], "SMI_DATA_DIR": str(tmp_path / "data")},
        input='{"text": "what if I forget a tablet?"}\n',
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    decision, made = ended.stdout.splitlines()
    assert json.loads(decision)["entry"] == "missed-dose"
    assert made == "the database is up to date"
    assert tables(f"sqlite+aiosqlite:///{tmp_path / 'data' / 'smi-bot.sqlite3'}") >= {"inbox", "outbox", "journal"}
