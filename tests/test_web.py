"""The web chat without a browser: real HTTP and a real socket, and everything that a browser would never send."""

import asyncio
import re
import uuid
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from serving import FORGOT, PNG, RASH, Requester, Specialist, client, served
from sqlalchemy.exc import OperationalError
from sqlmodel import col
from websockets.exceptions import ConnectionClosed, InvalidStatus

from channels import web as web_channel
from smi_bot.durable.rows import InboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "<b>bold</b> **stars** {{ 7 * 7 }} {% if x %} [link](javascript:alert(1)) <script>alert(1)</script> & \"'"
STATIC = Path(web_channel.__file__).parent / "web_static"
PDF = b"%PDF-1.7\n" + b"x" * 500
LIMIT = 2**20  # bytes of the largest file here


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory, knowledge):
    async with served(tmp_path_factory.mktemp("web") / "data", knowledge, max_attachment_mb=1) as (app, url):
        yield app, url


@pytest.fixture
def app(service):
    return service[0]


@pytest.fixture
def url(service):
    return service[1]


@pytest_asyncio.fixture(loop_scope="module")
async def ann(url):
    async with Requester(url) as requester:
        yield requester


@pytest_asyncio.fixture(loop_scope="module")
async def rao(url):
    async with Specialist(url) as specialist:
        yield specialist


# --- headers, cookies, hosts, origins


@pytest.mark.parametrize(
    "path",
    ["/", "/chat", "/chat/static/chat.js", "/chat/static/none", "/chat/attachments/none", "/desk", "/desk/login"]
    + ["/desk/board", "/desk/events", "/healthz", "/readyz", "/none"],
)
async def test_every_page_has_the_strict_headers(url, path):
    async with client(url) as http:
        headers = (await http.get(path)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")


async def test_a_page_is_never_kept_and_a_file_is_asked_for_anew(url):
    async with client(url) as http:
        assert (await http.get("/chat")).headers["cache-control"] == "no-store"
        script = await http.get("/chat/static/chat.js")
        assert script.headers["cache-control"] == "no-cache"
        again = await http.get("/chat/static/chat.js", headers={"If-None-Match": script.headers["etag"]})
        assert again.status_code == 304


async def test_no_page_has_an_inline_script_style_or_handler(url, rao):
    async with client(url) as http:
        pages = [await http.get("/chat"), await http.get("/desk/login"), await rao.http.get("/desk")]
    for page in pages:
        assert page.status_code == 200
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page.text)
        assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))", page.text)


async def test_the_cookie_is_for_this_site_only_and_no_script_can_read_it(url):
    async with client(url) as http:
        cookie = (await http.get("/chat")).headers["set-cookie"].lower()
    assert cookie.startswith("smi=")
    assert "httponly" in cookie
    # lax, not strict: who comes by a link from another site must find their conversation
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "max-age=31536000" in cookie


async def test_the_way_in_leads_to_the_chat(url):
    async with client(url) as http:
        assert (await http.get("/")).headers["location"] == "/chat"


async def test_every_word_that_the_page_uses_is_an_approved_label(url, knowledge):
    labels = knowledge.library.page.labels
    used = set(re.findall(r'labels\["([a-z-]+)"\]', (STATIC / "chat.html.j2").read_text()))
    used |= set(re.findall(r"labels\['([a-z-]+)'\]", (STATIC / "chat.html.j2").read_text()))
    used |= set(re.findall(r'words\("([a-z-]+)"\)', (STATIC / "chat.html.j2").read_text()))
    used |= set(
        re.findall(r'(?:say|complain)\("([a-z-]+)"', "\n".join(path.read_text() for path in STATIC.glob("*.js")))
    )
    assert len(used) > 30
    assert used - labels.keys() == set()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
async def test_on_loopback_a_foreign_host_is_refused(url, ann, host):
    async with client(url) as http:
        for path in ("/chat", "/desk/login", "/healthz"):
            assert (await http.get(path, headers={"Host": host})).status_code == 400
    with pytest.raises(InvalidStatus):
        await ann.line(name=host.removesuffix(":80"))


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://127.0.0.1", "http://localhost:1", "https://evil.example/127.0.0.1"],
)
async def test_a_socket_from_a_foreign_origin_is_refused(ann, origin):
    with pytest.raises(InvalidStatus):
        await ann.line(origin=origin)


@pytest.mark.parametrize("cookie", ["", "smi=", "smi=null", "smi=eyJjaGF0IjogIngifQ==.AAAA.forged", "other=1"])
async def test_a_socket_without_our_cookie_is_refused(ann, cookie):
    with pytest.raises(InvalidStatus):
        await ann.line(cookie=cookie)


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


# --- files


async def test_a_file_of_ones_own_can_be_sent_and_fetched_as_a_download(ann):
    kept = (await ann.uploads(PNG, "../a leaflet?.png")).json()
    assert (kept["media_type"], kept["size"]) == ("image/png", len(PNG))
    answer = await ann.http.get(f"/chat/attachments/{kept['id']}")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "private, no-store"
    id = await ann.says("see the picture", files=(kept["id"],))
    await ann.comes()
    assert [file["name"] for file in ann.messages[id]["attachments"]] == ["../a leaflet?.png"]


async def test_other_peoples_files_are_not_found(ann, url):
    kept = (await ann.uploads()).json()
    async with Requester(url) as bob, client(url) as nobody:
        for http in (bob.http, nobody):
            assert (await http.get(f"/chat/attachments/{kept['id']}")).status_code == 404
        id = await bob.says("mine now", files=(kept["id"],))
        await bob.comes()
        assert bob.messages[id]["attachments"] == []
    assert (await ann.http.get(f"/chat/attachments/{kept['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "label"),
    [
        (b"<html><script>alert(1)</script>", 415, "file-type"),
        (b"", 415, "file-type"),
        (b"MZ\x90\x00", 415, "file-type"),
        (PNG + b"x" * (LIMIT + 20_000), 413, "file-too-big"),  # by its declared length, unread
        (PNG + b"x" * (LIMIT + 1 - len(PNG)), 413, "file-too-big"),
    ],
)
async def test_a_file_of_the_wrong_type_or_size_is_refused_with_its_label(ann, knowledge, content, status, label):
    answer = await ann.uploads(content, "photo.png")
    assert (answer.status_code, answer.json()) == (status, {"label": label})
    assert label in knowledge.library.page.labels


async def test_the_largest_file_and_each_allowed_type_are_taken(ann):
    assert (await ann.uploads(PNG + b"x" * (LIMIT - len(PNG)))).status_code == 201
    assert (await ann.uploads(PDF, "leaflet.pdf")).json()["media_type"] == "application/pdf"


async def test_an_upload_that_is_not_from_our_page_is_refused(ann, url):
    files = {"file": ("a.png", PNG, "image/png")}
    asked_by_us = {"X-Requested-With": "smi-bot"}
    assert (await ann.http.post("/chat/attachments", files=files)).status_code == 403
    async with client(url) as http:
        assert (await http.post("/chat/attachments", files=files, headers=asked_by_us)).status_code == 403


@pytest.mark.parametrize(
    ("type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--'),
        ("application/x-www-form-urlencoded", b"file=text"),
        ("text/plain", b"file"),
        ("", b""),
    ],
)
async def test_a_malformed_upload_is_a_bad_request(ann, type, body):
    headers = {"X-Requested-With": "smi-bot", "Content-Type": type}
    assert (await ann.http.post("/chat/attachments", content=body, headers=headers)).status_code == 400


async def test_an_upload_without_a_length_is_refused_unread(ann):
    async def endless():
        yield b"--x\r\n"

    headers = {"X-Requested-With": "smi-bot", "Content-Type": "multipart/form-data; boundary=x"}
    assert (await ann.http.post("/chat/attachments", content=endless(), headers=headers)).status_code == 411


# --- everybody's words are words


async def test_what_a_requester_writes_is_shown_as_written_at_the_desk_and_never_as_markup(ann, rao):
    words = uuid.uuid4().hex
    id = await ann.says(f"{RASH} {words} {HOSTILE}")
    await ann.comes()
    assert ann.messages[id]["html"] is None
    assert ann.messages[id]["text"] == f"{RASH} {words} {HOSTILE}"
    card = await rao.card(await rao.sees(words))
    assert "&lt;b&gt;bold&lt;/b&gt; **stars** {{ 7 * 7 }} {% if x %}" in card
    assert "<script>" not in card
    assert "<b>bold" not in card


async def test_what_a_specialist_writes_is_shown_as_written_to_the_requester_in_the_preview_and_at_the_desk(ann, rao):
    words = uuid.uuid4().hex
    text = f"{HOSTILE}\nsecond line\n\n# no heading\n1. no list\n- no list\n    no code\n> no quote"
    await ann.says(f"{RASH} {words}")
    case = await rao.sees(words)
    await rao.does("claim", case)
    preview = (await rao.does("preview", case, text=text))["html"]
    await rao.does("reply", case, text=text)
    reply = await ann.hears("bold")
    assert reply["html"] == preview
    assert not re.search(r"<(?!/?p>|br ?/?>)", preview)
    shown = re.sub(r"<br ?/?>\n?", "\n", preview.replace("</p>\n<p>", "\n\n").replace("<p>", "").replace("</p>", ""))
    assert unescaped(shown).strip() == text.replace("    no code", "no code")
    card = await rao.card(case)
    assert "&lt;b&gt;bold&lt;/b&gt;" in card
    assert "<script>" not in card


async def test_a_hostile_file_name_is_shown_as_written_at_the_desk(ann, rao):
    words = uuid.uuid4().hex
    kept = (await ann.uploads(PNG, '"><img src=x onerror=alert(1)>.png')).json()
    await ann.says(f"{RASH} {words}", files=(kept["id"],))
    card = await rao.card(await rao.sees(words))
    assert "<img" not in card
    assert "onerror=alert(1)&gt;.png" in card


# --- health


async def test_a_service_that_runs_is_healthy_and_ready(url):
    async with client(url) as http:
        assert (await http.get("/healthz")).text == "ok\n"
        ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "not_ready": []})


async def test_a_service_in_trouble_is_healthy_but_not_ready_and_names_why(app, url, monkeypatch):
    monkeypatch.setitem(app.loop.troubled, "elsewhere", "OperationalError")
    async with app.database.transaction() as tx:
        row = (await tx.execute(sa.select(InboxRow).limit(1))).scalar_one()
        was, row.state, row.failures = row.state, "failed", 5
    async with client(url) as http:
        assert (await http.get("/healthz")).status_code == 200
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["ready"]
    assert {"elsewhere: OperationalError", "inbox: 1 rows failed; see the desk and the log"} == set(
        answer.json()["not_ready"]
    )
    async with app.database.transaction() as tx:
        mended = await tx.get_one(InboxRow, row.id)
        mended.state, mended.failures = was, 0


async def test_a_service_that_stops_sends_its_visitors_away_at_once(tmp_path, knowledge):
    async with served(tmp_path / "data", knowledge) as (_, url):
        ann = await Requester(url).__aenter__()
        rao = await Specialist(url).__aenter__()
        events = await rao.http.send(rao.http.build_request("GET", "/desk/events"), stream=True)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2.5  # seconds; the server alone would wait 3 for them
    with pytest.raises(ConnectionClosed):
        await ann.gets("never")
    await events.aclose()
    await ann.http.aclose()
    await rao.http.aclose()


def unescaped(html: str) -> str:
    from html import unescape

    return unescape(html)


async def rows_of(app, id: str) -> int:
    async with app.database.reading() as tx:
        found = sa.select(sa.func.count()).select_from(InboxRow).where(col(InboxRow.key).endswith(f":{id}"))
        return (await tx.execute(found)).scalar_one()
