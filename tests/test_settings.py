"""Settings: the same set in the code, the example and the README, and one clear line for each that is wrong."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from smi_bot.errors import SettingsError
from smi_bot.settings import Settings, load_settings, unknown_settings

CHECKOUT = Path(__file__).parent.parent
NAMES = {f"SMI_{name.upper()}" for name in Settings.model_fields}
EXAMPLE = re.findall(r"(?m)^# (.+)\n# (SMI_[A-Z_]+)=(.*)$", (CHECKOUT / ".env.example").read_text("utf-8"))


# --- one set of settings


def test_the_example_lists_every_setting_once_with_its_description():
    assert sorted(name for _, name, _ in EXAMPLE) == sorted(NAMES)
    for description, name, _ in EXAMPLE:
        assert description == Settings.model_fields[name.removeprefix("SMI_").lower()].description


def test_the_example_sets_nothing():
    for line in (CHECKOUT / ".env.example").read_text("utf-8").splitlines():
        assert not line or line.startswith("#")


def test_the_example_shows_the_defaults(monkeypatch, tmp_path):
    """With every mark removed it says what is so anyway."""
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for _, name, value in EXAMPLE), "utf-8")
    for _, name, value in EXAMPLE:
        assert (value == "") == (Settings.model_fields[name.removeprefix("SMI_").lower()].default is None)
    assert load_settings() == Settings(_env_file=None)


def test_the_readme_lists_every_setting_once():
    rows = re.findall(r"(?m)^\| `(SMI_[A-Z_]+)` \|", (CHECKOUT / "README.md").read_text("utf-8"))
    assert sorted(rows) == sorted(NAMES)


def test_the_readme_shows_the_defaults():
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    for _, name, value in EXAMPLE:
        row = re.search(rf"(?m)^\| `{name}` \| (.*?) \|", readme)
        assert row is not None
        assert not value or row[1] == f"`{value}`", name


def test_no_other_setting_is_named_anywhere():
    texts = [CHECKOUT / "README.md", CHECKOUT / "Makefile", *(CHECKOUT / "docs").glob("*.md")]
    texts += [path for room in ("smi_bot", "channels", "escalation") for path in (CHECKOUT / room).rglob("*.py")]
    for path in texts:
        named = set(re.findall(r"\bSMI_[A-Z][A-Z_]+[A-Z]\b", path.read_text("utf-8")))
        assert named <= NAMES | {"SMI_TEST_POSTGRES_URL", "SMI_KEY_PASSPHRASE"}, path


def test_every_setting_has_a_description_and_secrets_are_never_shown(monkeypatch):
    for name, field in Settings.model_fields.items():
        assert field.description, name
        is_secret = any(word in name for word in ("password", "secret", "token"))
        assert is_secret == ("SecretStr" in str(field.annotation)), name
    monkeypatch.setenv("SMI_TELEGRAM_TOKEN", "123456:hush-hush")
    assert "123456:hush-hush" not in repr(load_settings()) + str(load_settings()) + load_settings().model_dump_json()


def test_only_one_file_reads_the_environment():
    for room in ("smi_bot", "channels", "escalation"):
        for path in (CHECKOUT / room).rglob("*.py"):
            if path.name != "settings.py":
                assert not re.search(r"os\.environ|getenv", path.read_text("utf-8")), path


# --- what is read


def test_without_any_setting_the_demo_runs():
    settings = load_settings()
    assert (settings.country, settings.loopback, settings.live_channels) == ("US", True, ())
    assert settings.database == f"sqlite+aiosqlite:///{Path('data').absolute() / 'smi-bot.sqlite3'}"


def test_settings_come_from_the_environment_and_from_the_file_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("SMI_PORT=1111\nSMI_COUNTRY=de\nOTHER=x\n", "utf-8")
    monkeypatch.setenv("SMI_PORT", "2222")
    settings = load_settings()
    assert (settings.port, settings.country) == (2222, "DE")


def test_a_setting_that_is_given_empty_is_not_given(monkeypatch):
    for name in NAMES - {"SMI_COUNTRY"}:
        monkeypatch.setenv(name, "")
    assert load_settings() == Settings(_env_file=None)


def test_an_empty_country_means_an_unknown_one(monkeypatch):
    monkeypatch.setenv("SMI_COUNTRY", "")
    assert load_settings().country is None


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
    ],
)
def test_a_host_that_others_can_reach_needs_a_password_for_the_desk(host, is_loopback, monkeypatch):
    monkeypatch.setenv("SMI_HOST", host)
    if is_loopback:
        assert load_settings().loopback
        return
    assert_one_line("SMI_DESK_PASSWORD")
    monkeypatch.setenv("SMI_DESK_PASSWORD", "a password")
    assert not load_settings().loopback


@pytest.mark.parametrize("way_in", ["SMI_SLACK_APP_TOKEN", "SMI_SLACK_SIGNING_SECRET"])
def test_slack_is_given_whole_with_either_way_in(way_in, monkeypatch):
    for name in ("SMI_SLACK_BOT_TOKEN", "SMI_SLACK_CHANNEL", way_in):
        assert load_settings().live_channels == ()
        monkeypatch.setenv(name, "x")
        if name != way_in:
            assert_one_line("SMI_SLACK_BOT_TOKEN")
            monkeypatch.delenv(name)
    for name in ("SMI_SLACK_BOT_TOKEN", "SMI_SLACK_CHANNEL"):
        monkeypatch.setenv(name, "x")
    assert load_settings().live_channels == ("slack",)


# --- Telegram

TELEGRAM = {
    "SMI_TELEGRAM_TOKEN": "123456:hush-hush_HUSH",
    "SMI_TELEGRAM_WEBHOOK_URL": "https://bot.example.com/telegram",
    "SMI_TELEGRAM_WEBHOOK_SECRET": "hush-" * 8,
}


@pytest.fixture
def telegram(monkeypatch):
    for name, value in TELEGRAM.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_with_a_token_alone_the_bot_polls_telegram(telegram):
    for name in list(TELEGRAM)[1:]:
        telegram.delenv(name)
    settings = load_settings()
    assert (settings.live_channels, settings.telegram_webhook_url) == (("telegram",), None)
    assert settings.telegram_api == "https://api.telegram.org"


def test_a_webhook_is_given_whole(telegram):
    assert load_settings().telegram_webhook_url == "https://bot.example.com/telegram"
    for name, value in TELEGRAM.items():
        telegram.delenv(name)
        assert_one_line("the Telegram webhook is half given", "or the token alone to poll", *TELEGRAM)
        telegram.setenv(name, value)


@pytest.mark.parametrize(
    "address", ["https://bot.example.com", "https://bot.example.com/", "https://bot.example.com//"]
)
def test_a_webhook_needs_a_path_of_its_own(address, telegram):
    """Else it would stand in the way of the pages."""
    telegram.setenv("SMI_TELEGRAM_WEBHOOK_URL", address)
    assert_one_line("SMI_TELEGRAM_WEBHOOK_URL: needs a path of its own", "https://bot.example.com/telegram")


def test_the_name_under_which_telegram_calls_is_one_of_ours_although_only_a_proxy_can_reach_us(telegram):
    assert "bot.example.com" in load_settings().hosts


def test_an_address_of_a_bot_api_server_of_ones_own_may_end_with_a_slash(telegram):
    telegram.setenv("SMI_TELEGRAM_API", "http://localhost:8081/")
    assert load_settings().telegram_api == "http://localhost:8081"


#: What is wrong with a value, and what its line tells to do.
WRONG_TELEGRAM = [
    *(
        ("SMI_TELEGRAM_TOKEN", value, "BotFather")
        for value in ("hush", "123456", "123456:", "x:hush", "123456:hush hush")
    ),
    ("SMI_TELEGRAM_TOKEN", "bot123456:hush", "BotFather"),
    ("SMI_TELEGRAM_TOKEN", "123456:hush/../hush", "BotFather"),
    ("SMI_TELEGRAM_API", "api.telegram.org", "https://"),
    ("SMI_TELEGRAM_API", "ftp://api.telegram.org", "https://"),
    ("SMI_TELEGRAM_API", "https://", "https://"),
    ("SMI_TELEGRAM_API", "https://api.telegram.org?x=1", "https://"),
    ("SMI_TELEGRAM_API", "https://[::1", "https://"),
    ("SMI_TELEGRAM_WEBHOOK_URL", "bot.example.com/telegram", "https://"),
    ("SMI_TELEGRAM_WEBHOOK_URL", "https://bot.example.com/telegram#here", "https://"),
    ("SMI_TELEGRAM_WEBHOOK_URL", "https://bot.example.com:port/telegram", "https://"),
    ("SMI_TELEGRAM_WEBHOOK_SECRET", "hush", "openssl rand -hex 32"),
    ("SMI_TELEGRAM_WEBHOOK_SECRET", "hush " * 8, "openssl rand -hex 32"),
    ("SMI_TELEGRAM_WEBHOOK_SECRET", "hush-" * 60, "openssl rand -hex 32"),
]


@pytest.mark.parametrize(("name", "value", "mend"), WRONG_TELEGRAM)
def test_a_wrong_telegram_setting_is_one_line_that_names_it_and_its_mend_and_shows_no_secret(
    name, value, mend, telegram
):
    telegram.setenv(name, value)
    assert_one_line(f"{name}: ", mend)


# --- what is wrong


def assert_one_line(*expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings()
    (line,) = str(error.value).splitlines()
    for each in expected:
        assert each in line
    assert "hush" not in line


WRONG = [
    ("SMI_COUNTRY", "Germany"),
    ("SMI_COUNTRY", "XX"),
    ("SMI_COUNTRY", "EU"),
    ("SMI_DATABASE_URL", "mysql://root@host/name"),
    ("SMI_DATABASE_URL", "postgresql://host/name"),
    ("SMI_DATABASE_URL", "sqlite:///x.db"),
    ("SMI_DATABASE_URL", "postgresql+psycopg://user:hush@host:port/name"),
    ("SMI_DATABASE_URL", "just words"),
    ("SMI_PORT", "http"),
    ("SMI_PORT", "70000"),
    ("SMI_PORT", "-1"),
    ("SMI_PORT", "80.5"),
    ("SMI_WEB_SECRET", "hush"),
    ("SMI_BURST_PAUSE", "-1"),
    ("SMI_BURST_PAUSE", "soon"),
    ("SMI_FLOOD_LIMIT", "0"),
    ("SMI_MAX_ATTACHMENT_MB", "1000"),
    ("SMI_DUE_URGENT_MINUTES", "0"),
    ("SMI_ALLOW_DEMO_LIBRARY", "perhaps"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_it(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    assert_one_line(f"{name}: ")


def test_several_wrong_settings_are_a_line_each(monkeypatch):
    for name, value in (("SMI_PORT", "x"), ("SMI_COUNTRY", "XX"), ("SMI_FLOOD_LIMIT", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    lines = str(error.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["SMI_COUNTRY", "SMI_FLOOD_LIMIT", "SMI_PORT"]


def test_a_settings_file_in_another_encoding_is_one_line(tmp_path):
    (tmp_path / ".env").write_bytes("SMI_SLACK_CHANNEL=München".encode("latin-1"))
    assert_one_line(".env: is not UTF-8")


def test_a_secret_is_kept_as_one(monkeypatch):
    monkeypatch.setenv("SMI_WEB_SECRET", "x" * 32)
    assert isinstance(load_settings().web_secret, SecretStr)


# --- how it ends on the command line


def started(**environment: str) -> tuple[int, list[str]]:
    """What `smi-bot run` says and how it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "smi_bot.cli", "run"],
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [line for line in (done.stderr + done.stdout).splitlines() if line]


def test_a_start_with_wrong_settings_ends_with_their_lines_and_nothing_else():
    code, lines = started(SMI_PORT="x", SMI_COUNTRY="XX")
    assert code == 2
    assert sorted(line.split(": ")[:2] for line in lines) == [["smi-bot", "SMI_COUNTRY"], ["smi-bot", "SMI_PORT"]]


def test_a_start_with_a_broken_library_ends_with_its_lines_and_nothing_else(tmp_path):
    library = tmp_path / "library"
    (library / "x").mkdir(parents=True)
    (library / "x" / "y.md").write_text("nothing")
    code, lines = started(SMI_LIBRARY=str(library))
    assert code == 2
    (line,) = lines
    assert line.startswith(f"smi-bot: {library}/x/y.md: front matter: ")


@pytest.mark.parametrize("place", ["a-file", "a-file/below", "/proc/nowhere"])
async def test_a_data_dir_that_cannot_be_made_is_one_line(place, tmp_path, knowledge):
    from smi_bot.app import open_app

    (tmp_path / "a-file").write_text("")
    folder = tmp_path / place
    with pytest.raises(SettingsError) as error:
        async with open_app(Settings(_env_file=None, data_dir=folder), knowledge=knowledge):
            pass
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"SMI_DATA_DIR: {folder}: ")


async def test_workers_that_start_together_agree_on_the_cookie_key(tmp_path):
    from smi_bot.app import _web_secret

    (tmp_path / "web-secret").touch()  # a worker was killed before it wrote the key
    settings = Settings(_env_file=None, data_dir=tmp_path)
    (key,) = set(await asyncio.gather(*(asyncio.to_thread(_web_secret, settings) for _ in range(8))))
    assert len(key) == 64


async def test_a_second_process_on_one_data_dir_is_one_line(tmp_path, knowledge):
    from smi_bot.app import open_app

    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    async with open_app(settings, knowledge=knowledge):
        with pytest.raises(SettingsError, match="SMI_DATA_DIR: another smi-bot is running"):
            async with open_app(settings, knowledge=knowledge):
                pass


def test_a_misspelt_setting_is_named(monkeypatch):
    monkeypatch.setenv("SMI_PROT", "1")
    monkeypatch.setenv("SMI_PORT", "1")
    assert [name for name in unknown_settings() if not name.startswith("SMI_TEST")] == ["SMI_PROT"]
