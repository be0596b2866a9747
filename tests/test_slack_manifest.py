"""`smi-bot slack manifest` and `smi-bot slack check`: what the Slack app needs, and what an installed one lacks."""

import json
from collections.abc import Callable, Iterator

import pytest
from commands import command
from slack_api import SlackApi
from slack_api_methods import METHODS

from escalation.slack_events import SEND, wanted
from escalation.slack_manifest import EVENTS, SCOPES

#: Every method that the desk and the check call.
CALLED = (
    *("auth.test", "conversations.info", "conversations.history", "conversations.replies", "chat.postMessage"),
    *("chat.update", "chat.delete", "chat.postEphemeral", "views.open", "views.update", "files.delete"),
    *("files.getUploadURLExternal", "files.completeUploadExternal"),
)


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackApi]:
    """An app that was installed from the manifest, and settings that fit it."""
    with SlackApi() as slack:
        slack.scopes = set(SCOPES)
        slack.place().is_private = True
        given = {"API": slack.url, "BOT_TOKEN": slack.bot_token, "APP_TOKEN": slack.app_token, "CHANNEL": slack.channel}
        for name, value in given.items():
            monkeypatch.setenv(f"SMI_SLACK_{name}", value)
        yield slack


# --- the manifest


@pytest.mark.parametrize(
    ("arguments", "urls"), [((), set()), (("--url", "https://bot.example/"), {"https://bot.example/slack/events"})]
)
def test_the_manifest_says_where_slack_is_to_call_or_that_it_is_socket_mode(
    arguments: tuple[str, ...], urls: set[str]
) -> None:
    printed = command("slack", "manifest", *arguments)
    settings = json.loads(printed.out)["settings"]
    parts = [settings["event_subscriptions"], settings["interactivity"]]
    assert {value for part in parts for name, value in part.items() if "url" in name} == urls
    assert settings["socket_mode_enabled"] is (not urls)
    assert printed.code == 0


def test_the_manifest_asks_for_the_scopes_that_the_methods_called_need_and_for_no_others() -> None:
    bot = json.loads(command("slack", "manifest").out)["oauth_config"]["scopes"]["bot"]
    assert bot == list(SCOPES)
    needed = [METHODS[name].scopes for name in CALLED]
    assert [name for name in CALLED if METHODS[name].scopes and not SCOPES.keys() & METHODS[name].scopes] == []
    of_events = {"reactions:read"}  # reaction_added
    assert set(SCOPES) <= {scope for scopes in needed for scope in scopes} | of_events


def test_the_manifest_asks_for_the_events_that_are_kept_and_for_no_others() -> None:
    events = json.loads(command("slack", "manifest").out)["settings"]["event_subscriptions"]["bot_events"]
    assert events == list(EVENTS)
    written = {"type": "message", "channel": "C1", "user": "U1", "ts": "2.0", "thread_ts": "1.0", "text": "hi"}
    item = {"type": "message", "channel": "C1", "ts": "2.0"}
    reacted = {"type": "reaction_added", "reaction": SEND, "user": "U1", "item": item}
    unreacted = {**reacted, "type": "reaction_removed"}
    assert all(wanted(event) for event in (written, reacted, unreacted))
    assert not wanted({**reacted, "reaction": "thumbsup"})
    assert {event.partition(".")[0] for event in events} == {e["type"] for e in (written, reacted, unreacted)}


# --- the check


def test_of_an_app_that_lacks_nothing_nothing_is_said(slack: SlackApi) -> None:
    ended = command("slack", "check")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def _without_scope(slack: SlackApi) -> None:
    slack.scopes.remove("reactions:read")


def _outside(slack: SlackApi) -> None:
    slack.place().bot_leaves()


def _archived(slack: SlackApi) -> None:
    slack.place().archived = True


def _public(slack: SlackApi) -> None:
    slack.place().is_private = False


def _shared(slack: SlackApi) -> None:
    slack.place().is_ext_shared = True


def _revoked(slack: SlackApi) -> None:
    slack.token_error = "token_revoked"


@pytest.mark.parametrize(
    ("lack", "said"),
    [
        (_without_scope, "scope reactions:read: is missing"),
        (_outside, "SMI_SLACK_CHANNEL: the bot is not in #smi-desk; write /invite"),
        (_archived, "SMI_SLACK_CHANNEL: #smi-desk is archived"),
        (_public, "SMI_SLACK_CHANNEL: #smi-desk is not private"),
        (_shared, "SMI_SLACK_CHANNEL: #smi-desk is shared with another company"),
        (_revoked, "SMI_SLACK_BOT_TOKEN: Slack says token_revoked"),
    ],
)
def test_a_lack_is_said_in_one_line(slack: SlackApi, lack: Callable[[SlackApi], None], said: str) -> None:
    lack(slack)
    ended = command("slack", "check")
    lines = [line for line in ended.err.splitlines() if "SMI_SLACK_APP_TOKEN" not in line or lack is not _revoked]
    assert len(lines) == 1, lines
    assert lines[0].startswith(said)
    assert ended.code == 1


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("CHANNEL", "C0000000404", "SMI_SLACK_CHANNEL: C0000000404: Slack says channel_not_found"),
        ("BOT_TOKEN", "xoxb-wrong", "SMI_SLACK_BOT_TOKEN: Slack says invalid_auth"),
        ("APP_TOKEN", "xapp-wrong", "SMI_SLACK_APP_TOKEN: Slack says invalid_auth"),
        ("API", "http://127.0.0.1:9/api/", "SMI_SLACK_API: http://127.0.0.1:9/api"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    slack: SlackApi, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"SMI_SLACK_{setting}", value)
    ended = command("slack", "check")
    assert len(ended.err.splitlines()) == 1, ended.err
    assert ended.err.startswith(said)
    assert ended.code == 1


def test_several_lacks_are_several_lines(slack: SlackApi) -> None:
    slack.scopes -= {"files:write", "chat:write"}
    _outside(slack)
    assert [line.partition(":")[0] for line in command("slack", "check").err.splitlines()] == [
        "scope chat",
        "scope files",
        "SMI_SLACK_CHANNEL",
    ]
