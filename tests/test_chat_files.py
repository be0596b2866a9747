"""Files at the chat page: sent, fetched, refused."""

import pytest
from chat_page import ann, app, service, url  # noqa: F401 (fixtures)
from serving import PNG, Requester, client

pytestmark = pytest.mark.asyncio(loop_scope="module")
PDF = b"%PDF-1.7\n" + b"x" * 500
LIMIT = 2**20  # bytes of the largest file here


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
