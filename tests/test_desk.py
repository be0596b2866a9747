"""The desk over HTTP: who may come in, what a card shows, and every press, also twice, malformed or not allowed."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fakes import PATIENCE, Clock, FakeChannel
from serving import FORGOT, PNG, RASH, Requester, Specialist, client, served
from sqlmodel import col

from smi_bot import journal
from smi_bot.attachments import WrongFile
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import Refused, TryAgain
from smi_bot.inquiry import Action, Attachment, PublicPost
from smi_bot.receiving import enqueue

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRESSES = ["claim", "release", "note", "reply", "note_send", "reply_retry", "label", "close", "preview", "reveal"]
PRESSES += ["file_retry"]
HOSTILE = """<img src=x onerror=alert(1)>"' {{ 7 * 7 }}"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory, knowledge):
    clock = Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    async with served(tmp_path_factory.mktemp("desk") / "data", knowledge, clock) as (app, url):
        yield app, url, clock


@pytest.fixture
def app(service):
    return service[0]


@pytest.fixture
def url(service):
    return service[1]


@pytest.fixture
def clock(service):
    return service[2]


@pytest_asyncio.fixture(loop_scope="module")
async def ann(url):
    async with Requester(url) as requester:
        yield requester


@pytest_asyncio.fixture(loop_scope="module")
async def rao(url):
    async with Specialist(url) as specialist:
        yield specialist


@pytest_asyncio.fixture(loop_scope="module")
async def lee(url):
    async with Specialist(url, "Dr. Lee") as specialist:
        yield specialist


@pytest_asyncio.fixture(loop_scope="module")
async def case(ann, rao):
    """A fresh case of Ann's, with words of its own."""
    return await reported(ann, rao)


@pytest_asyncio.fixture(loop_scope="module")
async def claimed(case, rao):
    await rao.does("claim", case)
    return case


async def reported(requester: Requester, specialist: Specialist, text: str = RASH) -> int:
    words = uuid.uuid4().hex
    await requester.says(f"{text} {words}")
    return await specialist.sees(words)


class Files:
    """A platform's files: by their source, what fetching one comes to."""

    def __init__(self) -> None:
        self.found: dict[str, bytes | Exception] = {}

    async def fetch(self, source: str, limit: int) -> bytes:
        found = self.found[source]
        if isinstance(found, Exception):
            raise found
        return found


class Writer:
    """Somebody on another platform, with everything that a message there may carry."""

    def __init__(self, channel: FakeChannel, app) -> None:
        self.channel = channel
        self.app = app
        self.name = uuid.uuid4().hex

    async def sends(self, text: str = "", **more) -> None:
        files = more.pop("attachments", ())
        inquiry = self.channel.inquiry(text, self.name, f"fake:{uuid.uuid4().hex}", files)
        assert await enqueue(self.app.inbox, inquiry.model_copy(update=more))

    async def hears(self, source: str) -> str:
        """Waits for a text from that source; returns the platform's id of it."""
        return f"platform-{(await self.channel.hears(source, self.name)).reply}"


@pytest.fixture(scope="module")
def files():
    return Files()


@pytest.fixture(scope="module")
def channel(service, files):
    app, _, clock = service
    channel = FakeChannel(app.inbox, clock, app.database.bell)
    app.join(channel)
    app.fetching.through({channel.name: files})
    return channel


@pytest.fixture
def bob(channel, app):
    return Writer(channel, app)


def file(name: str = "rash.jpg", **more) -> Attachment:
    """A file that is still with its platform."""
    id = uuid.uuid4().hex
    return Attachment(**{"id": id, "name": name, "media_type": "image/jpeg", "size": 300, "source": f"at-{id}", **more})


# --- who may come in


async def test_without_a_login_there_is_no_board_no_event_no_file_and_no_press(url):
    async with client(url) as http:
        page = await http.get("/desk")
        assert (page.status_code, page.headers["location"]) == (303, "/desk/login")
        for path in ("/desk/board", "/desk/events", "/desk/attachments/any"):
            assert (await http.get(path)).status_code == 401
        for press in PRESSES:
            assert (await http.post(f"/desk/cases/1/{press}", json={})).status_code == 401


async def test_the_requesters_cookie_opens_no_desk(ann):
    assert (await ann.http.get("/desk/board")).status_code == 401


async def test_a_login_needs_a_name_that_is_no_part_of_ours(url):
    for name in ("", "   ", "bot", "Bot", "requester"):
        answer = await Specialist(url, name).signs_in()
        assert answer.status_code == 401
        assert "Please give your own name." in answer.text


async def test_a_name_is_shown_as_it_is_written(url):
    async with Specialist(url, '<b>Dr. Rao</b> {{ 7 * 7 }} "Æ" \x00') as strange:
        page = (await strange.http.get("/desk")).text
    assert "&lt;b&gt;Dr. Rao&lt;/b&gt; {{ 7 * 7 }}" in page


async def test_a_login_form_of_another_session_is_refused(url):
    for forged in ("", "forged", "ümlaut"):
        answer = await Specialist(url).signs_in(csrf=forged)
        assert answer.status_code == 401
        assert "out of date" in answer.text


async def test_a_press_with_another_sessions_token_is_refused(rao, lee, case):
    rao.csrf, right = lee.csrf, rao.csrf
    assert (await rao.presses("claim", case)).status_code == 401
    rao.csrf = ""
    assert (await rao.presses("claim", case)).status_code == 401
    rao.csrf = right
    assert (await rao.presses("claim", case)).status_code == 200


async def test_a_press_by_get_or_with_the_token_in_the_body_is_refused(rao, case):
    assert (await rao.http.get(f"/desk/cases/{case}/claim")).status_code == 405
    assert (await rao.http.post(f"/desk/cases/{case}/claim", data={"csrf": rao.csrf})).status_code == 401


async def test_a_desk_with_a_password_lets_in_who_knows_it_only(tmp_path, knowledge):
    async with served(tmp_path / "data", knowledge, desk_password="corréct horse") as (_, url):
        for wrong in ("", "wrong", "corréct horse ", "correct horse"):
            answer = await Specialist(url, password=wrong).signs_in()
            assert answer.status_code == 401
            assert "That is not the desk password." in answer.text
            assert (not wrong) or wrong not in answer.text
        async with Specialist(url, password="corréct horse") as rao:
            assert "Dr. Rao" in (await rao.http.get("/desk")).text


async def test_a_login_stays_after_the_page_is_left_and_is_told_apart_from_the_chat(rao, url):
    assert (await rao.http.get("/chat")).status_code == 200
    assert (await rao.http.get("/desk")).status_code == 200
    async with client(url) as nobody:
        assert (await nobody.get("/desk")).status_code == 303


@pytest.mark.parametrize("form", [b"\xff" * 20_000, b"name=" + b"x" * 2_000_000, b"&".join([b"a=b"] * 2000)])
async def test_a_huge_or_malformed_login_is_refused(url, form):
    async with client(url) as http:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await http.post("/desk/login", content=form, headers=headers)).status_code in (400, 401)


# --- what a card shows


async def test_a_card_masks_who_wrote_and_shows_the_words_that_raised_the_label(ann, rao):
    text = f"My name is Ann Miller, ann.miller@example.com, 212-555-0143. {RASH}"
    card = await rao.card(await reported(ann, rao, text))
    for secret in ("Ann Miller", "ann.miller@example.com", "555-0143"):
        assert secret not in card
    assert "My name is [name], [e-mail], [phone]." in card
    assert 'data-label="adverse-event"' in card
    assert "rash</q>" in card
    assert "Requester " in card
    assert ann.http.cookies["smi"][:20] not in card


async def test_evidence_shows_each_part_of_the_words_once(ann, rao):
    card = await rao.card(await reported(ann, rao))
    shown = [part.split("</q>")[0] for part in card.split("<q>")[1:]]
    assert shown
    assert not any(one in other for one in shown for other in shown if one is not other)


async def test_a_pseudonym_is_the_same_in_each_case_of_a_person_and_differs_between_people(ann, rao, url):
    first = await reported(ann, rao)
    await rao.does("claim", first)
    await rao.does("close", first, disposition="answered")
    second = await reported(ann, rao)
    async with Requester(url) as bob:
        other = await reported(bob, rao)
    names = [(await rao.card(number)).split("<dd>Requester ")[1][:6] for number in (first, second, other)]
    assert names[0] == names[1] != names[2]
    assert f"<dt>Previous case</dt><dd>SMI-{first}</dd>" in await rao.card(second)


async def test_a_matched_answer_is_a_suggestion_on_the_card_and_an_unlikely_one_is_not(ann, rao):
    card = await rao.card(await reported(ann, rao, f"{RASH}. {FORGOT}"))
    assert "<code>missed-dose</code>" in card
    assert ", 0 %" not in card


async def test_what_the_bot_answered_by_itself_stands_between_the_requesters_messages(ann, rao):
    await ann.says(FORGOT)
    await ann.hears("missed-dose, version 1")
    number = await reported(ann, rao)
    card = await rao.sees("Answered from the library", case=number)
    assert "missed-dose: What should I do if I forget a tablet?" in await rao.card(number)
    assert card == number


async def test_a_service_text_that_could_not_be_delivered_shows_on_the_case(ann, rao, app, monkeypatch):
    async def refusing(rendered):
        raise Refused("blocked by the requester")

    monkeypatch.setattr(app.web, "send", refusing)
    number = await reported(ann, rao)
    await rao.sees("Could not be delivered", "service text: adverse-event", case=number)


async def test_a_case_nobody_claims_becomes_overdue_and_the_board_counts_it(rao, case, clock, app):
    card = await rao.card(case)
    assert "due in 4 h" in card
    assert "data-overdue" not in card
    clock.advance(hours=6)
    app.database.bell.ring("clock")
    card = await rao.card(await rao.sees("Nobody has claimed this case in time.", case=case))
    assert "2 h overdue" in card
    assert "data-overdue" in card
    assert "overdue</span>" in (await rao.board()).split('class="lists"')[0]
    await rao.does("claim", case)
    assert "overdue" not in await rao.card(case)


async def test_urgent_cases_come_first_and_are_counted(ann, rao, url):
    async with Requester(url) as bob:
        normal = await reported(bob, rao, "I want to talk to a human")
    urgent = await reported(ann, rao, "I can't breathe")
    board = await rao.board()
    assert board.index(f'id="case-{urgent}"') < board.index(f'id="case-{normal}"')
    assert "urgent</span>" in board.split('class="lists"')[0]


async def test_a_file_reaches_the_desk_and_can_be_fetched_also_from_an_earlier_case(ann, rao):
    kept, other = (await ann.uploads()).json(), (await ann.uploads()).json()
    await ann.says(RASH, files=(kept["id"],))
    first = await rao.sees(kept["id"])
    await rao.does("claim", first)
    await rao.does("close", first, disposition="answered")
    await reported(ann, rao)
    answer = await rao.http.get(f"/desk/attachments/{kept['id']}")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-disposition"] == "attachment"
    for unknown in (other["id"], "none", "%2e%2e"):
        assert (await rao.http.get(f"/desk/attachments/{unknown}")).status_code == 404


# --- what other platforms bring


async def test_a_public_post_is_marked_linked_and_never_replied_to(bob, rao):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}", public=PublicPost(link="https://t.me/forum/5?single&x=<b>"))
    number = await rao.sees(words)
    await rao.does("claim", number)
    await rao.does("note", number, text="a note for us")
    card = await rao.card(number)
    assert "Public forum</li>" in card
    assert "Nothing is ever sent there." in card
    assert 'href="https://t.me/forum/5?single&amp;x=&lt;b&gt;" target="_blank" rel="noreferrer noopener"' in card
    assert 'data-action="case_reply" disabled' in card
    assert 'data-action="case_note">' in card
    assert "note_send" not in card
    note = event_of(card, "a note for us")
    for press, body in (("reply", {"text": "hello"}), ("note_send", {"event": note})):
        answer = await rao.presses(press, number, **body)
        assert (answer.status_code, "nothing is ever sent there" in answer.json()["message"]) == (409, True)


async def test_a_private_case_has_no_public_mark_and_no_link(rao, claimed):
    card = await rao.card(claimed)
    assert "Public forum" not in card
    assert "noopener" not in card
    assert 'data-action="case_reply" class="primary">' in card


@pytest.mark.parametrize("link", ["javascript:alert(1)", "JavaScript://t.me/%0aalert(1)", "data:text/html,x", ""])
async def test_only_web_addresses_become_links(bob, rao, link):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}", public=PublicPost(link=link))
    card = await rao.card(await rao.sees(words))
    assert "<a " not in card
    assert "javascript:" not in card.lower()


async def test_a_file_is_shown_while_it_is_fetched_and_can_be_downloaded_when_it_is_here(bob, rao, files, app, clock):
    picture = file()
    files.found[picture.source] = TryAgain("busy", after=60)
    await bob.sends(RASH, attachments=(picture,))
    number = await rao.sees(picture.id, "being fetched")
    card = await rao.card(number)
    assert "rash.jpg" in card
    assert "/desk/attachments/" not in card
    assert picture.source not in card
    assert (await rao.http.get(f"/desk/attachments/{picture.id}")).status_code == 404
    files.found[picture.source] = PNG
    clock.advance(minutes=2)
    app.database.bell.ring("clock")
    await rao.sees(f'href="/desk/attachments/{picture.id}" download="rash.jpg"', case=number)
    answer = await rao.http.get(f"/desk/attachments/{picture.id}")
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    assert "being fetched" not in await rao.card(number)


async def test_a_file_that_could_not_be_had_can_be_fetched_again_by_any_specialist(bob, rao, lee, files):
    picture = file()
    files.found[picture.source] = WrongFile("file-failed")
    await bob.sends(RASH, attachments=(picture,))
    number = await rao.sees(picture.id, "could not be had", "Try to fetch again")
    await rao.does("claim", number)
    files.found[picture.source] = PNG
    await lee.does("file_retry", number, file=picture.id)
    await rao.sees(f'href="/desk/attachments/{picture.id}"', case=number)
    again = await lee.presses("file_retry", number, file=picture.id)
    assert (again.status_code, again.json()["message"]) == (
        409,
        "This file is not missing; nothing was fetched again.",
    )


async def test_a_file_that_is_not_taken_is_not_fetched_again(bob, rao, files):
    program, film = file("a.exe"), file("film.mp4", size=10**9)
    files.found[program.source] = b"MZ" * 50
    await bob.sends(RASH, attachments=(program, film))
    number = await rao.sees(program.id, "a.exe", "film.mp4")
    await rao.sees('data-state="refused"', case=number)
    card = await rao.card(await rao.sees("not taken (too big or of a type we do not take)", "1000.0 MB", case=number))
    assert "file_retry" not in card
    assert "/desk/attachments/" not in card


async def test_a_file_of_another_case_or_a_closed_one_is_not_fetched_again(bob, rao, files, claimed):
    picture = file()
    files.found[picture.source] = WrongFile("file-failed")
    await bob.sends(RASH, attachments=(picture,))
    number = await rao.sees(picture.id, "could not be had")
    for id in (picture.id, "", "unknown"):
        assert (await rao.presses("file_retry", claimed, file=id)).status_code == 409
    for id in ("not/allowed", "nul\x00", "x" * 65, 7):
        assert (await rao.presses("file_retry", number, file=id)).status_code == 422
    await rao.does("claim", number)
    await rao.does("close", number, disposition="spam")
    assert (await rao.presses("file_retry", number, file=picture.id)).json()["message"] == f"SMI-{number} is closed."
    assert "file_retry" not in await rao.card(number)


async def test_an_edit_shows_what_was_written_before_though_the_bot_had_answered_that(bob, rao):
    await bob.sends(f"{FORGOT} My mail is bob@example.com", message="m1")
    await bob.hears("zelvanta/missed-dose")
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}", message="m1", edited=True)
    card = await rao.card(await rao.sees(words))
    assert '<span class="mark">edited</span>' in card
    assert f'<div class="earlier" dir="auto">{FORGOT} My mail is [e-mail]</div>' in card
    assert "bob@example.com" not in card


async def test_what_else_a_message_carries_is_on_the_card_masked_and_in_the_original_text_whole(bob, rao):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}")
    number = await rao.sees(words)
    notice = await bob.hears("wording/first-contact.en")
    await bob.sends("Carl Miller +1 212 555 0143", shared="contact")
    await bob.sends("", shared="location")
    await bob.sends("", shared="other")
    quote = "My name is Dora Miller and it burns"
    await bob.sends("see this", forwarded=True, quoted=quote, reply_to=notice)
    await rao.does("claim", number)
    await rao.sees("see this", case=number)
    card = await rao.card(number)
    for shown in (
        "[contact card] [name] [phone]",
        "[location; where exactly is not stored]",
        "[something the bot cannot read]",
        '<span class="mark">forwarded</span>',
        '<blockquote class="quoted" dir="auto">My name is [name] and it burns</blockquote>',
        'In reply to: <q dir="auto">service text: first-contact</q>',
    ):
        assert shown in card
    assert "Miller" not in card
    revealed = (await rao.does("reveal", number))["text"]
    assert "[contact card] Carl Miller +1 212 555 0143" in revealed
    assert f"[quoted] {quote}" in revealed


async def test_a_reply_to_the_specialist_shows_what_the_specialist_said(bob, rao):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}", message="m1")
    number = await rao.sees(words)
    await rao.does("claim", number)
    await rao.does("reply", number, text="Which lot <number> is on the box?")
    reply = await bob.hears("specialist")
    await bob.sends("this one", reply_to=reply)
    await bob.sends("I meant that", reply_to="m1")
    await rao.sees('In reply to: <q dir="auto">Which lot &lt;number&gt; is on the box?</q>', case=number)
    await rao.sees(f'In reply to: <q dir="auto">{RASH} {words}</q>', case=number)


async def test_nothing_that_a_platform_brings_is_markup(bob, rao, files):
    names = {"name": f"{HOSTILE}.jpg", "media_type": HOSTILE}
    kept, lost = file(**names), file(**names)
    files.found = {**files.found, kept.source: PNG, lost.source: WrongFile("file-failed")}
    await bob.sends(f"first {HOSTILE} {FORGOT}", message="m1", attachments=(kept, lost))
    number = await rao.sees(kept.id, "could not be had", f"/desk/attachments/{kept.id}")
    more = {"quoted": HOSTILE, "forwarded": True, "reply_to": "m1"}
    await bob.sends(f"{HOSTILE} {RASH}", message="m1", edited=True, **more)
    await rao.sees("edited</span>", "In reply to", case=number)
    card = await rao.card(number)
    assert card.count("&lt;img src=x onerror=alert(1)&gt;") >= 10
    assert "<img" not in card
    assert "&#34;&#39; {{ 7 * 7 }}" in card


async def test_why_a_reply_failed_is_said_beside_it(bob, rao, channel):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}")
    number = await rao.sees(words)
    await bob.hears("wording/first-contact.en")
    channel.troubles = [Refused("the requester has <blocked> the bot")] * 2
    await rao.does("claim", number)
    await rao.does("reply", number, text="are you there?")
    await rao.sees("are you there?", "Try to send again", case=number)
    card = await rao.card(number)
    assert card.count("Reason: the requester has &lt;blocked&gt; the bot") == 2
    assert "service text: specialist-joined" in card


async def test_while_a_platform_is_out_of_order_waiting_replies_say_so(bob, rao, channel, app, clock):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}")
    number = await rao.sees(words)
    await bob.hears("wording/first-contact.en")
    await rao.does("claim", number)
    await bob.hears("wording/specialist-joined.en")
    channel.troubles = [TryAgain("503", after=7200)]
    await rao.does("reply", number, text="please wait")
    await rao.does("reply", number, text="I am on it")
    async with asyncio.timeout(PATIENCE):
        while (card := await rao.card(number)).count("Not delivered yet, trying again") < 2:
            await asyncio.sleep(0.01)
    assert card.count("Reason: the platform does not take messages at the moment") == 2
    clock.advance(hours=3)
    app.database.bell.ring("clock")
    await channel.hears("specialist", bob.name, times=2)
    async with asyncio.timeout(PATIENCE):
        while "Reason:" in await rao.card(number):
            await asyncio.sleep(0.01)


async def test_a_case_that_is_kept_shows_that_its_requester_asked_for_deletion(bob, rao):
    words = uuid.uuid4().hex
    await bob.sends(f"{RASH} {words}")
    number = await rao.sees(words)
    await bob.sends("", action=Action(verb="delete-confirm"))
    await rao.sees(
        "The requester asked for deletion. This case is kept because of a safety duty or because it is open.",
        words,
        case=number,
    )


async def test_a_closed_case_whose_words_were_erased_shows_that_and_no_words(bob, rao, files):
    words, picture = uuid.uuid4().hex, file(f"{uuid.uuid4().hex}.jpg")
    files.found[picture.source] = PNG
    await bob.sends(f"I want to talk to a human {words}", attachments=(picture,), quoted=f"quoted {words}")
    number = await rao.sees(words, f"/desk/attachments/{picture.id}")
    await rao.does("claim", number)
    await rao.does("note", number, text=f"note {words}")
    await rao.does("reply", number, text=f"reply {words}")
    await bob.hears("specialist")
    await rao.does("close", number, disposition="answered", note=f"closing {words}")
    await bob.hears("wording/case-closed.en")
    await bob.sends("", action=Action(verb="delete-confirm"))
    await rao.sees('data-notice="erased"', case=number)
    card = await rao.card(number)
    assert words not in card
    assert picture.name not in card
    assert "[erased at the requester&#39;s request]" in card
    assert words not in (await rao.does("reveal", number))["text"]
    assert (await rao.http.get(f"/desk/attachments/{picture.id}")).status_code == 404


# --- presses


async def test_claim_reply_and_close_reach_the_requester_and_the_card(ann, rao, case):
    await rao.does("claim", case)
    await ann.hears("A human specialist now reads and answers here")
    assert "Claimed by you" in await rao.card(case)
    await rao.does("reply", case, text="Please see a doctor.")
    reply = await ann.hears("Please see a doctor.")
    assert reply["from"] == "specialist"
    await rao.sees("Please see a doctor.", 'data-state="sent"', case=case)
    await rao.does("close", case, disposition="forwarded-to-drug-safety", note="report 17 filed")
    await ann.hears("closed")
    card = await rao.card(case)
    assert "forwarded-to-drug-safety: report 17 filed" in card
    assert 'data-status="closed"' in card
    assert "report 17" not in str(ann.messages)


async def test_release_gives_the_case_back(ann, rao, lee, claimed):
    await rao.does("release", claimed)
    assert 'data-status="open"' in await rao.card(claimed)
    await lee.does("claim", claimed)
    assert "Claimed by Dr. Lee" in await rao.card(claimed)


async def test_a_note_stays_inside_until_its_author_sends_it(ann, rao, lee, claimed):
    await rao.does("note", claimed, text="ask about the batch number")
    await lee.does("note", claimed, text="I know this person")
    await rao.does("reply", claimed, text="One moment please.")
    await ann.hears("One moment please.")
    assert "batch number" not in str(ann.messages)
    mine, theirs = [event_of(await rao.card(claimed), words) for words in ("batch number", "I know this person")]
    await rao.does("note_send", claimed, event=mine)
    await ann.hears("ask about the batch number")
    answer = await rao.presses("note_send", claimed, event=theirs)
    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "Only a note of your own can be sent to the requester.",
    )
    assert "I know this person" not in str(ann.messages)


async def test_pressing_again_with_the_same_id_does_nothing_twice(ann, rao, claimed):
    for _ in range(3):
        await rao.does("claim", claimed)
        await rao.does("reply", claimed, text="only once", id="the-same-press")
        await rao.does("note", claimed, text="noted once", id="the-same-press")
    card = await rao.card(claimed)
    note = event_of(card, "noted once")
    for _ in range(3):
        await rao.does("note_send", claimed, event=note)
    await rao.does("reply", claimed, text="the last word")
    await ann.hears("the last word")
    assert len(ann.told("only once")) == len(ann.told("noted once")) == 1
    assert (await rao.card(claimed)).count('data-kind="noted"') == 1
    assert len(ann.told("A human specialist now reads")) == 1


async def test_the_same_press_ten_times_at_once_is_one_reply(ann, rao, claimed):
    answers = await asyncio.gather(
        *(rao.presses("reply", claimed, text="at once", id="the-same-press") for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}
    await rao.does("reply", claimed, text="the last word")
    await ann.hears("the last word")
    assert len(ann.told("at once")) == 1


async def test_of_two_who_claim_at_once_one_owns_it_and_the_other_is_told(rao, lee, case):
    one, other = await asyncio.gather(rao.presses("claim", case), lee.presses("claim", case))
    assert sorted([one.status_code, other.status_code]) == [200, 409]
    (lost,) = [answer for answer in (one, other) if answer.status_code == 409]
    assert lost.json()["message"].startswith(f"SMI-{case} is already claimed by Dr. ")


async def test_what_only_the_owner_may_do_is_refused_to_others_with_a_sentence(rao, lee, case):
    bodies = {"label": {"labels": ["human"]}, "close": {"disposition": "spam"}, "reply": {"text": "x"}}
    for press in ("release", "reply", "note_send", "reply_retry", "label", "close"):
        unclaimed = await lee.presses(press, case, **bodies.get(press, {}))
        assert (unclaimed.status_code, unclaimed.json()["message"]) == (409, f"Claim SMI-{case} first.")
    await rao.does("claim", case)
    for press in ("release", "reply", "note_send", "reply_retry", "label", "close"):
        foreign = await lee.presses(press, case, **bodies.get(press, {}))
        assert foreign.status_code == 409
        assert foreign.json()["message"] == f"Only its owner, Dr. Rao, can do that on SMI-{case}."
    await rao.does("close", case, disposition="spam")
    for press in ("claim", "release", "reply", "note", "label", "close"):
        late = await rao.presses(press, case, **bodies.get(press, {}))
        assert (late.status_code, late.json()["message"]) == (409, f"SMI-{case} is closed.")


async def test_a_press_that_cannot_be_done_says_why_and_changes_nothing(rao, claimed):
    before = await rao.card(claimed)
    for press, body, message in (
        ("reply", {"text": "  \n "}, "Write something first."),
        ("note", {"text": ""}, "Write something first."),
        ("reply", {"text": "x" * 4001}, "This is too long to send (4001 characters); keep it under 4000."),
        ("label", {"labels": []}, "Choose at least one of the known labels."),
        ("label", {"labels": ["human", "made-up"]}, "Choose at least one of the known labels."),
        ("close", {"disposition": ""}, "Choose one of the dispositions."),
        ("close", {"disposition": "made-up"}, "Choose one of the dispositions."),
        ("reply_retry", {"event": 10**30}, "This reply has not failed; nothing was sent again."),
        ("note_send", {"event": -1}, "Only a note of your own can be sent to the requester."),
        ("explode", {}, "This desk does not know that button; load the page again."),
    ):
        answer = await rao.presses(press, claimed, **body)
        assert (answer.status_code, answer.json()) == (409, {"message": message})
    assert await rao.card(claimed) == before


@pytest.mark.parametrize("number", ["0", "999999", str(2**63), "9" * 400])
async def test_a_press_on_a_case_that_does_not_exist_says_so(rao, number):
    for press in ("claim", "reveal", "reply_retry"):
        answer = await rao.presses(press, number)
        assert answer.status_code == 409
        assert answer.json()["message"].startswith("There is no case SMI-")


async def test_a_malformed_press_is_told_so_and_changes_nothing(rao, claimed):
    before = await rao.card(claimed)
    bodies = [b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"text": 7}', b'{"text": "\\ud800"}']
    bodies += [b'{"id": "short"}', b'{"id": "not/allowed"}', b'{"event": "first"}', b'{"labels": "human"}']
    bodies += [b'{"text": "x", "more": 1}']
    headers = {"X-CSRF": rao.csrf, "Content-Type": "application/json"}
    for body in bodies:
        for press in ("reply", "note", "close"):
            answer = await rao.http.post(f"/desk/cases/{claimed}/{press}", content=body, headers=headers)
            assert answer.status_code == 422, body
            assert "not understood" in answer.json()["message"]
    assert await rao.card(claimed) == before


async def test_a_reply_with_a_nul_or_odd_characters_arrives(ann, rao, claimed):
    await rao.does("reply", claimed, text="before\x00after \u202e 👩‍⚕️ \r\n end")
    assert (await ann.hears("before after"))["from"] == "specialist"


async def test_labels_of_a_specialist_replace_the_rules(rao, claimed):
    await rao.does("label", claimed, labels=["product-complaint", "human"])
    card = await rao.card(claimed)
    assert 'data-label="product-complaint"' in card
    assert 'data-label="adverse-event"' not in card


async def test_a_reveal_shows_the_words_as_written_and_is_journalled(ann, rao, lee, app):
    number = await reported(ann, rao, f"My name is Ann Miller <b>, ann@example.com. {RASH}")
    revealed = (await lee.does("reveal", number))["text"]
    assert "My name is Ann Miller <b>, ann@example.com." in revealed
    assert "Full text viewed" in await rao.card(number)
    async with app.database.reading() as tx:
        rows = sa.select(journal.JournalRow).where(journal.JournalRow.kind == "case")
        bodies = [row.body for row in (await tx.execute(rows)).scalars()]
        seen = [body for body in bodies if body.get("what") == "revealed"]
        assert seen[-1]["actor"] == "Dr. Lee"
        assert "Miller" not in str(bodies)
        assert (await journal.verify(tx)).fault is None


async def test_a_reply_that_failed_is_shown_and_can_be_sent_again_once(ann, rao, claimed, app, monkeypatch):
    send = app.web.send

    async def refusing(rendered):
        if rendered.author == "specialist":
            raise Refused("blocked by the requester")
        return await send(rendered)

    monkeypatch.setattr(app.web, "send", refusing)
    await rao.does("reply", claimed, text="are you well?")
    await rao.sees("are you well?", "Not delivered", "Try to send again", case=claimed)
    event = event_of(await rao.card(claimed), "are you well?")
    monkeypatch.undo()
    await rao.does("reply_retry", claimed, event=event)
    await ann.hears("are you well?")
    await rao.sees("are you well?", 'data-state="sent"', case=claimed)
    again = await rao.presses("reply_retry", claimed, event=event)
    assert again.status_code == 409
    assert len(ann.told("are you well?")) == 1


async def test_a_reply_is_delivered_when_the_requester_has_seen_it(ann, rao, claimed):
    await rao.does("reply", claimed, text="see you soon")
    reply = await ann.hears("see you soon")
    await rao.sees('data-state="sent"', case=claimed)
    await ann.sends({"type": "seen", "replies": [reply["id"]]})
    await rao.sees('data-state="delivered"', case=claimed)


async def test_the_board_changes_by_itself_when_the_requester_writes_again(ann, rao, claimed):
    words = uuid.uuid4().hex
    waiting = asyncio.create_task(rao.sees(words, case=claimed))
    await ann.says(words)
    assert await waiting == claimed


async def test_what_the_desk_asks_of_the_outbox_is_always_settled(app, rao, claimed):
    async with asyncio.timeout(PATIENCE):
        while await open_posts(app):
            await asyncio.sleep(0.01)


async def open_posts(app) -> int:
    async with app.database.reading() as tx:
        posts = sa.select(sa.func.count()).select_from(OutboxRow)
        return (await tx.execute(posts.where(OutboxRow.way == "handoff", col(OutboxRow.state) != "sent"))).scalar_one()


def event_of(card: str, words: str) -> int:
    """The number of the thread's entry that holds these words."""
    (entry,) = [part for part in card.split('data-event="') if words in part and "data-kind" in part]
    return int(entry.split('"')[0])
