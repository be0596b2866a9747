"""The service as a process that dies and is started again: the supervisor, a specialist who presses again, the books."""

import asyncio
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import pytest
import sqlalchemy as sa
import victim
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
