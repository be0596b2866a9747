"""The story on Telegram from end to end, by polling and by webhook, on SQLite and on PostgreSQL; and the two ways in."""

import json
from dataclasses import replace

import httpx
import pytest
from bot_api import BotApi
from bot_api_people import Person
from bot_api_world import Told
from fakes import Clock
from libraries import NOW
from serving import FORGOT, PNG, RASH
from telegram_service import PUBLIC, SECRET, WAYS, WEBHOOK, TelegramService, telegram_service

from channels.telegram_profile import WANTED
from channels.telegram_text import LIMIT
from smi_bot.durable.rows import InboxRow

UPDATE = 900_000_000
NO_UPDATES = (
    *(b"", b"x", b"\xff", b"[]", b"7", b"null", b"{}"),
    *(b'{"update_id": "7"}', b'{"update_id": null}', b"[" * 200_000),
)


@pytest.fixture
def open_telegram(tmp_path, knowledge, database_url):
    """Serves the app on each database; `open_telegram("webhook")`."""

    def open_telegram(way: str, **more):
        given = {"database_url": database_url, **more}
        return telegram_service(tmp_path / "data", knowledge, webhook=way == "webhook", **given)

    return open_telegram


# The story


@pytest.mark.parametrize("way", WAYS)
async def test_a_question_is_answered_a_report_reaches_a_specialist_and_the_reply_arrives_once(open_telegram, way):
    async with open_telegram(way) as telegram:
        telegram.ann.says(FORGOT)
        answer = await telegram.hears("zelvanta/missed-dose")
        assert answer.buttons == [telegram.label(each) for each in ("helpful", "not-helpful", "specialist")]
        assert answer.message["link_preview_options"] == {"is_disabled": True}
        telegram.ann.says(RASH)
        await telegram.hears("wording/adverse-event.en")
        case = await telegram.case()
        assert (case.labels[0], case.priority) == ("adverse-event", "high")
        await telegram.desk.presses("claim", case.id)
        for _ in range(2):
            await telegram.desk.replies(case.id, "Please *stop* {{ now }} & see <b>a doctor</b>.", id="the-same-press")
        reply = await telegram.hears("specialist")
        assert reply.text == "Please *stop* {{ now }} & see <b>a doctor</b>."
        await telegram.quiet()
        assert await telegram.sources() == [
            "wording/first-contact.en",
            "zelvanta/missed-dose",
            "wording/ask-audience.en",
            "wording/adverse-event.en",
            "wording/specialist-joined.en",
            "specialist",
        ]
        assert len(telegram.ann.told) == 6
        assert telegram.ann.typing in (1, 2)  # once for what is said within four seconds
        assert await telegram.app.not_ready() == []


@pytest.mark.parametrize("way", WAYS)
async def test_an_update_that_telegram_brings_twice_is_one_message(open_telegram, way):
    async with open_telegram(way) as telegram:
        message = telegram.ann.says(FORGOT)
        await telegram.hears("wording/ask-audience.en")
        telegram.api.repeat(message)
        await telegram.quiet()
        assert len(await telegram.inquiries()) == 1
        assert len(telegram.ann.told) == 3


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_library_cannot_read_reaches_a_person_and_the_next_message_is_answered(open_telegram, way):
    async with open_telegram(way) as telegram:
        ben = await telegram.regular("Ben")
        telegram.api.malformed()
        telegram.api.update({"message": {"message_id": 5, "chat": ben.json, "text": RASH}})  # without a date
        telegram.ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose")
        await telegram.hears("wording/adverse-event.en", ben)
        whose, unknown = sorted(await telegram.desk.cases(), key=lambda case: case.labels[0] == "unapproved")
        assert (whose.conversation, whose.labels[0]) == (await telegram.conversation(ben), "adverse-event")
        assert unknown.labels == ("unapproved",)
        (row,) = await telegram.rows(InboxRow, InboxRow.lane == unknown.conversation)
        assert row.payload["text"] == "I have neither a chat nor a date"


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_written_while_the_bot_was_away_is_answered_when_it_comes_back(open_telegram, way):
    clock = Clock(NOW)
    with BotApi(clock=clock) as api:
        ann = api.person("Ann")
        async with open_telegram(way, api=api, clock=clock) as telegram:
            ann.says(FORGOT)
            await telegram.hears("zelvanta/missed-dose")
            await telegram.quiet()
        ann.says(RASH)
        async with open_telegram(way, api=api, clock=clock) as telegram:
            await telegram.hears("wording/adverse-event.en")
            assert (await telegram.sources()).count("zelvanta/missed-dose") == 1


@pytest.mark.parametrize("way", WAYS)
async def test_half_characters_in_the_json_are_mended_and_the_words_stay(open_telegram, way):
    async with open_telegram(way) as telegram:
        telegram.ann.says(f"\ud800 {RASH} \0")
        await telegram.hears("wording/adverse-event.en")
        telegram.ann.presses_data("\ud800\0:0")
        await telegram.hears("wording/stale.en")
        assert [inquiry.text for inquiry in await telegram.inquiries()] == [f"\ufffd {RASH}  ", "\ufffd :0"]


async def test_files_late_pieces_edits_and_presses_find_what_they_belong_to(open_telegram):
    async with open_telegram("polling") as telegram:
        ann = await telegram.regular("Ann")
        ann.sends_album([PNG, PNG + b"2"], hold=1)
        await telegram.until(lambda: telegram.inquiries(ann))
        telegram.later(seconds=1)
        await telegram.hears("wording/attachment.en", ann)
        telegram.api.deliver()
        await telegram.until(lambda: telegram.rows(InboxRow, InboxRow.id == 2))
        telegram.later(seconds=1)
        await telegram.quiet()
        assert sorted(row.content for row in await telegram.files(ann)) == [PNG, PNG + b"2"]
        question = ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose", ann)
        ann.edits(question, FORGOT.upper())
        for _ in range(2):
            ann.presses(telegram.label("helpful"))
        await telegram.quiet()
        said = ["wording/attachment.en", "zelvanta/missed-dose", "wording/helpful-thanks.en"]
        assert await telegram.sources(ann) == said


async def test_an_error_that_nobody_foresaw_does_not_end_polling(tmp_path, knowledge, monkeypatch):
    async with telegram_service(tmp_path / "data", knowledge) as telegram:
        accept, failures = telegram.app.inbox.accept, iter([ZeroDivisionError()])

        async def fails_once(*event):
            for failure in failures:
                raise failure
            return await accept(*event)

        monkeypatch.setattr(telegram.app.inbox, "accept", fails_once)
        telegram.ann.says(FORGOT)
        await telegram.until(telegram.app.not_ready)
        assert await telegram.app.not_ready() == [
            "telegram inbox: an update cannot be stored (ZeroDivisionError); polling waits"
        ]
        await telegram.hears("zelvanta/missed-dose")
        assert await telegram.app.not_ready() == []


@pytest.mark.parametrize("way", WAYS)
async def test_telegram_is_asked_for_what_we_read_and_never_to_forget_what_waits(tmp_path, knowledge, way):
    async with telegram_service(tmp_path, knowledge, webhook=way == "webhook") as telegram:
        telegram.ann.says("hello")
        await telegram.hears("wording/greeting.en")
        calls = [*telegram.api.called("getUpdates"), *telegram.api.called("setWebhook")]
        assert calls
        for call in calls:
            assert sorted(call.params["allowed_updates"]) == sorted(WANTED)
        assert not [call for call in telegram.api.calls if call.params.get("drop_pending_updates")]


# Being called


async def called(telegram: TelegramService, content: bytes, secret: str | None = SECRET, **headers: str) -> int:
    given = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {}
    async with telegram.http() as http:
        return (await http.post("/telegram", content=content, headers=given | headers)).status_code


def update(person: Person, text: str, number: int = UPDATE) -> bytes:
    message = {"message_id": 1, "date": 0, "chat": person.json, "from": person.user, "text": text}
    return json.dumps({"update_id": number, "message": message}).encode()


async def test_when_telegram_is_told_200_the_message_is_in_the_database(open_telegram):
    async with open_telegram("webhook") as telegram:
        for number in range(5):
            assert await called(telegram, update(telegram.ann, FORGOT, UPDATE + number)) == 200
            assert len(await telegram.inquiries()) == number + 1


async def test_while_the_database_is_away_telegram_is_told_to_come_again(open_telegram, monkeypatch):
    async with open_telegram("webhook") as telegram:
        ann = await telegram.regular("Ann")
        with monkeypatch.context() as patched:

            async def away(*_):
                raise OSError

            patched.setattr(telegram.app.inbox, "accept", away)
            assert await called(telegram, update(ann, FORGOT)) == 503
        assert await called(telegram, update(ann, FORGOT)) == 200
        await telegram.hears("zelvanta/missed-dose", ann)


@pytest.fixture
async def webhook(tmp_path, knowledge):
    async with telegram_service(tmp_path / "data", knowledge, webhook=True) as telegram:
        yield telegram


async def test_who_does_not_know_the_secret_is_not_heard(webhook):
    for secret in (None, "", "wrong", SECRET[:-1], f"{SECRET}x", SECRET.upper()):
        assert await called(webhook, update(webhook.ann, RASH), secret) == 403
    assert await webhook.rows(InboxRow) == []


async def test_what_is_no_update_is_refused(webhook):
    for content in NO_UPDATES:
        assert await called(webhook, content) == 400, content[:20]
    assert await webhook.rows(InboxRow) == []


async def test_what_is_larger_than_any_update_is_refused(webhook):
    assert await called(webhook, update(webhook.ann, "x" * 2**21)) == 400
    assert await called(webhook, update(webhook.ann, "x" * 2**20)) == 200
    assert len(await webhook.rows(InboxRow)) == 1


async def test_an_update_of_a_kind_we_do_not_know_is_no_trouble(webhook):
    for number, content in enumerate([{}, {"poll": {"id": "1"}}, {"hologram": {}}, {"message": 7}, {"message": {}}]):
        body = json.dumps({"update_id": UPDATE + number, **content}).encode()
        assert await called(webhook, body) == 200, content


async def test_a_proxy_may_pass_on_the_public_name_or_our_own_but_no_other(webhook):
    host = httpx.URL(PUBLIC).host
    for number, (name, status) in enumerate([(host, 200), ("127.0.0.1", 200), ("evil.example", 400)]):
        assert await called(webhook, update(webhook.ann, "hello", UPDATE + number), Host=name) == status
    assert len(await webhook.rows(InboxRow)) == 2


async def test_telegram_is_given_address_and_secret_and_one_call_at_a_time(webhook):
    await webhook.api.until(lambda: webhook.api.webhook)
    assert webhook.api.webhook["url"] == WEBHOOK
    assert (webhook.api.webhook["secret"], webhook.api.webhook["max_connections"]) == (SECRET, 1)


async def test_who_polls_has_no_address_to_be_called_at(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        assert await called(telegram, update(telegram.ann, FORGOT)) == 404


# Long answers


@pytest.fixture
async def writing(tmp_path, knowledge):
    """A service whose answer to FORGOT can be made as long as one likes: `write(4000)`."""
    entries = dict(knowledge.library.entries)

    def write(characters: int) -> None:
        sections = {"patient": "x" * characters, "hcp": "-", "safety": "Safe."}
        entries["missed-dose"] = knowledge.library.entries["missed-dose"].model_copy(update={"sections": sections})

    # Drafts: nobody has to sign what is written here.
    drafts = replace(knowledge, library=replace(knowledge.library, entries=entries, drafts=True))
    async with telegram_service(tmp_path / "data", drafts) as telegram:
        yield telegram, write


async def told_with(writing, characters: int) -> tuple[list[Told], TelegramService]:
    """What somebody is told who asks for an answer of so many characters."""
    telegram, write = writing
    write(characters)
    person = await telegram.regular(f"Reader of {characters}")
    person.says(FORGOT)
    await telegram.quiet()
    return person.told, telegram


async def test_an_answer_is_split_before_its_references_only_where_it_would_be_too_long(writing):
    (short,), _ = await told_with(writing, 1)
    longest = LIMIT - len(short.text) + 1
    (whole,), _ = await told_with(writing, longest)
    assert len(whole.text) == LIMIT
    (answer, references), telegram = await told_with(writing, longest + 1)
    assert answer.text == f"{'x' * (longest + 1)}\n\nSafe."
    assert references.text.startswith("missed-dose, version")
    assert (answer.buttons, len(references.buttons)) == ([], 3)
    assert f"{answer.text}\n\n{references.text}" == whole.text.replace("x" * longest, "x" * (longest + 1))


async def test_an_answer_that_cannot_be_shown_whole_goes_to_a_person_and_the_requester_is_told(writing):
    unit = LIMIT - len("\n\nSafe.")
    (answer, _), _ = await told_with(writing, unit)
    assert len(answer.text) == LIMIT
    (told,), telegram = await told_with(writing, unit + 1)
    (case,) = await telegram.desk.cases()
    assert case.labels == ("unapproved",)
    withdrawn = telegram.app.shelf.knowledge.library.wordings["withdrawn", "en"].body
    assert told.text == " ".join(withdrawn.split())
