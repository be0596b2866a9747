"""The chat page of one service for all tests of a module, and people on both sides of it."""

import pytest
import pytest_asyncio
from serving import Requester, Specialist, served


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory, knowledge):
    async with served(tmp_path_factory.mktemp("web") / "data", knowledge, max_attachment_mb=1) as (app, url):
        yield app, url


@pytest.fixture
def app(service):
    return service[0]


@pytest.fixture
def url(service):
    return service[1]


@pytest_asyncio.fixture(loop_scope="module")
async def ann(url):
    async with Requester(url) as requester:
        yield requester


@pytest_asyncio.fixture(loop_scope="module")
async def rao(url):
    async with Specialist(url) as specialist:
        yield specialist
