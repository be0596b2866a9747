"""Three short questions after a report of a side effect: who answers, refuses, stops in the middle or comes back late."""

import asyncio
import json

import pytest
import sqlalchemy as sa
from asking import EMERGENCY, REPORTS, SINCE, answered, asked, asked_for_contact, asked_for_the_product, press, the_card
from commands import command
from serving import FORGOT, RASH

from smi_bot.inquiry import Action
from smi_bot.journal import JournalRow
from smi_bot.receiving import enqueue

# The way through


@pytest.mark.parametrize("language", REPORTS)
async def test_the_acknowledgement_offers_three_questions_which_are_asked_in_its_language(service, language):
    patient = await asked(service, language)
    await press(service, patient, "follow-up-yes")
    await service.requester.hears(f"wording/follow-up-product.{language}")
    await service.requester.says(SINCE)
    contact = await service.requester.hears(f"wording/follow-up-contact.{language}")
    await press(service, contact, "follow-up-no")
    await service.requester.hears(f"wording/follow-up-thanks.{language}")
    case = await answered(service, "Yes", SINCE, "No")
    assert [given.question for given in case.questions.given] == ["patient", "product", "contact"]
    assert case.priority == "high"


async def test_the_thread_tells_what_was_asked_and_answered_and_no_answer_is_taken_for_a_question(service):
    await press(service, await asked_for_contact(service), "follow-up-yes")
    await service.requester.hears("wording/follow-up-thanks.en")
    case = await answered(service, "Yes", SINCE, "Yes")
    lines = [line for line in (await the_card(service, case)).thread if line.kind == "message"][1:]
    assert [line.text for line in lines] == [
        "We asked: Is there a patient with this? Yes.",
        "We asked: Which product, and since when?",
        "We asked: May a specialist come back to them? Yes.",
    ]
    assert [[said.text for said in line.said] for line in lines] == [[], [SINCE], []]
    assert "wording/unapproved.en" not in service.requester.sources()
    assert case.reports == 1


async def test_nothing_needs_to_be_pressed(service):
    await service.requester.says(RASH)
    await service.requester.hears("wording/adverse-event.en")
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    (case,) = await service.desk.cases()
    assert (case.questions.asked, (await the_card(service, case)).answers) == ((), ())


async def test_what_is_asked_is_nothing_but_a_patient_the_product_and_whether_to_come_back(service):
    said = [await asked(service)]
    await press(service, said[0], "follow-up-no")
    said.append(await service.requester.hears("wording/follow-up-product.en"))
    await service.requester.says(SINCE)
    said.append(await service.requester.hears("wording/follow-up-contact.en"))
    assert [[each.action.verb for each in one.buttons] for one in said] == [
        ["follow-up-yes", "follow-up-no", "follow-up-end"],
        ["follow-up-end"],
        ["follow-up-yes", "follow-up-no"],
    ]


# Refusing and leaving


async def test_who_wants_no_more_questions_is_thanked_and_asked_nothing(service):
    await press(service, await asked(service), "follow-up-end")
    await service.requester.hears("wording/follow-up-thanks.en")
    case = await answered(service, "Wants no more questions")
    assert case.questions.waiting is None


@pytest.mark.parametrize("refusal", ["no thank you", "skip", "stop", "nein danke", "Non merci", "no, gracias", "later"])
async def test_a_refusal_in_words_ends_the_questions_and_is_no_question(service, refusal):
    await asked_for_the_product(service)
    await service.requester.says(refusal)
    await service.requester.hears("wording/follow-up-thanks.en")
    assert (await answered(service, "Yes", "Wants no more questions")).questions.waiting is None


async def test_without_a_question_skip_is_read_as_ever(service):
    await asked(service)
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    await service.requester.says("skip", who="ben")
    await service.requester.hears("wording/clarify.en", who="ben")
    assert "wording/follow-up-thanks.en" not in service.requester.sources()


@pytest.mark.parametrize("said", [FORGOT, "thanks"])
async def test_who_asks_something_else_or_is_courteous_is_answered_and_asked_no_more(service, said):
    await asked(service)
    await service.requester.says(said)
    await service.requester.hears("zelvanta/missed-dose" if said == FORGOT else "wording/thanks.en")
    (case,) = await service.desk.sees(lambda cases: cases[0].questions.waiting is None)
    await service.requester.says("my daughter is six")
    await service.requester.hears("wording/unapproved.en")
    assert (case.questions.given, "wording/follow-up-product.en" in service.requester.sources()) == ((), False)


@pytest.mark.parametrize(("said", "wording"), [("I want to talk to a human", "human"), ("delete my data", "privacy")])
async def test_who_wants_a_person_or_their_rights_gets_that_and_is_asked_no_more(service, said, wording):
    await asked(service)
    await service.requester.says(said)
    await service.requester.hears(f"wording/{wording}.en")
    (case,) = await service.desk.sees(lambda cases: wording in cases[0].labels)
    assert case.questions.waiting is None


async def test_a_setting_or_the_notice_in_between_ends_nothing(service):
    await asked(service)
    await service.requester.presses(Action(verb="accept-notice", value="1"))
    await service.requester.says("/privacy")
    await service.requester.hears("wording/privacy-notice.en")
    await service.requester.says("yes, my mother")
    await service.requester.hears("wording/follow-up-product.en")
    await answered(service, "yes, my mother")


# Again, changed, late, forged


async def test_a_case_is_asked_about_once(service):
    await press(service, await asked(service), "follow-up-end")
    await service.requester.says("and now my skin is peeling since I took Zelvanta")
    again = await service.requester.hears("wording/added-to-case.en")
    assert again.buttons == ()
    first = next(said for said in service.requester.told() if said.source.startswith("wording/adverse-event"))
    await press(service, first, "follow-up")
    await service.requester.hears("wording/stale.en")
    assert service.requester.sources().count("wording/follow-up-patient.en") == 1


async def test_the_same_press_twice_is_one_answer_and_another_corrects_it_silently(service):
    patient = await asked(service)
    for _ in range(2):
        await press(service, patient, "follow-up-yes")
    await service.requester.hears("wording/follow-up-product.en")
    await press(service, patient, "follow-up-no")
    await service.desk.sees(lambda cases: len(cases[0].questions.given) == 2)
    case = await answered(service, "No")
    assert case.questions.waiting == "product"
    assert service.requester.sources().count("wording/follow-up-product.en") == 1


async def test_an_answer_that_comes_twice_counts_once(service):
    await asked_for_the_product(service)
    for _ in range(2):
        await service.requester.says(SINCE, key="fake:ann:the-same")
    await service.requester.hears("wording/follow-up-contact.en")
    assert (await answered(service, "Yes", SINCE)).questions.waiting == "contact"


async def changes(service, message: str, text: str) -> None:
    inquiry = service.requester.inquiry(text)
    await enqueue(service.app.inbox, inquiry.model_copy(update={"message": message, "edited": True}))


async def writes(service, message: str, text: str) -> None:
    await enqueue(service.app.inbox, service.requester.inquiry(text).model_copy(update={"message": message}))


async def test_a_changed_answer_corrects_it_and_answers_no_other_question(service):
    await asked_for_the_product(service)
    await writes(service, "m1", "Zelvanta since Mai")
    await service.requester.hears("wording/follow-up-contact.en")
    told = len(service.requester.told())
    await changes(service, "m1", "Zelvanta since May")
    await service.desk.sees(lambda cases: len(cases[0].questions.given) == 3)
    case = await answered(service, "Yes", "Zelvanta since May")
    assert (case.questions.waiting, len(service.requester.told())) == ("contact", told)


async def test_an_emergency_that_an_edit_adds_to_an_answer_is_answered_as_one(service):
    await asked_for_the_product(service)
    await writes(service, "m1", "Zelvanta since May")
    await service.requester.hears("wording/follow-up-contact.en")
    await changes(service, "m1", f"Zelvanta since May, {EMERGENCY}")
    await service.requester.hears("wording/emergency.en")


async def test_an_edit_of_what_was_said_before_is_no_answer(service):
    await writes(service, "m0", RASH)
    await press(service, await service.requester.hears("wording/adverse-event.en"), "follow-up")
    await service.requester.hears("wording/follow-up-patient.en")
    await changes(service, "m0", f"{RASH}, on both arms")
    (case,) = await service.desk.sees(lambda cases: sum(event.kind == "message" for event in cases[0].events) == 2)
    assert (case.questions.waiting, case.questions.given) == ("patient", ())


async def test_after_a_day_words_are_no_answer_but_a_button_still_is(service):
    patient = await asked(service)
    service.clock.advance(hours=25)
    await service.requester.says("my daughter is six")
    await service.requester.hears("wording/unapproved.en")
    assert (await service.desk.cases())[0].questions.given == ()
    await press(service, patient, "follow-up-yes")
    await service.requester.hears("wording/follow-up-thanks.en")
    await answered(service, "Yes")


async def test_once_a_specialist_is_there_the_bot_asks_no_more_and_an_answer_reaches_them_all_the_same(service):
    patient = await asked(service)
    (case,) = await service.desk.cases()
    await service.desk.presses("claim", case.id)
    await service.requester.hears("wording/specialist-joined.en")
    told = len(service.requester.told())
    await press(service, patient, "follow-up-yes")
    await answered(service, "Yes")
    await service.requester.says("my mother")
    await service.desk.sees(lambda cases: sum(event.kind == "message" for event in cases[0].events) == 3)
    assert (len(service.requester.told()), len((await service.desk.cases())[0].questions.given)) == (told, 1)


async def test_who_wants_to_be_asked_when_a_specialist_is_there_is_heard_by_them(service):
    await service.requester.says(RASH)
    said = await service.requester.hears("wording/adverse-event.en")
    (case,) = await service.desk.cases()
    await service.desk.presses("claim", case.id)
    await press(service, said, "follow-up")
    (case,) = await service.desk.sees(lambda cases: sum(event.kind == "message" for event in cases[0].events) == 2)
    assert case.questions.asked == ()


async def test_the_questions_of_a_closed_case_are_no_more_and_those_of_the_next_are_its_own(service):
    patient = await asked(service)
    (case,) = await service.desk.cases()
    await service.desk.presses("claim", case.id)
    await service.desk.presses("close", case.id, "forwarded-to-drug-safety", "")
    await press(service, patient, "follow-up-yes")
    await service.requester.hears("wording/stale.en")
    await service.requester.says("the rash from Zelvanta came back")
    await service.requester.hears("wording/adverse-event.en", times=2)
    await press(service, patient, "follow-up-yes")
    await service.requester.hears("wording/stale.en", times=2)
    _, second = await service.desk.cases()
    assert second.questions.given == ()


@pytest.mark.parametrize(
    "value", ["", "1", "1.", "2.patient", "1.contact", "1.product", "1.health", "01.patient", "x.y.z"]
)
async def test_a_press_that_nobody_was_offered_is_stale_and_answers_nothing(service, value):
    await asked(service)
    await service.requester.presses(Action(verb="follow-up-yes", value=value))
    await service.requester.hears("wording/stale.en")
    (case,) = await service.desk.cases()
    assert (case.questions.waiting, case.questions.given) == ("patient", ())


async def test_whoever_has_no_case_is_asked_nothing(service):
    await service.requester.presses(Action(verb="follow-up", value="1.en"))
    await service.requester.hears("wording/stale.en")
    await service.requester.says(RASH, who="ben")
    await service.requester.hears("wording/adverse-event.en", who="ben")
    await service.requester.presses(Action(verb="follow-up", value="1.en"), who="cem")
    await service.requester.hears("wording/stale.en", who="cem")


async def test_a_restart_between_question_and_answer_forgets_nothing(open_service):
    async with open_service() as service:
        await asked_for_the_product(service)
    async with open_service() as service:
        await service.requester.says(SINCE, key="fake:ann:after-the-restart")
        await service.requester.hears("wording/follow-up-contact.en")
        await answered(service, "Yes", SINCE)


async def test_a_flood_of_presses_is_answered_once_and_fills_no_case(service):
    patient = await asked(service)
    for number in range(40):
        await press(service, patient, "follow-up-yes" if number % 2 else "follow-up-no")
    await service.requester.hears("wording/slow-down.en")
    (case,) = await service.desk.cases()
    assert len(case.questions.given) <= service.app.shelf.knowledge.flood_limit


async def test_decisions_on_answers_are_computed_again_the_same(service, monkeypatch):
    await press(service, await asked_for_contact(service), "follow-up-no")
    await service.requester.hears("wording/follow-up-thanks.en")
    monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
    for number in ("1", "2", "3", "4", "5"):
        ended = await asyncio.to_thread(command, "explain", number, knowledge=service.app.shelf.knowledge)
        assert (ended.code, ended.lines[-1]) == (0, "computed again: the same decision"), ended.out
    shown = json.loads("\n".join(ended.lines[:-1]))
    assert (shown["decision"]["action"], shown["decision"]["answers"]) == ("follow-up", "contact")


async def test_the_journal_holds_no_word_of_an_answer(service):
    await asked_for_contact(service)
    async with service.app.database.reading() as tx:
        bodies = (await tx.execute(sa.select(JournalRow.body))).scalars().all()
    assert "March" not in json.dumps(bodies)
