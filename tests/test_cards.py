"""What a card says of a case, from rows alone: no database, no page."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from escalation.card_lines import CardContext, CardLine, CardMessage
from escalation.cards import Card, card, unmasked
from escalation.case import Case, CaseEvent, fold
from smi_bot.durable.rows import InboxRow, OutboxRow
from smi_bot.inquiry import Action, Attachment, Inquiry, PublicPost

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANN = "telegram:ann"
PHOTO = Attachment(id="f1", name="rash.jpg", media_type="image/jpeg", size=2000, source="secret-file-id")


def inbound(id: int, text: str = "", *, erased: bool = False, **more: Any) -> InboxRow:
    """A stored message; an erased one as `smi_bot.erasure` leaves it."""
    inquiry = Inquiry(key=f"k{id}", channel="telegram", conversation=ANN, sent_at=NOON, text=text, **more)
    payload = inquiry.model_dump(mode="json") | {"salt": "s"}
    if erased:
        left = ("key", "channel", "conversation", "sent_at", "action", "prompted_by")
        payload = {key: payload[key] for key in left} | {"erased": True}
    return InboxRow(id=id, key=f"k{id}", lane=ANN, kind="message", payload=payload, received_at=NOON)


def outbound(id: int, part: dict[str, Any], **more: Any) -> OutboxRow:
    """A stored reply; `part` as in its payload."""
    values: dict[str, Any] = {"state": "sent", "created_at": NOON, "key": f"r{id}", "attempts": 1, **more}
    values.setdefault("settled_at", None if values["state"] == "open" else NOON)
    return OutboxRow(id=id, lane=ANN, way="delivery", payload={"part": part}, **values)


def service_text(id: int, **more: Any) -> OutboxRow:
    return outbound(id, {"kind": "wording", "wording": "specialist-joined"}, **more)


def reply(id: int, event: int, text: str = "Are you well?", **more: Any) -> OutboxRow:
    return outbound(id, {"kind": "specialist", "event": event, "text": text}, key=f"s{event}", **more)


def event(number: int, kind: str, actor: str = "bot", at: datetime = NOON, **body: Any) -> CaseEvent:
    return CaseEvent(number, at, kind, "internal", actor, body)  # type: ignore[arg-type]


def a_case(*events: CaseEvent, labels: tuple[str, ...] = ("human",), **opened: Any) -> Case:
    """A case of Ann's that was opened at noon."""
    body = {"labels": list(labels), "priority": "normal", "audience": "", "country": "US", "language": "en"}
    first = event(1, "opened", **body, channel="telegram", **opened)
    return fold(7, ANN, None, (first, *events))


def wrote(id: int, *rows: InboxRow, link: str = "") -> CaseEvent:
    ids = [row.id for row in rows]
    return event(id, "message", "requester", messages=ids, labels=[], evidence=[], suggestions=[], link=link)


def context(*rows: InboxRow | OutboxRow, files: dict[str, str] | None = None, now: datetime = NOON) -> CardContext:
    """What the desk would have loaded beside the case. Service texts and answers are the bot's own."""
    messages = [row for row in rows if isinstance(row, InboxRow)]
    replies = [row for row in rows if isinstance(row, OutboxRow)]
    versions: dict[tuple[str, str], list[InboxRow]] = {}
    for row in messages:
        versions.setdefault((row.lane, row.payload.get("message", "")), []).append(row)
    return CardContext(
        messages={row.id or 0: row for row in messages},
        versions=versions,
        told={(row.lane, row.platform_id): row for row in replies if row.platform_id},
        deliveries={row.key: row for row in replies},
        bot_replies={ANN: [row for row in replies if row.payload["part"]["kind"] != "specialist"]},
        files=files or {},
        titles={"missed-dose": "What should I do if I forget a tablet?"},
        windows={"normal": timedelta(days=1), "high": timedelta(hours=4), "urgent": timedelta(minutes=15)},
        viewer="Dr. Rao",
        now=now,
    )


def shown(*rows: InboxRow) -> CardMessage:
    """The last of these messages as the card of a case shows it that holds this one only."""
    (line,) = lines(card(a_case(wrote(2, rows[-1])), context(*rows)), "message")
    (message,) = line.said
    return message


def lines(of: Card, kind: str) -> list[CardLine]:
    return [line for line in of.thread if line.kind == kind]


def enabled(of: Card) -> set[str]:
    return {action.id for action in of.actions if action.enabled}


# --- public posts

CLAIMED = event(8, "claimed", "Dr. Rao")
NOTE = event(9, "noted", "Dr. Rao", text="ask about the lot", id="note-0001")


def test_a_public_case_says_so_and_neither_reply_nor_note_can_be_sent_there():
    post = inbound(1, "I got a rash", public=PublicPost(link="https://t.me/forum/5"))
    private = card(a_case(wrote(2, post), CLAIMED, NOTE), context(post))
    public = card(a_case(wrote(2, post), CLAIMED, NOTE, public=True), context(post))
    assert (private.public, public.public) == (False, True)
    assert enabled(private) - enabled(public) == {"case_reply"}
    assert "case_note" in enabled(public)
    assert ([line.can_send for line in lines(private, "noted")], lines(public, "noted")[0].can_send) == ([True], False)


def test_each_message_of_a_public_case_has_its_own_link():
    one, two = inbound(1, "first"), inbound(2, "second")
    events = (wrote(2, one, link="https://t.me/c/1/5"), wrote(3, two, link="https://t.me/c/1/9"))
    found = lines(card(a_case(*events, public=True), context(one, two)), "message")
    assert [line.link for line in found] == ["https://t.me/c/1/5", "https://t.me/c/1/9"]


@pytest.mark.parametrize(
    "link",
    [
        "",
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "JAVASCRIPT://t.me/%0aalert(1)",
        "data:text/html,<script>",
        "tg://resolve?domain=x",
        "//t.me/forum/5",
        "https:",
        "https://",
        "http://[",
        "t.me/forum/5",
    ],
)
def test_what_is_no_web_address_is_no_link(link):
    message = inbound(1, "I got a rash")
    (line,) = lines(card(a_case(wrote(2, message, link=link), public=True), context(message)), "message")
    assert line.link == ""


def test_a_case_from_before_there_were_public_posts_is_private_and_without_links():
    message = inbound(1, "I got a rash")
    body = {"messages": [1], "labels": [], "evidence": [], "suggestions": []}
    old = card(a_case(event(2, "message", "requester", **body)), context(message))
    assert (old.public, lines(old, "message")[0].link) == (False, "")


# --- files


@pytest.mark.parametrize("state", ["here", "pending", "failed", "refused"])
def test_a_file_shows_its_state_and_only_one_that_could_not_be_had_can_be_fetched_again(state):
    message = inbound(1, attachments=(PHOTO,))
    (line,) = lines(card(a_case(wrote(2, message)), context(message, files={"f1": state})), "message")
    (file,) = line.attachments
    assert (file.id, file.name, file.media_type, file.size) == ("f1", "rash.jpg", "image/jpeg", 2000)
    assert (file.state, file.can_retry) == (state, state == "failed")


def test_a_file_on_a_closed_case_cannot_be_fetched_again():
    message = inbound(1, attachments=(PHOTO,))
    closed = a_case(wrote(2, message), event(3, "closed", "Dr. Rao", disposition="spam", note=""))
    (line,) = lines(card(closed, context(message, files={"f1": "failed"})), "message")
    assert not line.attachments[0].can_retry


def test_a_file_of_which_nothing_is_left_is_shown_as_erased():
    message = inbound(1, attachments=(PHOTO,))
    (line,) = lines(card(a_case(wrote(2, message)), context(message)), "message")
    assert (line.attachments[0].state, line.attachments[0].can_retry) == ("erased", False)


def test_a_platforms_reference_to_a_file_is_never_on_a_card():
    message = inbound(1, attachments=(PHOTO,))
    for state in ("here", "pending", "failed", "refused"):
        found = card(a_case(wrote(2, message)), context(message, files={"f1": state}))
        assert "secret-file-id" not in json.dumps(asdict(found), default=str)


def test_the_name_of_a_file_is_masked_like_any_text():
    message = inbound(1, attachments=(PHOTO.model_copy(update={"name": "for ann@example.com.jpg"}),))
    (line,) = lines(card(a_case(wrote(2, message)), context(message)), "message")
    assert line.attachments[0].name == "for [e-mail]"


# --- edits


def test_an_edited_message_shows_its_new_and_its_latest_earlier_text_masked():
    first = inbound(1, "one tablet", message="m1")
    second = inbound(2, "two tablets, call 212-555-0143", message="m1", edited=True)
    other = inbound(3, "unrelated", message="m2")
    third = inbound(4, "three tablets, ann@example.com", message="m1", edited=True)
    message = shown(first, second, other, third)
    assert message.edited
    assert message.text == "three tablets, [e-mail]"
    assert message.earlier == "two tablets, call [phone]"
    assert not shown(first).edited


def test_a_later_version_is_never_taken_for_an_earlier_one():
    first, second = inbound(1, "one", message="m1"), inbound(2, "two", message="m1", edited=True)
    third = inbound(3, "three", message="m1", edited=True)
    found = card(a_case(wrote(2, second)), context(first, second, third))
    assert lines(found, "message")[0].said[0].earlier == "one"


def test_an_edit_that_left_the_words_as_they_were_or_of_an_unknown_message_has_no_earlier_text():
    first, again = inbound(1, "one", message="m1"), inbound(2, "one", message="m1", edited=True)
    for message in (shown(first, again), shown(again), shown(inbound(3, "?", edited=True, shared="other"))):
        assert (message.edited, message.earlier) == (True, "")


def test_an_erased_earlier_version_is_not_shown_again():
    first = inbound(1, "one", message="m1", erased=True)
    message = shown(first, inbound(2, "two", message="m1", edited=True))
    assert (message.text, message.edited, message.earlier) == ("two", True, "")


# --- what else was sent


@pytest.mark.parametrize(
    ("shared", "text", "words"),
    [
        ("contact", "Ann Miller +1 212 555 0143", "[contact card] [name] [phone]"),
        ("contact", "анна мюллер 0170/1234567", "[contact card] [name]"),
        ("contact", "", "[contact card]"),
        ("location", "City Hospital", "[location; where exactly is not stored] City Hospital"),
        ("location", "", "[location; where exactly is not stored]"),
        ("other", "", "[something the bot cannot read]"),
        ("other", "call 212-555-0143", "[something the bot cannot read] call [phone]"),
    ],
)
def test_what_is_neither_words_nor_a_file_is_named(shared, text, words):
    assert shown(inbound(1, text, shared=shared)).text == words


def test_forwarded_and_quoted_words_are_told_apart_from_the_requesters_own_and_masked():
    message = shown(inbound(1, "is this true?", forwarded=True, quoted="My name is Ann Miller, it burns"))
    assert (message.text, message.forwarded) == ("is this true?", True)
    assert message.quoted == "My name is [name], it burns"
    plain = shown(inbound(1, "hello"))
    assert (plain.forwarded, plain.quoted, plain.in_reply_to) == (False, "", "")


def test_a_reply_shows_the_masked_beginning_of_what_it_replies_to_as_it_was_by_then():
    first = inbound(1, f"mail ann@example.com\n\n{'x' * 200}", message="m1")
    answer = inbound(2, "yes", reply_to="m1")
    edited = inbound(3, "no such thing", message="m1", edited=True)
    found = card(a_case(wrote(2, answer)), context(first, answer, edited))
    (message,) = lines(found, "message")[0].said
    start = "mail [e-mail] "
    assert message.in_reply_to == start + "x" * (80 - len(start)) + "…"


def test_a_reply_to_a_specialist_or_to_the_bot_shows_what_they_said():
    ours = [reply(1, 5, "Call me: 212-555-0143", platform_id="p1")]
    ours += [outbound(2, {"kind": "entry", "entry": "missed-dose"}, platform_id="p2")]
    ours += [outbound(3, {"kind": "wording", "wording": "greeting"}, platform_id="p3")]
    answers = [inbound(n, "yes", reply_to=f"p{n}") for n in (1, 2, 3, 4)]
    found = card(a_case(wrote(2, *answers)), context(*answers, *ours))
    (line,) = lines(found, "message")
    assert [message.in_reply_to for message in line.said] == [
        "Call me: [phone]",
        "missed-dose: What should I do if I forget a tablet?",
        "service text: greeting",
        "",
    ]


def test_a_pressed_button_is_shown_in_words():
    assert shown(inbound(1, action=Action(verb="answer", value="missed-dose"))).text == "[pressed: answer missed-dose]"


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
