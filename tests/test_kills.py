"""SIGKILL of a real process at every step of a message's way, and a real restart: nothing lost, nothing seen twice."""

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from supervisor import LEASE, PATIENCE, Bot, Recorder, Specialist, _forks_find_the_victim, books  # noqa: F401 (a fixture)
from victim import Plan

FORGOT, STORAGE = "what if I forget a tablet?", "how should I store the tablets"
RASH = "I got a rash after two weeks on Zelvanta"
FIRST_ANSWER = ["wording/first-contact.en", "zelvanta/missed-dose", "wording/ask-audience.en"]
TALK = [
    (FORGOT, FIRST_ANSWER),
    (STORAGE, ["zelvanta/storage-temperature", "wording/ask-country.en"]),
    (RASH, ["wording/adverse-event.en"]),
]

ON_ITS_WAY_IN, ON_ITS_WAY_OUT = ("accepted", "deciding", "decided"), ("claimed", "half posted", "posted", "sent")
KILLS = [
    *((point, "") for point in ON_ITS_WAY_IN),
    *((point, "r") for point in ON_ITS_WAY_OUT),  # the bot's reply
    *(("replying", ""), ("pressed", "reply")),
    *((point, "s") for point in ON_ITS_WAY_OUT),  # the specialist's
]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.mark.parametrize(("point", "of"), KILLS, ids=[" ".join(kill).strip() for kill in KILLS])
def test_a_kill_at_any_point_of_the_way_leaves_one_case_and_each_reply_once_in_order(
    point, of, database_url, tmp_path, recorder
):
    # SQLite has no other workers, so a restart takes its claims back at once; on PostgreSQL they must run out.
    restart = Plan(late=0 if database_url.startswith("sqlite") else LEASE + 1)
    told = ["wording/adverse-event.en", "wording/first-contact.en"]
    with Bot(database_url, tmp_path / "data", recorder.port, Plan((point,), of), restart) as bot:
        bot.hears("ann", RASH)
        began = time.monotonic()
        recorder.shows("ann", told)
        bot.hears("ann", RASH)  # its platform may bring it again at any time
        (case,) = books(database_url).cases
        specialist = Specialist(bot)
        specialist.presses("claim", case.id)
        bot.finishes()
        specialist.presses("reply", case.id, text="Please show it to a doctor today.", id="press-0001")
        recorder.shows("ann", [*told, "wording/specialist-joined.en", "specialist"])
        assert time.monotonic() - began < LEASE
        bot.finishes()
        assert bot.exits == [-signal.SIGKILL]
        assert bot.killed_at() == [point]
    kept = books(database_url)
    (case,) = kept.cases
    assert [event.kind for event in case.events] == ["opened", "message", "claimed", "replied"]
    assert (kept.fault, kept.entries["decided"], kept.entries["sent"]) == (None, 1, 4)
    # Delivered, and killed before that was written down: brought again, and shown once by its id.
    assert recorder.attempts.total() == (5 if point in ("posted", "sent") else 4)


def test_what_a_killed_worker_had_claimed_the_other_sends_when_the_lease_is_over(postgres_url, tmp_path, recorder):
    doomed = Bot(postgres_url, tmp_path / "one", recorder.port, Plan(("claimed",), of="r"))
    other = Bot(postgres_url, tmp_path / "two", recorder.port, Plan())
    people = [f"p{number}" for number in range(10)]
    began = time.monotonic()
    with doomed, other:
        for who in people:
            try:
                doomed.hears(who, FORGOT)
            except ConnectionError:
                other.hears(who, FORGOT)
        assert doomed.ended.wait(PATIENCE)
        killed = time.monotonic()
        other.hears("late", FORGOT)
        recorder.shows("late", FIRST_ANSWER)
        assert time.monotonic() - killed < LEASE / 2  # nobody else waits
        assert [] in [recorder.told(who) for who in people]
        for who in people:
            recorder.shows(who, FIRST_ANSWER)
        assert time.monotonic() - began > LEASE
        assert time.monotonic() - killed < LEASE + 5
        other.finishes()
        assert (doomed.exits, other.exits) == ([-signal.SIGKILL], [])
    assert set(recorder.attempts.values()) == {1}
    assert books(postgres_url).fault is None


@pytest.mark.parametrize("answers", [True, False], ids=["the platform answers", "the platform hangs"])
def test_sigterm_finishes_what_is_claimed_exits_with_0_within_ten_seconds_and_loses_nothing(
    answers, sqlite_url, tmp_path, recorder
):
    people = [f"p{number}" for number in range(10)]
    with Bot(sqlite_url, tmp_path / "data", recorder.port, Plan(), Plan()) as bot:
        recorder.answers.clear()
        for who in people:
            bot.hears(who, FORGOT)
        recorder.is_asked()
        os.kill(bot.pid, signal.SIGTERM)
        if answers:
            recorder.answers.set()
        assert bot.exits_within(10) == [0]
        recorder.answers.set()
        for who in people:
            recorder.shows(who, FIRST_ANSWER)
        bot.finishes()
    assert not answers or set(recorder.attempts.values()) == {1}
    assert books(sqlite_url).fault is None


def test_twenty_kills_while_twenty_conversations_go_on_lose_nothing_and_change_no_order(sqlite_url, tmp_path, recorder):
    chance = random.Random(20)
    plans = [Plan((chance.choice(ON_ITS_WAY_IN + ON_ITS_WAY_OUT),), countdown=chance.randint(1, 5)) for _ in range(20)]
    people = [f"p{number}" for number in range(20)]
    with Bot(sqlite_url, tmp_path / "data", recorder.port, *plans, Plan()) as bot:

        def talks(who: str) -> list[str]:
            """Says three things, each after the answer to the one before, and goes on until the kills are over."""
            expected: list[str] = []
            for number, (text, answer) in enumerate([*TALK, *[(FORGOT, ["zelvanta/missed-dose"])] * 20]):
                if number >= len(TALK) and len(bot.exits) == len(plans):
                    break
                expected += answer
                bot.hears(who, text, number)
                recorder.shows(who, expected)
            return expected

        with ThreadPoolExecutor(len(people)) as pool:
            expected = dict(zip(people, pool.map(talks, people), strict=True))
        bot.finishes()
        assert bot.exits == [-signal.SIGKILL] * len(plans)
        assert bot.killed_at() == [point for plan in plans for point in plan.points]
    assert {who: recorder.told(who) for who in people} == expected
    kept = books(sqlite_url)
    assert sorted(case.conversation for case in kept.cases) == sorted(f"platform:{who}" for who in people)
    assert [event.kind for case in kept.cases for event in case.events] == ["opened", "message"] * len(people)
    assert kept.fault is None
    assert kept.entries["decided"] == kept.entries["received"] >= len(TALK) * len(people)
    assert kept.entries["sent"] == len(recorder.shown)
