"""The questions after a report on each channel, and their answers on the desk page and in Slack."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from serving import RASH, Requester, Specialist
from slack_cards import a_card, shown, wrote
from telegram_service import TelegramService, telegram_service

from channels.console import ConsoleChannel
from escalation.answers import CardAnswer
from escalation.slack_cards import card_post
from escalation.slack_lines import line_posts

pytestmark = pytest.mark.asyncio(loop_scope="module")

SINCE = "Zelvanta, since <b>March</b>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(tmp_path_factory, knowledge) -> AsyncIterator[TelegramService]:
    async with telegram_service(tmp_path_factory.mktemp("questions"), knowledge) as telegram:
        yield telegram


async def test_on_telegram_each_button_works_and_one_pressed_again_changes_nothing(telegram):
    ann = await telegram.regular()
    ann.says(RASH)
    report = await telegram.hears("wording/adverse-event.en", ann)
    for _ in range(2):
        ann.presses(telegram.label("follow-up"), report)
    patient = await telegram.hears("wording/follow-up-patient.en", ann)
    for answer in ("yes", "no", "yes"):
        ann.presses(telegram.label(f"follow-up-{answer}"), patient)
    await telegram.hears("wording/follow-up-product.en", ann)
    ann.says(SINCE)
    await telegram.hears("wording/follow-up-contact.en", ann)
    ann.presses(telegram.label("follow-up-no"))
    await telegram.hears("wording/follow-up-thanks.en", ann)
    await telegram.quiet()
    (case,) = await telegram.cases(ann)
    assert [(given.question, given.answer) for given in case.questions.given] == [
        *(("patient", "yes"), ("patient", "no"), ("patient", "yes"), ("product", "words"), ("contact", "no"))
    ]
    assert (ann.toasts, ann.unanswered) == ([telegram.label("already-pressed")], set())
    assert len(await telegram.sources(ann)) == 5


async def test_on_telegram_a_button_of_somebody_else_or_of_nobody_is_stale(telegram):
    ann, ben = await telegram.regular(), await telegram.regular()
    ben.says(RASH)
    offered = (await telegram.hears("wording/adverse-event.en", ben)).keyboard[0][0]["callback_data"]
    ann.says(RASH)
    await telegram.hears("wording/adverse-event.en", ann)
    ann.presses_data(offered)
    ann.presses_data(offered.replace(":0", ":1"))
    await telegram.hears("wording/stale.en", ann, times=2)
    for case in (*await telegram.cases(ann), *await telegram.cases(ben)):
        assert case.questions.asked == ()


async def test_on_telegram_an_app_in_another_language_does_not_change_that_of_the_questions(telegram):
    ann = await telegram.regular(language_code="fr")
    ann.says("Seit ich Zelvanta nehme, habe ich starken Hautausschlag")
    await telegram.hears("wording/adverse-event.de", ann)
    ann.presses(telegram.label("follow-up", "de"))
    await telegram.hears("wording/follow-up-patient.de", ann)
    ann.presses(telegram.label("follow-up-end", "de"))
    await telegram.hears("wording/follow-up-thanks.de", ann)


async def test_on_the_page_they_are_asked_and_the_desk_shows_the_answers_escaped(telegram):
    async with Requester(telegram.url) as ann, Specialist(telegram.url) as rao:
        await ann.says(RASH)
        await ann.presses(await ann.hears("drug safety team"), "follow-up")
        await ann.presses(await ann.hears("Question 1 of 3"), "follow-up-yes")
        await ann.hears("Question 2 of 3")
        await ann.says(SINCE)
        await ann.presses(await ann.hears("Question 3 of 3"), "follow-up-yes")
        await ann.hears("I have no more questions")
        case = await rao.sees('May a specialist come back to them?</dt><dd dir="auto">Yes', "&lt;b&gt;March")
        card = await rao.card(case)
        assert "We asked: Which product, and since when?" in card
        assert "<b>March" not in card
        assert "[pressed" not in card


async def test_in_the_terminal_a_number_answers(telegram):
    shown_lines: list[str] = []
    app = telegram.app
    terminal = ConsoleChannel(
        app.database, app.inbox, telegram.clock, show=shown_lines.append, conversation="console:q"
    )
    app.join(terminal)
    await terminal.say("hello")  # the first-contact text has a button of its own, which would be the latest
    await terminal.answered()
    for typed, expected in ((RASH, "1) Answer three short questions"), ("1", "Question 1 of 3"), ("1", "Question 2")):
        await terminal.say(typed)
        await terminal.answered()
        assert any(expected in text for text in shown_lines)
    await terminal.say("no thank you")
    await terminal.answered()
    assert "no more questions" in shown_lines[-1]


async def test_slack_shows_the_answers_on_the_card_and_what_was_asked_above_the_words():
    answers = (CardAnswer("Is there a patient with this?", "Yes"), CardAnswer("Which product, and since when?", SINCE))
    card = a_card(wrote(2, SINCE, text="We asked: Which product, and since when?"), answers=answers)
    words = shown(card_post(card))
    assert "Is there a patient with this? Yes\n" in words
    assert f"Which product, and since when? {SINCE}\n" in words
    (post,) = line_posts(card)
    assert "We asked: Which product, and since when?\n" in shown(post)
