"""What other platforms bring, at the desk: public posts, files, edits, replies that do not arrive, erasure."""

import asyncio
import uuid

import pytest
from desk_page import ann, app, bob, case, channel, claimed, clock, event_of, files, lee, rao, service, url  # noqa: F401 (fixtures)
from fakes import PATIENCE
from serving import FORGOT, PNG, RASH

from smi_bot.attachments import WrongFile
from smi_bot.errors import Refused, TryAgain
from smi_bot.inquiry import Action, Attachment, PublicPost

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = """<img src=x onerror=alert(1)>"' {{ 7 * 7 }}"""


def file(name: str = "rash.jpg", **more) -> Attachment:
    """A file that is still with its platform."""
    id = uuid.uuid4().hex
    return Attachment(**{"id": id, "name": name, "media_type": "image/jpeg", "size": 300, "source": f"at-{id}", **more})


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
