"""/delete: what a requester said and was told is gone from every table, and so is what was on its way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from by_hand import CONFIRM, Talk, by_hand, found
from fakes import Clock
from serving import FORGOT, PNG, RASH

from escalation import store
from smi_bot.assistant import Knowledge
from smi_bot.attachments import AttachmentRow
from smi_bot.durable.rows import InboxRow, OutboxRow, TimerRow
from smi_bot.errors import NotAllowed, Refused
from smi_bot.inquiry import Action, Attachment, Rendered, SpecialistPart

ASK, DONE = "wording/delete-ask.en", "wording/delete-done.en"
#: For what does not depend on the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def talk(database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


# --- asking


@on_sqlite
async def test_delete_asks_before_it_erases_and_no_erases_nothing(talk):
    await talk.says(f"xanthic {FORGOT}")
    await talk.says("/delete")
    asked = talk.requester.told()[-1]
    assert talk.requester.sources()[-1] == ASK
    assert [button.action.verb for button in asked.buttons] == ["delete-confirm", "delete-cancel"]
    before = await talk.rows(InboxRow)
    await talk.presses(asked.buttons[1].action)
    assert talk.requester.sources()[-1] == "wording/delete-cancelled.en"
    after = await talk.rows(InboxRow)
    assert [row.payload for row in before] == [row.payload for row in after[: len(before)]]
    assert "xanthic" in await talk.dump()
    assert await talk.is_whole()


@on_sqlite
async def test_asking_in_free_words_opens_a_case_and_erases_nothing(talk):
    await talk.says("xanthic please delete my personal data")
    assert talk.requester.sources()[-1] == "wording/privacy.en"
    assert (await talk.case()).labels == ("privacy",)
    assert "xanthic" in await talk.dump()


# --- what goes


async def test_nothing_that_was_said_survives_but_what_was_pressed(talk):
    here = await talk.sends_file("Xylitol.png", PNG + b"xeroxed")
    away = Attachment(id="away", name="Xenon.jpg", media_type="image/jpeg", size=9, source="xsource")
    gone = Attachment(id="gone", name="Xebec.jpg", media_type="image/jpeg", size=9, source="xgone")
    talk.files.files["xsource"] = PNG + b"xfetched"
    await talk.says(FORGOT, message="xmessage1", locale="fr")
    await talk.says("xanthic")
    await talk.presses(Action(verb="audience", value="hcp"))
    await talk.presses(Action(verb="start", value="poster-7"))
    await talk.says("xerothermic", attachments=(here, away, gone), message="xmessage2", reply_to="xmessage1")
    await talk.says("xenial Xaver +4912345", shared="contact", quoted="xylophone", album="xalbum", forwarded=True)
    await talk.says("xenial Xaverius", message="xmessage2", edited=True)
    await talk.later(seconds=2)  # the album is complete
    case = await talk.case()
    await talk.desk.presses("note", case.id, "xanadu is an internal note", "n1")
    await talk.finishes(case, reply="xyloid words to you", note="xebu at the end")
    words = ["forget a tablet", "xanthic", "xerothermic", "xylitol", "xeroxed", "xenon", "xsource", "xfetched"]
    words += ["xebec", "xgone", "xenial", "xaver", "4912345", "xylophone", "xanadu", "xyloid", "xebu"]
    words += ["xmessage", "xalbum", "fewer than 12 hours late"]
    assert found(words, await talk.dump()) == words
    await talk.erases()
    assert talk.requester.sources()[-1] == DONE
    dump = await talk.dump()
    assert found(words, dump) == []
    assert found(["'value': 'hcp'", "'value': 'poster-7'", "delete-confirm"], dump)
    assert await talk.is_whole()


@on_sqlite
async def test_the_desk_is_told_to_look_again_at_what_was_erased(talk):
    await talk.says("xanthic")
    await talk.finishes(await talk.case())
    told = len(await talk.rows(OutboxRow, OutboxRow.way == "handoff"))
    await talk.erases()
    assert len(await talk.rows(OutboxRow, OutboxRow.way == "handoff")) == told + 1


@on_sqlite
async def test_somebody_else_loses_nothing(talk):
    await talk.says("xanthic", "bob")
    await talk.says(FORGOT)
    told = talk.requester.told("bob")
    await talk.erases()
    assert "xanthic" in await talk.dump()
    assert talk.requester.told("bob") == told


@on_sqlite
async def test_whoever_comes_back_is_met_as_somebody_new(talk):
    for action in (Action(verb="audience", value="hcp"), Action(verb="country", value="DE")):
        await talk.presses(action)
    await talk.says(FORGOT)
    await talk.erases()
    await talk.says(FORGOT)
    again = talk.requester.sources()[-3:]
    assert again == ["wording/first-contact.en", "zelvanta/missed-dose", "wording/ask-audience.en"]


@on_sqlite
async def test_an_edit_of_an_erased_message_is_a_message_like_others(talk):
    await talk.says(FORGOT, message="7")
    await talk.erases()
    await talk.says(FORGOT + "?", message="7", edited=True)
    assert talk.requester.sources()[-2] == "zelvanta/missed-dose"


@on_sqlite
async def test_pressing_yes_again_erases_nothing_more_and_says_so_again(talk):
    await talk.says("xanthic")
    await talk.finishes(await talk.case())
    await talk.erases()
    before = await talk.rows(InboxRow)
    for times in (2, 3):
        await talk.erases()
        assert talk.requester.sources().count(DONE) == times
    after = await talk.rows(InboxRow)
    assert [row.payload for row in before] == [row.payload for row in after[: len(before)]]
    assert len(await talk.rows(TimerRow, TimerRow.kind == "forget")) == 1
    assert await talk.is_whole()


@on_sqlite
async def test_yes_counts_in_a_flood(talk):
    for number in range(30):
        await talk.requester.says(f"xanthic {number}")
    await talk.works()
    assert "wording/slow-down.en" in talk.requester.sources()
    await talk.erases()
    assert talk.requester.sources()[-1] == DONE
    assert "xanthic" not in await talk.dump()


async def test_a_message_behind_the_yes_is_read(talk):
    await talk.says("xanthic")
    await talk.finishes(await talk.case())
    file = await talk.sends_file("kiwi.png", PNG)
    await talk.requester.presses(CONFIRM)
    await talk.requester.says(RASH, files=(file,))
    await talk.works()
    case = await talk.case()
    assert (case.status, case.labels[0]) == ("open", "adverse-event")
    assert found(["xanthic", "a rash", "kiwi.png"], await talk.dump()) == ["a rash", "kiwi.png"]
    assert len(await talk.rows(AttachmentRow)) == 1


# --- what is on its way


async def test_what_is_still_to_be_said_is_dropped(talk):
    await talk.says("xanthic")
    case = await talk.case()
    heard = len(talk.requester.told())
    await talk.desk.presses("claim", case.id)
    await talk.desk.replies(case.id, "xyloid words to you")
    await talk.desk.presses("close", case.id, "answered", "")
    await talk.requester.says(FORGOT)
    await talk.works("inbox")
    await talk.requester.presses(CONFIRM)
    await talk.works()
    assert talk.requester.sources()[heard:] == [DONE]
    assert found(["xanthic", "xyloid", "fewer than 12 hours late"], await talk.dump()) == []
    assert await talk.journalled("dropped") == 5  # joined, reply, closed, answer, question of who they are
    assert await talk.is_whole()


async def test_a_reply_that_is_being_sent_leaves_no_words(talk):
    begun, goes_on, send = asyncio.Event(), asyncio.Event(), talk.requester.send

    async def slowly(rendered: Rendered) -> str:
        begun.set()
        await goes_on.wait()
        return await send(rendered)

    await talk.requester.says(FORGOT)
    await talk.works("inbox")
    talk.requester.send = slowly
    sending = asyncio.create_task(talk.works("outbox"))
    await begun.wait()
    await talk.requester.presses(CONFIRM)
    await talk.works("inbox")
    goes_on.set()
    await sending
    await talk.works()
    assert set(talk.requester.sources()) == {"wording/first-contact.en", DONE}
    assert [row.sent["source"].split(" v")[0] for row in await talk.rows(OutboxRow) if row.sent] == [DONE]
    assert await talk.is_whole()


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_file_that_is_being_fetched_comes_to_nothing(talk, is_there):
    talk.files.files = {"xsource": PNG + b"xfetched"} if is_there else {}
    talk.files.answers.clear()
    file = Attachment(id="f", name="Xenon.jpg", media_type="image/jpeg", size=9, source="xsource")
    await talk.requester.says(FORGOT, files=(file,))
    await talk.works("inbox")
    fetching = asyncio.create_task(talk.works("outbox"))
    await talk.files.asked.wait()
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("close", case.id, "spam", "")
    await talk.requester.presses(CONFIRM)
    await talk.works("inbox")
    talk.files.answers.set()
    await fetching
    await talk.works()
    assert talk.requester.sources()[-1] == DONE
    assert found(["xenon", "xsource", "xfetched"], await talk.dump()) == []
    assert [row.state for row in await talk.rows(OutboxRow, OutboxRow.way == "fetch")] == ["dropped"]


@on_sqlite
async def test_an_erased_reply_is_never_sent_again_without_its_words(talk):
    await talk.says("xanthic")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.works()
    talk.requester.troubles.append(Refused("gone"))
    await talk.desk.replies(case.id, "xyloid words to you")
    await talk.works()
    await talk.desk.presses("close", case.id, "answered", "")
    await talk.erases()
    (replied,) = [event.id for event in (await talk.case()).events if event.kind == "replied"]
    with pytest.raises(NotAllowed):
        await talk.desk.presses("retry", case.id, replied)
    async with talk.app.database.reading() as tx:
        assert not await store.wrote(tx, SpecialistPart(event=replied, text=""), "fake:ann")
