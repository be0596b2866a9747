"""Every press at the desk, also twice, malformed or not allowed."""

import asyncio
import uuid

import pytest
import sqlalchemy as sa
from desk_page import ann, app, case, claimed, clock, event_of, lee, rao, reported, service, url  # noqa: F401 (fixtures)
from fakes import PATIENCE
from serving import RASH
from sqlmodel import col

from smi_bot import journal
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import Refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_claim_reply_and_close_reach_the_requester_and_the_card(ann, rao, case):
    await rao.does("claim", case)
    await ann.hears("A human specialist now reads and answers here")
    assert "Claimed by you" in await rao.card(case)
    await rao.does("reply", case, text="Please see a doctor.")
    reply = await ann.hears("Please see a doctor.")
    assert reply["from"] == "specialist"
    await rao.sees("Please see a doctor.", 'data-state="sent"', case=case)
    await rao.does("close", case, disposition="forwarded-to-drug-safety", note="report 17 filed")
    await ann.hears("closed")
    card = await rao.card(case)
    assert "forwarded-to-drug-safety: report 17 filed" in card
    assert 'data-status="closed"' in card
    assert "report 17" not in str(ann.messages)


async def test_release_gives_the_case_back(ann, rao, lee, claimed):
    await rao.does("release", claimed)
    assert 'data-status="open"' in await rao.card(claimed)
    await lee.does("claim", claimed)
    assert "Claimed by Dr. Lee" in await rao.card(claimed)


async def test_a_note_stays_inside_until_its_author_sends_it(ann, rao, lee, claimed):
    await rao.does("note", claimed, text="ask about the batch number")
    await lee.does("note", claimed, text="I know this person")
    await rao.does("reply", claimed, text="One moment please.")
    await ann.hears("One moment please.")
    assert "batch number" not in str(ann.messages)
    mine, theirs = [event_of(await rao.card(claimed), words) for words in ("batch number", "I know this person")]
    await rao.does("note_send", claimed, event=mine)
    await ann.hears("ask about the batch number")
    answer = await rao.presses("note_send", claimed, event=theirs)
    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "Only a note of your own can be sent to the requester.",
    )
    assert "I know this person" not in str(ann.messages)


async def test_pressing_again_with_the_same_id_does_nothing_twice(ann, rao, claimed):
    for _ in range(3):
        await rao.does("claim", claimed)
        await rao.does("reply", claimed, text="only once", id="the-same-press")
        await rao.does("note", claimed, text="noted once", id="the-same-press")
    card = await rao.card(claimed)
    note = event_of(card, "noted once")
    for _ in range(3):
        await rao.does("note_send", claimed, event=note)
    await rao.does("reply", claimed, text="the last word")
    await ann.hears("the last word")
    assert len(ann.told("only once")) == len(ann.told("noted once")) == 1
    assert (await rao.card(claimed)).count('data-kind="noted"') == 1
    assert len(ann.told("A human specialist now reads")) == 1


async def test_other_words_under_the_id_of_a_sent_reply_are_refused(ann, rao, claimed):
    await rao.does("reply", claimed, text="Take 20 tablets.", id="the-same-press")
    answer = await rao.presses("reply", claimed, text="Take 2 tablets.", id="the-same-press")
    why = "Already sent; what you changed was not. Send the correction as a reply of its own."
    assert (answer.status_code, answer.json()["message"]) == (409, why)
    await ann.hears("Take 20 tablets.")


async def test_a_specialist_of_slack_is_known_by_their_id(app, clock, rao, case):
    async with app.database.transaction() as tx:
        await app.handoff.claim(tx, case, "slack:U0ABC123", clock())
    card = await rao.card(case)
    assert "Claimed by Slack U0ABC123" in card
    assert "slack:U0" not in card
    refused = await rao.presses("claim", case)
    assert refused.json()["message"] == f"SMI-{case} is already claimed by Slack U0ABC123."


async def test_a_note_that_was_deleted_in_slack_says_so_and_cannot_be_sent(ann, app, clock, rao, claimed):
    await rao.does("note", claimed, text="her name is Ann", id="note-of-rao")
    note = event_of(await rao.card(claimed), "her name is Ann")
    async with app.database.transaction() as tx:
        await app.handoff.delete_note(tx, claimed, "note-of-rao", clock())
    assert "her name is Ann [deleted in Slack]" in await rao.card(claimed)
    refused = await rao.presses("note_send", claimed, event=note)
    assert refused.json()["message"] == "This note was deleted in Slack."


async def test_a_further_report_of_the_same_kind_stands_on_the_card_of_who_has_the_case(ann, rao, claimed):
    await ann.says("and since yesterday I vomit after each tablet of Zelvanta")
    await rao.sees("A further safety report: adverse event.", case=claimed)


async def test_the_same_press_ten_times_at_once_is_one_reply(ann, rao, claimed):
    answers = await asyncio.gather(
        *(rao.presses("reply", claimed, text="at once", id="the-same-press") for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}
    await rao.does("reply", claimed, text="the last word")
    await ann.hears("the last word")
    assert len(ann.told("at once")) == 1


async def test_of_two_who_claim_at_once_one_owns_it_and_the_other_is_told(rao, lee, case):
    one, other = await asyncio.gather(rao.presses("claim", case), lee.presses("claim", case))
    assert sorted([one.status_code, other.status_code]) == [200, 409]
    (lost,) = [answer for answer in (one, other) if answer.status_code == 409]
    assert lost.json()["message"].startswith(f"SMI-{case} is already claimed by Dr. ")


async def test_what_only_the_owner_may_do_is_refused_to_others_with_a_sentence(rao, lee, case):
    bodies = {"label": {"labels": ["human"]}, "close": {"disposition": "spam"}, "reply": {"text": "x"}}
    for press in ("release", "reply", "note_send", "reply_retry", "label", "close"):
        unclaimed = await lee.presses(press, case, **bodies.get(press, {}))
        assert (unclaimed.status_code, unclaimed.json()["message"]) == (409, f"Claim SMI-{case} first.")
    await rao.does("claim", case)
    for press in ("release", "reply", "note_send", "reply_retry", "label", "close"):
        foreign = await lee.presses(press, case, **bodies.get(press, {}))
        assert foreign.status_code == 409
        assert foreign.json()["message"] == f"Only its owner, Dr. Rao, can do that on SMI-{case}."
    await rao.does("close", case, disposition="spam")
    for press in ("claim", "release", "reply", "note", "label", "close"):
        late = await rao.presses(press, case, **bodies.get(press, {}))
        assert (late.status_code, late.json()["message"]) == (409, f"SMI-{case} is closed.")


async def test_a_press_that_cannot_be_done_says_why_and_changes_nothing(rao, claimed):
    before = await rao.card(claimed)
    for press, body, message in (
        ("reply", {"text": "  \n "}, "Write something first."),
        ("note", {"text": ""}, "Write something first."),
        ("reply", {"text": "x" * 4001}, "This is too long to send (4001 characters); keep it under 4000."),
        ("label", {"labels": []}, "Choose at least one of the known labels."),
        ("label", {"labels": ["human", "made-up"]}, "Choose at least one of the known labels."),
        ("close", {"disposition": ""}, "Choose one of the dispositions."),
        ("close", {"disposition": "made-up"}, "Choose one of the dispositions."),
        ("reply_retry", {"event": 10**30}, "This reply has not failed; nothing was sent again."),
        ("note_send", {"event": -1}, "Only a note of your own can be sent to the requester."),
        ("explode", {}, "This desk does not know that button; load the page again."),
    ):
        answer = await rao.presses(press, claimed, **body)
        assert (answer.status_code, answer.json()) == (409, {"message": message})
    assert await rao.card(claimed) == before


@pytest.mark.parametrize("number", ["0", "999999", str(2**63), "9" * 400])
async def test_a_press_on_a_case_that_does_not_exist_says_so(rao, number):
    for press in ("claim", "reveal", "reply_retry"):
        answer = await rao.presses(press, number)
        assert answer.status_code == 409
        assert answer.json()["message"].startswith("There is no case SMI-")


async def test_a_malformed_press_is_told_so_and_changes_nothing(rao, claimed):
    before = await rao.card(claimed)
    bodies = [b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"text": 7}', b'{"text": "\\ud800"}']
    bodies += [b'{"id": "short"}', b'{"id": "not/allowed"}', b'{"event": "first"}', b'{"labels": "human"}']
    bodies += [b'{"text": "x", "more": 1}']
    headers = {"X-CSRF": rao.csrf, "Content-Type": "application/json"}
    for body in bodies:
        for press in ("reply", "note", "close"):
            answer = await rao.http.post(f"/desk/cases/{claimed}/{press}", content=body, headers=headers)
            assert answer.status_code == 422, body
            assert "not understood" in answer.json()["message"]
    assert await rao.card(claimed) == before


async def test_a_reply_with_a_nul_or_odd_characters_arrives(ann, rao, claimed):
    await rao.does("reply", claimed, text="before\x00after \u202e 👩‍⚕️ \r\n end")
    assert (await ann.hears("before after"))["from"] == "specialist"


async def test_labels_of_a_specialist_replace_the_rules(rao, claimed):
    await rao.does("label", claimed, labels=["product-complaint", "human"])
    card = await rao.card(claimed)
    assert 'data-label="product-complaint"' in card
    assert 'data-label="adverse-event"' not in card


async def test_a_label_is_confirmed_or_refuted_by_anybody_and_the_last_word_stands_there(rao, lee, case):
    shown = label_shown(await rao.card(case))
    assert "<q>" in shown
    assert "<code>own-symptom</code>" in shown
    assert "<li><code>own-symptom</code> The writer tells of a complaint" in await rao.card(case)
    await rao.does("label_judge", case, label="adverse-event", verdict="refuted", raised_in=raised_in(shown))
    card = await lee.card(case)
    assert 'data-judged="refuted"' in label_shown(card)
    assert "Refuted by Dr. Rao, <time" in label_shown(card)
    assert 'data-priority="high"' in card
    assert "refuted: adverse-event (own-symptom" in card
    await lee.does("label_judge", case, label="adverse-event", verdict="confirmed", raised_in=raised_in(shown))
    shown = label_shown(await rao.card(case))
    assert 'data-judged="confirmed"' in shown
    assert "Confirmed by Dr. Lee" in shown


async def test_a_judgement_on_words_that_were_not_shown_is_refused(ann, rao, claimed):
    before = raised_in(label_shown(await rao.card(claimed)))
    words = f"and since yesterday I vomit after each tablet of Zelvanta {uuid.uuid4().hex}"
    await ann.says(words)
    await rao.sees(words, case=claimed)
    for body, message in (
        ({"label": "adverse-event", "verdict": "refuted", "raised_in": before}, "More was written"),
        ({"label": "off-label", "verdict": "refuted"}, "does not have this label any more"),
        ({"label": "adverse-event", "verdict": "perhaps"}, "Confirm or refute a label."),
        ({}, "Confirm or refute a label."),
    ):
        answer = await rao.presses("label_judge", claimed, **body)
        assert answer.status_code == 409
        assert message in answer.json()["message"]
    assert "data-judged" not in await rao.card(claimed)


async def test_a_refuted_label_that_is_taken_off_is_still_told_and_a_closed_case_has_no_buttons_to_judge(rao, claimed):
    place = raised_in(label_shown(await rao.card(claimed)))
    await rao.does("label_judge", claimed, label="adverse-event", verdict="refuted", raised_in=place)
    await rao.does("label", claimed, labels=["human"])
    card = await rao.card(claimed)
    assert 'data-label="adverse-event"' not in card
    assert 'data-dropped="adverse-event" data-judged="refuted"' in card
    assert "label_judge" in card
    await rao.does("close", claimed, disposition="spam")
    assert "label_judge" not in await rao.card(claimed)


def label_shown(card: str) -> str:
    """The label of a rash, as a card shows it."""
    return card.split('<li data-label="adverse-event"')[1].split("</li>", maxsplit=1)[0]


def raised_in(shown: str) -> int:
    return int(shown.split('data-raised="')[1].split('"', maxsplit=1)[0])


async def test_a_reveal_shows_the_words_as_written_and_is_journalled(ann, rao, lee, app):
    number = await reported(ann, rao, f"My name is Ann Miller <b>, ann@example.com. {RASH}")
    revealed = (await lee.does("reveal", number))["text"]
    assert "My name is Ann Miller <b>, ann@example.com." in revealed
    assert "Full text viewed" in await rao.card(number)
    async with app.database.reading() as tx:
        rows = sa.select(journal.JournalRow).where(journal.JournalRow.kind == "case")
        bodies = [row.body for row in (await tx.execute(rows)).scalars()]
        seen = [body for body in bodies if body.get("what") == "revealed"]
        assert seen[-1]["actor"] == "Dr. Lee"
        assert "Miller" not in str(bodies)
        assert (await journal.verify(tx)).fault is None


async def test_a_reply_that_failed_is_shown_and_can_be_sent_again_once(ann, rao, claimed, app, monkeypatch):
    send = app.web.send

    async def refusing(rendered):
        if rendered.author == "specialist":
            raise Refused("blocked by the requester")
        return await send(rendered)

    monkeypatch.setattr(app.web, "send", refusing)
    await rao.does("reply", claimed, text="are you well?")
    await rao.sees("are you well?", "Not delivered", "Try to send again", case=claimed)
    event = event_of(await rao.card(claimed), "are you well?")
    monkeypatch.undo()
    await rao.does("reply_retry", claimed, event=event)
    await ann.hears("are you well?")
    await rao.sees("are you well?", 'data-state="sent"', case=claimed)
    again = await rao.presses("reply_retry", claimed, event=event)
    assert again.status_code == 409
    assert len(ann.told("are you well?")) == 1


async def test_a_reply_is_delivered_when_the_requester_has_seen_it(ann, rao, claimed):
    await rao.does("reply", claimed, text="see you soon")
    reply = await ann.hears("see you soon")
    await rao.sees('data-state="sent"', case=claimed)
    await ann.sends({"type": "seen", "replies": [reply["id"]]})
    await rao.sees('data-state="delivered"', case=claimed)


async def test_the_board_changes_by_itself_when_the_requester_writes_again(ann, rao, claimed):
    words = uuid.uuid4().hex
    waiting = asyncio.create_task(rao.sees(words, case=claimed))
    await ann.says(words)
    assert await waiting == claimed


async def test_what_the_desk_asks_of_the_outbox_is_always_settled(app, rao, claimed):
    async with asyncio.timeout(PATIENCE):
        while await open_posts(app):
            await asyncio.sleep(0.01)


async def open_posts(app) -> int:
    async with app.database.reading() as tx:
        posts = sa.select(sa.func.count()).select_from(OutboxRow)
        return (await tx.execute(posts.where(OutboxRow.way == "handoff", col(OutboxRow.state) != "sent"))).scalar_one()
