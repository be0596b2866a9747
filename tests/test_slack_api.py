"""The Slack of our tests, held against the real client: what its Web API does, keeps, refuses and breaks."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from aiohttp import ClientError
from fakes import Clock
from slack_api import SlackApi, Trouble
from slack_api_apps import client
from slack_api_people import Person
from slack_sdk.errors import SlackApiError
from slack_sdk.models.metadata import Metadata
from slack_sdk.web.async_client import AsyncWebClient

pytestmark = [pytest.mark.timeout(60), pytest.mark.filterwarnings("ignore:The top-level `text`:UserWarning")]

CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*SMI-1* rash &amp; fever"}},
    {
        "type": "actions",
        "block_id": "case",
        "elements": [
            {"type": "button", "action_id": "case_claim", "text": {"type": "plain_text", "text": "Claim"}, "value": "1"}
        ],
    },
]


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as slack:
        yield slack


@pytest.fixture
def rao(slack: SlackApi) -> Person:
    return slack.person("Dr. Rao")


@pytest.fixture
async def web(slack: SlackApi) -> AsyncIterator[AsyncWebClient]:
    yield client(slack)


async def refused(calling, error: str) -> SlackApiError:
    with pytest.raises(SlackApiError) as no:
        await calling
    assert no.value.response["error"] == error
    return no.value


# Who may ask


async def test_it_knows_the_app_and_tells_its_scopes(slack, web):
    answer = await web.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == (slack.bot_user, slack.bot_id, slack.team["id"])
    assert "chat:write" in answer.headers["X-OAuth-Scopes"].split(",")
    assert [(call.outcome, call.answer["ok"]) for call in slack.called("auth.test")] == [("ok", True)]


async def test_each_token_is_good_for_its_own_methods_only(slack, web):
    await refused(client(slack, "xoxb-of-somebody-else").auth_test(), "invalid_auth")
    await refused(web.apps_connections_open(app_token=slack.bot_token), "not_allowed_token_type")
    await refused(client(slack, slack.app_token).auth_test(), "not_allowed_token_type")
    assert (await web.apps_connections_open(app_token=slack.app_token))["url"].startswith("ws://127.0.0.1")
    nobody = httpx.post(slack.url + "auth.test", trust_env=False)
    assert (nobody.status_code, nobody.json()["error"]) == (200, "not_authed")
    await refused(web.api_call("chat.glitter"), "unknown_method")


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive"])
async def test_a_token_may_be_worth_nothing_any_more(slack, web, error):
    slack.token_error = error
    await refused(web.chat_postMessage(channel=slack.channel, text="hello"), error)
    assert slack.calls[-1].outcome == error


async def test_a_method_needs_its_scope(slack, web):
    slack.scopes.discard("chat:write")
    no = await refused(web.chat_postMessage(channel=slack.channel, text="hello"), "missing_scope")
    assert no.response["needed"] == "chat:write"
    assert "channels:read" in no.response["provided"].split(",")
    assert slack.posted == []


# Messages


async def test_a_message_stands_in_the_channel_with_words_buttons_and_metadata(slack, rao, web):
    metadata = Metadata("smi_case", {"case": 1, "tags": ["a"], "more": {"urgent": True}})
    answer = await web.chat_postMessage(channel=slack.channel, text="SMI-1 &lt;new&gt;", blocks=CARD, metadata=metadata)
    (card,) = slack.messages()
    assert (answer["ts"], answer["message"]["bot_id"], answer["message"]["ts"]) == (card.ts, slack.bot_id, card.ts)
    assert card.all_text == "*SMI-1* rash & fever\nClaim"
    assert (card.notification, card.labels, card.metadata["event_payload"]["case"]) == ("SMI-1 <new>", ["Claim"], 1)
    assert card.buttons["case_claim"]["value"] == "1"
    assert card.blocks[0]["block_id"]  # made up, as the app gave none
    assert await rao.will_see("fever") is card


async def test_form_and_json_are_read_alike(slack, web):
    form = {"channel": slack.channel, "text": "by form", "blocks": json.dumps(CARD)}
    await web.api_call("chat.postMessage", data=form)
    await web.api_call("chat.postMessage", json=form | {"blocks": CARD})
    assert [message.labels for message in slack.messages()] == [["Claim"], ["Claim"]]
    assert slack.messages()[0].ts < slack.messages()[1].ts


async def test_an_update_replaces_what_it_names_and_words_without_blocks_take_them_away(slack, rao, web):
    ts = (await web.chat_postMessage(channel=slack.channel, text="one", blocks=CARD))["ts"]
    await web.chat_update(channel=slack.channel, ts=ts, text="two", blocks=CARD[:1])
    card = slack.message(ts)
    assert (card.text, card.labels, card.edits, card.edited) == ("two", [], 1, None)
    answer = await web.chat_update(channel=slack.channel, ts=ts, text="three")
    assert (card.blocks, card.edits, answer["message"]["edited"]["user"]) == ([], 2, slack.bot_user)
    await refused(web.chat_update(channel=slack.channel, ts=rao.says("mine").ts, text="x"), "cant_update_message")
    await refused(web.chat_update(channel=slack.channel, ts="1.000001", text="x"), "message_not_found")
    await refused(web.chat_update(channel=slack.channel, ts=ts, text="ü" * 2001), "msg_too_long")
    await refused(web.chat_update(channel=slack.channel, ts=ts, text=""), "no_text")


async def test_what_is_deleted_is_gone_unless_it_holds_a_thread_together(slack, rao, web):
    root, other = [(await web.chat_postMessage(channel=slack.channel, text=text))["ts"] for text in ("root", "other")]
    rao.writes(slack.message(root), "a reply")
    for ts in (root, other):
        await web.chat_delete(channel=slack.channel, ts=ts)
    assert (slack.messages(), slack.message(root).deleted) == ([], True)
    history = (await web.conversations_history(channel=slack.channel))["messages"]
    assert [(m["ts"], m["subtype"]) for m in history] == [(root, "tombstone")]
    replies = (await web.conversations_replies(channel=slack.channel, ts=root))["messages"]
    assert [m.get("text") for m in replies] == ["This message was deleted.", "a reply"]
    await refused(web.conversations_replies(channel=slack.channel, ts=other), "thread_not_found")
    await refused(web.chat_delete(channel=slack.channel, ts=other), "message_not_found")


async def test_a_reply_to_what_is_gone_appears_outside_any_thread_without_a_word(slack, web):
    ts = (await web.chat_postMessage(channel=slack.channel, text="root"))["ts"]
    reply = await web.chat_postMessage(channel=slack.channel, text="a reply", thread_ts=ts)
    assert [message.ts for message in slack.thread(ts)] == [reply["ts"]]
    assert (reply["message"]["thread_ts"], slack.warnings) == (ts, [])
    await web.chat_delete(channel=slack.channel, ts=reply["ts"])
    await web.chat_delete(channel=slack.channel, ts=ts)
    lost = await web.chat_postMessage(channel=slack.channel, text="to nobody", thread_ts=ts)
    assert "thread_ts" not in lost["message"]
    assert [message.text for message in slack.messages()] == ["to nobody"]
    assert len(slack.warnings) == 1


async def test_what_only_one_person_sees(slack, rao, web):
    await web.chat_postEphemeral(channel=slack.channel, user=rao.id, text="for your eyes only")
    assert (slack.messages(), [m.text for m in rao.ephemerals]) == ([], ["for your eyes only"])
    assert await rao.will_see("your eyes")
    await refused(web.chat_postEphemeral(channel=slack.channel, user="U404", text="x"), "user_not_in_channel")


async def test_a_permalink_leads_to_message_and_thread(slack, rao, web):
    root = rao.says("root")
    reply = rao.writes(root, "a reply")
    links = [(await web.chat_getPermalink(channel=slack.channel, message_ts=m.ts))["permalink"] for m in (root, reply)]
    assert links[0] == f"https://smi-test.slack.com/archives/{slack.channel}/p{root.ts.replace('.', '')}"
    assert links[1].endswith(f"?thread_ts={root.ts}&cid={slack.channel}")


async def test_very_long_words_are_cut_off_with_a_warning(slack, web):
    answer = await web.chat_postMessage(channel=slack.channel, text="x" * 40_001)
    assert (len(answer["message"]["text"]), answer["warning"]) == (40_000, "message_truncated")
    assert len(slack.warnings) == 1


@pytest.mark.parametrize(
    ("state", "error"), [("archived", "is_archived"), ("left", "not_in_channel"), ("unknown", "channel_not_found")]
)
async def test_channels_where_nothing_can_be_posted(slack, web, state, error):
    ts = (await web.chat_postMessage(channel=slack.channel, text="before"))["ts"]
    place, channel = slack.place(), slack.channel if state != "unknown" else "C404"
    place.archived = state == "archived"
    if state == "left":
        place.bot_leaves()
    await refused(web.chat_postMessage(channel=channel, text="after"), error)
    await refused(web.chat_update(channel=channel, ts=ts, text="x"), "is_inactive" if state == "archived" else error)
    if state == "left":
        await web.conversations_join(channel=channel)
        await web.chat_postMessage(channel=channel, text="after")
    assert len(slack.posted) == 1 + (state == "left")


# Reading


async def test_history_is_read_page_by_page_and_metadata_only_on_request(slack, web):
    sent = [
        await web.chat_postMessage(
            channel=slack.channel, text=str(n), metadata={"event_type": "smi_case", "event_payload": {"case": n}}
        )
        for n in range(5)
    ]
    first = await web.conversations_history(channel=slack.channel, limit=2)
    assert ([m["text"] for m in first["messages"]], first["has_more"]) == (["4", "3"], True)
    pages = [page["messages"] async for page in first]
    assert [m["text"] for page in pages for m in page] == ["4", "3", "2", "1", "0"]
    between = {"oldest": sent[1]["ts"], "latest": sent[3]["ts"], "include_all_metadata": True}
    inner = (await web.conversations_history(channel=slack.channel, **between))["messages"]
    outer = (await web.conversations_history(channel=slack.channel, **between, inclusive=True))["messages"]
    assert [m["metadata"]["event_payload"]["case"] for m in inner] == [2]
    assert [m["metadata"]["event_payload"]["case"] for m in outer] == [3, 2, 1]
    assert "metadata" not in first["messages"][0]


async def test_a_thread_is_read_from_its_beginning(slack, rao, web):
    root = rao.says("root")
    for n in range(3):
        rao.writes(root, f"reply {n}")
    first = await web.conversations_replies(channel=slack.channel, ts=root.ts, limit=2)
    assert [m["text"] for m in first["messages"]] == ["root", "reply 0"]
    assert (first["messages"][0]["reply_count"], first["messages"][1]["parent_user_id"]) == (3, rao.id)
    rest = await web.conversations_replies(
        channel=slack.channel, ts=root.ts, cursor=first["response_metadata"]["next_cursor"]
    )
    assert ([m["text"] for m in rest["messages"]], rest["has_more"]) == (["reply 1", "reply 2"], False)
    late = await web.conversations_replies(channel=slack.channel, ts=root.ts, oldest=first["messages"][1]["ts"])
    assert [m["text"] for m in late["messages"]] == ["root", "reply 1", "reply 2"]


async def test_channels_people_and_reactions_can_be_looked_up(slack, rao, web):
    info = (await web.conversations_info(channel=slack.channel, include_num_members=True))["channel"]
    assert (info["is_member"], info["is_archived"], info["num_members"]) == (True, False, 2)
    assert (await web.conversations_members(channel=slack.channel))["members"] == [slack.bot_user, rao.id]
    assert (await web.users_info(user=rao.id))["user"]["profile"]["real_name"] == "Dr. Rao"
    await refused(web.users_info(user="U404"), "user_not_found")
    said = rao.says("hello")
    await web.reactions_add(channel=slack.channel, timestamp=said.ts, name="eyes")
    await refused(web.reactions_add(channel=slack.channel, timestamp=said.ts, name="eyes"), "already_reacted")
    rao.reacts(said, "outbox_tray")
    seen = (await web.reactions_get(channel=slack.channel, timestamp=said.ts))["message"]["reactions"]
    assert [(r["name"], r["users"]) for r in seen] == [("eyes", [slack.bot_user]), ("outbox_tray", [rao.id])]
    await web.reactions_remove(channel=slack.channel, timestamp=said.ts, name="eyes")
    await refused(web.reactions_remove(channel=slack.channel, timestamp=said.ts, name="eyes"), "no_reaction")


# Files


async def test_the_app_shares_a_file_in_a_thread(slack, rao, web):
    root = rao.says("root")
    await web.files_upload_v2(
        channel=slack.channel, thread_ts=root.ts, filename="photo.png", content=b"\x89PNG", initial_comment="see"
    )
    (shared,) = slack.thread(root)
    assert (shared.files[0]["name"], shared.files[0]["mimetype"], shared.all_text) == (
        *("photo.png", "image/png"),
        "see\nphoto.png",
    )
    assert [call.method for call in slack.calls[-3:]] == [
        *("files.getUploadURLExternal", "upload", "files.completeUploadExternal"),
    ]
    again = {"files": [{"id": shared.files[0]["id"]}], "channel_id": slack.channel}
    await refused(web.files_completeUploadExternal(**again), "file_not_found")


async def test_what_people_send_is_fetched_with_the_apps_token_and_nobody_elses(slack, rao):
    file = rao.uploads(rao.says("root"), "leaflet.pdf", b"%PDF").files[0]
    addresses = [file["url_private"], file["url_private_download"]]
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    assert [httpx.get(url, headers=headers, trust_env=False).content for url in addresses] == [b"%PDF", b"%PDF"]
    assert "Sign in" in httpx.get(addresses[0], trust_env=False).text


# Trouble


TROUBLES = [
    (Trouble.status(429, retry_after=2), "ratelimited", 429, 0),
    (Trouble.status(500), "500", 500, 0),
    (Trouble.garbage(), "garbage", 200, 0),
    (Trouble.slack_error("internal_error"), "internal_error", 200, 0),
    (Trouble.drop_before(), "dropped before", None, 0),
    (Trouble.drop_after(), "dropped after", None, 1),
]


@pytest.mark.parametrize(("trouble", "outcome", "status", "posted"), TROUBLES, ids=[t[1] for t in TROUBLES])
async def test_trouble_befalls_one_call(slack, web, trouble, outcome, status, posted):
    slack.troubles("chat.postMessage", trouble)
    with pytest.raises(Exception) as raised:
        await web.chat_postMessage(channel=slack.channel, text="one")
    if status:
        assert (raised.type, raised.value.response.status_code) == (SlackApiError, status)
        assert raised.value.response.headers.get("Retry-After") == ("2" if status == 429 else None)
    assert len(slack.posted) == posted
    await web.chat_postMessage(channel=slack.channel, text="two")
    assert [call.outcome for call in slack.called("chat.postMessage")] == [outcome, "ok"]


async def test_the_client_sends_again_by_itself_what_may_have_arrived_unless_told_not_to(slack):
    slack.troubles("chat.postMessage", Trouble.drop_after())
    await AsyncWebClient(slack.bot_token, base_url=slack.url).chat_postMessage(channel=slack.channel, text="twice")
    assert [message.text for message in slack.messages()] == ["twice", "twice"]


async def test_what_hangs_goes_on_when_released_unless_its_caller_has_gone(slack, web):
    slack.troubles("chat.postMessage", Trouble.hang(), Trouble.hang())
    calling = asyncio.create_task(web.chat_postMessage(channel=slack.channel, text="one"))
    await slack.until(lambda: slack.calls and slack.calls[-1].outcome == "hanging")
    calling.cancel()
    await slack.until(lambda: slack.calls[0].outcome == "gone")
    calling = asyncio.create_task(web.chat_postMessage(channel=slack.channel, text="two"))
    await slack.until(lambda: slack.calls[-1].outcome == "hanging")
    slack.release()
    await calling
    assert [message.text for message in slack.messages()] == ["two"]


async def test_while_it_is_down_everything_fails(slack, web):
    with slack.down(503), pytest.raises(SlackApiError):
        await web.auth_test()
    slack.down(0)
    with pytest.raises(ClientError):
        await web.auth_test()
    slack.up()
    await web.auth_test()
    assert [call.outcome for call in slack.calls] == ["down 503", "down", "ok"]


async def test_too_many_messages_must_wait(slack, web):
    slack.limits(per_channel=1)
    await web.chat_postMessage(channel=slack.channel, text="one")
    no = await refused(web.chat_postMessage(channel=slack.channel, text="two"), "ratelimited")
    assert (no.response.status_code, no.response.headers["Retry-After"]) == (429, "1")
    await web.chat_postMessage(channel=slack.new_channel("other").id, text="nobody else waits")
    assert len(slack.posted) == 2


POSTS_TWICE = """
import asyncio, sys
from slack_sdk.web.async_client import AsyncWebClient

async def main():
    client = AsyncWebClient(sys.argv[1], base_url=sys.argv[2])
    for text in ("one", "two"):
        await client.chat_postMessage(channel=sys.argv[3], text=text)

asyncio.run(main())
"""


@pytest.mark.parametrize(("when", "posted"), [("before", []), ("after", ["one"])])
def test_an_app_can_be_killed_before_and_after_its_call_is_executed(slack, when, posted):
    process = subprocess.Popen([sys.executable, "-c", POSTS_TWICE, slack.bot_token, slack.url, slack.channel])

    def kill(method: str, at: str) -> bool:
        if (method, at) != ("chat.postMessage", when):
            return False
        os.kill(process.pid, signal.SIGKILL)
        return True

    slack.on_call = kill
    assert process.wait(20) == -signal.SIGKILL
    slack.wait(lambda: [call.outcome for call in slack.called("chat.postMessage")] == [f"dropped {when}"])
    assert [message.text for message in slack.messages()] == posted


async def test_it_starts_and_ends_at_once_whatever_is_open():
    began = time.monotonic()
    with SlackApi() as slack:
        assert time.monotonic() - began < 0.3
        slack.troubles("auth.test", Trouble.hang())
        calling = asyncio.create_task(client(slack).auth_test())
        await slack.until(lambda: slack.calls and slack.calls[-1].outcome == "hanging")
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    with pytest.raises(ClientError):
        await calling


async def test_timestamps_follow_the_clock_and_never_repeat():
    with SlackApi(clock=Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))) as slack:
        sue = slack.person("Sue")
        one, two = sue.says("one"), sue.says("two")
    assert (one.ts, two.ts) == ("1795424400.000000", "1795424400.000001")
