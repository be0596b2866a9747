"""/delete on Telegram: who comes back is somebody new there, and nothing leads from what is left to the chat."""

from serving import FORGOT, RASH
from telegram_service import TelegramService, telegram_service

from smi_bot.addresses import AddressRow
from smi_bot.durable.rows import TimerRow

ASK, DONE, KEPT = "wording/delete-ask.en", "wording/delete-done.en", "wording/delete-done-kept.en"


async def erases(telegram: TelegramService, result: str = DONE) -> None:
    """Ann asks for deletion and says yes."""
    telegram.ann.says("/delete")
    asked = await telegram.hears(ASK)
    telegram.ann.presses(telegram.label("delete-confirm"), asked)
    await telegram.hears(result)
    await telegram.quiet()


async def addresses(telegram: TelegramService) -> list[str]:
    return [row.conversation for row in await telegram.rows(AddressRow)]


async def test_who_comes_back_later_is_somebody_new_and_nothing_leads_to_who_it_was(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        telegram.ann.says(FORGOT)
        answer = await telegram.hears("zelvanta/missed-dose")
        before = await telegram.conversation()
        await erases(telegram)
        telegram.later(minutes=1)
        await telegram.until(lambda: _none(telegram))
        dump = await telegram.dump()
        assert str(telegram.ann.id) not in dump
        assert "forget a tablet" not in dump
        telegram.ann.presses(telegram.label("helpful"), answer)  # the chat itself still shows it
        await telegram.hears("wording/stale.en")
        telegram.ann.says(FORGOT)
        await telegram.hears("wording/first-contact.en")
        assert (await telegram.conversation()) != before
        assert await addresses(telegram) == [await telegram.conversation()]


async def _none(telegram: TelegramService) -> bool:
    return not await addresses(telegram)


async def test_who_writes_again_at_once_is_answered_in_a_new_talk_under_the_old_name(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        telegram.ann.says(FORGOT)
        await telegram.hears("wording/first-contact.en")
        await telegram.quiet()
        await erases(telegram)
        before = await addresses(telegram)
        telegram.ann.says(RASH)
        await telegram.hears("wording/first-contact.en", times=2)
        telegram.later(minutes=2)
        await telegram.until(lambda: telegram.rows(TimerRow, TimerRow.kind == "forget", TimerRow.state == "done"))
        case = await telegram.case()
        await telegram.desk.presses("claim", case.id)
        await telegram.desk.replies(case.id, "Please show it to a doctor.")
        await telegram.hears("specialist")
        assert await addresses(telegram) == before


async def test_drug_safety_can_ask_back_after_the_erasure(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        telegram.ann.says(RASH)
        case = await telegram.case()
        await erases(telegram, KEPT)
        telegram.later(minutes=5)
        await telegram.desk.presses("claim", case.id)
        await telegram.desk.replies(case.id, "Which batch was it?")
        await telegram.hears("specialist")


async def test_a_second_press_of_yes_is_a_repeat(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        telegram.ann.says("/delete")
        asked = await telegram.hears(ASK)
        for _ in range(2):
            telegram.ann.presses(telegram.label("delete-confirm"), asked)
        await telegram.hears(DONE)
        await telegram.quiet()
        assert (await telegram.sources()).count(DONE) == 1
