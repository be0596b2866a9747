"""The service as a process that dies and is started again: the supervisor, a specialist who presses again, the books."""

import asyncio
import json
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import pytest
import sqlalchemy as sa
import victim
from loopback import Call, Loopback
from sqlmodel import col
from victim import Plan

from escalation import store
from escalation.case import Case
from smi_bot import journal
from smi_bot.database import Database

LEASE = 15.0  # seconds after which another worker may take over a claimed send
PATIENCE = 60.0  # seconds before a test gives up waiting for an event

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["victim"])


class Bot:
    """The service under a supervisor, which starts it again after each end, with the next plan.

    `platform`: the port where replies on the test platform go, 0 for none. `settings`: the same for all lives.
    """

    def __init__(self, url: str, data_dir: Path, platform: int, *plans: Plan, **settings: Any) -> None:
        self.exits: list[int] = []
        self.ended = threading.Event()
        self.pid = 0  # of the life that lives now
        self.ahead = FORKS.RawValue("d", 0.0)  # seconds by which the clock of all lives is ahead
        given = {"database_url": url, "data_dir": data_dir, **settings}
        self._lives = [(plan, given, platform, self.ahead) for plan in plans]
        self._diary = data_dir / "diary"
        self._address = ""
        self._changed = threading.Condition()
        self._client = httpx.Client(trust_env=False, timeout=PATIENCE)
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lives.clear()
        if not self.ended.is_set():
            self.kill()
        self._supervisor.join(PATIENCE)
        self._client.close()

    def _supervise(self) -> None:
        while self._lives:
            life = self._lives.pop(0)
            address, announced = FORKS.Pipe(duplex=False)
            process = FORKS.Process(target=victim.live, args=(*life, announced))
            process.start()
            announced.close()
            self._now("", process.pid)
            with suppress(EOFError):  # it ended before it was up
                self._now(address.recv(), process.pid)
            process.join()
            self.exits.append(process.exitcode)
            if not self._lives:
                self.ended.set()
            self._now("", 0)

    def _now(self, address: str, pid: int) -> None:
        with self._changed:
            self._address, self.pid = address, pid
            self._changed.notify_all()

    def is_up(self) -> bool:
        self._until(lambda: bool(self._address) or self.ended.is_set())
        return bool(self._address)

    def kill(self) -> None:
        """SIGKILL; returns when the process is no more. One that is about to start is waited for."""
        self._until(lambda: self.pid != 0 or self.ended.is_set())
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._until(lambda: self.pid != pid)

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Asks again, in the next life, what a life did not answer. Raises ConnectionError after the last."""
        while self.is_up():
            address = self._address
            with suppress(httpx.TransportError):
                return self._client.request(method, f"{address}{path}", **content)
            self._until(lambda gone=address: self._address != gone)
        raise ConnectionError

    def hears(self, who: str, text: str, number: int = 0) -> None:
        """A platform brings a message, under the same key each time, until it is accepted."""
        message = {"key": f"{who}:{number}", "conversation": f"platform:{who}", "text": text}
        assert self.request("POST", "/platform", json=message).status_code == 200

    def finishes(self) -> None:
        """Waits until nothing is open."""
        assert self.request("GET", "/idle").status_code == 200

    def later(self, seconds: float) -> None:
        """Time goes by for this life and those to come."""
        self.ahead.value += seconds
        assert self.request("POST", "/clock").status_code == 200

    def exits_within(self, seconds: float) -> list[int]:
        self._until(lambda: bool(self.exits), seconds)
        return list(self.exits)

    def _until(self, happened: Callable[[], bool], patience: float = PATIENCE) -> None:
        with self._changed:
            self._changed.wait_for(happened, patience)

    def killed_at(self) -> list[str]:
        return self._diary.read_text().splitlines() if self._diary.exists() else []


class Recorder:
    """The platform: shows each reply once, as our web page does, and counts how often it was brought."""

    def __init__(self) -> None:
        self.shown: dict[str, dict[str, str]] = {}  # by id, in the order of arrival
        self.attempts: Counter[str] = Counter()
        self.answers = threading.Event()
        self.answers.set()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = self.rfile.read(size)
                if len(body) < size:  # its sender died
                    return
                recorder.take(self.headers["Idempotency-Key"], json.loads(body))
                recorder.answers.wait(PATIENCE)
                with suppress(OSError):
                    self.send_response(200)
                    self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def take(self, id: str, message: dict[str, str]) -> None:
        with self._changed:
            self.attempts[id] += 1
            self.shown.setdefault(id, message)
            self._changed.notify_all()

    def told(self, who: str) -> list[str]:
        """Where each text that somebody was shown came from, in order."""
        sources = [m["source"] for m in list(self.shown.values()) if m["conversation"] == f"platform:{who}"]
        return [source.split(" v")[0].split(",")[0] for source in sources]

    def shows(self, who: str, expected: list[str]) -> None:
        """Waits until somebody was told this, and nothing else."""
        with self._changed:
            self._changed.wait_for(lambda: self.told(who) == expected, PATIENCE)
        assert self.told(who) == expected

    def is_asked(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.attempts, PATIENCE)

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()


class Kills:
    """Kills the bot at calls of a platform, just before or just after they are executed: at each that has a name,
    once. None: not at this one."""

    def __init__(self, platform: Loopback, bot: Bot, name: Callable[[Call, str], Hashable]) -> None:
        self.done: list[Hashable] = []
        self._platform = platform
        self._bot = bot
        self._name = name
        platform.on_call = self._called

    def _called(self, method: str, when: str) -> bool:
        name = self._name(self._platform.called(method)[-1], when)
        if name is None or name in self.done:
            return False
        self._bot.kill()
        with self._platform.change():
            self.done.append(name)
        return True


class Specialist:
    """Somebody at the desk page, who presses again what was not answered."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        page = bot.request("GET", "/desk/login").text
        self._csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        bot.request("POST", "/desk/login", data={"csrf": self._csrf, "name": "Dr. Rao", "password": ""})

    def presses(self, what: str, case: int, **form: str) -> None:
        answer = self._bot.request("POST", f"/desk/cases/{case}/{what}", json=form, headers={"X-CSRF": self._csrf})
        assert answer.status_code == 200, answer.text


class Books(NamedTuple):
    """What the database says afterwards."""

    cases: list[Case]
    fault: str | None
    entries: Counter[str]  # of the journal, by kind


def books(url: str) -> Books:
    async def read() -> Books:
        database = Database(url)
        async with database.reading() as tx:
            found = Books(
                sorted(await store.cases(tx), key=lambda case: case.id),
                (await journal.verify(tx)).fault,
                Counter((await tx.execute(sa.select(col(journal.JournalRow.kind)))).scalars()),
            )
        await database.close()
        return found

    return asyncio.run(read())


@pytest.fixture(autouse=True)
def _forks_find_the_victim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fork server of Python 3.11 does not hand our path on to what it loads beforehand."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
