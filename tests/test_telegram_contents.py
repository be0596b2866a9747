"""Everything that can be sent in a private chat, and what becomes of it: words, files, albums, edits, bad input.

One service for all of it, which polls, on SQLite: each test has a requester of its own who has been here before.
"""

import html
import json
import re
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from bot_api_people import Person
from loopback_troubles import Trouble
from serving import FORGOT, PNG, RASH, Specialist
from telegram_service import TelegramService, telegram_service

from smi_bot import attachments
from smi_bot.attachments import AttachmentRow, WrongFile
from smi_bot.durable.rows import OutboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

PDF = b"%PDF-1.7\n" + bytes(range(256))
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256))
EMERGENCY = "my throat is swelling and I can't breathe"
LIMIT = 2**20  # bytes: the least that can be set

#: Ways to send a file, what is in it, and what it is by its first bytes.
FILES: dict[str, tuple[Callable[..., object], bytes, str]] = {
    "photo": (lambda who, content, **more: who.sends_photo(content=content, **more), PNG, "image/png"),
    "document": (lambda who, content, **more: who.sends_document(content=content, **more), PDF, "application/pdf"),
    "voice": (lambda who, content, **more: who.sends_voice(content, **more), b"OggS" + PNG, "audio/ogg"),
    "video": (lambda who, content, **more: who.sends_video(content, **more), MP4, "video/mp4"),
    "audio": (lambda who, content, **more: who.sends_audio(content, **more), b"ID3" + PNG, "audio/mpeg"),
    "animation": (lambda who, content, **more: who.sends_animation(content, **more), MP4, "video/mp4"),
    "video note": (lambda who, content, **more: who.sends_video_note(content, **more), MP4, "video/mp4"),
}
CAPTIONED = [kind for kind in FILES if kind != "video note"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(tmp_path_factory, knowledge) -> AsyncIterator[TelegramService]:
    folder = tmp_path_factory.mktemp("telegram")
    async with telegram_service(folder, knowledge, max_attachment_mb=1) as telegram:
        yield telegram


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def specialist(telegram) -> AsyncIterator[Specialist]:
    async with Specialist(telegram.url) as specialist:
        yield specialist


@pytest_asyncio.fixture(loop_scope="module")
async def ann(telegram) -> Person:
    return await telegram.regular("Ann")


async def card(telegram: TelegramService, specialist: Specialist, person: Person) -> str:
    """What the specialist sees of somebody's case, as words."""
    (case,) = await telegram.cases(person)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", await specialist.card(case.id))).split())


async def the_file(telegram: TelegramService, person: Person, state: str) -> AttachmentRow:
    """Waits until the one file somebody sent is in this state."""

    async def so() -> list[AttachmentRow]:
        return [row for row in await telegram.files(person) if row.state == state]

    (row,) = await telegram.until(so)
    return row


async def tried(telegram: TelegramService, person: Person, times: int = 1) -> None:
    """Waits until somebody's file was asked for so many times, in vain."""
    (file,) = await telegram.until(lambda: telegram.files(person))
    this = (OutboxRow.key == f"fetch:{file.id}", OutboxRow.attempts == times, OutboxRow.error.is_not(None))
    await telegram.until(lambda: telegram.rows(OutboxRow, *this))


# Files


@pytest.mark.parametrize("kind", FILES)
async def test_a_file_reaches_a_specialist_as_it_was_sent(telegram, specialist, ann, kind):
    sends, content, media_type = FILES[kind]
    sends(ann, content)
    await telegram.hears("wording/attachment.en", ann)
    row = await the_file(telegram, ann, "here")
    answer = await specialist.http.get(f"/desk/attachments/{row.id}")
    assert (answer.content, answer.headers["content-type"]) == (content, media_type)
    (case,) = await telegram.cases(ann)
    assert f'href="/desk/attachments/{row.id}"' in await specialist.card(case.id)


@pytest.mark.parametrize("kind", CAPTIONED)
async def test_a_report_in_a_caption_is_a_report(telegram, ann, kind):
    sends, content, _ = FILES[kind]
    sends(ann, content, caption=RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    case = await telegram.case(person=ann)
    assert case.labels[0] == "adverse-event"
    assert [row.state for row in await telegram.files(ann)] in (["here"], ["pending"])


async def test_a_report_in_the_name_of_a_file_is_a_report(telegram, ann):
    ann.sends_document(name="rash after zelvanta.pdf")
    await telegram.hears("wording/adverse-event.en", ann)


async def test_of_a_photo_the_largest_size_is_kept_and_only_that(telegram, ann):
    message = ann.sends_photo()
    await the_file(telegram, ann, "here")
    (inquiry,) = await telegram.inquiries(ann)
    assert [file.source for file in inquiry.attachments] == [message["photo"][-1]["file_id"]]


async def test_an_animation_is_one_file_although_telegram_shows_it_as_two(telegram, ann):
    ann.sends_animation()
    await telegram.quiet()
    assert len(await telegram.files(ann)) == 1


async def test_a_command_as_a_caption_does_not_make_the_photo_vanish(telegram, ann):
    ann.sends_photo("/help")
    await telegram.hears("wording/attachment.en", ann)
    await the_file(telegram, ann, "here")
    ann.sends_photo("/start leaflet")
    await telegram.hears("wording/added-to-case.en", ann)
    assert len(await telegram.files(ann)) == 2


@pytest.mark.parametrize("declared", [LIMIT + 1, 1])
async def test_a_file_that_is_too_big_is_not_taken_whatever_is_said_of_its_size(telegram, specialist, ann, declared):
    ann.sends_document(content=PDF + bytes(LIMIT), file_size=declared)
    told = await telegram.hears("wording/file-too-big.en", ann)
    assert "1 MB" in told.text
    row = await the_file(telegram, ann, "refused")
    assert row.content is None
    assert "too big" in await card(telegram, specialist, ann)


@pytest.mark.parametrize("declared", [1000, 1])
async def test_a_file_is_read_no_further_than_the_limit(telegram, ann, declared):
    message = ann.sends_document(content=PDF, file_size=declared)
    with pytest.raises(WrongFile, match="file-too-big"):
        await telegram.channel.fetch(message["document"]["file_id"], len(PDF) - 1)


async def test_a_file_that_telegram_itself_finds_too_big_is_not_taken(telegram, ann):
    ann.sends_video(file_size=21 * 2**20)
    await telegram.hears("wording/file-too-big.en", ann)
    await the_file(telegram, ann, "refused")


async def test_a_file_of_a_kind_nobody_takes_is_refused_whatever_it_calls_itself(telegram, ann):
    ann.sends_document(name="leaflet.pdf", mime="application/pdf", content=b"MZ\x90\x00 a program")
    await telegram.hears("wording/file-type.en", ann)
    await the_file(telegram, ann, "refused")


async def test_a_file_that_telegram_no_longer_has_is_asked_for_again_with_a_press(telegram, specialist, ann):
    with telegram.api.change():
        files, telegram.api.files = telegram.api.files, {}
        ann.sends_photo()
        kept, telegram.api.files = telegram.api.files, {}
    await telegram.hears("wording/file-failed.en", ann)
    row = await the_file(telegram, ann, "failed")
    assert "could not be had" in await card(telegram, specialist, ann)
    telegram.api.files = files | kept
    (case,) = await telegram.cases(ann)
    await specialist.does("file_retry", case.id, file=row.id)
    assert (await the_file(telegram, ann, "here")).content == PNG


async def test_a_file_is_gone_between_asking_for_it_and_fetching_it(telegram, ann):
    telegram.api.troubles("file", Trouble.status(404))
    ann.sends_photo()
    await telegram.hears("wording/file-failed.en", ann)
    await the_file(telegram, ann, "failed")


@pytest.mark.parametrize(
    ("call", "trouble"),
    [
        ("getFile", Trouble.status(502)),
        ("getFile", Trouble.status(429, retry_after=2)),
        ("getFile", Trouble.drop_after()),
        ("getFile", Trouble.garbage()),
        ("file", Trouble.status(500)),
        ("file", Trouble.drop_after()),
    ],
    ids=lambda of: of if isinstance(of, str) else f"{of.kind} {of.code}",
)
async def test_a_platform_in_trouble_is_asked_again_until_the_file_is_here(telegram, ann, call, trouble):
    telegram.api.troubles(call, trouble)
    ann.sends_photo()
    await tried(telegram, ann)
    telegram.later(seconds=3)
    assert (await the_file(telegram, ann, "here")).content == PNG
    assert "wording/file-failed.en" not in await telegram.sources(ann)


async def test_after_fifteen_minutes_of_trouble_the_file_shows_as_missing_and_can_be_asked_for(
    telegram, specialist, ann
):
    telegram.api.troubles("getFile", *3 * [Trouble.status(502)])
    ann.sends_photo()
    await tried(telegram, ann)
    telegram.later(minutes=14)
    await tried(telegram, ann, times=2)
    assert (await the_file(telegram, ann, "pending")).content is None
    telegram.later(minutes=2)
    row = await the_file(telegram, ann, "failed")
    await telegram.hears("wording/file-failed.en", ann)
    assert "could not be had" in await card(telegram, specialist, ann)
    (case,) = await telegram.cases(ann)
    await specialist.does("file_retry", case.id, file=row.id)
    await the_file(telegram, ann, "here")
    assert (await specialist.presses("file_retry", case.id, file=row.id)).status_code == 409


async def test_a_file_without_a_case_is_nobodys_business(telegram, specialist, ann):
    async with telegram.app.database.transaction() as tx:
        kept = await attachments.keep(tx, await telegram.conversation(ann), "a.png", PNG, LIMIT, telegram.clock())
    answer = await specialist.http.get(f"/desk/attachments/{kept.id}")
    assert answer.status_code == 404


# Other things


async def test_a_sticker_and_a_dice_are_their_emoji(telegram, ann):
    ann.sends_sticker("👍")
    ann.sends_dice("🎲")
    await telegram.hears("wording/empty.en", ann)
    await telegram.quiet()
    assert [inquiry.text for inquiry in await telegram.inquiries(ann)] == ["👍", "🎲"]
    assert await telegram.cases(ann) == []


async def test_a_contact_is_name_and_number_on_the_case_and_masked_on_the_card(telegram, specialist, ann):
    ann.sends_contact("+1 202-555-0143", "Bob", "Stone")
    await telegram.hears("wording/attachment.en", ann)
    shown = await card(telegram, specialist, ann)
    assert "[contact card] [name] [phone]" in shown
    assert not [word for word in ("Bob", "Stone", "0143") if word in shown]
    (case,) = await telegram.cases(ann)
    assert "Bob Stone +1 202-555-0143" in (await specialist.does("case_reveal", case.id))["text"]


async def test_coordinates_are_stored_nowhere(telegram, specialist, ann):
    ann.sends_location(48.1371, 11.5754)
    walking = ann.sends_location(52.5163, 13.3777, live=True)
    for _ in range(3):
        walking = ann.moves(walking)
    ann.sends_venue("Hill Pharmacy")
    await telegram.quiet()
    assert [i.text for i in await telegram.inquiries(ann)] == ["", "", "Hill Pharmacy"]  # where they walk is no message
    stored = await telegram.dump()
    assert "Hill Pharmacy" in stored
    digits = ("48.137", "11.575", "52.51", "13.377", "High Street")
    assert not [each for each in digits if each in stored]
    shown = await card(telegram, specialist, ann)
    assert "[location; where exactly is not stored] Hill Pharmacy" in shown


async def test_a_poll_and_a_checklist_are_their_words(telegram, ann):
    ann.sends_poll("Who else?", ["nobody", RASH])
    await telegram.hears("wording/adverse-event.en", ann)
    ann.sends(checklist={"title": "My week", "tasks": [{"id": 1, "text": "rest"}, {"id": 2, "text": EMERGENCY}]})
    await telegram.hears("wording/emergency.en", ann)
    assert [inquiry.text.splitlines()[0] for inquiry in await telegram.inquiries(ann)] == ["Who else?", "My week"]


@pytest.mark.parametrize("author", ["a person", "a channel", "somebody hidden"])
async def test_a_forwarded_report_is_a_report_and_the_card_says_that_it_was_forwarded(
    telegram, specialist, ann, author
):
    authors = {"a person": telegram.api.person("Wanda"), "a channel": telegram.api.channel("Gazette")}
    ann.forwards(RASH, authors.get(author, "Zorro"))
    await telegram.hears("wording/adverse-event.en", ann)
    shown = await card(telegram, specialist, ann)
    assert "forwarded" in shown
    stored = await telegram.dump()
    assert not [name for name in ("Wanda", "Gazette", "Zorro") if name in stored]


async def test_a_reply_shows_what_it_replies_to(telegram, specialist, ann):
    ann.says(FORGOT)
    answer = await telegram.hears("zelvanta/missed-dose", ann)
    question = ann.replies(answer, RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    shown = await card(telegram, specialist, ann)
    assert f"In reply to: missed-dose: {telegram.title('missed-dose')}" in shown
    ann.replies(question, "it itches")
    await telegram.quiet()
    assert "In reply to: I got a rash" in await card(telegram, specialist, ann)


async def test_a_report_in_a_quotation_from_another_chat_is_found(telegram, specialist, ann):
    ann.replies_external("is that so?", "Somebody", quote=RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    assert "Quoted from somewhere else: I got a rash" in await card(telegram, specialist, ann)


@pytest.mark.parametrize("content", [{"story": {"id": 3}}, {"hologram": {"depth": 7}}, {"game": {"title": "Chess"}}])
async def test_what_the_bot_cannot_read_reaches_a_person(telegram, specialist, ann, content):
    given = {"story": {"chat": ann.json, "id": 3}, "game": {"title": "Chess", "description": "", "photo": []}}
    ((kind, value),) = content.items()
    ann.sends(**{kind: given.get(kind, value)})
    await telegram.hears("wording/attachment.en", ann)
    assert "[something the bot cannot read]" in await card(telegram, specialist, ann)


# Bad input


@pytest.mark.parametrize("text", ["🎉", "🙏🏽👩‍👩‍👧", ".", "?!", "\u200b", "\u2800", "\n\n"])
async def test_a_message_that_says_nothing_gets_a_word_and_no_case(telegram, ann, text):
    ann.says(text)
    await telegram.hears("wording/empty.en", ann)
    assert await telegram.cases(ann) == []


async def test_a_message_of_100_kilobytes_goes_to_a_person_whole(telegram, ann):
    text = "what if I forget a tablet? " * 4000
    ann.says(text)
    await telegram.hears("wording/over-long.en", ann)
    assert [inquiry.text for inquiry in await telegram.inquiries(ann)] == [text]


async def test_an_emergency_at_the_end_of_100_kilobytes_is_found(telegram, ann):
    ann.says("what if I forget a tablet? " * 4000 + EMERGENCY)
    await telegram.hears("wording/emergency.en", ann)


@pytest.mark.parametrize("text", ["\u202eمرحبا ماذا لو نسيت حبة الدواء", "שלום, מה אם שכחתי כדור?"])
async def test_what_is_written_from_right_to_left_goes_to_a_person_who_reads_it(telegram, specialist, ann, text):
    ann.says(text)
    await telegram.hears("wording/language.en", ann)
    assert text in await card(telegram, specialist, ann)


MARKS = ["{{ product.name }} {% include 'x' %}", "<b>hi</b><script>alert(1)</script>", "an unheard-of *_[](` mark"]


@pytest.mark.parametrize("text", MARKS)
async def test_marks_of_templates_and_markup_are_words(telegram, specialist, ann, text):
    ann.says(text)
    await telegram.quiet()
    assert [inquiry.text for inquiry in await telegram.inquiries(ann)] == [text]
    (case,) = await telegram.cases(ann)
    shown = await specialist.card(case.id)
    assert html.escape(text, quote=False) in shown.replace("&#39;", "'").replace("&#34;", '"')


@pytest.mark.parametrize("text", [f"\ud800 {RASH} \udfff", f"{RASH}\0"])
async def test_half_characters_and_nuls_are_mended_and_the_words_stay(telegram, ann, text):
    ann.says(text)
    await telegram.hears("wording/adverse-event.en", ann)
    ann.sends_document(name=f"a\ud800{text}.pdf", mime="application/\0\ud800")
    await telegram.hears("wording/added-to-case.en", ann)
    assert "\ufffd" in json.dumps((await telegram.inquiries(ann))[1].model_dump(mode="json"), ensure_ascii=False)
