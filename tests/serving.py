"""The service as the world meets it: over HTTP, in this process or in one of its own, and people who use it."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from fakes import PATIENCE
from websockets.asyncio.client import ClientConnection, connect

from smi_bot.app import App, open_app, utc_now
from smi_bot.assistant import Knowledge
from smi_bot.settings import Settings

FORGOT = "what if I forget a tablet?"
RASH = "I got a rash after two weeks on Zelvanta"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@asynccontextmanager
async def served(
    data_dir: Path, knowledge: Knowledge, clock: Callable[[], Any] = utc_now, **settings: Any
) -> AsyncIterator[tuple[App, str]]:
    """The whole service in this process, and its address."""
    given: dict[str, Any] = {"data_dir": data_dir, "port": 0, "burst_pause": 0.0, **settings}
    stopping, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    async with open_app(Settings(_env_file=None, **given), clock, knowledge=knowledge, poll=1.0) as app:
        running = asyncio.create_task(app.run(stopping, address.set_result))
        await asyncio.wait([running, address], return_when=asyncio.FIRST_COMPLETED)
        try:
            yield app, address.result()
        finally:
            stopping.set()
            await running


class Process:
    """`smi-bot run` as a process that can be killed and started again on the same data and port."""

    def __init__(self, folder: Path, **settings: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        given = {"port": port, "data_dir": folder / "data", "burst_pause": 0.05, **settings}
        self._environment = environment(**given)

    def start(self) -> None:
        """Returns when it answers."""
        with (self._folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "smi_bot.cli", "run"]
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, stderr=log
            )
        assert self._process.stdout
        for line in self._process.stdout:  # the address is printed once it is bound
            if b"/desk" in line:
                return
        raise AssertionError((self._folder / "log").read_text())

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.communicate(timeout=PATIENCE)
            self._process = None


def environment(**settings: object) -> dict[str, str]:
    """A process's environment with these settings and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMI_")}
    return kept | {f"SMI_{name.upper()}": str(value) for name, value in settings.items()}


def client(url: str, **settings: Any) -> httpx.AsyncClient:
    # verify=False: there is no TLS here, and reading the certificates of the world takes longer than a test.
    return httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=PATIENCE, **settings)


class Requester:
    """Somebody at the chat page. `messages` is what the page shows, by id."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = client(url)
        self.messages: dict[str, dict[str, Any]] = {}
        self.frames: list[dict[str, Any]] = []
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        await self.http.get("/chat")
        await self.comes()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leaves()
        await self.http.aclose()

    @property
    def cookie(self) -> str:
        return f"smi={self.http.cookies['smi']}"

    @property
    def socket(self) -> ClientConnection:
        assert self._socket
        return self._socket

    def line(self, *, name: str = "", **headers: str) -> connect:
        """A socket, to be opened, as the page's browser would, but for `headers` or under another `name` of the host."""
        host, port = httpx.URL(self.url).host, httpx.URL(self.url).port
        given = {"Origin": f"http://{name or host}:{port}", "Cookie": self.cookie}
        given |= {header.title(): value for header, value in headers.items()}
        kept = {header: value for header, value in given.items() if value}
        address = f"ws://{name or host}:{port}/chat/socket"
        return connect(address, host=host, port=port, additional_headers=kept, proxy=None, max_size=None)

    async def comes(self) -> dict[str, Any]:
        """Opens a socket; returns the history it is shown."""
        self._socket = await self.line()
        await self.sends({"type": "hello", "after": 0})
        return await self.gets("history")

    async def leaves(self) -> None:
        await self.socket.close()

    async def sends(self, frame: dict[str, Any] | str | bytes) -> None:
        await self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def says(self, text: str, id: str | None = None, files: tuple[str, ...] = ()) -> str:
        """Sends a message and waits until it is accepted; returns its id."""
        id = id or uuid.uuid4().hex
        await self.sends({"type": "message", "id": id, "text": text, "attachments": list(files)})
        assert (await self.gets("accepted", "refused"))["type"] == "accepted"
        return id

    async def presses(self, message: dict[str, Any], verb: str) -> None:
        (action,) = [button["action"] for button in message["buttons"] if button["action"]["verb"] == verb]
        await self.sends({"type": "press", "id": uuid.uuid4().hex, "action": action})
        assert (await self.gets("accepted", "refused"))["type"] == "accepted"

    async def gets(self, *types: str) -> dict[str, Any]:
        """The next frame of one of these types; messages on the way are remembered."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = json.loads(await self.socket.recv())
                self.frames.append(frame)
                shown = {"history": frame.get("messages", ()), "message": (frame.get("message"),)}
                self.messages |= {message["id"]: message for message in shown.get(frame["type"], ())}
                if frame["type"] in types:
                    return frame

    async def hears(self, words: str) -> dict[str, Any]:
        """Waits until a message of ours or of a specialist's holds these words."""
        while not (found := self.told(words)):
            await self.gets("message", "history")
        return found[-1]

    def told(self, words: str) -> list[dict[str, Any]]:
        others = (message for message in self.messages.values() if message["from"] != "you")
        return [message for message in others if words in message["html"]]

    async def uploads(self, content: bytes = PNG, name: str = "leaflet.png") -> httpx.Response:
        files = {"file": (name, content, "image/png")}
        return await self.http.post("/chat/attachments", files=files, headers={"X-Requested-With": "smi-bot"})


class Specialist:
    """Somebody at the desk page."""

    def __init__(self, url: str, name: str = "Dr. Rao", password: str = "") -> None:
        self.http = client(url)
        self.name = name
        self.password = password
        self.csrf = ""

    async def __aenter__(self) -> Self:
        answer = await self.signs_in()
        assert answer.status_code == 303, answer.text
        self.csrf = token(await self.http.get("/desk"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def signs_in(self, **changed: str) -> httpx.Response:
        csrf = token(await self.http.get("/desk/login"))
        form = {"name": self.name, "password": self.password, "csrf": csrf, **changed}
        return await self.http.post("/desk/login", data=form)

    async def presses(self, what: str, case: int, **body: Any) -> httpx.Response:
        return await self.http.post(f"/desk/cases/{case}/{what}", json=body, headers={"X-CSRF": self.csrf})

    async def does(self, what: str, case: int, **body: Any) -> dict[str, Any]:
        """A press that must succeed."""
        if what in ("reply", "note"):
            body = {"id": uuid.uuid4().hex, **body}
        answer = await self.presses(what, case, **body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def board(self) -> str:
        return (await self.http.get("/desk/board")).text

    async def cards(self) -> dict[int, str]:
        """The HTML of each card, by case."""
        found = re.finditer(r'<article class="card" id="case-(\d+)".*?</article>', await self.board(), re.DOTALL)
        return {int(card[1]): card[0] for card in found}

    async def card(self, case: int) -> str:
        return (await self.cards())[case]

    async def sees(self, *words: str, case: int | None = None) -> int:
        """Waits until a card (this one, or any) shows all these words, listening as the page does; returns its case."""
        async with asyncio.timeout(PATIENCE), self.http.stream("GET", "/desk/events") as events:
            async for line in events.aiter_lines():
                if not line.startswith("data:"):
                    continue
                for number, card in (await self.cards()).items():
                    if case in (None, number) and all(word in card for word in words):
                        return number
        raise AssertionError(f"the events ended before a card showed {words}")


def token(page: httpx.Response) -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf" (?:content|value)="([^"]+)"', page.text)
    assert found, page.text
    return found[1]
