"""Files on Telegram: asked for by their id, read as a stream, and no further than the limit."""

import httpx
from telegram import Bot
from telegram.error import BadRequest, TelegramError

from channels.telegram_client import meaning
from smi_bot.attachments import WrongFile
from smi_bot.errors import TryAgain

_WAIT = 20.0  # seconds for each piece of a file


async def fetch(bot: Bot, http: httpx.AsyncClient, source: str, limit: int) -> bytes:
    """The file of that id, of at most `limit` bytes. Raises WrongFile, Refused or TryAgain."""
    try:
        file = await bot.get_file(source)
    except BadRequest as error:  # Bot API, getFile: 20 MB at most; an id may have gone out of use
        raise WrongFile("file-too-big" if "too big" in str(error).lower() else "file-failed") from error
    except TelegramError as error:
        raise meaning(error) from error
    if (file.file_size or 0) > limit:
        raise WrongFile("file-too-big")
    try:
        return await _download(http, file.file_path or "", limit)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TryAgain(f"Telegram's files: {type(error).__name__}") from error


async def _download(http: httpx.AsyncClient, address: str, limit: int) -> bytes:
    content = bytearray()
    async with http.stream("GET", address, timeout=_WAIT) as response:
        if response.status_code == httpx.codes.NOT_FOUND:
            raise WrongFile("file-failed")
        if response.status_code != httpx.codes.OK:
            raise TryAgain(f"Telegram's files: {response.status_code}")
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > limit:
                raise WrongFile("file-too-big")
    return bytes(content)
