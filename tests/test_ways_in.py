"""By whatever way somebody tells of a side effect: it is triaged, and on a case."""

import pytest
from telegram_service import TelegramService
from ways_in import WAYS, telegram  # noqa: F401 (fixtures)

from smi_bot.decision import Label


async def told(telegram: TelegramService, label: Label) -> int:
    """How many messages stand on cases as telling of this."""
    events = (event for case in await telegram.desk.cases() for event in case.events if event.kind == "message")
    return sum(label in event.body["labels"] for event in events)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WAYS)
async def test_what_is_told_there_is_triaged_and_on_a_case(telegram, name):
    tell, label = WAYS[name]
    await telegram.quiet()
    before = await told(telegram, label)
    await tell(telegram)

    async def arrived() -> bool:
        return await told(telegram, label) > before

    await telegram.until(arrived)
