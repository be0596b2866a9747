"""The line of the chat page: a message on its way, and frames that no page of ours sends."""

import asyncio
import uuid

import httpx
import pytest
import sqlalchemy as sa
from chat_page import ann, app, rao, service, url  # noqa: F401 (fixtures)
from serving import FORGOT, RASH, Requester
from sqlalchemy.exc import OperationalError
from sqlmodel import col
from websockets.exceptions import ConnectionClosed

from smi_bot.durable.rows import InboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- a message on its way


async def test_a_question_is_answered_over_the_socket_with_its_source_and_buttons(ann):
    await ann.says(FORGOT)
    answer = await ann.hears("missed-dose, version 1, approved 2026-")
    assert "References" in answer["html"]
    assert [button["action"]["verb"] for button in answer["buttons"]] == ["helpful", "not-helpful", "specialist"]
    await ann.presses(answer, "helpful")
    await ann.hears("Thank you for letting us know")
    assert [m["text"] for m in ann.messages.values() if m["from"] == "you"] == [FORGOT, "Yes, this helped"]


async def test_a_message_is_accepted_only_after_its_row_is_committed(app, ann, monkeypatch):
    accept, waiting, go_on = app.inbox.accept, asyncio.Event(), asyncio.Event()

    async def slow(*args):
        waiting.set()
        await go_on.wait()
        return await accept(*args)

    monkeypatch.setattr(app.inbox, "accept", slow)
    id = uuid.uuid4().hex
    await ann.sends({"type": "message", "id": id, "text": FORGOT})
    await waiting.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):  # proves an absence: there is no event to wait for
            await ann.gets("accepted")
    assert await rows_of(app, id) == 0
    go_on.set()
    await ann.gets("accepted")
    assert await rows_of(app, id) == 1


async def test_while_the_database_is_away_nothing_is_accepted_and_nothing_is_lost(app, ann, monkeypatch):
    accept, troubles = app.inbox.accept, [OperationalError("", {}, Exception())]

    async def troubled(*args):
        if troubles:
            raise troubles.pop()
        return await accept(*args)

    monkeypatch.setattr(app.inbox, "accept", troubled)
    id = await ann.says(FORGOT)
    assert troubles == []
    assert await rows_of(app, id) == 1


async def test_a_page_whose_history_cannot_be_read_is_sent_away_and_comes_back(app, ann, monkeypatch):
    look, troubles = app.web._look, [OSError()]

    async def troubled(conversation):
        if troubles:
            raise troubles.pop()
        return await look(conversation)

    monkeypatch.setattr(app.web, "_look", troubled)
    await ann.sends({"type": "message", "id": uuid.uuid4().hex, "text": FORGOT})
    with pytest.raises(ConnectionClosed):
        await ann.gets("never")
    await ann.comes()
    await ann.hears("missed-dose, version 1")


async def test_the_same_message_eleven_times_is_one_message(app, ann):
    id = uuid.uuid4().hex
    for _ in range(11):
        await ann.says(FORGOT, id=id)
    await ann.hears("missed-dose, version 1")
    await ann.comes()
    assert await rows_of(app, id) == 1
    assert [m["id"] for m in ann.messages.values() if m["from"] == "you"] == [id]
    assert len(ann.told("missed-dose, version 1")) == 1


async def test_the_same_id_of_two_people_is_two_messages(app, ann, url):
    id = uuid.uuid4().hex
    async with Requester(url) as bob:
        await ann.says(FORGOT, id=id)
        await bob.says(FORGOT, id=id)
    assert await rows_of(app, id) == 2


async def test_history_after_a_reconnect_is_whole_in_order_and_only_ones_own(ann, url):
    await ann.says(FORGOT)
    await ann.hears("Are you a patient or caregiver")
    before = ann.messages
    await ann.leaves()
    history = await ann.comes()
    assert {message["id"]: message for message in history["messages"]} == before
    numbers = [message["seq"] for message in history["messages"]]
    assert numbers == sorted(numbers)
    assert history["messages"][0]["text"] == FORGOT
    async with Requester(url) as bob:
        assert bob.messages == {}


async def test_a_second_page_of_the_same_person_shows_the_same(ann, url):
    async with Requester(url) as other:
        other.http.cookies = httpx.Cookies({"smi": ann.http.cookies["smi"]})
        await other.comes()
        await ann.says(FORGOT)
        await other.hears("missed-dose, version 1")


# --- frames that no page of ours sends


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        "{",
        "\x00",
        "{}",
        '{"type": "none"}',
        '{"type": ["message"]}',
        '{"type": "message"}',
        '{"type": "message", "id": "short"}',
        '{"type": "message", "id": "../../etc/passwd", "text": "x"}',
        '{"type": "message", "id": "long-enough", "text": 7}',
        '{"type": "message", "id": "long-enough", "text": "\\ud800"}',
        '{"type": "press", "id": "long-enough"}',
        '{"type": "press", "id": "long-enough", "action": {"verb": "shout"}}',
        '{"type": "press", "id": "long-enough", "action": {"verb": "answer", "value": "<script>"}}',
        '{"type": "seen", "replies": "all"}',
        "[" * 100_000,
    ],
)
async def test_a_malformed_frame_is_refused_and_the_line_goes_on(ann, frame):
    await ann.sends(frame)
    assert (await ann.gets("refused"))["label"] == "refused"
    await ann.says(FORGOT)


async def test_a_refused_message_is_named_so_that_the_page_can_tell_which(ann):
    id = uuid.uuid4().hex
    await ann.sends({"type": "message", "id": id, "text": "x", "attachments": ["file"] * 11})
    refused = await ann.gets("refused")
    assert refused["id"] == id


async def test_an_endless_message_is_refused_with_its_label(ann):
    id = uuid.uuid4().hex
    await ann.sends({"type": "message", "id": id, "text": "x" * 200_001})
    assert await ann.gets("refused") == {"type": "refused", "id": id, "label": "too-long"}


@pytest.mark.parametrize("frame", [b"\x00\xff" * 10, b"{}", "x" * (2**20 + 1)])
async def test_a_binary_or_huge_frame_closes_its_own_line_only(ann, url, frame):
    async with Requester(url) as bob:
        await bob.sends(frame)
        with pytest.raises(ConnectionClosed):
            await bob.gets("never")
        await ann.says(FORGOT)
        await ann.hears("missed-dose, version 1")
        await bob.comes()
        await bob.says(FORGOT)


async def test_a_hundred_silent_sockets_stall_nobody(ann, url):
    others = await asyncio.gather(*(ann.line() for _ in range(100)))
    await ann.says(FORGOT)
    await ann.hears("missed-dose, version 1")
    await asyncio.gather(*(other.close() for other in others))


async def test_replies_told_as_seen_by_somebody_else_stay_unseen(ann, url, rao):
    words = uuid.uuid4().hex
    await ann.says(f"{RASH} {words}")
    case = await rao.sees(words)
    await rao.does("claim", case)
    await rao.does("reply", case, text="Please rest.")
    reply = await ann.hears("Please rest.")
    async with Requester(url) as bob:
        await bob.sends({"type": "seen", "replies": [reply["id"]]})
        await bob.says(FORGOT)  # what came before it is handled
    assert "Delivered" not in await rao.card(case)
    await ann.sends({"type": "seen", "replies": [reply["id"], "no-such-reply"]})
    await rao.sees("Delivered", case=case)


# --- health


async def rows_of(app, id: str) -> int:
    async with app.database.reading() as tx:
        found = sa.select(sa.func.count()).select_from(InboxRow).where(col(InboxRow.key).endswith(f":{id}"))
        return (await tx.execute(found)).scalar_one()
