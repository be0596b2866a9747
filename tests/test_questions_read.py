"""Triage reads every answer to a question about a report, and whatever happens to one, it is on the case."""

import asyncio

from asking import EMERGENCY, SINCE, answered, asked_for_the_product, the_card


async def given_up(service) -> None:
    """Lets the time of all retries pass."""
    async with asyncio.timeout(20):
        while not any("inbox" in each for each in await service.app.not_ready()):
            service.clock.advance(minutes=5)
            service.app.database.bell.ring("clock")
            await asyncio.sleep(0.01)


async def test_an_emergency_in_an_answer_gets_the_emergency_text_and_no_further_question(service):
    await asked_for_the_product(service)
    await service.requester.says(EMERGENCY)
    await service.requester.hears("wording/emergency.en")
    case = await answered(service, "Yes", EMERGENCY)
    assert (case.labels[0], case.priority, case.questions.waiting) == ("emergency", "urgent", None)
    assert "wording/follow-up-contact.en" not in service.requester.sources()


async def test_an_emergency_told_in_another_language_is_answered_in_it(service):
    await asked_for_the_product(service)
    await service.requester.says("jetzt bekomme ich keine Luft mehr")
    await service.requester.hears("wording/emergency.de")


async def test_an_answer_that_the_bot_fails_on_goes_to_a_person_and_ends_the_questions(service, monkeypatch):
    await asked_for_the_product(service)
    monkeypatch.setattr("smi_bot.receiving.decide", lambda *_: 1 / 0)
    await service.requester.says(SINCE)
    await given_up(service)
    (case,) = await service.desk.cases()
    assert case.questions.waiting is None


async def test_a_mere_suspicion_in_an_answer_is_no_evidence_of_the_report_it_answers_for(service):
    suspected = "Zelvanta since March and I am not the person I was"
    await asked_for_the_product(service)
    await service.requester.says(suspected)
    await service.requester.hears("wording/follow-up-contact.en")
    case = await answered(service, "Yes", suspected)
    assert {each["rule"] for each in case.evidence}.isdisjoint({"second-opinion"})


async def test_a_new_symptom_in_an_answer_is_on_the_case_with_its_words_and_the_questions_go_on(service):
    await asked_for_the_product(service)
    await service.requester.says("Zelvanta since March, and since May I have been vomiting")
    await service.requester.hears("wording/follow-up-contact.en")
    assert "wording/added-to-case.en" in service.requester.sources()
    case = await answered(service, "Yes", "Zelvanta since March, and since May I have been vomiting")
    found = next(label for label in (await the_card(service, case)).labels if label.label == "adverse-event")
    assert any("vomiting" in words for words in found.evidence)
    assert (case.reports, case.priority) == (2, "high")  # we asked for it: nobody is getting worse unseen


async def test_another_kind_of_report_in_an_answer_gets_its_own_text(service):
    await asked_for_the_product(service)
    await service.requester.says("Zelvanta, I am pregnant and took it until yesterday")
    await service.requester.hears("wording/special-situation.en")
    await service.requester.hears("wording/follow-up-contact.en")
    assert "special-situation" in (await service.desk.cases())[0].labels


async def test_hostile_and_endless_answers_are_kept_and_masked_like_any_message(service):
    await asked_for_the_product(service)
    await service.requester.says("Zelvanta <script> call +1 202-555-0143 " + "x" * 9000)
    await service.requester.hears("wording/follow-up-contact.en")
    (case,) = await service.desk.cases()
    shown = (await the_card(service, case)).answers[-1].answer
    assert "<script>" in shown
    assert "555-0143" not in shown
