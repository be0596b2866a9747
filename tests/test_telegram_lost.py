"""Where a message could slip away on Telegram without a trace: each way was found by somebody who looked for one."""

from datetime import UTC, datetime

from bot_api import BotApi
from fakes import Clock
from loopback_troubles import Trouble
from serving import FORGOT, RASH
from telegram_service import TelegramService, hurry, telegram_service

from smi_bot.addresses import AddressRow
from smi_bot.durable.rows import InboxRow, OutboxRow


async def test_what_was_queued_is_sent_although_the_service_started_again_while_telegram_was_away(
    tmp_path, knowledge, monkeypatch
):
    hurry(monkeypatch)
    clock = Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with BotApi(clock=clock) as api:
        async with telegram_service(tmp_path, knowledge, api=api, clock=clock) as telegram:
            api.troubles("sendMessage", *[Trouble.status(502)] * 50)
            telegram.ann.says(RASH)
            await api.until(lambda: api.called("sendMessage"))
        api.down(502)
        async with telegram_service(tmp_path, knowledge, api=api, clock=clock) as again:
            (first, *_) = await again.rows(OutboxRow, OutboxRow.way == "delivery")
            for tried in range(first.attempts + 1, first.attempts + 11):
                again.later(minutes=10)
                await again.until(lambda tried=tried: _tries(again, tried))
            assert {row.failures for row in await again.rows(OutboxRow)} == {0}
            with api.change():
                api._troubles["sendMessage"].clear()
            api.up()
            await api.until(lambda: api.called("getMe")[-1].outcome == "ok" and not again.channel.not_ready())
            again.later(minutes=10)
            await again.hears("wording/adverse-event.en")


async def _tries(telegram: TelegramService, times: int) -> bool:
    (first, *_) = await telegram.rows(OutboxRow, OutboxRow.way == "delivery")
    return first.attempts >= times


async def test_a_report_that_the_bot_sees_only_because_somebody_replies_to_it_opens_its_authors_case(
    tmp_path, knowledge
):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients", username="patients")
        bob, ann = telegram.api.person("Bob"), telegram.ann
        report = group.says(bob, "zelvanta gave me a seizure")
        telegram.api.undelivered.clear()  # as privacy mode has it: nobody spoke to the bot
        ann.at(group).replies(report, f"@{telegram.api.bot_username} can you help?")
        await telegram.until(telegram.desk.cases)
        await telegram.quiet()
        (case,) = await telegram.desk.cases()
        assert (case.is_public, case.labels[0]) == (True, "adverse-event")
        ann.at(group).replies(report, "get well soon")
        await telegram.quiet()
        (case,) = await telegram.desk.cases()
        assert sum(event.kind == "message" for event in case.events) == 1


async def test_a_reply_to_what_was_read_before_reports_nothing_twice(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        said = telegram.ann.says(RASH)
        await telegram.hears("wording/adverse-event.en")
        telegram.ann.replies(said, "thank you")
        await telegram.quiet()
        assert [inquiry.text for inquiry in await telegram.inquiries()] == [RASH, "thank you"]


async def test_nothing_is_said_in_a_chat_whose_kind_nobody_knows_yet_but_which_is_no_persons(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        chat = {"id": -1009999, "type": "community", "title": "New"}
        telegram.api.update({"message": {"message_id": 1, "chat": chat, "text": RASH}})
        await telegram.until(telegram.desk.cases)
        await telegram.quiet()
        (case,) = await telegram.desk.cases()
        assert case.is_public
        assert telegram.api.called("sendMessage") == []


async def test_an_answer_that_telegram_refuses_goes_to_a_person_and_the_requester_is_told(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        ann = await telegram.regular("Ann")
        telegram.api.troubles("sendMessage", Trouble.status(400, description="Bad Request: BUTTON_DATA_INVALID"))
        ann.says(FORGOT)
        await telegram.hears("wording/withdrawn.en", ann)
        (case,) = await telegram.cases(ann)
        assert case.labels == ("unapproved",)


async def test_an_update_under_a_number_that_was_used_before_is_another_message(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        telegram.ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose")
        await telegram.quiet()
        (row, *_) = await telegram.rows(InboxRow)
        number = int(row.key.split(":")[2])
        person = {"id": telegram.ann.id, "is_bot": False, "first_name": "Ann"}
        chat = {"id": telegram.ann.id, "type": "private", "first_name": "Ann"}
        message = {"message_id": 900, "date": 1900000000, "chat": chat, "from": person, "text": RASH}
        await telegram.channel._take(telegram.channel._bot.read({"update_id": number, "message": message}))
        await telegram.case()


async def test_posts_in_public_that_report_nothing_are_not_kept_nor_who_wrote_them(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        bob = telegram.api.person("Bob")
        group.says(bob, "has anybody tried zelvanta with an umbrella?")
        await telegram.api.until(lambda: group.told)
        await telegram.quiet()
        assert "umbrella" not in await telegram.dump()
        assert str(bob.id) not in await telegram.dump()
        assert [row.person for row in await telegram.rows(AddressRow)] == [""]  # the forum, which was invited


async def test_the_word_behind_start_leaves_no_trace_after_deletion(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        telegram.ann.starts("Maria_Huber")
        await telegram.hears("wording/greeting.en")
        telegram.ann.says("/delete")
        asked = await telegram.hears("wording/delete-ask.en")
        telegram.ann.presses(telegram.label("delete-confirm"), asked)
        await telegram.hears("wording/delete-done.en")
        await telegram.quiet()
        assert "Maria_Huber" not in await telegram.dump()


async def test_waiting_for_the_pace_makes_no_trouble_last_longer(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        for times in range(1, 4):
            telegram.ann.says(FORGOT)
            await telegram.hears("zelvanta/missed-dose", times=times)
        await telegram.quiet()
        assert {row.troubles for row in await telegram.rows(OutboxRow)} == {0}
