"""The windows of the Slack desk: every content within Slack's limits, approved text as it was approved, read back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from any_card import CARDS, HOSTILE, without_space
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_api_blocks import faults_of_view, options_faults
from slack_api_forms import chosen, elements, find, state
from slack_cards import ANN, MARKUP, a_card, nodes, texts

from escalation.cards import Card, CardLabel, CardSuggestion
from escalation.case import DISPOSITIONS
from escalation.slack_text import is_seen, rich_text
from escalation.slack_views import (
    Form,
    Preview,
    close_view,
    entry_view,
    judge_view,
    label_view,
    read_state,
    reply_view,
    reveal_view,
    search_options,
)
from smi_bot.decision import PRECEDENCE
from smi_bot.markup import literal, to_styled
from smi_bot.text import repair

ADDRESS = "https://e.example/a"
MARKDOWN = st.lists(
    st.sampled_from([
        "**a**", "**", "_a_", "*", "`a`", "# a", "- a", "1. a", "> a", "> ", "    a", "```\na\n```", "a", " ", "\n", "\n\n",
        "***", "\n\n---\n\n", f"[a]({ADDRESS})", f"**[_a_]({ADDRESS})**", "[a](tel:1)", "[a](mailto:a@b.example)", "😀",
        "<!channel>", "&lt;", ":smile:", "\x07", "\u2028", "שלום", "[a](https://[)", "> > a\n\n```\nb\n```",
    ]),
    max_size=25,
).map("".join)  # fmt: skip
MINE = a_card(status="claimed", owner=ANN)
PREVIEW = Preview("missed-dose", "What if I forget a tablet?", 3, f"Take it **at once**; see [the leaflet]({ADDRESS}).")


def assert_takeable(view: dict[str, Any]) -> None:
    assert faults_of_view(view) == []
    assert len(json.dumps(view)) <= 250_000
    assert not [
        node for node in nodes(view) if node.get("type") in ("mrkdwn", "markdown", "emoji", "user", "broadcast")
    ]
    assert all(node["emoji"] is False for node in nodes(view) if node.get("type") == "plain_text")
    json.dumps(view, ensure_ascii=False).encode()


def shown(view: dict[str, Any]) -> str:
    return "".join(node["text"] for node in nodes(view["blocks"]) if node.get("type") in ("text", "link"))


def words_and_looks(markdown: str) -> list[tuple[str, str]]:
    """Each run of words with what it looks like."""
    found = []
    for block in rich_text(to_styled(markdown)):
        (element,) = block["elements"]
        kind = element["type"].removeprefix("rich_text_")
        for run in element["elements"]:
            looks = (
                [kind] * (kind != "section")
                + sorted(run.get("style", {}))
                + [run[key] for key in ("url",) if key in run]
            )
            found.append((run["text"], " ".join(looks)))
    return found


# --- any content


@settings(deadline=None, max_examples=60)
@given(CARDS, HOSTILE, HOSTILE)
def test_windows_of_any_content_are_taken_by_slack(card, one, other):
    assert_takeable(reply_view(card, "p1", one, other))
    assert_takeable(entry_view(card, "p1", None, card.suggestions))
    assert_takeable(entry_view(card, "p1", Preview("missed-dose", one, 1, literal(repair(other)))))
    assert_takeable(label_view(card))
    assert_takeable(judge_view(card, {"own-symptom": "It happened to them."}))
    assert_takeable(close_view(card))
    assert_takeable(reveal_view(card, one))


#: A window holds 250,000 characters of JSON, most of them for what was written.
FITS = (HOSTILE | st.lists(HOSTILE, max_size=9).map("\n".join)).filter(lambda text: len(json.dumps(text)) < 150_000)


@settings(deadline=None, max_examples=150)
@given(FITS)
@example("x" * 100_000)
@example("word\n" * 20_000)
def test_the_original_text_is_shown_whole_and_to_the_letter(text):
    view = reveal_view(MINE, text)
    assert_takeable(view)
    quotes = [node for node in nodes(view) if node.get("type") == "rich_text_quote"]
    whole = repair(text) if is_seen(text) else ""
    assert without_space("".join(texts(quotes))) == without_space(whole)


@pytest.mark.parametrize("text", ["x" * 400_000, "好" * 100_000, "😀" * 50_000, '\\"' * 150_000])
def test_what_a_window_cannot_hold_is_cut_with_a_mark(text):
    view = reveal_view(MINE, text)
    assert_takeable(view)
    assert shown(view).endswith("This window holds no more; the desk page shows all of it.")
    assert shown(view).count(text[0]) > 10_000


@settings(deadline=None, max_examples=200)
@given(MARKDOWN)
def test_approved_text_of_any_shape_is_shown_in_full(markdown):
    view = entry_view(MINE, "p1", PREVIEW._replace(markdown=markdown))
    assert_takeable(view)
    expected = without_space(to_styled(markdown).text)
    assert without_space("".join(words for words, _ in words_and_looks(markdown))) == expected
    assert {node["url"] for node in nodes(view) if node.get("type") == "link"} <= {ADDRESS, "mailto:a@b.example"}


# --- approved text


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("plain", [("plain", "")]),
        ("**b** and *i*", [("b", "bold"), (" and ", ""), ("i", "italic")]),
        ("***both***", [("both", "bold italic")]),
        ("`c`", [("c", "code")]),
        (f"[see **here**]({ADDRESS})", [("see ", ADDRESS), ("here", f"bold {ADDRESS}")]),
        ("[mail](mailto:a@b.example)", [("mail", "mailto:a@b.example")]),
        ("[call](tel:+1234)", [("call", "")]),
        ("# Head\n\ntext", [("Head", "bold"), ("\ntext", "")]),
        ("- one\n- two\n  - three", [("- one\n- two\n  - three", "")]),
        ("1. one\n2. two", [("1. one\n2. two", "")]),
        ("before\n\n> quoted *so*\n\nafter", [("before", ""), ("quoted ", "quote"), ("so", "quote italic"), ("after", "")]),
        ("```\nx = 1\n\n  y\n```\nafter", [("x = 1\n\n  y", "preformatted"), ("after", "")]),
        ("> a\n>\n> ```\n> b\n> ```", [("a\n\n", "quote"), ("b", "quote code")]),
        ("two  \nlines\n\nparagraph", [("two\nlines\n\nparagraph", "")]),
        (r"\*literal\* <!channel> &lt; :smile:", [("*literal* <!channel> < :smile:", "")]),
    ],
)  # fmt: skip
def test_approved_text_looks_as_it_does_to_the_requester(markdown, found):
    assert words_and_looks(markdown) == found


@pytest.mark.parametrize("address", ["https://[", "https://", "https:", "https://e.example/" + "x" * 4000, "mailto:"])
def test_an_address_that_slack_may_refuse_is_no_link(address):
    assert words_and_looks(f"[words](<{address}>)")[0][1] == ""


# --- replying


def test_the_window_for_a_reply_says_who_reads_it():
    view = reply_view(MINE, "p1")
    assert (view["callback_id"], view["title"]["text"]) == ("reply_modal", "Reply to requester")
    assert "SMI-12 · Requester 4F2A9C · telegram · US · patient or caregiver · language en" in shown(view)
    assert "The requester reads exactly what you write." in shown(view)
    assert json.loads(view["private_metadata"]) == {"case": 12, "id": "p1"}


def test_every_character_of_a_reply_is_told_so_that_a_draft_can_be_kept():
    block, element = find(reply_view(MINE, "p1", "so far")["blocks"], "reply_text")
    assert (block["block_id"], block["dispatch_action"]) == ("reply", True)
    assert element["dispatch_action_config"] == {"trigger_actions_on": ["on_character_entered"]}
    assert (element["multiline"], element["max_length"], element["initial_value"]) == (True, 3000, "so far")
    assert "initial_value" not in find(reply_view(MINE, "p1")["blocks"], "reply_text")[1]


def test_the_field_is_the_same_whatever_the_preview_so_that_slack_keeps_what_is_typed_in_it():
    first, then = reply_view(MINE, "p1", "x"), reply_view(MINE, "p1", "x", MARKUP)
    assert then["blocks"][: len(first["blocks"])] == first["blocks"]
    assert shown(then).endswith("The requester will read:" + MARKUP)
    assert reply_view(MINE, "p1", "x", " \n") == first


def test_a_draft_is_cut_to_what_slack_lets_people_type():
    for draft in ("x" * 4000, "😀" * 2000):
        initial = find(reply_view(MINE, "p1", draft)["blocks"], "reply_text")[1]["initial_value"]
        assert draft.startswith(initial)
        assert len(initial.encode("utf-16-le")) // 2 == 3000


def test_a_reply_on_a_safety_case_is_reminded_of_it():
    labels = (CardLabel("adverse-event", (), ()), CardLabel("human", (), ()))
    assert "Safety report (adverse event): it must reach drug safety" in shown(
        reply_view(replace(MINE, labels=labels), "p")
    )
    assert "Safety report" not in shown(reply_view(replace(MINE, labels=labels[1:]), "p"))


# --- approved answers


def test_nothing_can_be_sent_before_an_answer_was_chosen():
    view = entry_view(MINE, "p1", None, (CardSuggestion("skin", "Can it cause a rash?", 0.5),))
    assert_takeable(view)
    assert "submit" not in view
    search = find(view["blocks"], "entry_search")[1]
    assert (search["type"], search["min_query_length"], "initial_option" in search) == ("external_select", 0, False)
    assert find(view["blocks"], "entry_show")[1]["value"] == "12:skin"


def test_the_answer_that_was_chosen_is_shown_and_it_alone_is_sent():
    view = entry_view(MINE, "p1", PREVIEW)
    assert view["submit"]["text"] == "Send to requester"
    assert "What if I forget a tablet? · missed-dose v3Take it at once; see the leaflet." in shown(view)
    assert find(view["blocks"], "entry_search")[1]["initial_option"]["value"] == "missed-dose"
    searched = entered(view, entry_search="skin", offered=[CardSuggestion("skin", "Rash", 1)])
    form = read_state(searched)
    assert (form.case, form.id, form.entry, form.version) == (12, "p1", "missed-dose", 3)


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (a_card(), "SMI-12 is open; its owner can send this while it is claimed."),
        (replace(MINE, public=True), "Public forum: nothing is ever sent there."),
    ],
)
def test_what_cannot_be_sent_has_no_button_for_it_and_says_why(card, why):
    view = entry_view(card, "p1", PREVIEW)
    assert "submit" not in view
    assert shown(view).endswith(why)


def test_an_answer_too_long_to_be_shown_is_not_sent_from_here():
    view = entry_view(MINE, "p1", PREVIEW._replace(markdown="word " * 60_000))
    assert_takeable(view)
    assert "submit" not in view
    assert "Too long to be shown here" in shown(view)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.builds(CardSuggestion, st.text("ab-", min_size=1, max_size=200), HOSTILE, st.just(0.5)), max_size=130)
)
def test_what_a_search_found_is_offered_within_slacks_limits(found):
    answer = search_options(found)
    assert len(answer["options"]) <= 100
    assert answer == {"options": []} or options_faults(answer) == []
    assert {option["value"] for option in answer["options"]} <= {each.entry for each in found}


def test_a_long_title_is_shortened_at_a_word():
    answer = search_options([CardSuggestion("e", "What should I do " * 10, 1), CardSuggestion("f", "", 1)])
    first, second = (option["text"]["text"] for option in answer["options"])
    assert first.endswith(("do…", "What…", "should…", "I…"))
    assert 60 < len(first) <= 75
    assert second == "f"


# --- labels, closing, the original text


def test_all_labels_can_be_chosen_and_those_there_are_chosen():
    card = replace(MINE, labels=(CardLabel("human", (), ()), CardLabel("adverse-event", (), ())))
    view = label_view(card)
    element = find(view["blocks"], "label_choice")[1]
    assert [option["value"] for option in element["options"]] == list(PRECEDENCE)
    assert read_state(entered(view)).labels == ("human", "adverse-event")
    assert read_state(entered(view, label_choice=["emergency"])).labels == ("emergency",)
    assert read_state(entered(label_view(MINE))).labels == ()


def test_closing_asks_what_became_of_it():
    view = close_view(MINE)
    element = find(view["blocks"], "close_disposition")[1]
    assert [option["value"] for option in element["options"]] == list(DISPOSITIONS)
    assert "Forwarded to drug safety" in [option["text"]["text"] for option in element["options"]]
    assert "The requester is told that the case is closed." in shown(view)
    assert "The requester is told" not in shown(close_view(replace(MINE, public=True)))
    form = read_state(entered(view, close_disposition="spam", close_note="an <ad>"))
    assert (form.disposition, form.note) == ("spam", "an <ad>")
    assert read_state(entered(view)) == Form(12, "")


def test_the_original_text_stands_in_a_window_without_a_button():
    view = reveal_view(MINE, MARKUP)
    assert (view["callback_id"], "submit" in view, view["close"]["text"]) == ("reveal_modal", False, "Close")
    assert shown(view) == f"SMI-12 · Requester 4F2A9C{MARKUP}"
    assert "(no words)" in shown(reveal_view(MINE, ""))


# --- what was entered


def entered(view: dict[str, Any], offered: list[CardSuggestion] = (), **values: Any) -> dict[str, Any]:  # type: ignore[assignment]
    """The window as Slack hands it in after somebody typed and chose this."""
    options = search_options(offered)["options"]
    given_by = {
        (block["block_id"], element["action_id"]): chosen(element, values[element["action_id"]], options)
        for block, element in elements(view["blocks"])
        if element.get("action_id") in values
    }
    named = [block for block in view["blocks"] if "block_id" in block]
    return {**view, "state": state(named, given_by)}


def test_a_reply_is_read_as_it_was_typed():
    view = reply_view(MINE, "p1", "draft")
    assert read_state(entered(view)) == Form(12, "p1", reply="draft")
    assert read_state(entered(view, reply_text=MARKUP)).reply == MARKUP
    assert read_state(entered(view, reply_text="")).reply == ""
    assert read_state({**view, "state": {"values": {"reply": {"reply_text": {"value": None}}}}}).reply == ""


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"private_metadata": ""},
        {"private_metadata": "[]"},
        {"private_metadata": '{"case": "x", "id": ""}'},
        {"private_metadata": '{"case": 1}'},
        {"private_metadata": '{"case": 1, "id": ""}', "state": {"values": []}},
        {
            "private_metadata": '{"case": 1, "id": ""}',
            "state": {"values": {"a": {"label_choice": {"selected_options": [1]}}}},
        },
    ],
)
def test_a_window_that_is_none_of_ours_is_refused(view):
    with pytest.raises(ValueError):
        read_state(view)


def test_every_window_carries_its_case():
    windows = (label_view(MINE, "p"), judge_view(MINE, {}, "p"), close_view(MINE, "p"))
    for view in (reply_view(MINE, "p"), entry_view(MINE, "p", None), *windows):
        form = read_state(view)
        assert (form.case, form.id) == (12, "p")


def test_names_of_windows_are_stable():
    views = (
        reply_view(MINE, ""),
        entry_view(MINE, "", None),
        label_view(MINE),
        judge_view(MINE, {}),
        close_view(MINE),
        reveal_view(MINE, "x"),
    )
    names = [view["callback_id"] for view in views]
    assert names == ["reply_modal", "entry_modal", "label_modal", "judge_modal", "close_modal", "reveal_modal"]


def test_a_window_never_names_an_owner_as_a_mention_would_alert_them():
    card: Card = replace(MINE, labels=())
    for view in (reply_view(card, ""), label_view(card), close_view(card)):
        assert not [node for node in nodes(view) if node.get("type") == "user"]
