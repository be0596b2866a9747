"""The command that explains a decision of the past, and computes it again."""

import asyncio
import json
from dataclasses import replace

from commands import command
from deciding import EMERGENCIES, TODAY
from serving import FORGOT, RASH

from smi_bot.assistant import Knowledge, Message, decide
from smi_bot.durable.rows import InboxRow
from smi_bot.inquiry import Action, Conversation


async def explained(service, message: str, monkeypatch, know: Knowledge | None = None):
    """`smi-bot explain` beside the running service."""
    monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
    return await asyncio.to_thread(command, "explain", message, knowledge=know or service.app.shelf.knowledge)


async def test_a_decision_is_explained_and_computed_again_while_the_service_runs(service, monkeypatch):
    await service.requester.says(FORGOT, key="fake:ann:first")
    await service.requester.hears("zelvanta/missed-dose")
    for name in ("1", "fake:ann:first", "first"):
        ended = await explained(service, name, monkeypatch)
        assert (ended.code, ended.err) == (0, "")
        assert ended.lines[-1] == "computed again: the same decision"
        shown = json.loads("\n".join(ended.lines[:-1]))
        assert shown["text"] == FORGOT
        assert shown["decision"]["entry"] == "missed-dose"
        assert set(shown["versions"]) >= {"library", "rules"}
    await service.requester.says(RASH)  # the service goes on
    await service.requester.hears("wording/adverse-event.en")


async def test_decisions_of_every_kind_and_in_every_state_are_computed_again_the_same(service, monkeypatch):
    """Fresh messages, bursts, presses, messages on an open case and on a held one."""
    says, presses = service.requester.says, service.requester.presses
    await says("hello")
    await says("how many grams does a parcel of zelvanta weigh")
    await says(RASH)
    (case,) = await service.desk.sees(lambda cases: len(cases) == 1 and "adverse-event" in cases[0].labels)
    await says("and another rash")
    await says(FORGOT)
    await presses(Action(verb="answer", value="missed-dose"))
    await presses(Action(verb="specialist"))
    await service.desk.presses("claim", case.id)
    await says(EMERGENCIES[0])
    await says(FORGOT)
    await service.requester.hears("wording/emergency.en")
    await service.desk.sees(lambda cases: sum(event.kind == "message" for event in cases[0].events) >= 4)
    async with asyncio.timeout(20):
        while await service.app.inbox.idle_seconds() is not None:
            await asyncio.sleep(0.02)
    for number in range(1, 10):
        ended = await explained(service, str(number), monkeypatch)
        assert (ended.code, ended.lines[-1]) == (0, "computed again: the same decision"), ended.out


async def test_a_decision_that_would_be_another_now_is_shown_as_different(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    know = service.app.shelf.knowledge
    entries = {id: entry for id, entry in know.library.entries.items() if id != "missed-dose"}
    withdrawn = replace(know, library=replace(know.library, entries=entries))
    ended = await explained(service, "1", monkeypatch, withdrawn)
    assert ended.code == 1
    assert ended.lines[-2].startswith('computed again: DIFFERENT, {"action": "escalate"')
    assert ended.lines[-1] == "changed since then: library"


async def test_changed_rules_are_named_even_where_they_change_nothing_here(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    know = service.app.shelf.knowledge
    ended = await explained(service, "1", monkeypatch, replace(know, rules=replace(know.rules, version="other")))
    assert ended.code == 0
    assert ended.lines[-2:] == ["computed again: the same decision", "changed since then: rules"]


async def test_a_message_that_cannot_be_explained_is_one_line_and_exit_code_2(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    await service.requester.presses(Action(verb="helpful"))  # decides nothing
    await service.requester.hears("wording/helpful-thanks.en")
    for name in ("99", "0", "9" * 40, "nothing", "", "'", "%", "٣", "-", ":", "\ud800"):
        arguments = ("--", name) if name.startswith("-") else (name,)
        monkeypatch.setenv("SMI_DATABASE_URL", service.app.database.url)
        ended = await asyncio.to_thread(command, "explain", *arguments, knowledge=service.app.shelf.knowledge)
        assert (ended.code, ended.out) == (2, ""), name
        (line,) = ended.err.splitlines()
        assert line.startswith("smi-bot: message ")
    pressed = await explained(service, "2", monkeypatch)
    assert (pressed.code, len(pressed.err.splitlines())) == (2, 1)


async def test_an_erased_message_and_a_lost_one_are_one_line_and_exit_code_2(service, monkeypatch):
    await service.requester.says(FORGOT)
    await service.requester.hears("zelvanta/missed-dose")
    async with service.app.database.transaction() as tx:
        row = await tx.get_one(InboxRow, 1)
        row.payload = {**row.payload, "text": "", "salt": "", "erased": True}
    erased = await explained(service, "1", monkeypatch)
    assert (erased.code, erased.err.count("\n")) == (2, 1)
    assert "its words were erased" in erased.err
    async with service.app.database.transaction() as tx:
        await tx.delete(await tx.get_one(InboxRow, 1))
    lost = await explained(service, "1", monkeypatch)
    assert (lost.code, lost.err.count("\n")) == (2, 1)
    assert "is gone from the inbox" in lost.err


def test_a_typed_command_is_decided_as_the_button_it_stands_for(knowledge):
    conversation = Conversation(id="c", channel="fake", country="US")
    decided = decide(Message((" /Settings ",)), conversation, None, knowledge, TODAY)
    assert (type(decided).__name__, decided.grounds.reason) == ("Service", "button: settings")
