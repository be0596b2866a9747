"""Look-back screening: what is read again, what is left, and what of it is news."""

from datetime import timedelta
from unittest import mock

import pytest
from looking_back import (  # noqa: F401 (fixtures)
    MISSED,
    MISSED_EMERGENCY,
    blind,
    look,
    missed,
    on_sqlite,
    screened,
    shown,
    talk,
)
from serving import FORGOT, RASH

from smi_bot import screening
from smi_bot.decision import Signal, Triage
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action, Attachment
from smi_bot.receiving import enqueue

PHOTO = Attachment(id="f1", name="my rash after the tablets.jpg", media_type="image/jpeg", size=2000, source="there")


# --- what is read again


@pytest.mark.parametrize(
    "message",
    [
        {"text": MISSED},
        {"text": MISSED, "message": "m1", "edited": True},
        {"text": "", "quoted": MISSED},
        {"text": MISSED, "attachments": (PHOTO.model_copy(update={"name": "a.jpg"}),)},
        {"text": "", "attachments": (PHOTO,)},
        {"text": MISSED, "shared": "contact"},
        {"text": MISSED, "forwarded": True},
        {"text": MISSED, "action": Action(verb="not-helpful")},
        {"text": f"/start {RASH}", "action": Action(verb="start", value="leaflet")},
    ],
    ids=["text", "edit", "quoted", "caption", "file name", "contact", "forwarded", "comment", "behind a command"],
)
@on_sqlite
async def test_whatever_is_stored_of_a_message_is_read_again(talk, look, message):
    await missed(talk, **message)
    found = await screened(look)
    assert found.suspected == 1
    assert "adverse-event" in (await talk.case()).labels


@on_sqlite
async def test_an_edit_is_read_and_so_is_what_it_changed(talk, look):
    await missed(talk, MISSED, message="m1")
    await missed(talk, FORGOT, message="m1", edited=True)
    found = await screened(look)
    (first, _) = await talk.rows(InboxRow)
    assert (found.read, found.suspected) == (2, 1)
    assert [event.body["messages"] for event in (await talk.case()).events if event.kind == "message"] == [[first.id]]


@on_sqlite
async def test_messages_that_were_read_together_are_read_together_again(talk, look):
    """What only the whole of them tells is found as well, and lies where it was said."""
    with blind():
        for text in ("what if I forget", "a tablet? I got", "a rash"):
            inquiry = talk.requester.inquiry(text)
            await enqueue(talk.app.inbox, inquiry)
        await talk.works()
    read: list[tuple[str, ...]] = []

    def reading(texts, rules):
        read.append(tuple(texts))
        place = "\n".join(texts).find("a rash")
        return Triage((Signal("adverse-event", place, place + 6, "r"),) if len(texts) > 1 else ())

    with mock.patch.object(screening, "triage_burst", reading):
        found = await screened(look)
    assert [tuple(text.strip() for text in texts) for texts in read] == [
        ("what if I forget",),
        ("a tablet? I got",),
        ("what if I forget", "a tablet? I got", "a rash"),
    ]
    assert (found.read, found.suspected) == (3, 1)
    (label,) = (await shown(talk)).labels
    assert label.evidence == ("a rash",)


# --- what is left


async def test_what_was_erased_counts_as_unreadable_and_not_as_read(talk, look):
    await missed(talk, who="ann")
    await missed(talk, FORGOT, who="bob")
    await talk.erases("ann")
    found = await screened(look)
    assert (found.read, found.unreadable, found.suspected) == (1, 2, 0)  # what ann said, and that she had it erased


@on_sqlite
async def test_what_the_service_has_not_read_yet_is_left_to_it(talk, look):
    await enqueue(talk.app.inbox, talk.requester.inquiry(MISSED))
    talk.clock.advance(minutes=1)
    found = await screened(look)
    assert (found.read, found.waiting, found.suspected) == (0, 1, 0)
    await talk.works()
    assert (await talk.case()).labels == ("adverse-event",)


@on_sqlite
async def test_only_what_came_in_from_since_until_is_read(talk, look):
    first = talk.clock()
    for who in ("ann", "bob", "cleo"):
        await missed(talk, who=who)
    found = await screened(look, first + timedelta(days=2), first + timedelta(days=4))
    assert (found.read, [case.conversation for case in await talk.desk.cases()]) == (1, ["fake:bob"])


# --- what is no news


@pytest.mark.parametrize("text", [RASH, MISSED_EMERGENCY, "I am pregnant and took Zelvanta", FORGOT, "hello", "🙂"])
@on_sqlite
async def test_what_was_read_so_already_is_no_news(talk, look, text):
    await talk.says(text)
    cases = await talk.desk.cases()
    found = await screened(look)
    assert (found.read, found.suspected, found.cases) == (1, 0, [])
    assert await talk.desk.cases() == cases


async def test_a_second_screening_finds_nothing_new_whatever_became_of_the_case(talk, look):
    await missed(talk)
    await screened(look)
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["unapproved"])  # a person says that it is no report
    assert (await screened(look)).suspected == 0
    await talk.desk.presses("close", case.id, "answered", "")
    talk.clock.advance(days=1)
    found = await screened(look)
    assert (found.read, found.suspected) == (1, 0)
    assert len(await talk.desk.cases()) == 1


@on_sqlite
async def test_what_a_specialist_labelled_a_report_is_no_news(talk, look):
    with blind():
        await talk.says("thanks, the rash is gone")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["special-situation"])
    assert (await screened(look)).suspected == 0
