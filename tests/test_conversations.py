"""Conversations as a requester and a specialist live them, on both databases."""

import asyncio

import pytest
import sqlalchemy as sa
from serving import FORGOT, RASH

from smi_bot import journal
from smi_bot.conversations import ConversationRow
from smi_bot.errors import NotAllowed, Refused, TryAgain
from smi_bot.inquiry import Action


async def test_an_approved_question_gets_its_approved_answer_with_feedback_buttons(service):
    await service.requester.says(FORGOT)
    answer = await service.requester.hears("zelvanta/missed-dose")
    assert "fewer than 12 hours late" in answer.markdown
    assert "missed-dose, version 1, approved 2026-" in answer.markdown
    assert "References" in answer.markdown
    assert [button.action.verb for button in answer.buttons] == ["helpful", "not-helpful", "specialist"]
    assert await service.desk.cases() == []


async def test_first_contact_explains_itself_once_and_asks_audience_and_country_once(service):
    await service.requester.says(FORGOT)
    await service.requester.hears("wording/ask-audience.en")
    assert service.requester.sources() == [
        "wording/first-contact.en",
        "zelvanta/missed-dose",
        "wording/ask-audience.en",
    ]
    await service.requester.presses(Action(verb="audience", value="hcp"))
    await service.requester.hears("wording/ask-country.en")
    await service.requester.presses(Action(verb="country", value="DE"))
    await service.requester.hears("wording/country-saved.en")
    await service.requester.says(FORGOT)
    answer = await service.requester.hears("zelvanta/missed-dose", times=2)
    assert "section" in answer.markdown
    assert service.requester.sources().count("wording/first-contact.en") == 1
    assert service.requester.sources().count("wording/ask-audience.en") == 1


async def test_acceptance_of_the_notice_is_journalled_with_its_version(service):
    await service.requester.says(FORGOT)
    notice = await service.requester.hears("wording/first-contact.en")
    await service.requester.presses(notice.buttons[0].action)
    await service.requester.hears("wording/notice-thanks.en")
    async with service.app.database.reading() as tx:
        row = (await tx.execute(sa.select(ConversationRow))).scalar_one()
        pressed = (
            await tx.execute(sa.select(journal.JournalRow).where(journal.JournalRow.kind == "pressed"))
        ).scalars()
        assert row.notice_accepted == row.notice_version == 1
        assert [(entry.body["verb"], entry.body["value"]) for entry in pressed] == [("accept-notice", "1")]


async def test_a_side_effect_is_acknowledged_before_the_notice_and_opens_a_case_at_once(service):
    await service.requester.says(RASH)
    await service.requester.hears("wording/first-contact.en")
    assert service.requester.sources() == ["wording/adverse-event.en", "wording/first-contact.en"]
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert (case.status, case.priority, case.labels[0]) == ("open", "high", "adverse-event")


async def test_a_specialist_claims_replies_and_the_requester_hears_it_once(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.requester.hears("wording/specialist-joined.en")
    for _ in range(2):
        await service.desk.replies(case.id, "Please show it to a doctor today.", id="the-same-press")
    reply = await service.requester.hears("specialist")
    assert reply.markdown == "Please show it to a doctor today\\."
    await service.requester.says("thank you", key="fake:ann:later")
    await service.desk.sees(lambda cases: sum(e.kind == "message" for e in cases[0].events) == 2)
    assert service.requester.sources().count("specialist") == 1


async def test_while_a_specialist_holds_the_case_the_bot_is_silent_but_triage_is_not(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.requester.says(FORGOT)
    await service.desk.sees(lambda cases: sum(e.kind == "message" for e in cases[0].events) == 2)
    await service.requester.says("my throat is swelling and I can't breathe")
    await service.requester.hears("wording/emergency.en")
    (case,) = await service.desk.sees(lambda cases: cases[0].priority == "urgent")
    assert "zelvanta/missed-dose" not in service.requester.sources()
    assert case.labels[0] == "emergency"


async def test_a_case_that_nobody_claimed_does_not_silence_the_bot(service):
    await service.requester.says(RASH)
    await service.desk.sees(lambda cases: len(cases) == 1)
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")


async def test_emergency_text_goes_out_in_every_state_of_a_conversation(service):
    await service.requester.says("I want to kill myself")
    await service.requester.hears("wording/self-harm.en")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert case.priority == "urgent"
    await service.desk.presses("claim", case.id)
    await service.requester.says("I can't breathe")
    await service.requester.hears("wording/emergency.en")
    await service.desk.presses("close", case.id, "answered", "")
    await service.requester.says("I can't breathe")
    await service.requester.hears("wording/emergency.en", times=2)


async def test_a_second_report_joins_the_open_case_and_raises_its_priority(service):
    await service.requester.says(RASH)
    await service.desk.sees(lambda cases: len(cases) == 1)
    await service.requester.says("now I have been vomiting since I took Zelvanta")
    (case,) = await service.desk.sees(lambda cases: cases[0].reports == 2)
    assert case.priority == "urgent"
    await service.requester.hears("wording/added-to-case.en")


async def test_a_message_after_closing_opens_a_linked_case(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.desk.presses("close", case.id, "forwarded-to-drug-safety", "sent to PV")
    await service.requester.hears("wording/case-closed.en")
    await service.requester.says("the rash from Zelvanta came back")
    _, second = await service.desk.sees(lambda cases: len(cases) == 2)
    assert second.previous == case.id


async def test_two_specialists_claim_at_once_and_one_owns_it(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    results = await asyncio.gather(
        *(service.desk.presses("claim", case.id, by=name) for name in ("Rao", "Ito")), return_exceptions=True
    )
    (refusal,) = [result for result in results if result is not None]
    (case,) = await service.desk.cases()
    assert str(refusal) == f"SMI-{case.id} is already claimed by {case.owner}."


async def test_only_the_owner_replies_releases_and_closes(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    with pytest.raises(NotAllowed, match="Claim SMI-"):
        await service.desk.replies(case.id, "too early")
    await service.desk.presses("claim", case.id)
    for press in (("reply", "hello", "reply-x"), ("release",), ("close", "answered", ""), ("label", ["human"])):
        with pytest.raises(NotAllowed, match="Only its owner, Dr. Rao"):
            await service.desk.presses(press[0], case.id, *press[1:], by="Ito")


async def test_an_internal_note_stays_inside_until_its_author_sends_it_once(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.desk.presses("claim", case.id)
    await service.desk.presses("note", case.id, "Ask which lot.", "note-0001")
    (case,) = await service.desk.cases()
    note = next(event for event in case.events if event.kind == "noted")
    assert note.audience == "internal"
    with pytest.raises(NotAllowed):
        await service.desk.presses("send_note", case.id, note.id, by="Ito")
    for _ in range(2):
        await service.desk.presses("send_note", case.id, note.id)
    await service.requester.hears("specialist")
    await service.requester.says(FORGOT)
    await service.desk.sees(lambda cases: sum(e.kind == "message" for e in cases[0].events) == 2)
    assert service.requester.sources().count("specialist") == 1


async def test_a_close_match_is_offered_and_the_chosen_answer_sent(service):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    await service.requester.presses(Action(verb="answer", value="storage-temperature"))
    await service.requester.hears("zelvanta/storage-temperature")


async def test_a_chosen_answer_that_is_not_meant_for_this_requester_goes_to_a_person(service):
    await service.requester.presses(Action(verb="answer", value="pharmacokinetics"))
    await service.desk.sees(lambda cases: len(cases) == 1)
    assert "zelvanta/pharmacokinetics" not in service.requester.sources()


async def test_who_asks_for_a_specialist_by_button_gets_one_with_what_was_asked_before(service):
    await service.requester.says(FORGOT)
    answer = await service.requester.hears("zelvanta/missed-dose")
    await service.requester.presses(answer.buttons[2].action)
    await service.requester.hears("wording/human.en")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    message = next(event for event in case.events if event.kind == "message")
    assert case.labels == ("human",)
    assert len(message.body["messages"]) == 2


async def test_feedback_is_thanked_for_and_a_no_offers_a_specialist(service):
    await service.requester.presses(Action(verb="helpful"))
    await service.requester.hears("wording/helpful-thanks.en")
    await service.requester.presses(Action(verb="not-helpful"))
    sorry = await service.requester.hears("wording/not-helpful.en")
    assert [button.action.verb for button in sorry.buttons] == ["specialist"]


async def test_commands_are_typed_buttons(service):
    await service.requester.says("/settings")
    settings = await service.requester.hears("wording/settings.en")
    assert {button.action.verb for button in settings.buttons} == {"audience", "country"}
    await service.requester.says(" /Specialist ")
    await service.requester.hears("wording/human.en")


async def test_messages_of_one_burst_are_answered_together(open_service):
    async with open_service(burst_pause=1.0) as service:
        for text in ("hi", "zelvanta", "how should I store the tablets"):
            await service.requester.says(text)
        service.clock.advance(seconds=1.1)
        service.app.database.bell.ring("clock")
        await service.requester.hears("zelvanta/storage-temperature")
        assert "wording/greeting.en" not in service.requester.sources()


async def test_a_safety_signal_does_not_wait_for_the_rest_of_its_burst(open_service):
    async with open_service(burst_pause=30) as service:
        await service.requester.says("hi")
        await service.requester.says(RASH)
        await service.requester.hears("wording/adverse-event.en")


async def test_a_platform_that_refuses_for_a_while_gets_everything_afterwards_in_order(service):
    service.requester.troubles = [TryAgain("429", after=5), TryAgain("503"), TryAgain("connection lost")]
    for _ in range(3):
        await service.requester.says(FORGOT)
    while service.requester.troubles:
        service.clock.advance(seconds=30)
        service.app.database.bell.ring("clock")
        await asyncio.sleep(0.01)
    for _ in range(20):
        service.clock.advance(seconds=60)
        service.app.database.bell.ring("clock")
        await asyncio.sleep(0.01)
    await service.requester.hears("zelvanta/missed-dose")
    ids = [rendered.reply for rendered in service.requester.told()]
    assert ids == sorted(set(ids), key=lambda id: tuple(int(part) for part in id[1:].split(".")))


async def test_a_reply_the_platform_refuses_for_good_shows_on_the_case_and_can_be_sent_again(service):
    await service.requester.says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    await service.requester.hears("wording/first-contact.en")
    await service.desk.presses("claim", case.id)
    await service.requester.hears("wording/specialist-joined.en")
    service.requester.troubles = [Refused("blocked by the person")]
    await service.desk.replies(case.id, "Are you well?")
    event = await _failed_reply(service, case.id)
    await service.desk.presses("retry", case.id, event)
    await service.requester.hears("specialist")


async def _failed_reply(service, case: int) -> int:
    from escalation import store

    async with asyncio.timeout(20):
        while True:
            (found,) = await service.desk.cases()
            event = next(e.id for e in found.events if e.kind == "replied")
            async with service.app.database.reading() as tx:
                row = (await store.deliveries(tx, [f"s{event}"])).get(f"s{event}")
            if row is not None and row.state == "failed":
                return event
            await asyncio.sleep(0.01)


async def test_an_answer_that_expired_before_it_was_sent_is_not_sent_and_a_person_takes_over(service):
    service.requester.troubles = [TryAgain("down", after=1)]
    await service.requester.says(FORGOT)
    while service.requester.troubles:
        await asyncio.sleep(0.01)
    service.clock.advance(days=365 * 3)
    service.app.database.bell.ring("clock")
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
    assert case.labels == ("unapproved",)
    assert service.requester.told() == []  # every wording has expired as well


async def test_an_unclaimed_case_past_due_is_reminded_of_also_after_a_restart(open_service):
    async with open_service() as service:
        await service.requester.says(RASH)
        await service.desk.sees(lambda cases: len(cases) == 1)
    service.clock.advance(hours=5)
    async with open_service() as again:
        (case,) = await again.desk.sees(lambda cases: cases[0].reminders == 1)
        await again.desk.presses("claim", case.id)
        await again.desk.replies(case.id, "Please show it to a doctor.")
        again.clock.advance(days=2)
        again.app.database.bell.ring("clock")
        await asyncio.sleep(0.1)
        (case,) = await again.desk.cases()
        assert (case.reminders, case.owner) == (1, "Dr. Rao")


async def test_a_claimed_case_that_nobody_answers_is_reminded_of_and_then_free_for_others(open_service):
    async with open_service(due_high_minutes=60, claim_lapses_minutes=240) as service:
        await service.requester.says(RASH)
        (case,) = await service.desk.sees(lambda cases: len(cases) == 1)
        await service.desk.presses("claim", case.id)
        service.clock.advance(minutes=61)
        service.app.database.bell.ring("clock")
        (case,) = await service.desk.sees(lambda cases: cases[0].reminders == 1)
        assert case.owner == "Dr. Rao"
        service.clock.advance(minutes=180)
        service.app.database.bell.ring("clock")
        (case,) = await service.desk.sees(lambda cases: cases[0].status == "open")
        assert [event.actor for event in case.events if event.kind == "released"] == ["bot"]
        await service.requester.hears("wording/specialist-left.en")
        await service.desk.presses("claim", case.id, by="Dr. Lee")


async def test_the_same_inbound_event_eleven_times_is_one_message(service):
    accepted = [await service.requester.says(RASH, key="fake:ann:same") for _ in range(11)]
    await service.requester.hears("wording/first-contact.en")
    assert sum(accepted) == 1
    (case,) = await service.desk.cases()
    assert sum(event.kind == "message" for event in case.events) == 1


async def test_conversations_do_not_hear_each_other(service):
    await asyncio.gather(*(service.requester.says(FORGOT, who=f"p{n}") for n in range(10)))
    for n in range(10):
        await service.requester.hears("zelvanta/missed-dose", who=f"p{n}")
        assert service.requester.sources(f"p{n}").count("zelvanta/missed-dose") == 1
