"""/delete: what stays because the law or an unfinished case wants it, what the record says, and when an address goes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from by_hand import CONFIRM, Talk, by_hand, found
from fakes import Clock
from serving import FORGOT, PNG, RASH, Requester, served

from smi_bot.assistant import Knowledge
from smi_bot.decision import SAFETY
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.errors import JournalError
from smi_bot.inquiry import Action
from smi_bot.trying import explain

ASK, DONE, KEPT = "wording/delete-ask.en", "wording/delete-done.en", "wording/delete-done-kept.en"
#: One report for each label that must be kept.
REPORTS = {
    "emergency": "I took Zelvanta and now I can't breathe",
    "self-harm": "I want to kill myself",
    "adverse-event": RASH,
    "special-situation": "I am pregnant and took Zelvanta",
    "product-complaint": "the Zelvanta blister was broken and the tablets crumbled",
}
#: For what does not depend on the database.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def talk(database_url: str, clock: Clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


# --- what stays


async def test_safety_reports_and_unfinished_cases_stay_whole_and_are_named(talk):
    await talk.says(FORGOT)
    await talk.says("xanthic")
    await talk.finishes(await talk.case(), reply="xyloid words to you")
    await talk.says(f"{RASH}, kumquat")
    report = await talk.case()
    await talk.desk.presses("claim", report.id)
    await talk.says("kiwi", attachments=(await talk.sends_file("kelp.png", PNG + b"kohlrabi"),))
    await talk.desk.replies(report.id, "kale words to you")
    await talk.desk.presses("close", report.id, "forwarded-to-drug-safety", "kapok")
    await talk.says("kenaf")
    kept = ["kumquat", "kiwi", "kelp.png", "kohlrabi", "kale", "kapok", "kenaf"]
    gone = ["forget a tablet", "xanthic", "xyloid", "fewer than 12 hours late"]
    assert found(gone + kept, await talk.dump()) == gone + kept
    await talk.erases()
    assert found(gone + kept, await talk.dump()) == kept
    assert talk.requester.sources()[-1] == KEPT
    assert "SMI-2, SMI-3" in talk.requester.told()[-1].markdown
    cases = await talk.desk.cases()
    assert [any(event.kind == "erasure" for event in case.events) for case in cases] == [False, True, True]
    told = [str(row.sent) for row in await talk.rows(OutboxRow, OutboxRow.way == "delivery")]
    assert sum("kale words to you" in each for each in told) == 1  # what the requester was told in a kept case
    assert await talk.is_whole()


@on_sqlite
async def test_a_finished_report_of_any_kind_stays(talk):
    for label, text in REPORTS.items():
        await talk.says(text, label)
        case = await talk.case(label)
        assert case.labels[0] == label
        await talk.finishes(case)
        await talk.erases(label)
        assert talk.requester.sources(label)[-1] == KEPT
        assert case.number in talk.requester.told(label)[-1].markdown
    assert REPORTS.keys() == SAFETY
    assert found([text.casefold() for text in REPORTS.values()], await talk.dump()) == [
        text.casefold() for text in REPORTS.values()
    ]


@on_sqlite
async def test_what_a_specialist_judged_a_report_stays(talk):
    await talk.says("xanthic")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["adverse-event"])
    await talk.desk.presses("close", case.id, "forwarded-to-drug-safety", "")
    await talk.erases()
    assert talk.requester.sources()[-1] == KEPT
    assert "xanthic" in await talk.dump()


@on_sqlite
async def test_while_a_specialist_holds_the_case_it_stays_and_goes_on(talk):
    await talk.says("xanthic")
    case = await talk.case()
    await talk.desk.presses("claim", case.id)
    await talk.says("/delete")
    assert talk.requester.sources()[-1] == ASK
    await talk.erases()
    assert talk.requester.sources()[-1] == KEPT
    await talk.desk.replies(case.id, "are you sure?")
    await talk.works()
    assert talk.requester.sources()[-1] == "specialist"
    assert "xanthic" in await talk.dump()


# --- the record


async def test_the_record_is_whole_and_still_finds_a_changed_message(talk):
    await talk.says(FORGOT)
    await talk.says(FORGOT, "bob")
    await talk.erases()
    assert await talk.is_whole()
    ann, bob, *_ = await talk.rows(InboxRow)
    for row, changed in ((bob, bob.payload | {"text": "other words"}), (ann, ann.payload | {"text": "other words"})):
        await talk.change(InboxRow, row.id, payload=changed)
        assert not await talk.is_whole()
        await talk.change(InboxRow, row.id, payload=row.payload)
        assert await talk.is_whole()


@on_sqlite
async def test_explain_says_that_the_words_were_erased(talk):
    await talk.says(FORGOT)
    await talk.erases()

    async def nothing(library: str) -> Knowledge:
        raise AssertionError("there is nothing to decide on")

    with pytest.raises(JournalError, match="words were erased"):
        await explain(talk.app.database, nothing, "1")


# --- the address


async def test_the_address_goes_once_the_last_reply_is_out(talk):
    await talk.has_an_address()
    await talk.says(FORGOT)
    await talk.requester.presses(CONFIRM)
    await talk.works("inbox")
    for _ in range(3):
        talk.clock.advance(minutes=1)
        await talk.works("timers")
        assert await talk.has_address()
    await talk.works("outbox")
    assert talk.requester.sources()[-1] == DONE
    await talk.later(minutes=1)
    assert not await talk.has_address()


@pytest.mark.parametrize("again", [FORGOT, Action(verb="specialist")])
async def test_the_address_stays_with_somebody_who_came_back(talk, again):
    await talk.has_an_address()
    await talk.says(FORGOT)
    await talk.erases()
    await (talk.says(again) if isinstance(again, str) else talk.presses(again))
    await talk.later(minutes=2)
    assert await talk.has_address()


async def test_the_address_stays_while_a_case_is_kept(talk):
    """Drug safety must be able to ask back, whatever was erased before."""
    await talk.has_an_address()
    await talk.says(FORGOT)
    await talk.erases()
    await talk.presses(Action(verb="specialist"))
    await talk.erases()
    await talk.later(minutes=2)
    assert talk.requester.sources()[-1] == KEPT
    assert await talk.has_address()


# --- the web page


async def test_the_page_shows_nothing_of_what_was_erased(tmp_path, knowledge):
    async with served(tmp_path / "data", knowledge) as (_, url), Requester(url) as ann:
        file = (await ann.uploads(PNG)).json()["id"]
        await ann.says(FORGOT)
        await ann.hears("12 hours")
        await ann.says("/delete")
        await ann.presses(await ann.hears(words_of(knowledge, "delete-ask")), "delete-confirm")
        await ann.hears(words_of(knowledge, "delete-done"))
        await ann.leaves()
        ann.messages.clear()
        (shown,) = (await ann.comes())["messages"]
        assert words_of(knowledge, "delete-done") in shown["html"]
        assert (await ann.http.get(f"/chat/attachments/{file}")).status_code == 404


def words_of(knowledge: Any, wording: str) -> str:
    """The beginning of an approved text."""
    return str(knowledge.library.wordings[wording, "en"].body).strip("* ").split(".")[0].split("?")[0]
