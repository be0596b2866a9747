"""The composition root: builds everything from settings, runs it, stops it. Nothing else knows all the rooms."""

import asyncio
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog
import uvicorn
from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from channels.delivery import Delivery
from channels.files import Fetching
from channels.telegram import open_telegram
from channels.web import WebChannel
from escalation import sla, store
from escalation.handoff import CaseHandoff
from escalation.local_desk import LocalDesk
from escalation.slack import Slack
from escalation.slack_presses import Presses
from smi_bot import erasure, journal
from smi_bot.assistant import Knowledge
from smi_bot.database import Database, Transaction, migrate
from smi_bot.durable.inbox import GiveUp, Handle, Inbox
from smi_bot.durable.loop import Loop, Steps
from smi_bot.durable.outbox import Outbox, Way
from smi_bot.durable.rows import Clock, InboxRow, OutboxRow, TimerRow
from smi_bot.durable.timers import Timers
from smi_bot.errors import SettingsError
from smi_bot.inquiry import Channel
from smi_bot.knowledge import refuse_unfit
from smi_bot.librarian import Librarian, first_knowledge
from smi_bot.publishing import LIBRARY
from smi_bot.receiving import Assistant
from smi_bot.settings import Settings
from smi_bot.shelf import Shelf
from smi_bot.web import web_application

log = structlog.get_logger()

_FETCH = 60.0  # seconds a file of a requester may take
_UPLOAD = 30.0  # seconds to show a requester's file to specialists
_DRAIN = 8.0  # seconds to finish what is in hand after SIGTERM


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class App:
    """A built service. Tests use its parts; `run` runs it whole."""

    settings: Settings
    database: Database
    shelf: Shelf
    inbox: Inbox
    loop: Loop
    librarian: Librarian
    handoff: CaseHandoff
    delivery: Delivery
    channels: dict[str, Channel]
    web: WebChannel
    desk: LocalDesk
    fetching: Fetching
    slack: Slack | None = None
    asgi: Starlette | None = None

    def join(self, channel: Channel) -> None:
        """Adds a channel before the service runs."""
        self.channels[channel.name] = channel

    async def not_ready(self) -> list[str]:
        """What keeps the service from being ready, each in words; empty when it is."""
        troubles = [f"{work}: {trouble}" for work, trouble in self.loop.troubled.items()]
        troubles += [trouble for channel in self.channels.values() for trouble in channel.not_ready()]
        troubles += self.slack.not_ready() if self.slack else []
        troubles += self.librarian.not_ready()
        try:
            return troubles + await self._failed_rows()
        except (SQLAlchemyError, OSError) as error:
            return [*troubles, f"database: {type(error).__name__}"]

    async def _failed_rows(self) -> list[str]:
        async with self.database.reading() as tx:
            counts = [(table.__tablename__, await _failed(tx, table)) for table in (InboxRow, OutboxRow, TimerRow)]
        return [f"{name}: {count} rows failed; see the desk and the log" for name, count in counts if count]

    async def run(self, stopping: asyncio.Event, announce: Callable[[str], None] = lambda address: None) -> None:
        """Serves until `stopping`; then takes nothing more in and finishes what is claimed."""
        server = _Server(self._served())
        listening = _listening(self.settings)
        async with asyncio.TaskGroup() as group:
            intake = [group.create_task(self.database.listen())]
            intake += [group.create_task(channel.run()) for channel in self.channels.values()]
            if self.slack:
                intake.append(group.create_task(self.slack.run()))
            working = [group.create_task(self.loop.run()), group.create_task(server.serve([listening]))]
            announce(_address(listening))
            await stopping.wait()
            log.info("stopping")
            for task in intake:
                task.cancel()
            self.desk.close()
            await self.web.close()
            server.should_exit = True
            self.loop.stop()
            await asyncio.wait(working, timeout=_DRAIN)
            for task in working:
                task.cancel()

    def _served(self) -> uvicorn.Config:
        config = uvicorn.Config(self.asgi or Starlette(), log_config=None, access_log=False)
        config.ws_max_size = 2**20  # bytes of one frame: far more than the page sends
        config.timeout_graceful_shutdown = 3
        return config


@asynccontextmanager
async def open_app(
    settings: Settings, clock: Clock = utc_now, *, knowledge: Knowledge | None = None, poll: float = 5.0
) -> AsyncIterator[App]:
    """Builds the service. `knowledge`: the published library's unless given; `poll`: seconds.

    Raises SettingsError or LibraryError with lines that say what to mend.
    """
    if knowledge is not None:
        refuse_unfit(knowledge.library, settings)
    async with AsyncExitStack() as stack:
        _prepare_data_dir(settings)
        if settings.sqlite_file:
            stack.enter_context(_only_process(settings.sqlite_file))
        await asyncio.to_thread(migrate, settings.database)
        database = Database(settings.database, before_commit=(journal.chain,))
        stack.push_async_callback(database.close)
        shelf = Shelf(knowledge or await first_knowledge(database, settings, clock()))
        yield await _build(settings, shelf, database, clock, poll, stack)


async def _build(
    settings: Settings, shelf: Shelf, database: Database, clock: Clock, poll: float, stack: AsyncExitStack
) -> App:
    inbox, outbox, timers = Inbox(database, clock), Outbox(database, clock), Timers(database, clock)
    windows = sla.windows(settings)
    handoff = CaseHandoff(windows, settings.country, timedelta(minutes=settings.claim_lapses_minutes))
    assistant = Assistant(shelf, handoff, home=settings.country, pause=settings.burst_pause)
    delivery = Delivery(
        database,
        shelf,
        clock,
        vouch=store.wrote,
        withdrawn=assistant.withdrawn,
        settled=handoff.reply_settled,
    )
    web = WebChannel(database, inbox, shelf, clock, store.is_held, settings.max_attachment_mb * 2**20)
    password = settings.desk_password.get_secret_value() if settings.desk_password else None
    desk = LocalDesk(database, handoff, shelf, clock, windows, password)
    channels: dict[str, Channel] = {web.name: web}
    fetching = Fetching(database, clock, settings.max_attachment_mb * 2**20, handoff.file_settled)
    routes: list[BaseRoute] = [*web.routes, *desk.routes]
    if settings.telegram_token:
        opening = open_telegram(database, inbox, shelf, clock, store.is_held, settings)
        telegram = await stack.enter_async_context(opening)
        channels[telegram.name] = telegram
        fetching.through({telegram.name: telegram})
        routes += telegram.routes
    handlers: dict[str, tuple[Handle, GiveUp]] = {
        "message": (assistant.receive, assistant.give_up),
        "press": (assistant.press, assistant.give_up),
    }
    ways = {"delivery": Way(delivery), "handoff": Way(desk), "fetch": Way(fetching, timeout=_FETCH)}
    slack = None
    if settings.slack_bot_token and settings.slack_channel:
        presses = Presses(database, handoff, shelf, clock, windows, settings.country, settings.slack_channel)
        slack = Slack(settings, database, inbox, shelf, clock, windows, presses)
        handlers["slack"] = slack.handler(handoff)
        # One at a time: Slack takes about one message a second, and the most pressing case comes first.
        ways |= {"handoff": Way(slack.desk, timeout=_UPLOAD, at_once=1), "whisper": Way(slack.whispers)}
        routes += slack.routes
    inbox.handled_by(handlers)
    outbox.sent_by(ways)
    timers.fired_by({"due": sla.reminder(handoff), "claim": sla.lapsing(handoff), "forget": erasure.forget})
    delivery.through(channels)
    await outbox.clear_claims()
    if slack:
        await slack.catch_up(handoff)
    librarian = Librarian(database, shelf, settings)
    await librarian.begin()
    works: dict[str, Steps] = {"inbox": inbox, "outbox": outbox, "timers": timers, LIBRARY: librarian}
    loop = Loop(works, database.bell, poll)
    app = App(
        settings, database, shelf, inbox, loop, librarian, handoff, delivery, channels, web, desk, fetching, slack
    )
    app.asgi = web_application(routes, _web_secret(settings), app.not_ready, settings.hosts)
    return app


def _prepare_data_dir(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        tempfile.TemporaryFile(dir=settings.data_dir).close()
    except OSError as error:
        raise SettingsError(
            f"SMI_DATA_DIR: {settings.data_dir}: {error.strerror}; name a folder we may write"
        ) from None


@contextmanager
def _only_process(database: Path) -> Iterator[None]:
    """SQLite has one process: a second one would send everything twice."""
    lock = FileLock(f"{database}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise SettingsError(
            f"SMI_DATA_DIR: another smi-bot is running on {database}; stop it, choose another folder,"
            " or use PostgreSQL for several workers"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _web_secret(settings: Settings) -> str:
    """The cookie key: given, or made once and kept beside the database, readable by its owner only."""
    if settings.web_secret:
        return settings.web_secret.get_secret_value()
    path = settings.data_dir / "web-secret"
    with FileLock(settings.data_dir / "web-secret.lock"):  # workers that start together must agree on one key
        if not path.exists() or not path.read_text():  # empty: killed before it was written
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return path.read_text()


async def _failed(tx: Transaction, table: type[InboxRow | OutboxRow | TimerRow]) -> int:
    # Without a failure of ours it was refused, as by somebody who blocked the bot: for the desk, and no fault.
    ours = (col(table.state) == "failed", col(table.failures) > 0)
    count = sa.select(sa.func.count()).select_from(table).where(*ours)
    return int((await tx.execute(count)).scalar_one())


class _Server(uvicorn.Server):
    """uvicorn in our event loop: signals are ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listening(settings: Settings) -> socket.socket:
    """Bound here, so that a port in use is one clear line and a free one (0) is known."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named: only then does asyncio set TCP_NODELAY, without which each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(socket.SOMAXCONN)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"SMI_PORT: cannot listen on {settings.host} port {settings.port}: {error.strerror}; choose another"
        ) from None
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def stop_signals(signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)) -> Iterator[asyncio.Event]:
    """An event that is set by a signal to stop."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in signals:
        loop.add_signal_handler(each, stopping.set)
    try:
        yield stopping
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
