"""Looking into the service's database, which may be running."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from smi_bot.database import Database, Transaction
from smi_bot.errors import SettingsError
from smi_bot.settings import Settings

T = TypeVar("T")


def is_there(settings: Settings) -> bool:
    """Whether there is a database to look into, as far as can be said without asking it."""
    return settings.sqlite_file is None or settings.sqlite_file.exists()


async def looking(settings: Settings, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Reads in one transaction. Raises SettingsError where there is no database."""
    if not is_there(settings):
        raise SettingsError(f"SMI_DATA_DIR: there is no database at {settings.sqlite_file}; name the one you mean")
    database = Database(settings.database)
    try:
        async with database.reading() as tx:
            return await work(tx)
    finally:
        await database.close()
