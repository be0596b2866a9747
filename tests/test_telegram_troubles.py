"""Whatever befalls a message on its way to Telegram: nothing is lost, nothing changes places, nobody else waits."""

import inspect
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from bot_api import BotApi
from bot_api_people import Person
from fakes import PATIENCE
from loopback_troubles import Trouble
from markupsafe import escape
from serving import FORGOT, RASH, Requester, Specialist
from sqlmodel import col
from telegram_service import TelegramService, hurry, telegram_service

from channels import telegram_sending
from smi_bot.addresses import AddressRow
from smi_bot.conversations import ConversationRow
from smi_bot.database import Database
from smi_bot.durable.outbox import Outbox
from smi_bot.durable.pace import PaceRow
from smi_bot.durable.rows import OutboxRow, is_open

FIRST = ["wording/first-contact.en", "zelvanta/missed-dose", "wording/ask-audience.en"]
STORAGE = "how should I store the tablets"
PACE = timedelta(seconds=1.5)  # a wait that is longer is none for Telegram's pace
CLAIM = timedelta(seconds=inspect.signature(Outbox).parameters["lease"].default)

STATUSES = (500, 502, 503, 504)
#: Pages of a proxy: whatever their status, Telegram did not say so, and nothing may be given up because of them.
PAGES = (200, 400, 401, 403, 404)
BROKEN = [*map(Trouble.status, STATUSES), Trouble.drop_before(), *map(Trouble.garbage, PAGES)]


async def held_back(telegram: TelegramService, count: int = 1) -> Sequence[OutboxRow]:
    """Waits until so many replies were tried in vain and wait for another try; returns them."""

    async def tried() -> Sequence[OutboxRow]:
        trouble = (is_open(OutboxRow), col(OutboxRow.way) == "delivery", col(OutboxRow.error).is_not(None))
        rows = await telegram.rows(OutboxRow, *trouble)
        waits = {row.id: row.next_attempt_at - telegram.clock() for row in rows}
        # One that is being sent waits, too, for its claim to run out: time must not jump over that.
        waiting = [row for row in rows if waits[row.id] > PACE and waits[row.id] != CLAIM]
        return waiting if len(waiting) >= count else ()

    return await telegram.until(tried)


async def failed(telegram: TelegramService, count: int = 1) -> list[str]:
    """Waits until so many replies were given up; returns why."""

    async def given_up() -> list[str]:
        rows = await telegram.rows(OutboxRow, col(OutboxRow.state) == "failed")
        return [str(row.error) for row in rows] if len(rows) >= count else []

    return await telegram.until(given_up)


async def hears_all(telegram: TelegramService, person: Person, expected: list[str], said: int | None = None) -> None:
    """Waits until somebody was told this, and nothing else. `said`: in so many messages, where some came twice."""

    await telegram.api.until(lambda: len(person.told) >= (said or len(expected)))
    await telegram.hears(expected[-1], person, expected.count(expected[-1]))
    assert await telegram.sources(person) == expected
    assert len(person.told) == (said or len(expected))


@pytest.fixture
async def telegram(tmp_path, knowledge, sqlite_url, monkeypatch):
    hurry(monkeypatch)
    async with telegram_service(tmp_path / "data", knowledge, database_url=sqlite_url) as service:
        yield service


# --- one send


async def test_who_is_told_to_wait_waits_so_long_and_nobody_else_does(telegram):
    bob = telegram.api.person("Bob")
    telegram.api.troubles("sendMessage", Trouble.status(429, retry_after=30))
    telegram.ann.says(FORGOT)
    (waiting,) = await held_back(telegram)
    assert waiting.next_attempt_at - telegram.clock() == timedelta(seconds=30)
    bob.says(FORGOT)
    await hears_all(telegram, bob, FIRST)
    assert telegram.ann.told == []
    telegram.later(seconds=30)
    await hears_all(telegram, telegram.ann, FIRST)
    assert [call.outcome for call in telegram.api.called("sendMessage")].count("429") == 1


async def test_a_reply_that_telegram_did_not_take_is_sent_once_and_in_its_place_whatever_went_wrong(telegram):
    people = [telegram.api.person(f"P{number}") for number in range(len(BROKEN))]
    for number, (person, trouble) in enumerate(zip(people, BROKEN, strict=True), start=1):
        telegram.api.troubles("sendMessage", trouble)
        person.says(FORGOT)
        assert {row.failures for row in await held_back(telegram, number)} == {0}  # it is no fault of ours
    assert not any(person.told for person in people)
    telegram.later(seconds=10)
    for person in people:
        await hears_all(telegram, person, FIRST)


async def test_a_reply_whose_confirmation_was_lost_may_come_twice_and_is_never_lost(telegram):
    """Telegram has no way to look whether it arrived; see docs/design.md."""
    telegram.api.troubles("sendMessage", Trouble.drop_after())
    telegram.ann.says(FORGOT)
    await held_back(telegram)
    assert len(telegram.ann.told) == 1
    telegram.later(seconds=10)
    await hears_all(telegram, telegram.ann, FIRST, said=4)
    assert telegram.ann.texts[0] == telegram.ann.texts[1]
    assert len(set(telegram.ann.texts)) == 3


@pytest.mark.parametrize("limit", ["channels.telegram_client._READ", "channels.telegram_sending._SEND"])
async def test_a_send_that_hangs_is_given_up_soon_counts_as_no_failure_and_holds_up_nobody_else(
    limit, tmp_path, knowledge, sqlite_url, monkeypatch
):
    """Whether one step of it takes too long, or all of them together."""
    monkeypatch.setattr(limit, 1.5)
    async with telegram_service(tmp_path / "data", knowledge, database_url=sqlite_url) as telegram:
        bob = telegram.api.person("Bob")
        telegram.api.troubles("sendMessage", Trouble.hang())
        telegram.ann.says(FORGOT)
        await telegram.api.until(lambda: telegram.api.called("sendMessage"))
        bob.says(FORGOT)
        await hears_all(telegram, bob, FIRST)
        (waiting,) = await held_back(telegram)
        assert (waiting.error, waiting.failures) == ("TryAgain", 0)
        telegram.later(seconds=10)
        await hears_all(telegram, telegram.ann, FIRST)


def test_the_time_for_a_send_ends_before_the_outbox_loses_patience():
    """Its patience is for what is wrong with us: it would end in giving the reply up."""
    patience = inspect.signature(Outbox).parameters
    assert telegram_sending._SEND < patience["send_timeout"].default < patience["lease"].default


# --- people who cannot be reached


def vanishes(person: Person) -> None:
    """As if Telegram had never heard of them."""
    del person.world.chats[person.id]


def comes_back(person: Person) -> None:
    person.world.chats[person.id] = person
    person.refuses = ""


UNREACHABLE = [
    (Person.blocks, Person.unblocks, "the requester has blocked the bot"),
    (Person.deactivates, comes_back, "the requester's Telegram account is deleted"),
    (vanishes, comes_back, "Telegram: Chat not found"),
]


async def test_who_cannot_be_reached_is_shown_on_the_case_in_words_and_a_retry_reaches_them_when_they_are_back(
    telegram,
):
    people = [telegram.api.person(f"P{number}") for number in range(len(UNREACHABLE))]
    async with Specialist(telegram.url) as rao:
        for person, (goes, returns, words) in zip(people, UNREACHABLE, strict=True):
            person.says(RASH)
            case = await telegram.case(person=person)
            await rao.does("claim", case.id)
            await telegram.hears("wording/specialist-joined.en", person)
            goes(person)
            await rao.does("reply", case.id, text="Please show it to a doctor.")
            await rao.sees(str(escape(words)), case=case.id)
            assert words in await failed(telegram)
            assert await telegram.app.not_ready() == []  # somebody's choice is no trouble of the service
            returns(person)
            told = await telegram.case(lambda case: case.events[-1].kind == "undelivered", person)
            (replied,) = [event for event in told.events if event.kind == "replied"]
            await rao.does("reply_retry", case.id, event=replied.id)
            await telegram.hears("specialist", person)
            assert person.texts.count("Please show it to a doctor.") == 1


async def test_who_blocked_the_bot_in_the_middle_holds_up_nobody_and_may_come_back(telegram):
    bob = telegram.api.person("Bob")
    telegram.ann.says(FORGOT)
    telegram.ann.blocks()
    bob.says(FORGOT)
    await hears_all(telegram, bob, FIRST)
    assert set(await failed(telegram, 3)) == {"the requester has blocked the bot"}
    telegram.ann.unblocks()
    telegram.ann.says(STORAGE)
    await telegram.hears("zelvanta/storage-temperature")


# --- groups that become supergroups


async def invited(telegram: TelegramService, group, times: int = 1) -> None:
    await group.will_hear(lambda told: told.buttons == [telegram.label("private-chat")], times=times)


async def test_a_group_that_became_a_supergroup_is_the_same_forum_and_its_people_are_the_same_people(telegram):
    group = telegram.api.group("Patients", supergroup=False)
    group.says(telegram.ann, RASH)
    await invited(telegram, group)
    await telegram.quiet()
    before = {row.conversation for row in await telegram.rows(AddressRow)}
    group.migrates()
    group.says(telegram.ann, "zelvanta gave me a headache too")
    (case,) = await telegram.desk.sees(
        lambda cases: len([e for c in cases for e in c.events if e.kind == "message"]) == 2
    )
    assert len(group.told) == 1  # invited lately, under the old number
    await telegram.quiet()
    telegram.later(hours=2)
    group.says(telegram.ann, "and zelvanta made me dizzy")
    await invited(telegram, group, times=2)
    rows = await telegram.rows(AddressRow)
    assert ({row.conversation for row in rows}, {row.chat for row in rows}) == (before, {str(group.id)})
    assert [each.id for each in await telegram.desk.cases()] == [case.id]


async def test_an_invitation_follows_a_group_whose_move_is_only_learnt_when_sending(telegram):
    group = telegram.api.group("Patients", supergroup=False)
    group.says(telegram.ann, RASH)
    await invited(telegram, group)
    await telegram.quiet()
    telegram.later(hours=2)
    telegram.api.troubles("sendMessage", Trouble.status(502))
    group.says(telegram.ann, "zelvanta gave me a headache too")
    await held_back(telegram)
    group.renumber(-1_001_000_999_999, "supergroup")  # and Telegram told us nothing of it
    telegram.later(seconds=10)
    await invited(telegram, group, times=2)
    assert {row.chat for row in await telegram.rows(AddressRow)} == {"-1001000999999"}


async def test_an_invitation_to_a_group_that_is_known_under_its_new_number_already_is_dropped_and_not_tried_for_ever(
    telegram,
):
    group = telegram.api.group("Patients", supergroup=False)
    telegram.api.troubles("sendMessage", Trouble.status(502))
    group.says(telegram.ann, RASH)
    await held_back(telegram)
    group.renumber(-1_001_000_999_999, "supergroup")
    group.says(telegram.ann, "zelvanta gave me a headache too")  # comes before we hear of the move
    await invited(telegram, group)
    telegram.later(seconds=10)
    assert await failed(telegram) == ["the requester's address was erased"]
    assert len(group.told) == 1


# --- two hours of nothing


async def test_two_hours_without_telegram_lose_nothing_and_change_no_order(telegram):
    """Everything is refused while people write, press in the web chat and a specialist replies."""
    people = [telegram.ann, telegram.api.person("Bob"), telegram.api.person("Cleo")]
    for person in people:
        person.says(RASH)
        case = await telegram.case(person=person)
        await telegram.desk.presses("claim", case.id)
        await telegram.hears("wording/specialist-joined.en", person)
    before = await telegram.sources()
    with telegram.api.down(502):
        for number in range(4):
            for person, case in zip(people, await telegram.desk.cases(), strict=True):
                person.says(f"It itches, day {number}")
                await telegram.desk.replies(case.id, f"Reply {number}")
        for _ in range(6):
            rows = await held_back(telegram, len(people))
            assert {row.failures for row in rows} == {0}
            telegram.later(minutes=20)
        async with Requester(telegram.url) as dora:
            await dora.says(FORGOT)
            await dora.hears("tablet")  # the web chat goes on
        assert "does not answer" in " ".join(await telegram.app.not_ready())
        await held_back(telegram, len(people))
    telegram.later(minutes=10)
    for person in people:
        await hears_all(telegram, person, [*before, *["specialist"] * 4])
        assert person.texts[-4:] == [f"Reply {number}" for number in range(4)]

    async def all_arrived() -> bool:
        return all([len(await telegram.inquiries(person)) == 5 for person in people])

    await telegram.until(all_arrived)
    for person in people:
        said = [inquiry.text for inquiry in await telegram.inquiries(person)]
        assert said == [RASH, *(f"It itches, day {number}" for number in range(4))]
    await telegram.quiet()
    assert await telegram.app.not_ready() == []


# --- many messages


async def test_of_a_flood_of_200_one_brake_is_seen_a_report_in_it_is_not_and_others_are_served_meanwhile(telegram):
    bob = telegram.api.person("Bob")
    for number in range(200):
        telegram.ann.says(RASH if number == 150 else f"{FORGOT} {number}")
        if number == 20:
            bob.says(FORGOT)
    await hears_all(telegram, bob, FIRST)
    assert telegram.api.undelivered
    await telegram.api.until(lambda: not telegram.api.undelivered, 3 * PATIENCE)
    await telegram.hears("wording/adverse-event.en")
    await telegram.quiet()
    told = await telegram.sources()
    assert (told.count("wording/slow-down.en"), told.count("wording/adverse-event.en")) == (1, 1)
    assert len(told) < 30
    (case,) = await telegram.cases()
    assert case.labels == ("adverse-event",)
    assert len(await telegram.inquiries()) == 200


async def test_a_rush_stays_within_telegrams_limits_and_so_does_a_restart_in_the_middle(
    tmp_path, knowledge, sqlite_url, monkeypatch
):
    """On a real clock, and at a third of the speed, which any machine would exceed if it were allowed to."""
    monkeypatch.setattr(telegram_sending, "_OVERALL", 1 / 8)
    given = {"clock": lambda: datetime.now(UTC), "flows": False, "database_url": sqlite_url}
    with BotApi() as api:
        api.limits(per_chat=1, overall=8 + telegram_sending._BURST + 3)  # some come late and close up
        people = [api.person(f"P{number}") for number in range(20)]
        for person in [*people, *people]:
            person.says("/help")  # to which there is one reply
        async with telegram_service(tmp_path / "data", knowledge, api=api, **given):
            await api.until(lambda: len(api.called("sendMessage")) > 15)
        async with telegram_service(tmp_path / "data", knowledge, api=api, **given):
            await api.until(lambda: all(len(person.told) == 2 for person in people))
        assert {call.outcome for call in api.called("sendMessage")} == {"ok"}


def test_the_channels_own_pace_is_within_what_telegram_allows():
    """Its FAQ: about 30 messages a second in all, and one a second in a chat."""
    assert telegram_sending._BURST + 1 / telegram_sending._OVERALL <= 30
    assert telegram_sending._BETWEEN >= 1


# --- many people


@pytest.fixture
def looks():
    """The statements that SQLite was given, by whatever engine, and how many rows it gave back."""
    statements: dict[str, int] = {}

    def look(connection, cursor, statement, parameters, context, many) -> None:
        # SQLAlchemy's cursor for this driver has read all rows by now.
        statements[statement] = statements.get(statement, 0) + len(getattr(cursor, "_rows", ()))

    sa.event.listen(sa.Engine, "after_cursor_execute", look)
    yield statements
    sa.event.remove(sa.Engine, "after_cursor_execute", look)


async def test_with_ten_thousand_known_people_starting_and_answering_reads_a_handful_of_rows(
    looks, tmp_path, knowledge, sqlite_url
):
    database = Database(sqlite_url)
    await make_known(database, 10_000)
    looks.clear()
    async with telegram_service(tmp_path / "data", knowledge, database_url=sqlite_url) as telegram:
        telegram.ann.says(FORGOT)
        await hears_all(telegram, telegram.ann, FIRST)
        asked = dict(looks)
    assert sum(asked.values()) < 300
    for statement in asked:
        assert not [
            step for step in await plan(database, statement) if re.match("SCAN (address|conversation|pace)", step)
        ]
    await database.close()


async def make_known(database: Database, people: int) -> None:
    """So many people have written to us at some time."""
    names = [(f"telegram:{number}", str(number)) for number in range(people)]
    at = {"channel": "telegram", "account": "123456", "person": "", "public": False}
    known = {"channel": "telegram", "created_at": datetime.now(UTC), "language": "en", "public": False}
    known |= {"audience_asked": False, "country_asked": False}
    async with database.transaction() as tx:
        await tx.execute(sa.insert(AddressRow), [{"conversation": name, "chat": chat, **at} for name, chat in names])
        await tx.execute(sa.insert(ConversationRow), [{"id": name, **known} for name, _ in names])
        await tx.execute(sa.insert(PaceRow), [{"name": name, "free_at": datetime.now(UTC)} for name, _ in names])


async def plan(database: Database, statement: str) -> list[str]:
    """How SQLite goes about a statement, step by step."""
    if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
        return []
    async with database.reading() as tx:
        nothing = (None,) * statement.count("?")
        explained = await (await tx.connection()).exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nothing)
        return [str(step[-1]) for step in explained]
