"""`smi-bot library suggestions`: what people asked, for authors to learn from, without a word that is not for them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from by_hand import CONFIRM, Talk, by_hand
from commands import command
from serving import FORGOT, RASH

from smi_bot.assistant import Knowledge
from smi_bot.inquiry import Action
from smi_bot.plain_yaml import load_yaml
from smi_bot.workbench.suggesting import Heard, Suggestion, grouped, heard

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOTHING = "who designed the logo on the carton"
BY_SPECIALIST, BY_REQUESTER, FOUND_NOTHING = "confirmed by a specialist", "chosen by the requester", "found nothing"


@pytest.fixture
async def talk(database_url: str, clock, tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[Talk]:
    async with by_hand(database_url, tmp_path / "data", clock, knowledge) as talk:
        yield talk


async def suggested(talk: Talk, since: datetime | None = None) -> list[Suggestion]:
    async with talk.app.database.reading() as tx:
        return grouped(await heard(tx, since), talk.app.shelf.library)


def brief(found: Sequence[Suggestion]) -> list[tuple[str, str, int]]:
    return [(each.entry, each.text, each.count) for each in found]


async def answers(talk: Talk, entry: str, who: str = "ann", press: str = "p1") -> None:
    case = await talk.case(who)
    if case.owner is None:
        await talk.desk.presses("claim", case.id)
    await talk.desk.presses("answer", case.id, talk.app.shelf.library.entries[entry], press)
    await talk.works()


async def test_what_a_specialist_answered_with_an_approved_entry_is_a_phrasing_of_it(talk):
    await talk.says(NOTHING)
    await answers(talk, "storage-temperature")
    (suggestion,) = await suggested(talk)
    assert (suggestion.entry, suggestion.text, suggestion.count) == ("storage-temperature", NOTHING, 1)
    assert suggestion.grounds == (BY_SPECIALIST,)
    assert suggestion.last == talk.clock().date()


@on_sqlite
async def test_only_what_was_written_since_the_reply_before_counts(talk):
    await talk.says(NOTHING)
    await answers(talk, "storage-temperature")
    await talk.says("and xyzzy one")
    await talk.desk.replies((await talk.case()).id, "I cannot say.")
    await talk.says("and xyzzy two")
    await answers(talk, "travelling", press="p2")
    assert brief(await suggested(talk)) == [("storage-temperature", NOTHING, 1), ("travelling", "and xyzzy two", 1)]


async def test_what_was_asked_before_a_suggested_question_was_pressed_is_a_phrasing_of_it(
    database_url, tmp_path, clock, knowledge
):
    matcher = replace(knowledge.matcher, cuts=replace(knowledge.matcher.cuts, answer=2.0))  # asks back always
    asking = replace(knowledge, matcher=matcher)
    async with by_hand(database_url, tmp_path / "data", clock, asking) as talk:
        await talk.says(FORGOT)
        offer = next(told for told in talk.requester.told() if told.buttons[0].action.verb == "answer")
        await talk.presses(offer.buttons[0].action)
        (suggestion,) = await suggested(talk)
        assert (suggestion.entry, suggestion.text) == (offer.buttons[0].action.value, FORGOT)
        assert suggestion.grounds == (BY_REQUESTER,)


@on_sqlite
async def test_what_found_nothing_is_listed_without_an_entry_most_asked_first(talk):
    for who, text in (("ann", NOTHING), ("bob", f"{NOTHING.upper()}?!"), ("eve", "does xyzzy fit a parcel")):
        talk.clock.advance(days=1)
        await talk.says(text, who)
    found = await suggested(talk)
    assert brief(found) == [("", f"{NOTHING.upper()}?!", 2), ("", "does xyzzy fit a parcel", 1)]
    assert {each.grounds for each in found} == {(FOUND_NOTHING,)}


@on_sqlite
async def test_a_report_is_never_listed_nor_anything_beside_it_in_a_burst_or_on_its_case(talk):
    await talk.says(RASH)
    await answers(talk, "common-side-effects")
    await talk.says(NOTHING, "bob")
    case = await talk.case("bob")
    await talk.desk.presses("claim", case.id)
    await talk.desk.presses("label", case.id, ["special-situation"])
    await answers(talk, "storage-temperature", "bob")
    await talk.says(FORGOT, "eve")  # was answered
    assert await suggested(talk) == []


@on_sqlite
async def test_a_report_that_a_specialist_is_shown_as_context_of_a_press_is_not_listed(talk):
    await talk.says(RASH)
    await talk.presses(Action(verb="specialist"))
    await answers(talk, "common-side-effects")
    assert await suggested(talk) == []


@on_sqlite
async def test_erased_words_are_gone_from_the_list(talk):
    await talk.says(NOTHING)
    await talk.finishes(await talk.case())
    assert len(await suggested(talk)) == 1
    await talk.presses(CONFIRM)
    assert await suggested(talk) == []


@on_sqlite
async def test_personal_data_is_masked_and_equal_questions_of_two_people_become_one(talk):
    await talk.says(f"{NOTHING}, my name is Ann Miller, jo@example.org")
    await talk.says(f"{NOTHING}, my name is Bob Stone, bo@example.org", "bob")
    (suggestion,) = await suggested(talk)
    assert (suggestion.text, suggestion.count) == (f"{NOTHING}, my name is [name], [e-mail]", 2)


@on_sqlite
async def test_only_what_was_asked_since_a_day_is_listed(talk):
    await talk.says(NOTHING)
    await talk.later(days=2)
    await talk.says("does xyzzy fit a parcel", "bob")
    since = datetime(2026, 11, 24, tzinfo=UTC)
    assert brief(await suggested(talk, since)) == [("", "does xyzzy fit a parcel", 1)]
    assert len(await suggested(talk)) == 2


def test_what_an_entry_has_among_its_phrasings_already_is_not_suggested(knowledge):
    at = datetime(2026, 11, 23, tzinfo=UTC)
    said = [
        Heard("Breakfast tablet, slipped my mind!", "missed-dose", BY_SPECIALIST, at),
        Heard("Breakfast tablet, slipped my mind!", "travelling", BY_REQUESTER, at),
        Heard("\u2026 !?", "", FOUND_NOTHING, at),
    ]
    assert [each.entry for each in grouped(said, knowledge.library)] == ["travelling"]


# --- the command


@on_sqlite
async def test_the_list_is_yaml_to_copy_with_counts_and_days(talk, monkeypatch):
    await talk.says(f"{NOTHING}: really?\nyes")
    await answers(talk, "storage-temperature")
    await talk.says("- does 'xyzzy' fit a parcel # or not", "bob")
    monkeypatch.setenv("SMI_DATABASE_URL", talk.app.database.url)
    ended = await asyncio.to_thread(command, "library", "suggestions")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[:2] == ["# storage-temperature", "  # once, last on 2026-11-23; confirmed by a specialist"]
    assert "# found nothing" in ended.lines
    phrasings = load_yaml(f"phrasings:\n{ended.out}")["phrasings"]
    assert phrasings == [f"{NOTHING}: really? yes", "- does 'xyzzy' fit a parcel # or not"]
    as_data = await asyncio.to_thread(command, "library", "suggestions", "--since", "2026-11-23", "--json")
    assert [(each["entry"], each["count"]) for each in json.loads(as_data.out)] == [("storage-temperature", 1), ("", 1)]
    later = await asyncio.to_thread(command, "library", "suggestions", "--since", "2026-11-24")
    assert (later.code, later.out) == (0, "")


def test_a_date_that_is_none_and_a_database_that_is_not_there_end_with_code_2():
    assert command("library", "suggestions", "--since", "yesterday").code == 2
    ended = command("library", "suggestions")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
