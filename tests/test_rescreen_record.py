"""Look-back screening from its beginning to its end: what is recorded, and that it goes on where it stopped."""

import asyncio
from datetime import timedelta
from unittest import mock

from looking_back import LONG_AGO, entries, look, looking, missed, on_sqlite, screened, talk  # noqa: F401 (fixtures)
from serving import FORGOT, RASH

from smi_bot import screening
from smi_bot.decision import Triage
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action
from smi_bot.screening import LookBack, ScreeningRow

# --- the record


async def test_a_screening_that_finds_nothing_is_on_record_with_its_time_its_rules_its_counts_and_who_and_when(
    talk, look, knowledge
):
    began = talk.clock()
    await talk.says(FORGOT)
    await talk.presses(Action(verb="helpful"))
    talk.clock.advance(hours=1)
    await screened(look, since=began)
    first, last = await entries(talk, "screening")
    assert (first["what"], last["what"]) == ("began", "done")
    told = {key: last[key] for key in ("since", "until", "began_at", "ended_at")}
    later = talk.clock().isoformat().replace("+00:00", "Z")
    assert told == dict.fromkeys(told, later) | {"since": began.isoformat().replace("+00:00", "Z")}
    assert (last["rules"], last["by"]) == (knowledge.rules.version, "dora")
    counts = {key: last[key] for key in ("read", "wordless", "unreadable", "waiting", "suspected", "cases")}
    assert counts == {"read": 1, "wordless": 1, "unreadable": 0, "waiting": 0, "suspected": 0, "cases": []}
    assert await talk.is_whole()


@on_sqlite
async def test_the_record_names_the_cases(talk, look):
    await missed(talk, who="ann")
    await missed(talk, who="bob")
    await missed(talk, FORGOT, who="cleo")
    await screened(look)
    (*_, last) = await entries(talk, "screening")
    assert (last["read"], last["suspected"], last["cases"]) == (3, 2, [1, 2])


# --- on and on


async def test_a_screening_that_stopped_goes_on_where_it_was(talk, knowledge):
    people = [f"p{number}" for number in range(7)]
    for who in people:
        await missed(talk, who=who)
    look = looking(talk, knowledge, page=3)
    began = await look.begin(LONG_AGO, None, "dora")
    await look.step(began)
    talk.clock.advance(hours=1)
    again = looking(talk, knowledge, page=3)
    assert await again.remaining(await again.begin(LONG_AGO, None, "emil")) == 4
    found = await screened(again, by="emil")
    assert (found.id, found.read, found.suspected, found.by) == (began.id, 7, 7, "dora")
    assert [case.conversation for case in await talk.desk.cases()] == [f"fake:{who}" for who in people]
    assert [each["what"] for each in await entries(talk, "screening")] == ["began", "resumed", "resumed", "done"]


@on_sqlite
async def test_other_rules_begin_anew_and_the_record_says_so(talk, knowledge):
    for who in ("ann", "bob"):
        await missed(talk, FORGOT, who=who)
    look = looking(talk, knowledge, page=1)
    old = await look.begin(LONG_AGO, None, "dora")
    await look.step(old)
    look._rules = mock.Mock(wraps=knowledge.rules, version="newer")
    with mock.patch.object(screening, "triage_burst", lambda texts, rules: Triage()):
        found = await screened(look)
    assert (found.id != old.id, found.rules, found.read) == (True, "newer", 2)
    records = await entries(talk, "screening")
    assert [(each["what"], each["screening"]) for each in records] == [
        ("began", old.id),
        ("overtaken", old.id),
        ("began", found.id),
        ("done", found.id),
    ]


@on_sqlite
async def test_a_screening_that_was_begun_anew_by_other_rules_stops_where_it_is(talk, knowledge):
    for who in ("ann", "bob"):
        await missed(talk, FORGOT, who=who)
    look, other = looking(talk, knowledge, page=1), looking(talk, knowledge)
    old = await look.begin(LONG_AGO, None, "dora")
    await look.step(old)
    other._rules = mock.Mock(wraps=knowledge.rules, version="newer")
    await other.begin(LONG_AGO, None, "emil")
    assert await look.step(old) == 0
    assert ((await look.finish(old)).state, old.read) == ("overtaken", 1)
    assert "done" not in [each["what"] for each in await entries(talk, "screening")]


@on_sqlite
async def test_another_time_is_another_screening(talk, look):
    await missed(talk)
    one = await look.begin(LONG_AGO, None, "dora")
    other = await look.begin(LONG_AGO + timedelta(days=1), None, "dora")
    third = await look.begin(LONG_AGO, talk.clock() + timedelta(days=1), "dora")
    assert len({one.id, other.id, third.id}) == 3
    assert (await look.begin(LONG_AGO, talk.clock() + timedelta(days=1), "dora")).id == third.id


async def test_two_who_screen_the_same_share_the_work_and_open_each_case_once(talk, knowledge):
    people = [f"p{number}" for number in range(12)]
    for who in people:
        await missed(talk, who=who)
    one, other = looking(talk, knowledge, page=2), looking(talk, knowledge, page=3)
    begun = await one.begin(LONG_AGO, None, "dora")

    async def works(look: LookBack, row: ScreeningRow) -> None:
        while await look.step(row):
            pass

    await asyncio.gather(works(one, begun), works(other, await other.begin(LONG_AGO, None, "emil")))
    found = await one.finish(begun)
    await other.finish(begun)
    assert (found.read, found.suspected) == (12, 12)
    assert [case.conversation for case in await talk.desk.cases()] == [f"fake:{who}" for who in people]
    assert [each["what"] for each in await entries(talk, "screening")].count("done") == 1


async def test_a_service_goes_on_while_stored_messages_are_read_again(talk, knowledge):
    """People write and have things erased meanwhile: nobody waits for the other, and nothing is lost."""
    people = [f"p{number}" for number in range(10)]
    for who in people:
        await missed(talk, who=who)

    async def lives(who: str) -> None:
        await talk.says(RASH if who in people[:5] else FORGOT, who)
        if who in people[5:]:
            await talk.erases(who)

    async def all_live() -> None:
        for who in people:
            await lives(who)

    _, found = await asyncio.gather(all_live(), screened(looking(talk, knowledge, page=2)))
    assert found.read + found.unreadable >= 10
    cases = await talk.desk.cases()
    assert {f"fake:{who}" for who in people[:5]} <= {case.conversation for case in cases}
    shown_on_cases = [id for case in cases for event in case.events for id in event.body.get("messages", ())]
    assert len(shown_on_cases) == len({*shown_on_cases})
    failed = await talk.rows(InboxRow, InboxRow.failures > 0)
    assert (failed, await talk.is_whole()) == ([], True)
