"""Words, edits, reactions and files of people on our Slack, in the shapes of the real Events API."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from slack_api import SlackApi
from slack_api_apps import client
from slack_api_people import Person

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as slack:
        slack.hold()
        yield slack


@pytest.fixture
def rao(slack: SlackApi) -> Person:
    return slack.person("Dr. Rao")


def test_words_arrive_as_slack_writes_them(slack, rao):
    root = rao.says("a & b < c")
    reply = rao.writes(root, "see <@U0SMIBOT001>", also_to_channel=True)
    event = slack.event_of(root).event
    assert (event["text"], event["blocks"][0]["elements"][0]["elements"][0]["text"]) == (
        "a &amp; b &lt; c",
        "a & b < c",
    )
    assert (event["type"], event["channel"], event["channel_type"]) == ("message", slack.channel, "channel")
    assert event["client_msg_id"] and "thread_ts" not in event
    said, mention = (delivery.event for delivery in slack.deliveries[1:])
    assert (said["subtype"], said["thread_ts"], said["parent_user_id"]) == ("thread_broadcast", root.ts, rao.id)
    assert (mention["type"], mention["ts"], mention["text"]) == ("app_mention", reply.ts, f"see <@{slack.bot_user}>")
    assert rao.mentions("help").text == f"<@{slack.bot_user}> help"
    assert [message.all_text for message in slack.thread(root)] == ["see <@U0SMIBOT001>"]


def test_edits_previews_and_deletions_are_told_apart(slack, rao):
    root = rao.says("rash")
    edit, preview, deletion = (rao.edits(root, "rash & fever"), slack.unfurls(root), rao.deletes(root))
    assert [d.event["subtype"] for d in (edit, preview, deletion)] == [*["message_changed"] * 2, "message_deleted"]
    assert (edit.event["message"]["text"], edit.event["previous_message"]["text"]) == ("rash &amp; fever", "rash")
    assert edit.event["message"]["edited"]["user"] == rao.id
    assert preview.event["message"]["text"] == preview.event["previous_message"]["text"]
    assert (deletion.event["deleted_ts"], deletion.event["previous_message"]["text"]) == (root.ts, "rash &amp; fever")
    assert (slack.messages(), root.edits) == ([], 1)


def test_reactions_and_files_are_told(slack, rao):
    root = rao.says("root")
    added, removed = rao.reacts(root, "outbox_tray"), rao.unreacts(root, "outbox_tray")
    assert (added.event["type"], removed.event["type"]) == ("reaction_added", "reaction_removed")
    assert (added.event["item"]["ts"], added.event["item_user"], added.event["reaction"]) == (
        *(root.ts, rao.id),
        "outbox_tray",
    )
    event = slack.event_of(rao.uploads(root, "leaflet.pdf", b"%PDF", "see")).event
    assert (event["subtype"], event["thread_ts"], event["files"][0]["size"]) == ("file_share", root.ts, 4)


async def test_waiting_in_the_apps_own_event_loop_is_refused_at_once(slack, rao):
    with pytest.raises(AssertionError, match="its twin"):
        rao.sees("hello")


def test_a_test_without_an_event_loop_waits_too(slack, rao):
    button = {"type": "button", "action_id": "claim", "text": {"type": "plain_text", "text": "Claim"}}
    card = {"channel": slack.channel, "text": "SMI-1", "blocks": [{"type": "actions", "elements": [button]}]}
    asyncio.run(client(slack).chat_postMessage(**card))
    press = rao.presses(rao.sees("Claim"), "claim")
    began = time.monotonic()
    with pytest.raises(AssertionError, match="nobody took it"):
        press.wait()
    assert time.monotonic() - began < 1  # nobody is connected
