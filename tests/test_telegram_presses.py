"""Commands and buttons in private chats. One service, which polls, on SQLite; whatever is pressed, no button's wheel
is left turning: the requester of each test looks at that in the end."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bot_api_people import Person
from bot_api_world import Told
from serving import FORGOT, PNG, Specialist
from telegram_service import TelegramService, telegram_service

from smi_bot.assistant import COMMANDS
from smi_bot.durable.rows import InboxRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNCLEAR = "how long does it take"
#: What each command is answered with.
SAID = {
    "/start": "greeting",
    "/help": "help",
    "/settings": "settings",
    "/specialist": "human",
    "/privacy": "privacy-notice",
    "/delete": "delete-ask",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(tmp_path_factory, knowledge) -> AsyncIterator[TelegramService]:
    async with telegram_service(tmp_path_factory.mktemp("telegram"), knowledge) as telegram:
        yield telegram


@pytest_asyncio.fixture(loop_scope="module")
async def ann(telegram) -> AsyncIterator[Person]:
    ann = await telegram.regular("Ann")
    yield ann
    await telegram.quiet()
    assert ann.unanswered == set()


@pytest_asyncio.fixture(loop_scope="module")
async def answer(telegram, ann) -> Told:
    """An answer that Ann got, with its buttons."""
    ann.says(FORGOT)
    return await telegram.hears("zelvanta/missed-dose", ann)


def data(told: Told, label: str) -> str:
    """What a button carries."""
    (found,) = [button["callback_data"] for row in told.keyboard for button in row if button["text"] == label]
    return str(found)


# Commands


async def test_there_is_an_expectation_for_each_command():
    assert set(SAID) == set(COMMANDS)


@pytest.mark.parametrize("name", ["{}", " {}@SMI_Test_Bot "])
async def test_each_command_is_answered_with_its_text_by_whatever_name_it_is_called(telegram, ann, name):
    for command, wording in SAID.items():
        ann.says(name.format(command))
        await telegram.hears(f"wording/{wording}.en", ann)
    assert {inquiry.prompted_by for inquiry in await telegram.inquiries(ann)} == {"menu"}


async def test_commands_may_be_shouted(telegram, ann):
    ann.says("/HELP")
    await telegram.hears("wording/help.en", ann)


@pytest.mark.parametrize("command", ["/help@other_bot", "/refund", "/start@other_bot leaflet"])
async def test_what_is_no_command_of_ours_is_a_message_like_any_other(telegram, ann, command):
    ann.says(command)
    await telegram.hears("wording/unapproved.en", ann)
    assert (await telegram.state(ann)).came_from is None


@pytest.mark.parametrize("text", ["/help I have chest pain", "/start I have chest pain", "/help\nI have chest pain"])
async def test_a_command_does_not_hide_what_stands_behind_it(telegram, ann, text):
    ann.says(text)
    await telegram.hears("wording/emergency.en", ann)
    assert [inquiry.text for inquiry in await telegram.inquiries(ann)] == [text]


async def test_by_which_link_somebody_came_first_is_remembered(telegram):
    new = telegram.api.person("Nell")
    new.starts("leaflet-2026_b")
    await telegram.hears("wording/greeting.en", new)
    assert (await telegram.sources(new))[:2] == ["wording/first-contact.en", "wording/greeting.en"]
    new.starts("poster")
    await telegram.hears("wording/greeting.en", new, times=2)
    assert (await telegram.state(new)).came_from == "leaflet-2026_b"
    await telegram.quiet()


async def test_a_word_that_tells_of_danger_is_read_even_where_the_word_of_a_link_stands(telegram, ann):
    ann.says("/start suicide")
    await telegram.hears("wording/self-harm.en", ann)


async def test_who_starts_without_a_link_came_from_nowhere(telegram, ann):
    ann.starts()
    await telegram.hears("wording/greeting.en", ann)
    assert (await telegram.state(ann)).came_from is None


async def test_the_menu_is_registered_for_private_chats_in_four_languages(telegram):
    await telegram.api.until(lambda: len(telegram.api.commands) == 4)
    for (scope, language), menu in telegram.api.commands.items():
        assert scope == "all_private_chats"
        expected = {c.removeprefix("/"): telegram.label(f"command-{c.removeprefix('/')}", language) for c in COMMANDS}
        assert {each["command"]: each["description"] for each in menu} == expected
    assert {language for _, language in telegram.api.commands} == {"", "de", "fr", "es"}


async def test_whose_app_is_german_gets_german_service_texts_and_buttons(telegram):
    uwe = await telegram.regular("Uwe", language_code="de-AT")
    for command, wording in SAID.items():
        uwe.says(command)
        told = await telegram.hears(f"wording/{wording}.de", uwe)
        if command == "/help":
            assert told.buttons == [telegram.label("specialist", "de")]
    uwe.presses(telegram.label("delete-cancel", "de"))
    await telegram.hears("wording/delete-cancelled.de", uwe)
    uwe.presses(telegram.label("delete-cancel", "de"))
    await telegram.quiet()
    assert uwe.toasts == [telegram.label("already-pressed", "de")]


@pytest.mark.parametrize("language_code", ["", "tlh", "\ud800\0"])
async def test_whose_app_speaks_something_else_gets_english(telegram, language_code):
    person = await telegram.regular("Pat", language_code=language_code)
    person.says("/help")
    await telegram.hears("wording/help.en", person)
    person.sends_document(content=b"MZ a program")
    await telegram.hears("wording/file-type.en", person)


# Buttons


async def test_who_picks_a_suggested_question_gets_its_answer_and_the_record_says_who_suggested_it(telegram, ann):
    ann.says(UNCLEAR)
    clarify = await telegram.hears("wording/clarify.en", ann)
    assert clarify.buttons[-2:] == [telegram.label("none-of-these"), telegram.label("specialist")]
    ann.presses(telegram.title("time-to-effect"))
    await telegram.hears("zelvanta/time-to-effect", ann)
    asked, picked = await telegram.inquiries(ann)
    assert (asked.prompted_by, picked.prompted_by) == ("nothing", "suggestion")


async def test_who_finds_no_suggestion_right_gets_a_person_who_sees_the_question(telegram, ann):
    ann.says(UNCLEAR)
    await telegram.hears("wording/clarify.en", ann)
    ann.presses(telegram.label("none-of-these"))
    await telegram.hears("wording/unapproved.en", ann)
    (case,) = await telegram.cases(ann)
    async with Specialist(telegram.url) as specialist:
        assert UNCLEAR in await specialist.card(case.id)


@pytest.mark.parametrize(
    ("label", "said"),
    [("helpful", "helpful-thanks"), ("not-helpful", "not-helpful"), ("specialist", "human")],
)
async def test_each_button_under_an_answer_does_what_it_says(telegram, ann, answer, label, said):
    ann.presses(telegram.label(label))
    await telegram.hears(f"wording/{said}.en", ann)
    assert len(await telegram.cases(ann)) == (label == "specialist")


@pytest.mark.parametrize("label", ["helpful", "not-helpful"])
async def test_what_is_pressed_twice_happens_once_and_is_said_to_be_known(telegram, ann, answer, label):
    for _ in range(3):
        ann.presses(telegram.label(label), answer)
    await telegram.quiet()
    assert len(await telegram.sources(ann)) == 2
    assert ann.toasts == 2 * [telegram.label("already-pressed")]


async def test_a_suggestion_that_is_picked_twice_is_answered_once(telegram, ann):
    ann.says(UNCLEAR)
    clarify = await telegram.hears("wording/clarify.en", ann)
    for _ in range(2):
        ann.presses(telegram.title("time-to-effect"), clarify)
    await telegram.quiet()
    assert (await telegram.sources(ann)).count("zelvanta/time-to-effect") == 1
    assert ann.toasts == [telegram.label("already-pressed")]


async def test_role_and_country_are_asked_for_once_and_can_be_changed_again_and_again(telegram):
    new = telegram.api.person("Nell")
    new.says(FORGOT)
    notice = await telegram.hears("wording/first-contact.en", new)
    await telegram.hears("wording/ask-audience.en", new)
    new.presses(telegram.label("accept-notice"), notice)
    await telegram.hears("wording/notice-thanks.en", new)
    new.presses(telegram.label("audience-hcp"))
    await telegram.hears("wording/ask-country.en", new)
    new.presses(telegram.label("country-DE"))
    await telegram.hears("wording/country-saved.en", new)
    known = await telegram.state(new)
    assert (known.audience, known.country, known.notice_accepted) == ("hcp", "DE", known.notice_version)
    new.says("/settings")
    settings = await telegram.hears("wording/settings.en", new)
    for times, role in enumerate(["patient", "hcp", "patient"], start=2):
        new.presses(telegram.label(f"audience-{role}"), settings)
        await telegram.hears("wording/audience-saved.en", new, times=times)
    assert (await telegram.state(new)).audience == "patient"
    await telegram.quiet()
    assert (new.toasts, new.unanswered) == ([], set())


async def test_a_button_under_a_message_that_telegram_no_longer_shows_still_works(telegram, ann, answer):
    ann.presses_data(data(answer, telegram.label("helpful")))
    await telegram.hears("wording/helpful-thanks.en", ann)


async def test_a_press_that_can_no_longer_be_answered_still_counts(telegram, ann, answer):
    telegram.api.on_call = lambda method, when: (
        telegram.api.forget_presses() if method == "answerCallbackQuery" and when == "before" else None
    )
    ann.presses(telegram.label("helpful"))
    await telegram.hears("wording/helpful-thanks.en", ann)
    await telegram.quiet()
    telegram.api.on_call = None
    assert [call.outcome for call in telegram.api.called("answerCallbackQuery")][-1] == "refused 400"
    ann.unanswered.clear()


# Forged presses


FORGED = (
    *("{reply}:3", "{reply}:99", "{reply}:-1", "{reply}:", "{reply}", "{reply}:0:0", "{reply}x:0", "{reply}:٠"),
    *("{reply}:00", " {reply}:0", "{reply}:0\n", "{reply}\0:0", "\0:0", "\ud800:0", ":0", "x", "\0", "' OR 1=1 --:0"),
)


@pytest.mark.parametrize("forged", FORGED)
async def test_data_that_no_button_carries_is_stale_and_nothing_else_happens(telegram, ann, answer, forged):
    reply = data(answer, telegram.label("helpful")).removesuffix(":0")
    ann.presses_data(forged.format(reply=reply) if "{" in forged else forged, answer)
    await telegram.hears("wording/stale.en", ann)
    assert (await telegram.inquiries(ann))[-1].action.verb == "stale"


async def test_any_bytes_that_are_no_words_are_stale(telegram, ann):
    """Words behind a forged button are read as any others (`test_ways_in.py`)."""
    for seed in range(8):
        noise = random.Random(seed).randbytes(128).decode("latin-1")
        ann.presses_data("".join(c for c in noise if not c.isalpha())[:32])
    await telegram.hears("wording/stale.en", ann, times=8)


async def test_a_button_from_somebody_elses_chat_is_stale_and_does_nothing_there(telegram, ann):
    ben = await telegram.regular("Ben")
    ben.says(FORGOT)
    ben.says("/delete")
    asked = await telegram.hears("wording/delete-ask.en", ben)
    for label in ("delete-confirm", "delete-cancel"):
        ann.presses_data(data(asked, telegram.label(label)))
    await telegram.hears("wording/stale.en", ann, times=2)
    ann.presses_data(data(await telegram.hears("zelvanta/missed-dose", ben), telegram.label("specialist")))
    await telegram.quiet()
    assert await telegram.cases(ben) == []
    assert [inquiry.text for inquiry in await telegram.inquiries(ben)] == [FORGOT, "/delete"]
    assert await telegram.sources(ben) == ["zelvanta/missed-dose", "wording/delete-ask.en"]


async def test_a_specialists_reply_has_no_buttons_to_be_forged(telegram, ann):
    ann.sends_photo(content=PNG)
    case = await telegram.case(person=ann)
    await telegram.desk.presses("claim", case.id)
    await telegram.desk.replies(case.id, "Which tablets?")
    await telegram.hears("specialist", ann)
    (replied,) = [event.id for event in (await telegram.cases(ann))[0].events if event.kind == "replied"]
    ann.presses_data(f"s{replied}:0")
    await telegram.hears("wording/stale.en", ann)


async def test_a_press_in_a_group_does_nothing_but_end_the_wheel(telegram, ann, answer):
    group = telegram.api.group("Patients")
    before = len(await telegram.rows(InboxRow))
    ann.at(group).presses_data(data(answer, telegram.label("helpful")))
    await telegram.api.until(lambda: not ann.unanswered)
    await telegram.quiet()
    assert len(await telegram.rows(InboxRow)) == before
    assert ann.toasts == [telegram.label("stale-press")]
