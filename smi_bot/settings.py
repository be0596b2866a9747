"""Settings from the environment (`SMI_…`) or `.env`: the only reader of either."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import pycountry
from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from smi_bot.errors import SettingsError


def _known_country(code: str | None) -> str | None:
    if not code:
        return None
    if pycountry.countries.get(alpha_2=code.upper()) is None:
        raise ValueError(f"'{code}' is no ISO 3166-1 country; write two letters such as US or DE")
    return code.upper()


def _known_database(url: str | None) -> str | None:
    if not url:
        return None
    if not url.startswith(("sqlite+aiosqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite+aiosqlite:/// or postgresql+psycopg://")
    try:
        make_url(url)
    except (SQLAlchemyError, ValueError):
        raise ValueError("is no database address; write it like postgresql+psycopg://user@host/name") from None
    return url


def _bot_token(token: SecretStr | None) -> SecretStr | None:
    if token and not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", token.get_secret_value()):
        raise ValueError("is no bot token; BotFather gives one like 123456:ABC-DEF")
    return token


def _webhook_secret(secret: SecretStr | None) -> SecretStr | None:
    # The characters are Telegram's rule (Bot API, setWebhook); the least length is ours.
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret.get_secret_value()):
        raise ValueError("must be 16 to 256 letters, digits, _ or -; make one with: openssl rand -hex 32")
    return secret


def _web_address(address: str | None) -> str | None:
    if not address:
        return None
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets or a port that are none
        is_one = False
    if not is_one or parts.query or parts.fragment:
        raise ValueError("is no web address; write it like https://bot.example.com/telegram")
    return address.rstrip("/")


class Settings(BaseSettings):
    """Everything that differs between two installations. Frozen; built once, at the edge, and passed in."""

    model_config = SettingsConfigDict(
        env_prefix="SMI_",
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
    )

    data_dir: Path = Field(Path("data"), description="folder of the database, the lock and the cookie key")
    database_url: Annotated[str | None, AfterValidator(_known_database)] = Field(
        None, description="SQLite under the data dir unless given; postgresql+psycopg://… for several workers"
    )
    library: Path | None = Field(
        None, description="folder of approved content; the one shipped with smi-bot unless given"
    )
    signers: Path | None = Field(None, description="file of trusted signers; signers.yaml in the library unless given")
    host: str = Field("127.0.0.1", description="address the web server listens on")
    port: int = Field(8080, ge=0, le=65535, description="its port; 0 takes a free one")
    country: Annotated[str | None, AfterValidator(_known_country)] = Field(
        "US", description="country of a requester who has not named one; empty: unknown"
    )
    allow_demo_library: bool = Field(
        False, description="true lets the fictional demo library run beside a real channel"
    )
    desk_password: SecretStr | None = Field(None, description="needed for the desk page when SMI_HOST is not loopback")
    web_secret: SecretStr | None = Field(
        None, min_length=32, description="key of the web chat's cookies; made in the data dir unless given"
    )
    burst_pause: float = Field(1.0, ge=0, le=30, description="seconds to wait for more messages before answering")
    flood_limit: int = Field(20, ge=3, description="messages a minute from one requester before the bot slows down")
    max_attachment_mb: int = Field(10, ge=1, le=50, description="largest file a requester may send, in MiB")
    due_urgent_minutes: int = Field(15, ge=1, description="a case of this priority must be claimed within")
    due_high_minutes: int = Field(240, ge=1, description="likewise")
    due_normal_minutes: int = Field(1440, ge=1, description="likewise")
    claim_lapses_minutes: int = Field(
        240, ge=5, description="silence of a case's owner after which it is free for others again"
    )
    telegram_token: Annotated[SecretStr | None, AfterValidator(_bot_token)] = Field(
        None, description="token of the Telegram bot, from BotFather; with it the Telegram channel runs"
    )
    telegram_api: Annotated[str, AfterValidator(_web_address)] = Field(
        "https://api.telegram.org",
        description="root address of the Bot API; another one for a Bot API server of your own",
    )
    telegram_webhook_url: Annotated[str | None, AfterValidator(_web_address)] = Field(
        None, description="public https address at which Telegram reaches this service; unless given, the bot polls"
    )
    telegram_webhook_secret: Annotated[SecretStr | None, AfterValidator(_webhook_secret)] = Field(
        None, description="what Telegram must say with each call of that address: 16 to 256 letters, digits, _ or -"
    )
    slack_bot_token: SecretStr | None = Field(None, description="token of the Slack app's bot (xoxb-…)")
    slack_app_token: SecretStr | None = Field(None, description="app-level token (xapp-…) for Socket Mode")
    slack_signing_secret: SecretStr | None = Field(
        None, description="signing secret of the app, where Slack comes by HTTP to /slack/events"
    )
    slack_channel: str | None = Field(None, description="id (C…) of the channel in which specialists get their cases")
    slack_api: Annotated[str, AfterValidator(_web_address)] = Field(
        "https://slack.com/api", description="address of Slack's Web API"
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_given(cls, given: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in given.items() if value != "" or name == "country"}

    @model_validator(mode="after")
    def _no_half_given_desk(self) -> "Settings":
        if not self.loopback and self.desk_password is None:
            raise ValueError("SMI_DESK_PASSWORD is needed when SMI_HOST is not a loopback address; set it")
        return self

    @model_validator(mode="after")
    def _no_half_given_telegram(self) -> "Settings":
        webhook = (self.telegram_webhook_url, self.telegram_webhook_secret)
        if any(webhook) and not (all(webhook) and self.telegram_token):
            raise ValueError(
                "the Telegram webhook is half given; set SMI_TELEGRAM_TOKEN, SMI_TELEGRAM_WEBHOOK_URL and"
                " SMI_TELEGRAM_WEBHOOK_SECRET, or the token alone to poll"
            )
        if self.telegram_webhook_url and not urlsplit(self.telegram_webhook_url).path:
            raise ValueError(
                "SMI_TELEGRAM_WEBHOOK_URL: needs a path of its own; write it like https://bot.example.com/telegram"
            )
        return self

    @model_validator(mode="after")
    def _no_half_given_slack(self) -> "Settings":
        ways_in = self.slack_app_token or self.slack_signing_secret
        given = [self.slack_bot_token, ways_in, self.slack_channel]
        if any(given) and not all(given):
            raise ValueError(
                "Slack is half given; set SMI_SLACK_BOT_TOKEN, SMI_SLACK_CHANNEL and either SMI_SLACK_APP_TOKEN"
                " or SMI_SLACK_SIGNING_SECRET, or none of them"
            )
        return self

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'smi-bot.sqlite3'}"

    @property
    def sqlite_file(self) -> Path | None:
        """The database file, where it is SQLite."""
        prefix = "sqlite+aiosqlite:///"
        return Path(self.database.removeprefix(prefix)) if self.database.startswith(prefix) else None

    @property
    def hosts(self) -> list[str]:
        """Names under which this service may be asked for, beside its own; empty where any will do."""
        webhook = urlsplit(self.telegram_webhook_url or "").hostname
        return ["localhost", "127.0.0.1", "[::1]", *filter(None, [webhook])] if self.loopback else []

    @property
    def publishes_itself(self) -> bool:
        """Whether a start takes what lies in the library's folder: on trial, without people or with the demo library."""
        return not self.live_channels or self.allow_demo_library

    @property
    def live_channels(self) -> tuple[str, ...]:
        """Names of the channels that have a real token."""
        tokens = {"telegram": self.telegram_token, "slack": self.slack_bot_token}
        return tuple(name for name, token in tokens.items() if token)


def load_settings(**overrides: object) -> Settings:
    """Reads the environment. Raises SettingsError with one line for each wrong setting."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic validates them
    except UnicodeDecodeError as error:
        raise SettingsError(f".env: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except ValidationError as error:
        raise SettingsError("\n".join(_line(dict(problem)) for problem in error.errors())) from None


#: What belongs to a person and their command, not to an installation.
_PERSONAL = {"SMI_KEY_PASSPHRASE"}


def unknown_settings() -> list[str]:
    """Names in the environment that look like ours and are none: misspelt, or of another program."""
    known = {f"SMI_{name.upper()}" for name in Settings.model_fields} | _PERSONAL
    return sorted(name for name in os.environ if name.startswith("SMI_") and name not in known)


def _line(problem: dict[str, object]) -> str:
    place = problem["loc"]
    text = str(problem["msg"]).removeprefix("Value error, ")
    if isinstance(place, tuple) and place:
        return f"SMI_{str(place[0]).upper()}: {text}"
    return text
