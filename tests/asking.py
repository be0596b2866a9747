"""The way to each of the three questions about a report, and what the card shows of the answers."""

from serving import RASH

from escalation.board import context
from escalation.cards import Card, card
from escalation.case import Case
from smi_bot.inquiry import Button, Rendered

REPORTS = {
    "en": RASH,
    "de": "Seit ich Zelvanta nehme, habe ich starken Hautausschlag",
    "fr": "Depuis que je prends Zelvanta, j'ai des vomissements",
    "es": "Desde que tomo Zelvanta tengo vómitos",
}
SINCE = "Zelvanta, since March"
EMERGENCY = "now I can't breathe"


def button(said: Rendered, verb: str) -> Button:
    return next(button for button in said.buttons if button.action.verb == verb)


async def press(service, said: Rendered, verb: str) -> None:
    await service.requester.presses(button(said, verb).action)


async def asked(service, language: str = "en") -> Rendered:
    """Reports, wants to be asked, and is."""
    await service.requester.says(REPORTS[language])
    await press(service, await service.requester.hears(f"wording/adverse-event.{language}"), "follow-up")
    return await service.requester.hears(f"wording/follow-up-patient.{language}")


async def asked_for_the_product(service) -> Rendered:
    await press(service, await asked(service), "follow-up-yes")
    return await service.requester.hears("wording/follow-up-product.en")


async def asked_for_contact(service) -> Rendered:
    await asked_for_the_product(service)
    await service.requester.says(SINCE)
    return await service.requester.hears("wording/follow-up-contact.en")


async def the_card(service, case: Case) -> Card:
    async with service.app.database.reading() as tx:
        library, windows = service.app.shelf.library, service.app.handoff._windows
        return card(case, await context(tx, [case], library, windows, "Dr. Rao", service.clock()))


async def answered(service, *answers: str) -> Case:
    """Waits until the card shows exactly these answers."""
    cases = await service.desk.sees(lambda cases: len(cases[0].questions.given) >= len(answers))
    found = [each.answer for each in (await the_card(service, cases[0])).answers]
    assert found == list(answers)
    return cases[0]
