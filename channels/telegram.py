"""Telegram: private chats with requesters, and posts in groups and channels, which are read but never answered there.

python-telegram-bot does the platform's part. What it takes in is committed to the inbox before Telegram is told to
forget it; what goes out comes from the outbox. Limits: Bot API documentation, and its FAQ "My bot is hitting limits".
"""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from telegram import CallbackQuery, Update
from telegram.constants import ChatAction, ChatType
from telegram.error import BadRequest, InvalidToken, TelegramError

from channels.telegram_client import Client, WatchedBot, client, in_words, is_telegrams, meaning
from channels.telegram_files import fetch
from channels.telegram_presses import press
from channels.telegram_profile import WANTED, register_commands, register_webhook
from channels.telegram_reading import NAME, Arrival, arrival, locale_of, replied_to, unreadable
from channels.telegram_sending import Sending
from smi_bot.addresses import Address, chat_moved, conversation_at
from smi_bot.conversations import is_known
from smi_bot.database import Database, Transaction
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.rows import Clock
from smi_bot.errors import NotApproved, SettingsError, TryAgain
from smi_bot.inquiry import Rendered
from smi_bot.receiving import enqueue
from smi_bot.settings import Settings
from smi_bot.shelf import Shelf

log = structlog.get_logger()

#: Whether a specialist holds the conversation's case.
IsHeld = Callable[[Transaction, str], Awaitable[bool]]

_LONG_POLL = 25  # seconds Telegram may hold a call for updates
_SILENCE = timedelta(seconds=90)  # without a successful call for updates after which something is wrong
_TYPING = 4.0  # seconds; Telegram takes the sign away after five
_LOOK = 60.0  # seconds between looks at the webhook
_UPDATE_SIZE = 2**21  # bytes of one update; Telegram's are far smaller


class TelegramChannel:
    """The requester's side on Telegram."""

    name = NAME

    def __init__(
        self, database: Database, inbox: Inbox, shelf: Shelf, clock: Clock, is_held: IsHeld, settings: Settings
    ) -> None:
        token = settings.telegram_token
        if token is None:
            raise SettingsError("SMI_TELEGRAM_TOKEN: is needed for the Telegram channel; BotFather gives one")
        self._database = database
        self._inbox = inbox
        self._shelf = shelf
        self._clock = clock
        self._is_held = is_held
        self._webhook = settings.telegram_webhook_url
        secret = settings.telegram_webhook_secret
        self._secret = secret.get_secret_value() if secret else ""
        self._client: Client = client(token.get_secret_value(), settings.telegram_api, self._keep_trying, self._polled)
        self._http = httpx.AsyncClient()  # for files; made once, as reading the certificates of the world takes long
        self._sending = Sending(database, self._bot, clock)
        self._is_known = False  # whether Telegram has told us who we are
        self._heard_at: datetime | None = None  # None: it is not for us to poll
        self._called_at: datetime | None = None  # when Telegram last reached us, and we kept what it said
        self._troubles: dict[str, str] = {}
        self._typing: set[str] = set()  # who sees the sign already
        self._asides: set[asyncio.Task[None]] = set()

    @property
    def _bot(self) -> WatchedBot:
        bot: WatchedBot = self._client.bot
        return bot

    @property
    def routes(self) -> Sequence[BaseRoute]:
        if self._webhook is None:
            return ()
        return (Route(urlsplit(self._webhook).path, self._called, methods=["POST"]),)

    def not_ready(self) -> list[str]:
        troubles = [f"telegram {what}: {trouble}" for what, trouble in self._troubles.items()]
        if self._heard_at and not troubles and self._clock() - self._heard_at > _SILENCE:
            troubles.append(f"telegram: has not answered since {self._heard_at:%Y-%m-%d %H:%M:%S} UTC")
        return troubles

    # --- taking in

    async def connect(self) -> None:
        """Raises TelegramError where Telegram does not answer or refuses the token; may be called again."""
        await self._client.initialize()
        self._is_known = True

    async def close(self) -> None:
        for task in self._asides:
            task.cancel()
        await self._http.aclose()
        await self._client.shutdown()

    async def run(self) -> None:
        await self._persist("connection", self.connect)
        self._aside(self._persist("commands", self._register_commands))
        if self._webhook:
            await self._stay_registered(self._webhook)
        await self._database.alone("telegram polling", self._poll)  # a second poller would end the first one's calls

    async def _register_commands(self) -> None:
        await register_commands(self._bot, self._shelf.library, self._clock().date())

    async def _poll(self) -> None:
        updater = self._client.updater
        if updater is None:
            raise RuntimeError("the client was built without an updater")

        async def start() -> None:
            await updater.start_polling(
                timeout=_LONG_POLL, bootstrap_retries=-1, allowed_updates=WANTED, error_callback=lambda error: None
            )

        self._heard_at = self._clock()
        try:
            await self._persist("polling", start)  # a refused token is raised here in spite of all retries
            await asyncio.Event().wait()
        finally:
            if updater.running:
                with suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        await updater.stop()
            self._heard_at = None
            self._troubles.pop("polling", None)

    def _polled(self, error: TelegramError | None) -> None:
        """Each call for updates ends here, for /readyz."""
        if error is None:
            self._heard_at = self._clock()
            self._troubles.pop("polling", None)
        else:
            log.warning("telegram polling", error=type(error).__name__)
            self._troubles["polling"] = in_words(error)

    async def _keep_trying(self, update: Update) -> None:
        """Returns when the update is committed: only then is Telegram told to forget it."""
        while True:
            try:
                await self._take(update)
            except Exception as error:  # whatever it is: raised out of here it would end polling for good, silently
                log.error("telegram inbox unavailable", update=update.update_id, error=type(error).__name__)
                self._troubles["inbox"] = f"an update cannot be stored ({type(error).__name__}); polling waits"
                await asyncio.sleep(1)
            else:
                self._troubles.pop("inbox", None)
                return

    async def _called(self, request: Request) -> Response:
        """The webhook. Telegram repeats an update until it gets a 2xx: what is not committed gets none."""
        said = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(said.encode(), self._secret.encode()):
            return Response(status_code=403)
        body = await _body(request)
        try:
            raw = json.loads(body) if body is not None else None
        except (ValueError, RecursionError):
            raw = None
        if not isinstance(raw, dict) or not isinstance(raw.get("update_id"), int):
            return Response(status_code=400)
        try:
            await self._take(self._bot.read(raw))
        except (SQLAlchemyError, OSError) as error:
            log.error("telegram inbox unavailable", error=type(error).__name__)
            return Response(status_code=503)
        self._called_at = self._clock()
        self._troubles.pop("webhook", None)
        return Response(status_code=200)

    async def _take(self, update: Update) -> None:
        """Commits an update to the inbox, at least its words."""
        try:
            await self._take_whole(update)
        except (DataError, ValueError) as error:  # no fault of the database: it would never take this
            log.error("telegram update cannot be stored", update=update.update_id, error=type(error).__name__)
            await self._take_whole(Update(update.update_id, api_kwargs=update.to_dict()))

    async def _take_whole(self, update: Update) -> None:
        """Commits an update; then, at leisure, shows the person that something happens."""
        query = update.callback_query
        if query is not None:
            await self._pressed(update, query)
            return
        await self._note_move(update)
        arrived = self._read(update)
        if arrived is None:
            return
        if (earlier := self._replied_to(update)) is not None:
            await self._enqueue(earlier, unseen=True)
        conversation = await self._enqueue(arrived)
        if conversation is None or arrived.inquiry.public is not None or arrived.inquiry.edited:
            return
        if conversation not in self._typing:
            self._typing.add(conversation)
            asyncio.get_running_loop().call_later(_TYPING, self._typing.discard, conversation)
            self._aside(self._show_typing(arrived.address, conversation))

    async def _enqueue(self, arrived: Arrival, *, unseen: bool = False) -> str | None:
        """The conversation that a new message belongs to; None for a repeat, of which not even an address is made.

        `unseen`: only if it was not read before, under whatever number it came then.
        """
        inquiry = arrived.inquiry
        if await self._inbox.knows(inquiry.key):
            return None
        conversation = await conversation_at(self._database, arrived.address)
        if unseen and await self._is_read(conversation, inquiry.message):
            return None
        if inquiry.public is not None and arrived.forum is not None:
            forum = await conversation_at(self._database, arrived.forum)
            inquiry = inquiry.model_copy(update={"public": inquiry.public.model_copy(update={"forum": forum})})
        is_new = await enqueue(self._inbox, inquiry.model_copy(update={"conversation": conversation}))
        return conversation if is_new else None

    async def _is_read(self, conversation: str, message: str) -> bool:
        async with self._database.reading() as tx:
            return await is_known(tx, conversation, message)

    def _replied_to(self, update: Update) -> Arrival | None:
        """The message that somebody replies to: in a group Telegram shows a bot little else."""
        try:
            return replied_to(update, self._bot.bot)
        except Exception as error:  # as below: what replies to it must get through
            log.error("telegram reply not understood", update=update.update_id, error=type(error).__name__)
            return None

    def _read(self, update: Update) -> Arrival | None:
        raw = dict(update.api_kwargs)
        try:
            if not raw or update.effective_message:
                return arrival(update, self._bot.bot)
        except Exception as error:  # a shape nobody foresaw must not hold up the updates behind it
            log.error("telegram update not understood", update=update.update_id, error=type(error).__name__)
            raw = update.to_dict()
        return unreadable(raw, update.update_id, self._bot.bot.id, self._clock())

    async def _note_move(self, update: Update) -> None:
        message = update.effective_message
        if message is not None and message.migrate_to_chat_id:
            await self._moved(str(message.chat.id), str(message.migrate_to_chat_id))

    async def _moved(self, old: str, new: str) -> None:
        await chat_moved(self._database, NAME, str(self._bot.bot.id), old, new)

    async def _pressed(self, update: Update, query: CallbackQuery) -> None:
        if query.message is None or query.message.chat.type != ChatType.PRIVATE:
            self._aside(self._answer_press(query, "stale-press"))  # our buttons in public only lead elsewhere
            return
        address = Address(NAME, str(self._bot.bot.id), str(query.message.chat.id))
        conversation = await conversation_at(self._database, address)
        inquiry = await press(self._database, conversation, update, query, self._bot.id, self._clock())
        is_new = await enqueue(self._inbox, inquiry)
        self._aside(self._answer_press(query, "" if is_new else "already-pressed"))

    async def _answer_press(self, query: CallbackQuery, label: str) -> None:
        """Ends the button's waiting sign; with a short word where nothing else will be said."""
        text = None
        with suppress(NotApproved):
            text = self._shelf.library.label(label, locale_of(query.from_user), self._clock().date()) if label else None
        await query.answer(text)

    async def _show_typing(self, address: Address, conversation: str) -> None:
        async with self._database.reading() as tx:
            if await self._is_held(tx, conversation):
                return
        await self._bot.send_chat_action(int(address.chat), ChatAction.TYPING)

    def _aside(self, effect: Coroutine[Any, Any, None]) -> None:
        """Something nice to do that nobody misses if it fails."""
        task = asyncio.create_task(self._quietly(effect))
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def _quietly(self, effect: Coroutine[Any, Any, None]) -> None:
        try:
            await effect
        except (TelegramError, SQLAlchemyError, OSError) as error:
            log.info("telegram aside failed", error=type(error).__name__)

    # --- being known

    async def _persist(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Repeats a step until Telegram takes it; what it will never take is left, and said."""
        pause = 1.0
        while True:
            try:
                await step()
            except BadRequest as error:
                self._troubles[what] = in_words(error)
                return
            except TelegramError as error:
                self._troubles[what] = in_words(error)
                after = meaning(error)
                asked = after.after if isinstance(after, TryAgain) else None
                await asyncio.sleep(asked or pause)
                pause = min(30.0, 2 * pause)
            else:
                self._troubles.pop(what, None)
                return

    def _is_news(self, failed_at: datetime) -> bool:
        """Whether Telegram failed to reach us just now, and has not reached us since."""
        is_recent = self._clock() - failed_at < 2 * timedelta(seconds=_LOOK)
        return is_recent and (self._called_at is None or self._called_at < failed_at)

    async def _stay_registered(self, webhook: str) -> None:
        """Telegram knows our address, and says whether it reaches us."""

        async def register() -> None:
            await register_webhook(self._bot, webhook, self._secret)

        async def look() -> None:
            found = await self._bot.get_webhook_info()
            if found.url != webhook:  # somebody took it over, or it was removed
                await register()
            elif found.last_error_date and self._is_news(found.last_error_date):
                raise BadRequest(f"Telegram cannot reach {webhook}: {found.last_error_message}")

        await self._persist("webhook", register)
        while True:
            await asyncio.sleep(_LOOK)
            await self._persist("webhook", look)

    # --- sending

    async def send(self, rendered: Rendered) -> str:
        """Sends the next message of a reply that is still to go; one that needs several asks to be called again."""
        self._check_known()
        return await self._sending.send(rendered)

    def _check_known(self) -> None:
        if not self._is_known:
            raise TryAgain("Telegram has not answered since the start", after=5)

    async def fetch(self, source: str, limit: int) -> bytes:
        """A file that somebody sent, of at most `limit` bytes. Raises WrongFile, Refused or TryAgain."""
        self._check_known()
        return await fetch(self._bot, self._http, source, limit)


async def _body(request: Request) -> bytes | None:
    """What was posted; None where it is longer than any update."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _UPDATE_SIZE:
            return None
    return bytes(body)


@asynccontextmanager
async def open_telegram(
    database: Database, inbox: Inbox, shelf: Shelf, clock: Clock, is_held: IsHeld, settings: Settings
) -> AsyncIterator[TelegramChannel]:
    """Raises SettingsError where Telegram refuses the token. Where it does not answer, the channel keeps trying."""
    channel = TelegramChannel(database, inbox, shelf, clock, is_held, settings)
    try:
        await channel.connect()
    except TelegramError as error:
        if isinstance(error, InvalidToken) and is_telegrams(error):
            raise SettingsError(
                f"SMI_TELEGRAM_TOKEN: {settings.telegram_api} refuses it; copy it again from BotFather"
            ) from None
        log.warning("telegram does not answer yet", error=type(error).__name__)
    try:
        yield channel
    finally:
        await channel.close()
