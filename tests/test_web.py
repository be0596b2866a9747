"""The chat page over HTTP: headers, cookies, origins, everybody's words, health."""

import asyncio
import re
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from chat_page import ann, app, rao, service, url  # noqa: F401 (fixtures)
from serving import PNG, RASH, Requester, Specialist, client, served
from websockets.exceptions import ConnectionClosed, InvalidStatus

from channels import web as web_channel
from smi_bot.durable.rows import InboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = "<b>bold</b> **stars** {{ 7 * 7 }} {% if x %} [link](javascript:alert(1)) <script>alert(1)</script> & \"'"
STATIC = Path(web_channel.__file__).parent / "web_static"


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
