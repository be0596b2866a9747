"""A bot by itself on our Telegram."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bot_api import TOKEN, BotApi
from bot_api_people import Person
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from telegram.ext import Application
from telegram.request import HTTPXRequest


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture
def ann(api: BotApi) -> Person:
    return api.person("Ann", language_code="de")


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with client(api) as bot:
        yield bot


def client(api: BotApi, token: str = TOKEN, patience: float = 5.0) -> Bot:
    # verify=False: reading the certificates of the world takes longer than a test.
    requests = [HTTPXRequest(read_timeout=patience, httpx_kwargs={"verify": False}) for _ in range(2)]
    where = {"base_url": f"{api.url}/bot", "base_file_url": f"{api.url}/file/bot"}
    return Bot(token, **where, get_updates_request=requests[0], request=requests[1])


def keyboard(text: str = "Yes", **what: Any) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, **what or {"callback_data": "yes"})]])


@asynccontextmanager
async def polling(application: Application) -> AsyncIterator[None]:
    async with application:
        await application.start()
        await application.updater.start_polling(timeout=5)
        yield
        await application.updater.stop()
        await application.stop()
