"""What bad input gets, and what the bot fails on: nothing is lost, nobody is left without an answer."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fakes import FakeChannel
from serving import FORGOT, RASH

from escalation.case import Case
from smi_bot import journal
from smi_bot.errors import LibraryError
from smi_bot.inquiry import Action, Attachment
from smi_bot.library import Library


@pytest.mark.parametrize("text", ["", "   ", "???", "🙂🙂🙂", "\u200b\u200d"])
async def test_nothing_readable_gets_a_short_service_text_and_no_case(service, text):
    await service.requester.says(text)
    await service.requester.hears("wording/empty.en")
    assert await service.desk.cases() == []


async def test_over_long_text_is_triaged_whole_and_goes_to_a_person(service):
    await service.requester.says("lorem ipsum dolor " * 5000 + " and since the second tablet of Zelvanta I have a rash")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert case.labels[0] == "adverse-event"
    await service.requester.says("my garden is green and my dog is happy " * 200, who="bob")
    await service.requester.hears("wording/over-long.en", who="bob")


@pytest.mark.parametrize("text", ["\x00\x01\x02PK\x03\x04", "\ud800 broken", "Ã¤Ã¶ mojibake Â©", "{{ 7*7 }}<script>"])
async def test_binary_and_hostile_text_is_survived_and_never_answered(service, text):
    await service.requester.says(text)
    await service.requester.says(RASH)
    await service.requester.hears("wording/adverse-event.en")
    assert not [source for source in service.requester.sources() if source.startswith("zelvanta/")]


async def test_a_file_without_text_goes_to_a_person_with_the_file(service):
    file = Attachment(id="f1", name="photo.jpg", media_type="image/jpeg", size=3)
    await service.requester.says("", files=(file,))
    await service.requester.hears("wording/attachment.en")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert case.labels == ("unapproved",)


async def test_a_file_name_is_triaged_too(service):
    file = Attachment(id="f1", name="rash after taking zelvanta.jpg", media_type="image/jpeg", size=3)
    await service.requester.says("", files=(file,))
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert "adverse-event" in case.labels


async def test_an_unsupported_language_goes_to_a_person_with_the_language_named(service):
    await service.requester.says("Mogę pić alkohol podczas przyjmowania tego leku? Bardzo proszę o odpowiedź.")
    told = await service.requester.hears("wording/language.en")
    assert "Polish" in told.markdown
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert case.labels == ("language",)


async def test_a_flood_is_slowed_and_answered_once_and_a_safety_signal_passes_the_brake(open_service, knowledge):
    async with open_service(replace(knowledge, flood_limit=5)) as service:
        for _ in range(30):
            await service.requester.says(FORGOT)
        await service.requester.hears("wording/slow-down.en")
        await service.requester.says(RASH)
        await service.requester.hears("wording/adverse-event.en")
        assert service.requester.sources().count("wording/slow-down.en") == 1
        service.clock.advance(minutes=2)
        before = service.requester.sources().count("zelvanta/missed-dose")
        await service.requester.says(FORGOT)
        await service.requester.hears("zelvanta/missed-dose", times=before + 1)


async def test_a_flood_that_asks_for_a_person_reaches_the_case_whole_and_is_acknowledged_a_few_times(
    open_service, knowledge
):
    async with open_service(replace(knowledge, flood_limit=5)) as service:
        for _ in range(30):
            await service.requester.says("I want to talk to a person")

        def is_whole(cases: list[Case]) -> bool:
            added = [event.body["messages"] for case in cases for event in case.events if event.kind == "message"]
            return sum(map(len, added)) == 30

        await service.desk.sees(is_whole)
        await service.requester.says(RASH)
        await service.requester.hears("wording/adverse-event.en")
        assert service.requester.sources().count("wording/added-to-case.en") <= 5


async def test_an_answer_that_cannot_be_rendered_goes_to_a_person(service, monkeypatch):
    def broken(*_: object) -> None:
        raise LibraryError("wording/answer.en: template: division by zero")

    monkeypatch.setattr(Library, "entry_markdown", broken)
    await service.requester.says(FORGOT)
    await service.requester.hears("wording/withdrawn.en")
    await service.desk.sees(lambda cases: len(cases) == 1)


async def test_a_timer_leaves_a_case_alone_on_which_somebody_works_and_comes_again(service, clock):
    """Waiting for the case would be a deadlock on PostgreSQL: whoever has it may be moving this very timer."""
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    if service.app.database.is_sqlite:  # has one writer
        return
    async with service.app.database.transaction() as working, service.app.database.transaction() as timer:
        await service.app.handoff.open_case(working, case.conversation)
        again = await service.app.handoff.remind(timer, case.id, clock())
    assert again == clock() + timedelta(seconds=1)


async def test_a_flood_of_presses_is_slowed_too(service):
    limit = service.app.shelf.knowledge.flood_limit
    for _ in range(limit + 15):
        await service.requester.presses(Action(verb="helpful"))
    for _ in range(5):
        await service.requester.presses(Action(verb="answer", value="missed-dose"))
    await service.requester.hears("wording/slow-down.en")
    await service.requester.says(RASH)
    await service.requester.hears("wording/adverse-event.en")
    assert service.requester.sources().count("wording/helpful-thanks.en") <= limit
    assert service.requester.sources().count("wording/slow-down.en") == 1
    assert "zelvanta/missed-dose" not in service.requester.sources()


async def test_a_country_we_do_not_serve_goes_to_a_person(service):
    await service.requester.presses(Action(verb="country", value="other"))
    await service.requester.hears("wording/country-saved.en")
    await service.requester.says(FORGOT)
    await service.requester.hears("wording/country-not-served.en")


async def test_with_an_unknown_country_only_texts_equal_everywhere_are_answered(open_service):
    async with open_service(country=None) as service:
        await service.requester.says(FORGOT)
        await service.requester.hears("zelvanta/missed-dose")
        await service.requester.presses(Action(verb="answer", value="storage-temperature"))
        await service.desk.sees(lambda cases: len(cases) == 1)
        assert "zelvanta/storage-temperature" not in service.requester.sources()


async def _given_up(service) -> None:
    """Lets the time of all retries pass."""
    async with asyncio.timeout(20):
        while not await service.desk.cases():
            service.clock.advance(minutes=5)
            service.app.database.bell.ring("clock")
            await asyncio.sleep(0.01)


async def test_a_message_the_bot_always_fails_on_reaches_a_person_and_the_requester_is_told(service, monkeypatch):
    monkeypatch.setattr("smi_bot.receiving.decide", lambda *_: 1 / 0)
    await service.requester.says(FORGOT)
    await _given_up(service)
    await service.requester.hears("wording/unapproved.en")
    assert "inbox: 1 rows failed" in " ".join(await service.app.not_ready())


async def test_a_report_the_bot_failed_on_is_handed_over_as_a_report(service, monkeypatch):
    monkeypatch.setattr("smi_bot.receiving.decide", lambda *_: 1 / 0)
    await service.requester.says(RASH)
    await _given_up(service)
    (case,) = await service.desk.cases()
    assert (case.labels[0], case.priority) == ("adverse-event", "high")
    await service.requester.hears("wording/adverse-event.en")


async def test_what_prompted_an_inquiry_is_stored_with_it(service):
    await service.requester.says(FORGOT)
    await service.requester.presses(Action(verb="answer", value="missed-dose"))
    await service.requester.presses(Action(verb="specialist"))
    await service.requester.hears("wording/human.en")
    async with service.app.database.reading() as tx:
        rows = (await tx.execute(sa.select(journal.JournalRow).where(journal.JournalRow.kind == "received"))).scalars()
        assert [row.body["prompted_by"] for row in rows] == ["nothing", "suggestion", "menu"]


def test_the_fake_channel_is_a_channel():
    from smi_bot.inquiry import Channel

    channel: Channel = FakeChannel(None, None, None)  # type: ignore[arg-type]
    assert channel.name == "fake"
