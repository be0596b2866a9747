"""What a card shows of what a requester sent: posts, files, edits, and everything else."""

import json
from dataclasses import asdict

import pytest
from a_case import CLAIMED, PHOTO, a_case, context, event, inbound, lines, outbound, reply, shown, wrote

from escalation.cards import Card, card
from smi_bot.inquiry import Action, PublicPost


def enabled(of: Card) -> set[str]:
    return {action.id for action in of.actions if action.enabled}


# --- public posts


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
