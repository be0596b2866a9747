"""What a card shows of what became of it: replies that did not arrive, erasure, the original text, order."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from a_case import CLAIMED, NOON, PHOTO, a_case, context, event, inbound, lines, outbound, reply, shown, wrote

from escalation.card_lines import CardLine, CardMessage
from escalation.cards import card, unmasked
from smi_bot.durable.rows import OutboxRow


def service_text(id: int, **more: Any) -> OutboxRow:
    return outbound(id, {"kind": "wording", "wording": "specialist-joined"}, **more)


# --- why a reply did not arrive


def replied(row: OutboxRow, *others: OutboxRow, now: datetime = NOON) -> CardLine:
    """The line of a specialist's reply that is in this row."""
    event_id = row.payload["part"]["event"]
    answer = event(event_id, "replied", "Dr. Rao", text="Are you well?", id="reply-0001")
    (line,) = lines(card(a_case(CLAIMED, answer), context(row, *others, now=now)), "replied")
    return line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("the requester has blocked the bot", "the requester has blocked the bot"),
        ("Telegram: Chat not found", "Telegram: Chat not found"),
        ("TryAgain", "the platform does not take messages at the moment"),
        ("TimeoutError", "the platform did not answer in time"),
        ("ValueError", "something failed on our side (ValueError)"),
        ("follow-up: KeyError", "something failed on our side (follow-up: KeyError)"),
    ],
)
def test_a_reply_that_failed_or_is_still_tried_says_why_in_plain_words(error, words):
    failed = replied(reply(1, 5, state="failed", error=error))
    assert (failed.state, failed.trouble, failed.can_retry) == ("failed", words, True)
    trying = replied(reply(1, 5, state="open", error=error))
    assert (trying.state, trying.trouble, trying.can_retry) == ("retrying", words, False)


def test_a_reply_on_its_first_way_out_is_no_trouble():
    for attempts in (0, 1):
        line = replied(reply(1, 5, state="open", attempts=attempts))
        assert (line.state, line.trouble) == ("queued", "")


def test_a_reply_whose_sending_was_cut_off_by_a_restart_is_tried_again():
    line = replied(reply(1, 5, state="open", attempts=2))
    assert (line.state, line.trouble) == ("retrying", "the sending was interrupted")


def test_a_reply_that_arrived_in_the_end_has_no_trouble_left():
    for seen_at, state in ((None, "sent"), (NOON, "delivered")):
        line = replied(reply(1, 5, error="TryAgain", attempts=9, seen_at=seen_at))
        assert (line.state, line.trouble) == (state, "")


def test_a_reply_behind_one_that_does_not_go_out_shows_the_same_trouble():
    blocked = reply(1, 5, state="open", error="TryAgain")
    behind = reply(2, 6, state="open", attempts=0)
    events = [event(id, "replied", "Dr. Rao", text="?", id=f"reply-000{id}") for id in (5, 6)]
    found = lines(card(a_case(CLAIMED, *events), context(blocked, behind)), "replied")
    assert [(line.state, line.trouble) for line in found] == [
        ("retrying", "the platform does not take messages at the moment")
    ] * 2


def test_a_reply_behind_a_service_text_that_has_been_stuck_for_a_while_shows_the_trouble():
    stuck = service_text(1, state="open", error="TryAgain")
    behind = reply(2, 5, state="open", attempts=0)
    assert replied(behind, stuck).state == "queued"
    assert replied(behind, stuck, now=NOON + timedelta(hours=2)).state == "retrying"


def test_what_the_bot_itself_could_not_deliver_says_why():
    blocked = service_text(1, state="failed", error="the requester has blocked the bot")
    (line,) = lines(card(a_case(), context(blocked)), "not delivered")
    assert (line.state, line.trouble) == ("failed", "the requester has blocked the bot")


def test_what_the_bot_itself_cannot_deliver_is_shown_after_a_minute_not_while_it_keeps_the_platforms_pace():
    waiting = service_text(1, state="open", error="TryAgain", attempts=3)
    assert lines(card(a_case(), context(waiting)), "waiting") == []
    (line,) = lines(card(a_case(), context(waiting, now=NOON + timedelta(minutes=1))), "waiting")
    assert (line.state, line.text) == ("retrying", "service text: specialist-joined")
    assert line.trouble == "the platform does not take messages at the moment"


# --- erasure


CLOSED = event(20, "closed", "Dr. Rao", disposition="answered", note="")


def test_an_erased_message_shows_that_it_was_erased_and_nothing_else():
    message = shown(inbound(1, erased=True, shared="contact", forwarded=True, edited=True, reply_to="m1", message="m"))
    assert message == CardMessage(1, "[erased at the requester's request]")


def test_a_case_that_is_kept_says_that_the_requester_asked_for_deletion():
    message = inbound(1, "I got a rash")
    kept = card(a_case(wrote(2, message), event(3, "erasure")), context(message))
    (line,) = lines(kept, "erasure")
    assert line.text == (
        "The requester asked for deletion. This case is kept because of a safety duty or because it is open."
    )
    assert not kept.erased


def test_a_closed_case_whose_words_were_erased_says_so_in_every_place_where_words_were():
    gone = [inbound(1, erased=True), inbound(2, erased=True)]
    written = [event(4, "noted", "Dr. Rao", text="", id="n"), event(5, "replied", "Dr. Rao", text="", id="r")]
    found = card(a_case(wrote(2, *gone), CLAIMED, *written, CLOSED), context(*gone))
    assert found.erased
    said = [message.text for message in lines(found, "message")[0].said]
    assert {*said, lines(found, "noted")[0].text, lines(found, "replied")[0].text} == {
        "[erased at the requester's request]"
    }
    assert lines(found, "closed")[0].text == "answered"


def test_a_reply_that_was_dropped_by_the_erasure_does_not_wait_to_be_sent():
    gone = inbound(1, erased=True)
    dropped = event(5, "replied", "Dr. Rao", text="", id="reply-0001")
    row = reply(9, 5, "", state="dropped")
    (line,) = lines(card(a_case(wrote(2, gone), CLAIMED, dropped, CLOSED), context(gone, row)), "replied")
    assert (line.state, line.can_retry) == ("failed", False)
    assert line.trouble == "it was dropped when the requester asked for deletion"


def test_a_new_case_is_not_erased_because_it_refers_to_what_was_said_before_the_erasure():
    gone, fresh = inbound(1, erased=True), inbound(2, "hello again")
    assert not card(a_case(wrote(2, gone, fresh)), context(gone, fresh)).erased
    assert not card(a_case(wrote(2, gone, fresh), CLAIMED, CLOSED), context(gone, fresh)).erased


# --- the original text, and the order of lines


def test_the_original_text_holds_everything_of_each_message():
    first = inbound(1, "Ann Miller, one tablet", message="m1")
    edited = inbound(2, "two tablets", message="m1", edited=True, quoted="Bob Miller said so", attachments=(PHOTO,))
    contact = inbound(3, "Carl Miller +1 212 555 0143", shared="contact")
    erased = inbound(4, erased=True)
    found = context(first, edited, contact, erased)
    assert unmasked(a_case(wrote(2, edited, contact, erased)), found.messages, found.versions).split("\n") == [
        "two tablets",
        "[quoted] Bob Miller said so",
        "[file] rash.jpg",
        "[before it was edited] Ann Miller, one tablet",
        "[contact card] Carl Miller +1 212 555 0143",
        "[erased at the requester's request]",
    ]


def test_lines_of_the_same_moment_keep_the_order_of_the_events():
    message, later = inbound(1, "one"), inbound(2, "two")
    last = event(11, "reminded", at=NOON + timedelta(hours=1))
    events = (wrote(2, message), event(3, "claimed", "Dr. Rao"), event(4, "released", "Dr. Rao"), wrote(5, later))
    found = card(a_case(*events, last), context(message, later, now=NOON + timedelta(hours=2)))
    assert [line.event for line in found.thread] == [1, 2, 3, 4, 5, 11]


def test_what_the_bot_told_after_a_case_was_closed_is_not_on_it_though_something_was_recorded_later():
    later = {"settled_at": NOON + timedelta(hours=1)}
    answers = [
        outbound(1, {"kind": "entry", "entry": "missed-dose"}),
        outbound(2, {"kind": "entry", "entry": "x"}, **later),
    ]
    erasure = event(21, "erasure", at=NOON + timedelta(hours=2))
    found = card(a_case(CLAIMED, CLOSED, erasure), context(*answers, now=NOON + timedelta(hours=3)))
    assert [line.text for line in lines(found, "answered")] == ["missed-dose: What should I do if I forget a tablet?"]
