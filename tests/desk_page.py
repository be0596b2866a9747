"""The desk page of one service for all tests of a module, and people on both sides of it."""

import uuid
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from fakes import Clock, FakeChannel
from serving import RASH, Requester, Specialist, served

from smi_bot.receiving import enqueue


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory, knowledge):
    clock = Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    async with served(tmp_path_factory.mktemp("desk") / "data", knowledge, clock) as (app, url):
        yield app, url, clock


@pytest.fixture
def app(service):
    return service[0]


@pytest.fixture
def url(service):
    return service[1]


@pytest.fixture
def clock(service):
    return service[2]


@pytest_asyncio.fixture(loop_scope="module")
async def ann(url):
    async with Requester(url) as requester:
        yield requester


@pytest_asyncio.fixture(loop_scope="module")
async def rao(url):
    async with Specialist(url) as specialist:
        yield specialist


@pytest_asyncio.fixture(loop_scope="module")
async def lee(url):
    async with Specialist(url, "Dr. Lee") as specialist:
        yield specialist


@pytest_asyncio.fixture(loop_scope="module")
async def case(ann, rao):
    """A fresh case of Ann's, with words of its own."""
    return await reported(ann, rao)


@pytest_asyncio.fixture(loop_scope="module")
async def claimed(case, rao):
    await rao.does("claim", case)
    return case


async def reported(requester: Requester, specialist: Specialist, text: str = RASH) -> int:
    words = uuid.uuid4().hex
    await requester.says(f"{text} {words}")
    return await specialist.sees(words)


class Files:
    """A platform's files: by their source, what fetching one comes to."""

    def __init__(self) -> None:
        self.found: dict[str, bytes | Exception] = {}

    async def fetch(self, source: str, limit: int) -> bytes:
        found = self.found[source]
        if isinstance(found, Exception):
            raise found
        return found


class Writer:
    """Somebody on another platform, with everything that a message there may carry."""

    def __init__(self, channel: FakeChannel, app) -> None:
        self.channel = channel
        self.app = app
        self.name = uuid.uuid4().hex

    async def sends(self, text: str = "", **more) -> None:
        files = more.pop("attachments", ())
        inquiry = self.channel.inquiry(text, self.name, f"fake:{uuid.uuid4().hex}", files)
        assert await enqueue(self.app.inbox, inquiry.model_copy(update=more))

    async def hears(self, source: str) -> str:
        """Waits for a text from that source; returns the platform's id of it."""
        return f"platform-{(await self.channel.hears(source, self.name)).reply}"


@pytest.fixture(scope="module")
def files():
    return Files()


@pytest.fixture(scope="module")
def channel(service, files):
    app, _, clock = service
    channel = FakeChannel(app.inbox, clock, app.database.bell)
    app.join(channel)
    app.fetching.through({channel.name: files})
    return channel


@pytest.fixture
def bob(channel, app):
    return Writer(channel, app)


def event_of(card: str, words: str) -> int:
    """The number of the thread's entry that holds these words."""
    (entry,) = [part for part in card.split('data-event="') if words in part and "data-kind" in part]
    return int(entry.split('"')[0])
