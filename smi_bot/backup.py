"""A consistent copy of the SQLite data dir while the service runs. PostgreSQL has pg_dump."""

import shutil
import sqlite3
from pathlib import Path

from smi_bot.errors import SettingsError
from smi_bot.settings import Settings


def backup(settings: Settings, target: Path) -> None:
    """Copies database and cookie key into the empty or new folder `target`. Raises SettingsError."""
    source = settings.sqlite_file
    if source is None:
        raise SettingsError("SMI_DATABASE_URL: is PostgreSQL; back it up with pg_dump")
    if not source.exists():
        raise SettingsError(f"SMI_DATA_DIR: {settings.data_dir} holds no database to back up")
    if target.exists() and any(target.iterdir()):
        raise SettingsError(f"{target}: is not empty; name a new folder")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The online backup API copies a database in use: sqlite.org/backup.html.
    with sqlite3.connect(source) as live, sqlite3.connect(target / source.name) as copy:
        live.backup(copy)
    copy.close()
    live.close()
    secret = settings.data_dir / "web-secret"
    if secret.exists():
        shutil.copy2(secret, target / secret.name)
