"""What stands in the thread of a case in Slack."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from slack_cards import ANN, BOB, MARKUP, NOON, a_card, assert_takeable, buttons, line, quoted, shown, wrote

from escalation.card_lines import CardFile, CardLine, CardMessage
from escalation.slack_cards import Post
from escalation.slack_lines import line_posts


def the_post(*thread: CardLine, **more: Any) -> Post:
    """Of the last line."""
    return line_posts(a_card(*thread, **more))[-1]


def test_the_opening_has_no_post_of_its_own_as_the_card_says_it():
    assert line_posts(a_card()) == ()


def test_a_message_shows_everything_about_it():
    said = CardMessage(5, "new", edited=True, earlier="old", forwarded=True, quoted="theirs", in_reply_to="take it")
    told = line(2, "message", "Requester 4F2A9C", said=(said, CardMessage(6, "")), link="https://t.me/forum/5")
    post = the_post(told)
    assert (post.key, post.text) == ("e2", "SMI-12: the requester wrote.")
    assert [each for each in shown(post).split("\n") if each] == [
        "Requester 4F2A9C wrote:  public post",
        "message 5 · forwarded · edited",
        "in reply to: “take it”",
        "new",
        "quoted from somewhere else:",
        "theirs",
        "before it was edited:",
        "old",
        "message 6",
        "(no words)",
    ]


def test_what_a_requester_wrote_stands_in_quotations_so_that_it_cannot_pass_for_ours():
    post = the_post(wrote(2, "SMI-12: claimed by Dr. Rao"))
    assert quoted((post,)) == "SMI-12: claimed by Dr. Rao"


def test_markup_stands_there_to_the_letter():
    assert quoted((the_post(wrote(2, MARKUP)),)) == MARKUP


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "On its way"),
        ("retrying", "Not delivered yet, trying again: blocked"),
        ("sent", "Sent"),
        ("delivered", "Delivered"),
        ("failed", "Failed: blocked"),
    ],
)
def test_a_reply_shows_how_it_is_doing(state, words):
    trouble = "blocked" if state in ("retrying", "failed") else ""
    reply = line(5, "replied", ANN, "Are you well?", state=state, trouble=trouble)
    post = the_post(reply, status="claimed", owner=ANN)
    assert shown(post).startswith("\n<@U0123ABC> replied to the requester: \nAre you well?\n" + words)
    assert post.text == f"SMI-12: a reply: {words.partition(':')[0].lower()}."
    assert buttons(post.blocks) == ({"reply_retry": "12:5"} if state == "failed" else {})


def test_a_reply_on_a_closed_case_cannot_be_sent_again():
    reply = line(5, "replied", ANN, "?", state="failed", can_retry=True)
    post, _ = line_posts(a_card(reply, line(6, "closed", ANN, "answered"), status="closed", owner=ANN))
    assert buttons(post.blocks) == {}


def test_notes_of_the_desk_page_are_posted_and_those_written_in_slack_are_not():
    noted = line(5, "noted", "Dr. Rao", "ask about the lot", was_sent=True)
    assert shown(the_post(noted)).strip().split("\n") == [
        "Dr. Rao noted, internally: ",
        "ask about the lot",
        "Sent to the requester afterwards.",
    ]
    assert line_posts(a_card(replace(noted, author=ANN))) == ()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (line(5, "claimed", ANN), "<@U0123ABC> claimed the case."),
        (line(5, "released", "Dr. Rao"), "Dr. Rao released the case."),
        (line(5, "released", "bot", "Too long silent."), "The bot released the case. Too long silent."),
        (line(5, "closed", ANN, "no-answer-possible"), "<@U0123ABC> closed the case: no answer possible."),
        (line(5, "labelled", ANN, "high: adverse-event, human"), "<@U0123ABC> set the labels: adverse event, human; high priority."),
        (line(5, "revealed", BOB), "<@U0456DEF> looked at the original text."),
        (line(5, "erasure", text="The requester asked for deletion."), "The requester asked for deletion."),
        (line(5, "something new"), "something new"),
    ],
)  # fmt: skip
def test_what_happened_is_told_in_a_line(told, words):
    assert shown(the_post(told)).strip() == words


def test_the_note_of_a_closing_is_quoted():
    post = the_post(line(5, "closed", ANN, "answered: by phone: *twice*"))
    assert quoted((post,)) == "by phone: *twice*"


def test_what_the_bot_did_by_itself_has_a_key_of_its_own_that_stays():
    answered = line(0, "answered", text="missed-dose: What if I forget?")
    failed = line(0, "not delivered", text="service text: greeting", trouble="blocked", at=NOON + timedelta(minutes=1))
    posts = line_posts(a_card(answered, failed, failed))
    assert [shown(post).strip() for post in posts] == [
        "The bot answered: missed-dose: What if I forget?",
        "The bot could not deliver: service text: greeting \nReason: blocked",
        "The bot could not deliver: service text: greeting \nReason: blocked",
    ]
    keys = [post.key for post in posts]
    assert len({*keys}) == 3
    assert [post.key for post in line_posts(a_card(answered, wrote(2, "x"), failed))] == [keys[0], "e2", keys[1]]


RAISED = line(5, "raised", text="urgent: emergency, adverse-event")


def test_a_case_that_is_raised_alerts_its_owner():
    card = a_card(line(2, "claimed", ANN), line(3, "released", ANN), line(4, "claimed", BOB), RAISED)
    post = line_posts(card)[-1]
    words = "Raised to urgent priority by a further message: emergency, adverse event."
    assert shown(post).strip() == f"<@U0456DEF> {words}"
    assert (post.text, post.to_channel) == ("SMI-12: raised to urgent priority.", False)
    assert line_posts(replace(card, owner=None, thread=(*card.thread, line(6, "released", BOB))))[-2] == post


def test_what_nobody_owns_is_seen_in_the_channel_and_alerts_everybody_only_if_it_is_urgent():
    for told in (RAISED, replace(RAISED, text="high: adverse-event")):
        post = the_post(told)
        assert post.to_channel
        assert ("<!here>" in shown(post)) == told.text.startswith("urgent")
    reminded = line(6, "reminded", text="Nobody has claimed this case in time.")
    late = the_post(RAISED, reminded)
    assert shown(late).strip() == "<!here> Nobody has claimed this case in time."
    assert (late.text, late.to_channel) == ("SMI-12: overdue, urgent priority.", True)
    assert not the_post(wrote(2, "x")).to_channel
    assert the_post(line(2, "claimed", ANN), line(3, "released", ANN)).to_channel
    assert shown(the_post(line(2, "claimed", ANN), reminded)).startswith("\n<@U0123ABC> ")


def test_files_are_listed_with_what_became_of_them():
    files = (
        CardFile("f1", "rash.jpg", "image/jpeg", 2000, "failed", True),
        CardFile("f2", MARKUP, "", 0, "here", False),
        CardFile("f3", "", "video/mp4", 31_000_000, "refused", False),
        CardFile("f4", "n.txt", "text/plain", 12, "failed", False),
    )
    post = the_post(wrote(2, "look", attachments=files))
    found = [each for each in shown(post).split("\n") if each.startswith("File: ")]
    assert found[0].startswith("File: rash.jpg · image/jpeg, 2 kB, could not be had")
    assert "<!channel>" in found[1]
    assert found[1].endswith(" · here")
    assert found[2] == "File: without a name · video/mp4, 31.0 MB, not taken (too big or of a type we do not take)"
    assert found[3] == "File: n.txt · text/plain, 12 bytes, could not be had"
    assert buttons(post.blocks) == {"file_retry": "12:f1"}


def test_many_messages_and_files_are_parted_among_posts_and_each_file_keeps_its_button():
    files = tuple(CardFile(f"f{n}", f"{n}.jpg", "image/jpeg", 1, "failed", True) for n in range(60))
    posts = line_posts(a_card(wrote(2, *("a rash" for _ in range(70)), attachments=files)))
    assert len(posts) > 2
    assert "… continued (2)" in shown(posts[1])
    for post in posts:
        assert_takeable(post)
        assert shown(post).count("File: ") == shown(post).count("Fetch again")
    assert "".join(quoted((post,)) for post in posts) == "a rash" * 70


def test_a_post_depends_on_its_line_alone():
    reply = line(3, "replied", ANN, "Hello", state="sent")
    before = a_card(wrote(2, "one"), reply, status="claimed", owner=ANN)
    after = replace(before, thread=(*before.thread, wrote(4, "two")), owner=BOB, due=NOON, overdue=True, reports=2)
    assert line_posts(after)[:2] == line_posts(before)
    assert line_posts(replace(before, status="closed"))[:2] == line_posts(before)
