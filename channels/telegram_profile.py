"""How Telegram knows the bot: its menu of commands and, where it does not poll, the address it is called at."""

from datetime import date

import structlog
from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats
from telegram.constants import UpdateType

from smi_bot.assistant import COMMANDS
from smi_bot.errors import NotApproved
from smi_bot.library import Library

log = structlog.get_logger()

#: What we ask Telegram for, and nothing else. Kept explicit: Telegram remembers what an earlier version asked for.
WANTED = (
    UpdateType.MESSAGE,
    UpdateType.EDITED_MESSAGE,
    UpdateType.CHANNEL_POST,
    UpdateType.EDITED_CHANNEL_POST,
    UpdateType.CALLBACK_QUERY,
)


async def register_commands(bot: Bot, library: Library, today: date) -> None:
    """The menu of commands of private chats, in the languages of our service texts; English for all others."""
    for language in library.pages:
        try:
            menu = _menu(library, today, language)
        except NotApproved as error:
            log.error("telegram commands not registered", language=language, reason=str(error))
            continue
        scope = BotCommandScopeAllPrivateChats()
        await bot.set_my_commands(menu, scope, None if language == "en" else language)


def _menu(library: Library, today: date, language: str) -> list[BotCommand]:
    library.check_labels(today, language)
    names = [command.removeprefix("/") for command in COMMANDS]
    return [BotCommand(name, library.label(f"command-{name}", language, today)) for name in names]


async def register_webhook(bot: Bot, url: str, secret: str) -> None:
    """One call at a time, so that what one person writes arrives in order."""
    await bot.set_webhook(url, secret_token=secret, allowed_updates=WANTED, max_connections=1)
