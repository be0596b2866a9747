"""SIGKILL around every call of the Bot API, and a real restart: nothing lost, and nothing twice that Telegram lets
anybody recognise.

sendMessage knows no key by which a repeat could be told from a new message. What was delivered by a bot that was killed
before it had written that down is therefore delivered once more; of a reply in several messages, that one alone.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import pytest
import sqlalchemy as sa
from bot_api import BotApi
from bot_api_people import Person
from bot_api_world import Told
from loopback import Call
from serving import FORGOT, PNG, RASH
from sqlmodel import SQLModel
from supervisor import LEASE, PATIENCE, Bot, Kills, Specialist, _forks_find_the_victim, books  # noqa: F401 (a fixture)
from telegram_service import PUBLIC, SECRET, WAYS, WEBHOOK
from victim import Plan

from channels.delivery import PartRow
from smi_bot.addresses import AddressRow
from smi_bot.attachments import AttachmentRow
from smi_bot.database import Database
from smi_bot.durable.rows import InboxRow, OutboxRow

REGISTERED = {"polling": ("deleteWebhook",), "webhook": ("setWebhook", "getWebhookInfo")}
TAKEN_IN = {"polling": ("getUpdates",), "webhook": ()}
CALLS = [
    (way, methods)
    for way in WAYS
    for methods in (
        ("getMe", *REGISTERED[way], "setMyCommands"),
        (*TAKEN_IN[way], "sendChatAction"),
        ("answerCallbackQuery",),
        ("sendMessage",),
        ("getFile", "file"),
    )
]

HELPFUL, PATIENT = "helpful", "audience-patient"
TALK = ("/start qr", FORGOT, "", "", RASH)  # a press has no words
HEARD = [
    *("wording/first-contact.en", "wording/greeting.en", "wording/ask-audience.en"),
    *("zelvanta/missed-dose", "wording/ask-country.en"),
    *("wording/helpful-thanks.en", "wording/audience-saved.en"),
    "wording/adverse-event.en",
]
PICTURES = [PNG + bytes([number]) for number in range(4)]
LONG = " ".join("\N{PILL}" * 5 + f"{number:03}" for number in range(400))  # 5,599 of Telegram's units: two messages


class TelegramBot(Bot):
    """The bot under its supervisor, beside our Telegram, which reaches it wherever it lives."""

    def __init__(
        self, url: str, folder: Path, api: BotApi, way: str = "polling", *plans: Plan, burst_pause: float = 0.0
    ) -> None:
        given = {"telegram_token": api.token, "telegram_api": api.url, "allow_demo_library": True}
        if way == "webhook":
            given |= {"telegram_webhook_url": WEBHOOK, "telegram_webhook_secret": SECRET}
        super().__init__(url, folder, 0, *plans, **given, burst_pause=burst_pause)
        self._api = api
        api.hosts[PUBLIC] = "http://127.0.0.1:0"

    def __enter__(self) -> Self:
        super().__enter__()
        assert self.is_up()
        return self

    def _now(self, address: str, pid: int) -> None:
        if address:
            self._api.hosts[PUBLIC] = address
        super()._now(address, pid)


class Kept(NamedTuple):
    """What the database says of one person, beside what Telegram shows them."""

    said: list[str]  # their words, in the order of arrival
    heard: list[str]  # where each message came from that was delivered and written down
    again: list[Told]  # what was delivered, not written down, and therefore said again
    files: list[bytes | None]


def kept(url: str, person: Person) -> Kept:
    address, inbox, outbox, parts, files = asyncio.run(
        _rows(url, AddressRow, InboxRow, OutboxRow, PartRow, AttachmentRow)
    )
    (lane,) = [row.conversation for row in address if row.chat == str(person.id)]
    said = [row for row in inbox if row.lane == lane]
    replies = {row.key: row for row in outbox if row.lane == lane}
    assert {row.state for row in said} == {"done"}
    assert {row.state for row in outbox} == {"sent"}
    sources = {row.platform_id: row.sent["source"].split(" v")[0].split(",")[0] for row in replies.values()}
    sources |= {row.platform_id: "specialist" for row in parts if row.reply in replies}
    told = [(sources.get(str(told.message_id)), told) for told in person.told]
    return Kept(
        [row.payload["text"] for row in said],
        [source for source, _ in told if source],
        [told for source, told in told if not source],
        [row.content for row in files if row.conversation == lane],
    )


async def _rows(url: str, *tables: type[SQLModel]) -> list[Sequence[SQLModel]]:
    database = Database(url)
    async with database.reading() as tx:
        found = [
            (await tx.execute(sa.select(table).order_by(*sa.inspect(table).primary_key))).scalars().all()
            for table in tables
        ]
    await database.close()
    return found


def heads(url: str) -> set[tuple[str, int, int]]:
    """What is next to be sent to each person, and how often it was claimed."""
    (outbox,) = asyncio.run(_rows(url, OutboxRow))
    waiting = {row.lane: row for row in reversed(outbox) if row.state == "open" and row.way == "delivery"}
    return {(lane, row.id, row.attempts) for lane, row in waiting.items()}


def was_in_flight(api: BotApi, person: Person, again: Sequence[Told]) -> bool:
    """Whether each of these was the last thing its bot's life said there, and the first thing the next life said."""
    births = [call.at for call in api.called("getMe")]

    def life(told: Told) -> int:
        return sum(birth < told.when for birth in births)

    following = dict(zip(map(id, person.told), person.told[1:], strict=False))
    nexts = [following.get(id(told)) for told in again]
    return all(
        after and after.text == told.text and life(after) > life(told) for told, after in zip(again, nexts, strict=True)
    )


def until_told(api: BotApi, bot: Bot, person: Person, messages: int) -> None:
    """Waits until somebody was told so many different things, and nothing is open."""
    api.wait(lambda: len(set(person.texts)) >= messages)
    bot.finishes()


def talks(api: BotApi, bot: Bot, ann: Person, label: Callable[[str], str]) -> None:
    """Starts, asks, presses two buttons and reports a side effect with a picture, each after the answer before."""
    steps = [
        (lambda: ann.starts("qr"), 3),
        (lambda: ann.says(FORGOT), 5),
        (lambda: ann.presses(label(HELPFUL)), 6),
        (lambda: ann.presses(label(PATIENT)), 7),
        (lambda: ann.sends_photo(RASH), 8),
    ]
    for say, messages in steps:
        say()
        until_told(api, bot, ann, messages)


@pytest.mark.parametrize(
    ("way", "methods"), CALLS, ids=lambda given: given if isinstance(given, str) else " ".join(given)
)
def test_a_kill_before_and_after_each_kind_of_call_loses_nothing_and_doubles_only_what_was_in_flight(
    way, methods, sqlite_url, tmp_path, knowledge
):
    killed_starting = "getMe" in methods
    first = Plan(("claimed",), of="r2") if killed_starting else Plan()  # there is something left to be said then
    with BotApi() as api, TelegramBot(sqlite_url, tmp_path / "data", api, way, first, *[Plan()] * 10) as bot:

        def name(call: Call, when: str) -> Hashable:
            is_ripe = bool(bot.exits) if killed_starting else call.method != "getUpdates" or bool(api.undelivered)
            return (call.method, when) if call.method in methods and is_ripe else None

        kills, ann = Kills(api, bot, name), api.person("Ann")
        talks(api, bot, ann, knowledge.library.label)
        api.wait(lambda: len(kills.done) == 2 * len(methods))
        bot.finishes()
        assert bot.exits == [-signal.SIGKILL] * (2 * len(methods) + killed_starting)
    found = kept(sqlite_url, ann)
    assert (found.said, found.heard, found.files) == (list(TALK), HEARD, [PNG])
    assert was_in_flight(api, ann, found.again)
    if methods == ("sendMessage",):
        assert [told.text for told in found.again] == ann.texts[:1]  # executed, then killed
    (case,) = books(sqlite_url).cases
    assert [event.kind for event in case.events] == ["opened", "message"]
    assert (books(sqlite_url).fault, books(sqlite_url).entries["sent"]) == (None, len(HEARD))


def test_a_kill_before_and_after_each_single_message_repeats_that_one_message_and_no_other(
    sqlite_url, tmp_path, knowledge
):
    with BotApi() as api, TelegramBot(sqlite_url, tmp_path / "data", api, "polling", *[Plan()] * 50) as bot:
        kills = Kills(
            api, bot, lambda call, when: (call.params["text"], when) if call.method == "sendMessage" else None
        )
        ann = api.person("Ann")
        talks(api, bot, ann, knowledge.library.label)
        (case,) = books(sqlite_url).cases
        specialist = Specialist(bot)
        specialist.presses("claim", case.id)
        specialist.presses("reply", case.id, text=LONG, id="press-0001")
        until_told(api, bot, ann, len(HEARD) + 3)
        assert set(kills.done) == {(text, when) for text in ann.texts for when in ("before", "after")}
    found = kept(sqlite_url, ann)
    assert found.heard == [*HEARD, "wording/specialist-joined.en", "specialist", "specialist"]
    assert " ".join(ann.texts[-3::2]) == LONG
    # Delivered, and killed before anybody could know it: each of them, but of the parts of a reply each for itself.
    assert Counter(ann.texts) == dict.fromkeys(ann.texts, 2)
    assert was_in_flight(api, ann, found.again)
    assert [event.kind for event in books(sqlite_url).cases[0].events] == ["opened", "message", "claimed", "replied"]
    assert (books(sqlite_url).fault, books(sqlite_url).entries["sent"]) == (None, len(HEARD) + 2)


@pytest.mark.parametrize("way", WAYS)
def test_kills_between_the_updates_of_one_batch_neither_lose_nor_double_nor_reorder_any(way, sqlite_url, tmp_path):
    with BotApi() as api:
        ann, bob = api.person("Ann"), api.person("Bob")
        for say in (
            lambda: ann.starts("qr"),
            lambda: bob.says(RASH),
            lambda: ann.says(FORGOT),
            lambda: ann.says("/help"),
        ):
            say()  # before the bot is there: Telegram hands them out together
        plans = [Plan(("accepted",))] * len(api.updates)
        with TelegramBot(sqlite_url, tmp_path / "data", api, way, *plans, Plan()) as bot:
            until_told(api, bot, ann, 6)
            until_told(api, bot, bob, 2)
            api.wait(lambda: not api.undelivered)
            assert bot.killed_at() == ["accepted"] * len(plans)
        found, of_bob = kept(sqlite_url, ann), kept(sqlite_url, bob)
        assert found.said == ["/start qr", FORGOT, "/help"]
        assert found.heard == [*HEARD[:5], "wording/help.en"]
        assert (of_bob.said, of_bob.heard) == ([RASH], ["wording/adverse-event.en", "wording/first-contact.en"])
        assert was_in_flight(api, ann, found.again)
        assert was_in_flight(api, bob, of_bob.again)
    (case,) = books(sqlite_url).cases
    assert [event.kind for event in case.events] == ["opened", "message"]
    assert books(sqlite_url).fault is None


@pytest.mark.parametrize("way", WAYS)
def test_an_album_out_of_order_with_a_kill_in_the_middle_is_one_inquiry_with_all_its_pictures(
    way, sqlite_url, tmp_path
):
    # The pause is so long that it is over only when the test says so, however slow the restart.
    folder = tmp_path / "data"
    with (
        BotApi() as api,
        TelegramBot(sqlite_url, folder, api, way, Plan(("accepted",), countdown=2), Plan(), burst_pause=30) as bot,
    ):
        ann = api.person("Ann")
        ann.sends_album(PICTURES, caption=RASH, shuffled=True)
        api.wait(lambda: not api.undelivered)
        assert (bot.killed_at(), ann.told) == (["accepted"], [])
        bot.later(31)
        until_told(api, bot, ann, 2)
    found = kept(sqlite_url, ann)
    assert found.said == ["", "", "", RASH]
    assert sorted(found.files) == PICTURES
    assert (found.heard, found.again) == (["wording/adverse-event.en", "wording/first-contact.en"], [])
    (case,) = books(sqlite_url).cases
    assert [len(event.body["messages"]) for event in case.events if event.kind == "message"] == [4]


@pytest.mark.parametrize(
    ("shuffled", "heard"),
    [
        # Two acknowledgements: the second says what the first could not know.
        (True, ["wording/first-contact.en", "wording/attachment.en", "wording/adverse-event.en"]),
        (False, ["wording/adverse-event.en", "wording/first-contact.en"]),
    ],
    ids=["the report comes last", "the report comes first"],
)
def test_the_rest_of_an_album_that_a_kill_tore_apart_is_acknowledged_only_if_it_reports_something(
    shuffled, heard, sqlite_url, tmp_path
):
    with BotApi() as api, TelegramBot(sqlite_url, tmp_path / "data", api, "polling", Plan(), Plan()) as bot:
        ann = api.person("Ann")
        ann.sends_album(PICTURES, caption=RASH, shuffled=shuffled, hold=2)
        until_told(api, bot, ann, 2)  # it waited for the rest, in vain
        bot.kill()
        api.deliver()
        api.wait(lambda: not api.undelivered)
        bot.finishes()
    found = kept(sqlite_url, ann)
    assert (found.heard, found.again, sorted(found.files)) == (heard, [], PICTURES)
    (case,) = books(sqlite_url).cases
    assert [len(event.body["messages"]) for event in case.events if event.kind == "message"] == [2, 2]


@pytest.mark.parametrize("way", WAYS)
def test_what_telegram_delivers_again_after_a_kill_is_answered_and_changes_nothing(
    way, sqlite_url, tmp_path, knowledge
):
    label = knowledge.library.label
    plans = (Plan(("accepted",), countdown=3), Plan(), Plan())
    with BotApi() as api, TelegramBot(sqlite_url, tmp_path / "data", api, way, *plans) as bot:
        ann = api.person("Ann")
        started = ann.starts("qr")
        until_told(api, bot, ann, 3)
        asked = ann.says(FORGOT)
        until_told(api, bot, ann, 5)
        pressed = ann.presses(label(HELPFUL))  # killed: committed, and neither answered nor confirmed
        until_told(api, bot, ann, 6)
        api.wait(lambda: not ann.unanswered)
        assert bot.killed_at() == ["accepted"]
        bot.kill()
        for update in (started, asked, pressed):
            api.repeat(update)
        ann.presses(label(HELPFUL))  # by hand, once more
        ann.says("/help")  # everything before it has been taken in when this is answered
        until_told(api, bot, ann, 7)
        api.wait(lambda: not ann.unanswered)
    assert set(ann.toasts) == {label("already-pressed")}
    found = kept(sqlite_url, ann)
    assert found.said == ["/start qr", FORGOT, "", "/help"]
    assert (found.heard, found.again) == ([*HEARD[:6], "wording/help.en"], [])
    assert books(sqlite_url).fault is None


def test_when_the_worker_that_polls_is_killed_the_other_polls_and_sends_and_takes_over_its_claims(
    postgres_url, tmp_path
):
    with BotApi() as api:
        doomed = TelegramBot(postgres_url, tmp_path / "one", api, "polling", Plan(("claimed",), of="r"))
        other = TelegramBot(postgres_url, tmp_path / "two", api, "polling", Plan())
        people = [api.person(f"P{number}") for number in range(10)]
        with doomed:
            api.wait(lambda: api.called("getUpdates"))
            with other:
                api.wait(lambda: len(api.called("setMyCommands")) == 8)  # both are at their work, one of them polls
                for person in people:
                    person.says(FORGOT)
                assert doomed.ended.wait(PATIENCE)
                killed, left, late = time.monotonic(), heads(postgres_url), api.person("Late")
                late.says(FORGOT)
                late.hears(times=3)
                assert time.monotonic() - killed < LEASE / 2  # nobody else waits
                while heads(postgres_url) - left:  # time must not go by while the living one is sending
                    assert time.monotonic() - killed < LEASE
                assert heads(postgres_url), "nothing was claimed by the killed one"
                other.later(LEASE + 1)
                for person in people:
                    person.hears(times=3)
                other.finishes()
        outcomes = {call.outcome for call in api.called("getUpdates")}
        assert "refused 409" not in outcomes, "two polled at once"
    for person in (*people, late):
        found = kept(postgres_url, person)
        assert (found.said, len(found.heard), found.again) == ([FORGOT], 3, [])
    assert books(postgres_url).fault is None
