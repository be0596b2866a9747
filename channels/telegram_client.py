"""python-telegram-bot, set up so that it loses nothing: what it takes in is committed, what fails has a meaning."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog
from telegram import Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.ext import Application, ApplicationBuilder, ExtBot
from telegram.request import HTTPXRequest

from smi_bot.errors import Refused, SmiError, TryAgain, Unreachable

log = structlog.get_logger()

#: Seconds for each step of a call.
_CONNECT, _WRITE, _READ, _POOL = 3.0, 3.0, 5.0, 2.0
#: Seconds after which a refused token is tried again: somebody may have renewed it.
_TOKEN = 60.0

#: Told of each call for updates: None when it succeeded, else what was wrong.
Polled = Callable[[TelegramError | None], None]


class Confirming(asyncio.Queue[object]):
    """The queue that the library confirms updates from: putting returns when the update is committed."""

    def __init__(self, commit: Callable[[Update], Awaitable[None]]) -> None:
        super().__init__()
        self._commit = commit

    async def put(self, item: object) -> None:
        if isinstance(item, Update):
            await self._commit(item)


class WatchedBot(ExtBot[None]):
    """A bot that says how its polling goes, and passes on what the library cannot read instead of stopping there."""

    __slots__ = ("_polled",)

    def __init__(self, *args: Any, polled: Polled, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._polled = polled

    async def get_updates(self, *args: Any, **kwargs: Any) -> tuple[Update, ...]:
        try:
            updates = await self._readable(*args, **kwargs)
        except InvalidToken as error:  # the library would stop polling for good; a token can be given back
            self._polled(error)
            raise NetworkError("the token is refused") from None
        except TelegramError as error:
            self._polled(error)
            raise
        self._polled(None)
        return updates

    async def _readable(self, *args: Any, **kwargs: Any) -> tuple[Update, ...]:
        try:
            return await super().get_updates(*args, **kwargs)
        except TelegramError:
            raise
        except Exception as error:  # whatever its parsers raise: one such update must not hold up all the others
            log.error("telegram updates unreadable", error=type(error).__name__)
        asked = {"offset": kwargs.get("offset"), "allowed_updates": kwargs.get("allowed_updates"), "timeout": 0}
        raw = await self.do_api_request("getUpdates", api_kwargs=asked)
        return tuple(self.read(each) for each in raw)

    def read(self, raw: dict[str, Any]) -> Update:
        """An update; one that the library cannot read comes as a bare one that carries the raw form."""
        try:
            return Update.de_json(raw, self)
        except Exception as error:  # as above
            log.error("telegram update unreadable", update=raw["update_id"], error=type(error).__name__)
            return Update(raw["update_id"], api_kwargs={k: v for k, v in raw.items() if k != "update_id"})


Client = Application[Any, Any, Any, Any, Any, Any]


def client(token: str, api: str, commit: Callable[[Update], Awaitable[None]], polled: Polled) -> Client:
    """`api`: root address of the Bot API. The bot's own rate limiter is not used: ours holds over restarts."""

    def requests(read: float, size: int) -> HTTPXRequest:
        return HTTPXRequest(size, read_timeout=read, write_timeout=_WRITE, connect_timeout=_CONNECT, pool_timeout=_POOL)

    bot = WatchedBot(
        token,
        base_url=f"{api}/bot",
        base_file_url=f"{api}/file/bot",
        request=requests(_READ, 32),
        get_updates_request=requests(_READ, 1),
        polled=polled,
    )
    return ApplicationBuilder().bot(bot).update_queue(Confirming(commit)).build()


def meaning(error: TelegramError) -> SmiError:
    """What a failed call means for what was to be sent. Bot API, "Making requests", and its error descriptions."""
    if not is_telegrams(error):
        return TryAgain("not Telegram's answer")
    match error:
        case Forbidden():
            return Unreachable(_forbidden(str(error).lower()))
        case BadRequest():
            is_gone = "chat not found" in str(error).lower()
            return (Unreachable if is_gone else Refused)(f"Telegram: {error}")
    return TryAgain(f"Telegram: {type(error).__name__}", after=_asked_to_wait(error))


def is_telegrams(error: TelegramError) -> bool:
    """Whether Telegram said so; the page of something on the way to it says nothing of us, whatever its status."""
    found: BaseException | None = error
    while found is not None and type(found) is not TelegramError:  # that is: no JSON
        found = found.__cause__
    return found is None


def _asked_to_wait(error: TelegramError) -> float | None:
    """Seconds."""
    match error:
        case RetryAfter():
            after = error.retry_after
            return after.total_seconds() if isinstance(after, timedelta) else float(after)
        case ChatMigrated():
            return 0.0
        case InvalidToken():
            return _TOKEN
    return None


def in_words(error: TelegramError) -> str:
    """For /readyz: never the error's own words where they may hold the token or what somebody wrote."""
    if not is_telegrams(error):
        return "Telegram does not answer; something on the way to it does"
    match error:
        case InvalidToken():
            return "Telegram refuses SMI_TELEGRAM_TOKEN; give the bot's present token"
        case Conflict():
            return "another program takes this bot's messages; stop it, or give each its own bot"
        case BadRequest():
            return str(error)
        case _:
            return f"Telegram does not answer ({type(error).__name__})"


def _forbidden(description: str) -> str:
    if "blocked" in description:
        return "the requester has blocked the bot"
    if "deactivated" in description:
        return "the requester's Telegram account is deleted"
    return f"Telegram: {description}"
