"""Several updates that are one thing: albums, and messages that are edited. Private chats, polling, on SQLite."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bot_api_people import Person
from serving import FORGOT, PNG, RASH, Specialist
from telegram_service import TelegramService, telegram_service

from smi_bot.durable.rows import InboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORE = "how do I store the tablets?"
EMERGENCY = "my throat is swelling and I can't breathe"
THREE = [PNG, PNG + b"2", PNG + b"3"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(tmp_path_factory, knowledge) -> AsyncIterator[TelegramService]:
    async with telegram_service(tmp_path_factory.mktemp("telegram"), knowledge) as telegram:
        yield telegram


@pytest_asyncio.fixture(loop_scope="module")
async def ann(telegram) -> Person:
    return await telegram.regular("Ann")


async def arrives(telegram: TelegramService, person: Person, count: int) -> None:
    """Waits until so many messages of somebody are in the inbox."""
    lane = await telegram.conversation(person)

    async def here() -> bool:
        return len(await telegram.rows(InboxRow, InboxRow.lane == lane)) == count

    await telegram.until(here)


async def messages_on_case(telegram: TelegramService, person: Person) -> list[int]:
    """How many messages each event of somebody's one case brought."""
    (case,) = await telegram.cases(person)
    return [len(event.body["messages"]) for event in case.events if event.kind == "message"]


# Albums


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("caption_on", [0, 1, 2])
async def test_an_album_is_one_inquiry_wherever_its_caption_stands(telegram, ann, caption_on, shuffled):
    ann.sends_album(THREE, caption=RASH, caption_on=caption_on, shuffled=shuffled)
    await arrives(telegram, ann, 3)
    telegram.later(seconds=1)
    await telegram.hears("wording/adverse-event.en", ann)
    await telegram.quiet()
    assert await telegram.sources(ann) == ["wording/adverse-event.en"]
    assert await messages_on_case(telegram, ann) == [3]
    assert sorted(row.content for row in await telegram.files(ann)) == THREE


async def test_until_an_album_is_complete_nothing_is_said(telegram, ann):
    ann.sends_album(THREE, hold=2)
    await arrives(telegram, ann, 1)
    telegram.later(seconds=0.9)
    telegram.api.deliver()
    await arrives(telegram, ann, 3)
    telegram.later(seconds=0.9)
    assert await telegram.sources(ann) == []
    telegram.later(seconds=0.1)
    await telegram.hears("wording/attachment.en", ann)
    assert await messages_on_case(telegram, ann) == [3]


async def test_the_late_rest_of_an_album_joins_its_case_silently(telegram, ann):
    ann.sends_album(THREE, hold=1)
    await arrives(telegram, ann, 2)
    telegram.later(seconds=1)
    await telegram.hears("wording/attachment.en", ann)
    telegram.api.deliver()
    await arrives(telegram, ann, 3)
    telegram.later(seconds=1)
    await telegram.quiet()
    assert await telegram.sources(ann) == ["wording/attachment.en"]
    assert await messages_on_case(telegram, ann) == [2, 1]
    assert len(await telegram.files(ann)) == 3


async def test_an_emergency_in_an_album_waits_for_nothing(telegram, ann):
    ann.sends_album(THREE, caption=EMERGENCY)
    await telegram.hears("wording/emergency.en", ann)
    await arrives(telegram, ann, 3)
    telegram.later(seconds=1)
    await telegram.quiet()
    assert await telegram.sources(ann) == ["wording/emergency.en"]


@pytest.mark.parametrize(
    ("caption", "answer"), [(EMERGENCY, "wording/emergency.en"), (RASH, "wording/adverse-event.en")]
)
async def test_a_report_in_the_late_rest_of_an_album_is_answered(telegram, ann, caption, answer):
    ann.sends_album(THREE, caption=caption, caption_on=2, hold=1)
    await arrives(telegram, ann, 2)
    telegram.later(seconds=1)
    await telegram.hears("wording/attachment.en", ann)
    telegram.api.deliver()
    await arrives(telegram, ann, 3)
    telegram.later(seconds=1)
    await telegram.hears(answer, ann)


async def test_two_albums_at_once_are_both_acknowledged_once(telegram, ann):
    ben = await telegram.regular("Ben")
    for person in (ann, ben):
        person.sends_album(THREE)
    await arrives(telegram, ann, 3)
    await arrives(telegram, ben, 3)
    telegram.later(seconds=1)
    await telegram.quiet()
    for person in (ann, ben):
        assert await telegram.sources(person) == ["wording/attachment.en"]


# Edits


async def test_a_corrected_question_gets_its_own_answer_and_both_versions_are_kept(telegram, ann):
    message = ann.says(FORGOT)
    await telegram.hears("zelvanta/missed-dose", ann)
    ann.edits(message, STORE)
    await telegram.hears("zelvanta/storage-temperature", ann)
    first, second = await telegram.inquiries(ann)
    assert (first.text, second.text) == (FORGOT, STORE)
    assert first.message == second.message == str(message["message_id"])
    assert (first.edited, second.edited) == (False, True)


@pytest.mark.parametrize("text", [FORGOT, "What if I forget a tablet??"])
async def test_an_edit_that_changes_nothing_is_not_answered_again(telegram, ann, text):
    message = ann.says(FORGOT)
    await telegram.hears("zelvanta/missed-dose", ann)
    ann.edits(message, text)
    await telegram.quiet()
    assert await telegram.sources(ann) == ["zelvanta/missed-dose"]
    assert len(await telegram.inquiries(ann)) == 2


async def test_an_edit_that_adds_a_report_opens_a_case(telegram, ann):
    message = ann.says(FORGOT)
    await telegram.hears("zelvanta/missed-dose", ann)
    ann.edits(message, f"{FORGOT} {RASH}")
    await telegram.hears("wording/adverse-event.en", ann)
    (case,) = await telegram.cases(ann)
    assert case.labels[0] == "adverse-event"


async def test_a_caption_can_be_edited_into_a_report(telegram, ann):
    message = ann.sends_photo("my leaflet")
    await telegram.hears("wording/attachment.en", ann)
    ann.edits(message, RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    assert await messages_on_case(telegram, ann) == [1, 1]
    assert [inquiry.text for inquiry in await telegram.inquiries(ann)] == ["my leaflet", RASH]


async def test_an_edit_shows_up_on_the_case_with_what_was_said_before(telegram, ann):
    message = ann.says(RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    ann.edits(message, f"{RASH}, on both arms")
    await telegram.quiet()
    assert await telegram.sources(ann) == ["wording/adverse-event.en"]
    (case,) = await telegram.cases(ann)
    async with Specialist(telegram.url) as specialist:
        shown = await specialist.card(case.id)
    assert "on both arms" in shown
    assert "Before it was edited:" in shown


async def test_taking_a_report_back_by_an_edit_leaves_it_on_the_case(telegram, ann):
    message = ann.says(RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    ann.edits(message, "never mind")
    await telegram.quiet()
    (case,) = await telegram.cases(ann)
    assert case.labels[0] == "adverse-event"
    assert await messages_on_case(telegram, ann) == [1, 1]


async def test_an_edit_of_what_still_waits_is_answered_once_and_for_the_corrected_text(telegram, ann):
    album = ann.sends_album(THREE, caption="my lefalet")
    await arrives(telegram, ann, 3)
    ann.edits(album[0], RASH)
    await arrives(telegram, ann, 4)
    telegram.later(seconds=1)
    await telegram.hears("wording/adverse-event.en", ann)
    await telegram.quiet()
    assert await telegram.sources(ann) == ["wording/adverse-event.en"]


async def test_a_question_that_is_corrected_before_its_answer_is_answered_once(tmp_path, knowledge):
    async with telegram_service(tmp_path / "data", knowledge, burst_pause=1.0) as telegram:
        ann = await telegram.regular("Ann")
        message = ann.says(FORGOT)
        await arrives(telegram, ann, 1)
        ann.edits(message, STORE)
        await arrives(telegram, ann, 2)
        telegram.later(seconds=1)
        await telegram.hears("zelvanta/storage-temperature", ann)
        await telegram.quiet()
        assert await telegram.sources(ann) == ["zelvanta/storage-temperature"]


async def test_a_report_that_is_edited_away_before_its_answer_is_still_a_report(tmp_path, knowledge):
    async with telegram_service(tmp_path / "data", knowledge, burst_pause=1.0) as telegram:
        ann = await telegram.regular("Ann")
        album = ann.sends_album(THREE, caption=RASH)
        await arrives(telegram, ann, 3)
        ann.edits(album[0], "my leaflet")
        await arrives(telegram, ann, 4)
        telegram.later(seconds=1)
        await telegram.hears("wording/adverse-event.en", ann)
