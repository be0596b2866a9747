"""The card of a case in Slack."""

from dataclasses import replace
from datetime import timedelta

import pytest
from slack_cards import ANN, NOON, a_card, assert_takeable, buttons, line, nodes, quoted, shown, wrote

from escalation.card_lines import CardFile
from escalation.cards import CardLabel, CardSuggestion
from escalation.slack_cards import card_post
from escalation.slack_lines import line_posts
from smi_bot.decision import PRECEDENCE


def test_a_new_card_says_what_a_specialist_must_know():
    card = a_card(
        wrote(2, "I got a rash after two weeks"),
        labels=(CardLabel("adverse-event", ("a rash", "\u200b"), ("r1",)), CardLabel("human", (), ())),
        audience="hcp",
        due=NOON + timedelta(hours=4),
        previous="SMI-3",
        reports=2,
        suggestions=(CardSuggestion("skin", "Can it cause a rash?", 0.873),),
    )
    post = card_post(card)
    assert post.key == "card"
    assert post.text == "SMI-12: new case, high priority. Claim it."
    assert post.blocks[0]["text"] == {"type": "plain_text", "text": "SMI-12 · high · open", "emoji": False}
    words = shown(post)
    for fact in (
        "Requester 4F2A9C · healthcare professional (self-attested) · US · telegram · language en",
        "Nobody has claimed this yet. To be claimed by ",
        "Adverse event: “a rash” · rule r1\nHuman\n",
        "I got a rash after two weeks",
        "Previous case: SMI-3",
        "Safety reports in this case: 2",
        "Can it cause a rash? · 87 %",
    ):
        assert fact in words
    dates = [node for node in nodes(post.blocks) if node.get("type") == "date"]
    assert [(date["timestamp"], date["fallback"]) for date in dates] == [(1795449600, "2026-11-23 16:00 UTC")]
    assert buttons(post.blocks)["entry_show"] == "12:skin"
    assert "Public" not in words
    assert "<!here>" not in words


def test_a_card_does_not_change_with_the_clock_alone():
    card = a_card(due=NOON, due_text="due in 15 min")
    assert card_post(card) == card_post(replace(card, due_text="due in 14 min"))
    late = card_post(replace(card, overdue=True, due_text="1 min overdue"))
    assert "Overdue since" in shown(late)
    assert late.text == "SMI-12: new case, high priority, overdue. Claim it."


def test_a_card_is_the_same_for_all_who_see_it():
    card = a_card(status="claimed", owner=ANN)
    assert card_post(card) == card_post(replace(card, mine=True))


PRIVATE = {"case_reply", "case_insert"}


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ({}, {"case_claim", "case_reveal"}),
        (
            {"status": "claimed", "owner": ANN},
            {*PRIVATE, "case_release", "case_label", "case_close", "case_reveal"},
        ),
        (
            {"status": "claimed", "owner": ANN, "public": True},
            {"case_release", "case_label", "case_close", "case_reveal"},
        ),
        ({"status": "closed", "owner": ANN}, {"case_reveal"}),
    ],
)
def test_a_card_has_the_buttons_that_make_sense(state, actions):
    thread = (line(5, "closed", ANN, "answered"),) if state.get("status") == "closed" else ()
    post = card_post(a_card(*thread, suggestions=(CardSuggestion("skin", "A rash?", 1),), **state))
    found = buttons(post.blocks)
    assert found.keys() - {"entry_show"} == actions
    assert {value for action, value in found.items() if action != "entry_show"} == {"12"}
    assert ("entry_show" in found) == (state.get("status") != "closed")


def test_one_button_stands_out_and_a_press_that_cannot_be_undone_asks_first():
    for state in ({}, {"status": "claimed", "owner": ANN}):
        found = [node for node in nodes(card_post(a_card(**state)).blocks) if node.get("type") == "button"]
        assert [node["action_id"] for node in found if node.get("style") == "primary"] in (
            ["case_claim"],
            ["case_reply"],
        )
        assert [node["action_id"] for node in found if "confirm" in node] == ["case_reveal"]
        assert all(node["accessibility_label"].endswith("SMI-12") for node in found)


def test_an_owner_in_slack_is_mentioned_and_another_is_named():
    assert "Owner: <@U0123ABC>" in shown(card_post(a_card(status="claimed", owner=ANN)))
    assert "Owner: Dr. Rao" in shown(card_post(a_card(status="claimed", owner="Dr. Rao")))
    assert "Owner: slack:<!channel>" in shown(card_post(a_card(status="claimed", owner="slack:<!channel>")))
    waiting = card_post(a_card(status="claimed", owner=ANN, due=NOON, overdue=True))
    assert "Owner: <@U0123ABC> Overdue since " in shown(waiting)
    assert waiting.text == "SMI-12: claimed, high priority, overdue."


def test_a_closed_card_says_who_closed_it_and_how_but_not_the_note():
    card = a_card(line(5, "closed", ANN, "forwarded-to-drug-safety: told Bob"), status="closed", owner=ANN)
    assert "<@U0123ABC> closed it: forwarded to drug safety." in shown(card_post(card))
    assert "told Bob" not in shown(card_post(card))


def test_only_an_urgent_card_that_nobody_has_claimed_alerts_the_channel():
    urgent = {"priority": "urgent"}
    assert "<!here> Nobody has claimed this yet." in shown(card_post(a_card(**urgent)))
    assert "<!here>" not in shown(card_post(a_card(status="claimed", owner=ANN, **urgent)))


def test_a_case_that_was_given_back_is_open_again():
    card = a_card(line(2, "claimed", ANN), line(3, "released", ANN))
    assert card_post(card).text == "SMI-12: open again, high priority. Claim it."


def test_a_public_card_says_so_and_leads_to_the_post():
    post = card_post(
        a_card(wrote(2, "rash", link="https://t.me/forum/5"), wrote(3, "x", link="https://t.me/6"), public=True)
    )
    assert "Public forum: everybody can read these posts" in shown(post)
    assert [node["url"] for node in nodes(post.blocks) if node.get("type") == "link"] == ["https://t.me/forum/5"]


def test_the_first_message_is_folded_and_later_ones_are_in_the_thread_only():
    short = a_card(wrote(2, "one", "two"), wrote(3, "three"))
    assert quoted((card_post(short),)) == "one\ntwo"
    long = card_post(a_card(wrote(2, "word " * 500, attachments=(CardFile("f", "n", "t", 1, "here", False),))))
    assert 500 < len(quoted((long,))) <= 600
    assert "… continues in the thread, with 1 file(s), in the thread" in shown(long)


def test_as_many_words_of_a_label_are_shown_as_fit():
    few = a_card(labels=(CardLabel("adverse-event", tuple("abcdefgh"), ()),))
    assert "Adverse event: “a”, “b”, “c”, “d”, “e”, “f” and 2 more" in shown(card_post(few))
    many = a_card(labels=tuple(CardLabel(label, ("😀" * 80,) * 8, ()) for label in PRECEDENCE))
    assert "Self harm" in shown(card_post(many))
    assert_takeable(card_post(many))


def test_a_card_whose_words_were_erased_says_so():
    card = a_card(
        wrote(2, "[erased at the requester's request]"),
        line(5, "closed", ANN, "answered"),
        erased=True,
        status="closed",
    )
    assert "What was written on this case was erased at the requester's request." in shown(card_post(card))


def test_what_look_back_screening_found_says_so_on_the_card_and_above_the_message():
    told = "Found by look-back screening. It came in on 2026-11-20 12:00 UTC."
    card = a_card(wrote(2, "I got a rash", text=told), screened_again=True)
    assert "Found by look-back screening. The requester was told nothing of it.\n" in shown(card_post(card))
    (post,) = line_posts(card)
    assert told in shown(post)
    assert "Found by" not in shown(card_post(a_card(wrote(2, "I got a rash"))))
