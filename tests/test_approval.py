"""What is approved is served, and nothing else: not in a queue, not beside a specialist's words, not on a button."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from approved import BUTTON, RESTING, approved_words, edit, folder, in_memory, original, refused, rendered, template  # noqa: F401 (fixtures)
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import (
    NOW,
    a_delivery,
    a_reply,
    a_wording,
    an_answer,
    sign_all,
)

from smi_bot.durable.outbox import post
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import NotApproved
from smi_bot.inquiry import Action, Choice, Part, SpecialistPart
from smi_bot.library import read_library
from smi_bot.receiving import post_reply

# --- what is signed is served, and only while it may be


def test_a_signed_library_is_served(original, approved_words):
    assert original.unapproved() == {}
    for part, choice in RESTING.values():
        assert rendered(original, part, *([choice] if choice else []))
    assert "Keep it on the **shelf**." in rendered(original, an_answer())
    assert sum(words is not None for words in approved_words) == 6 + 4 + 1 + 3


@pytest.mark.parametrize(
    ("now", "is_served"),
    [
        (datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 1, 0, 0, tzinfo=UTC), True),
        (datetime(2028, 9, 30, 23, 59, 59, 999999, tzinfo=UTC), True),
        (datetime(2028, 10, 1, 0, 0, tzinfo=UTC), False),
        (datetime(2030, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_text_is_served_from_its_first_day_until_the_day_before_it_expires(original, now, is_served):
    for part in (an_answer(), a_wording(), a_wording(language="de")):
        if is_served:
            assert rendered(original, part, now=now)
        else:
            refused(original, part, now=now)
    assert original.may_serve("shelf", "patient", "US", now.date()) == is_served


@settings(deadline=None, max_examples=40)
@given(day=st.dates(date(2020, 1, 1), date(2035, 1, 1)), effective=st.integers(0, 900), length=st.integers(0, 900))
def test_no_day_outside_the_signed_dates_is_ever_served(day, effective, length):
    first = date(2026, 1, 1) + timedelta(days=effective)
    last = first + timedelta(days=length)
    dates = {"effective": first, "review_due": first, "expires": last}
    library = in_memory(
        lambda document, content: content.model_copy(update=dates) if document == "testamol/shelf" else content
    )
    assert library.may_serve("shelf", "patient", "US", day) == (first <= day < last)


def test_a_text_that_rests_on_an_older_label_is_no_longer_served():
    def newer(document: str, content: Any) -> Any:
        return content.model_copy(update={"label_version": "2.0"}) if document.endswith("product") else content

    assert rendered(in_memory(lambda _, content: content), an_answer())
    library = in_memory(newer)
    assert library.unapproved() == {}
    refused(library, an_answer())
    assert any("rests on label 1.0" in finding for finding in library.findings(NOW))


@pytest.mark.parametrize(
    "part",
    [
        an_answer("coupon", "patient", "DE"),
        an_answer("coupon", "hcp", "EU"),
        an_answer("coupon", "patient", None),
        an_answer("dose", "patient", None),
        an_answer("shelf", "patient", "JP"),
        an_answer("shelf", "patient", "ZZ"),
        an_answer("nothing"),
        an_answer("testamol/shelf"),
        an_answer("../shelf"),
        an_answer(""),
        a_wording("nothing"),
        a_wording("answer.en"),
        a_wording("page"),
    ],
)
def test_a_queued_reply_for_somebody_the_text_is_not_meant_for_is_refused(original, part):
    refused(original, part)


def test_an_entry_for_professionals_is_refused_to_a_patient(folder):
    for name in ("shelf", "coupon"):
        edit(folder / f"testamol/{name}.md", "audiences: [patient, hcp]", "audiences: [hcp]")
    edit(folder / "testamol/shelf.md", "# patient\nKeep it on the **shelf**.\n", "")
    edit(folder / "testamol/coupon.md", "# patient\nThere is a coupon.\n", "")
    library = read_library(sign_all(folder))
    assert "Shelf storage" in rendered(library, an_answer(audience="hcp"))
    refused(library, an_answer(audience="patient"))
    refused(library, an_answer("coupon", "patient"))


# --- a specialist's own words, and the buttons


def test_words_that_no_specialist_wrote_are_refused(original):
    part = SpecialistPart(event=7, text="Take two.")
    delivery = a_delivery(original, wrote=lambda asked: asked.event == 8)
    with pytest.raises(NotApproved, match="no specialist wrote these words"):
        asyncio.run(delivery.render(a_reply(part)))
    written = asyncio.run(delivery.render(a_reply(part.model_copy(update={"event": 8}))))
    assert (written.markdown, written.author) == ("Take two\\.", "specialist")


def test_a_button_without_approved_words_takes_its_message_with_it(original):
    for choice in (Choice(action=Action(verb="helpful")), Choice(action=Action(verb="audience", value="nurse"))):
        refused(original, a_wording(), choice)


def test_a_suggestion_does_not_show_the_title_of_an_entry_that_nobody_approved(folder):
    edit(folder / "testamol/shelf.md", "Where do I keep it?", "Does it cure everything?")
    refused(read_library(folder), a_wording(), Choice(action=Action(verb="answer", value="shelf")))


def test_labels_that_are_out_of_date_are_not_shown(folder):
    edit(folder / "wording/page.yaml", "2028-10-01", "2027-10-01")
    now = NOW.replace(year=2027, month=10, day=2)
    library = read_library(sign_all(folder))
    assert rendered(library, a_wording(), now=now)
    refused(library, a_wording(), BUTTON, now=now)


def test_translated_labels_that_are_out_of_date_give_way_to_the_english_ones(folder):
    edit(folder / "wording/page.de.yaml", "2028-10-01", "2027-10-01")
    last, late = date(2027, 9, 30), date(2027, 10, 1)
    library = read_library(sign_all(folder))
    assert library.label("specialist", "de", last) == "Mit einem Menschen sprechen"
    assert library.label("specialist", "de", late) == "Talk to a person"
    library.check_labels(last, "de")
    library.check_labels(late)  # English may be shown, so a message need not be lost
    with pytest.raises(NotApproved, match=r"wording/page\.de: is served from"):
        library.check_labels(late, "de")


@pytest.mark.parametrize("today", [None, NOW.date()])
def test_translated_labels_that_nobody_approved_give_way_to_the_english_ones(folder, today):
    assert read_library(folder).label("specialist", "de", today) == "Mit einem Menschen sprechen"
    edit(folder / "wording/page.de.yaml", "Mit einem", "Mit keinem")
    library = read_library(folder)
    assert library.label("specialist", "de", today) == "Talk to a person"
    with pytest.raises(NotApproved, match=r"wording/page\.de v1: needs the signatures"):
        library.check_labels(NOW.date(), "de")


def test_english_labels_that_may_not_be_shown_take_every_language_with_them(folder):
    """They stand in for whatever a translation lacks."""
    edit(folder / "wording/page.yaml", "Talk to a person", "Talk to nobody")
    library = read_library(folder)
    for language in ("en", "de", "fr"):
        with pytest.raises(NotApproved, match="wording/page v1"):
            library.check_labels(NOW.date(), language)


async def refused_rows(service, *parts: Part) -> None:
    """Queues replies as anybody could who can write to the database, and waits until none is open."""
    async with service.app.database.transaction() as tx:
        for number, part in enumerate(parts):
            reply = a_reply(part).model_copy(update={"id": f"r{number}", "conversation": f"fake:{number}"})
            await post_reply(tx, service.clock(), reply)
    async with asyncio.timeout(20):
        while True:
            async with service.app.database.reading() as tx:
                keys = [f"r{number}" for number in range(len(parts))]
                rows = (await tx.execute(sa.select(OutboxRow).where(OutboxRow.key.in_(keys)))).scalars().all()
            if all(row.state != "open" for row in rows):
                break
            await asyncio.sleep(0.02)
    for row in rows:
        assert row.state == "failed"
        assert (row.error or "").startswith("not approved at the moment of sending")
        assert row.sent is None
        assert not any(heard.reply == row.key for heard in service.requester.received)


async def test_in_the_running_service_a_queued_reply_that_may_not_be_sent_is_failed_and_never_heard(service):
    await refused_rows(
        service,
        SpecialistPart(event=1, text="Take two."),
        an_answer("cost-support-us", "patient", "DE"),
        an_answer("nurse-line-eu", "patient", "US"),
        an_answer("missed-dose", "patient", "JP"),
        a_wording("no-such-wording"),
    )


async def test_in_the_running_service_an_answer_that_expired_in_the_queue_is_never_heard(open_service, clock):
    clock.now = datetime(2028, 10, 1, tzinfo=UTC)
    async with open_service() as service:
        await refused_rows(service, an_answer("missed-dose"), a_wording("emergency"))
        assert service.requester.received == []


async def test_in_the_running_service_words_written_to_one_requester_are_never_heard_by_another(service):
    await service.requester.says("I got a rash after two weeks on Zelvanta")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.desk.replies(case.id, "Please show it to a doctor.")
    await service.requester.hears("specialist")
    async with service.app.database.transaction() as tx:
        rows = (await tx.execute(sa.select(OutboxRow).where(OutboxRow.lane == "fake:ann"))).scalars()
        part = next(row.payload["part"] for row in rows if row.payload.get("part", {}).get("kind") == "specialist")
    await refused_rows(service, SpecialistPart.model_validate(part))


async def test_a_queued_reply_holds_no_words_that_could_be_changed(database, clock):
    async with database.transaction() as tx:
        await post_reply(tx, clock(), a_reply(an_answer(), BUTTON))
    async with database.reading() as tx:
        row = await tx.get_one(OutboxRow, 1)
    assert set(row.payload["part"]) == {"kind", "entry", "audience", "country", "long"}
    assert set(row.payload["choices"][0]["action"]) == {"verb", "value", "reply"}
    assert callable(post)
