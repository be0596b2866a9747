"""The longer text that a healthcare professional may ask for under an answer."""

import pytest
from approved import NOW

from smi_bot.errors import NotApproved
from smi_bot.inquiry import Action, EntryPart

PASI = "PASI 75 results of the MARLOWE trials at week 16?"
DETAILS = Action(verb="details", value="efficacy-phase3")
ONLY_IN_THE_LONG_TEXT = "PASI 90 week 24: 45.3% / - / 21.6%"


async def test_a_professional_is_offered_the_longer_text_and_gets_it_with_its_safety_text(service):
    says, presses, hears = service.requester.says, service.requester.presses, service.requester.hears
    await presses(Action(verb="audience", value="hcp"))
    await says(PASI)
    answer = await hears("zelvanta/efficacy-phase3")
    assert DETAILS.value in [b.action.value for b in answer.buttons if b.action.verb == "details"]
    assert ONLY_IN_THE_LONG_TEXT not in answer.markdown
    await presses(next(b.action for b in answer.buttons if b.action.verb == "details"))
    long = await hears("zelvanta/efficacy-phase3", times=2)
    assert ONLY_IN_THE_LONG_TEXT in long.markdown
    assert "safety@asterleaf.example" in long.markdown
    assert "details" not in [b.action.verb for b in long.buttons]


async def test_a_patient_is_not_offered_it_and_pressing_for_it_brings_a_person(service):
    says, presses, hears = service.requester.says, service.requester.presses, service.requester.hears
    await says("How well did Zelvanta work in the MARLOWE studies?")
    answer = await hears("zelvanta/efficacy-phase3")
    assert "details" not in [b.action.verb for b in answer.buttons]
    await presses(DETAILS)
    await hears("wording/withdrawn.en")
    await service.desk.sees(lambda cases: len(cases) == 1)


def test_only_a_text_that_is_there_is_sent(knowledge):
    library = knowledge.library
    part = EntryPart(entry="efficacy-phase3", audience="hcp", country="US", long=True)
    assert ONLY_IN_THE_LONG_TEXT in library.entry_markdown(part, NOW)[0]
    for wrong in ({"audience": "patient"}, {"entry": "missed-dose"}):
        with pytest.raises(NotApproved, match="has no longer text"):
            library.entry_markdown(part.model_copy(update=wrong), NOW)
