"""`smi-bot library show`: a text as each channel shows it, before anybody gets it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from commands import command
from hypothesis import given
from hypothesis import strategies as st
from libraries import NOW, a_delivery, a_reply, sign_all, signed_library
from papers import Paper

from channels.telegram_text import LIMIT, Part, parts
from smi_bot.decision import Answer, Grounds
from smi_bot.inquiry import Conversation, Rendered
from smi_bot.library import Library, read_library
from smi_bot.markup import to_html, to_styled
from smi_bot.replies import sayings
from smi_bot.workbench import writing_commands
from smi_bot.workbench.appearance import Whom, shown_on, variant_of
from smi_bot.workbench.styles import marked, of_telegram, runs

RESPONSES = Path(__file__).parent.parent / "responses"
SPECIAL = 'a <b>*x*</b> & "q" [l](javascript:x) <script>alert(1)</script>'


@pytest.fixture(scope="module")
def shipped() -> Library:
    return read_library(RESPONSES)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The small library with all buttons that stand below an answer."""
    signed_library(tmp_path / "library")
    edit(tmp_path / "library", "wording/page.yaml", "labels:\n", "labels:\n  helpful: 'Yes'\n  not-helpful: 'No'\n")
    return sign_all(tmp_path / "library")


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def show(folder: Path, *arguments: str):
    return command("library", "show", *arguments, "--library", str(folder))


def delivered(library: Library, entry: str, whom: Whom) -> Rendered:
    """What the real last step before a requester makes of it."""
    to = Conversation(id="c", channel="fake", audience=whom.audience, country=whom.country)
    ((part, choices),) = sayings(Answer(entry, Grounds(), long=whom.long), to, None, library)
    return asyncio.run(a_delivery(library).render(a_reply(part, *choices)))


@pytest.mark.parametrize("whom", [Whom("patient", "US"), Whom("hcp", "EU"), Whom("patient", "DE"), Whom("hcp", None)])
def test_what_is_shown_is_what_is_sent(shipped, whom):
    for id, entry in list(shipped.entries.items())[::4]:
        variant = variant_of(shipped, entry, whom, NOW.replace(day=24))
        if variant.rendered is None:
            assert variant.refusals
            continue
        sent = delivered(shipped, id, whom)
        assert (variant.rendered.markdown, variant.rendered.buttons) != ("", ())
        assert variant.rendered.markdown == sent.markdown
        assert [each.text for each in variant.rendered.buttons] == [each.text for each in sent.buttons]
        on_telegram = shown_on("telegram", variant, entry)
        assert [each.styled.text for each in on_telegram.messages] == [part.text for part in parts(sent)]
        assert all(each.length <= LIMIT for each in on_telegram.messages)
        (on_web,) = shown_on("web", variant, entry).messages
        assert on_web.html == to_html(sent.markdown)
        (on_slack,) = shown_on("slack", variant, entry).messages
        assert on_slack.styled.text.split() == on_web.styled.text.split()
        assert marked(on_slack.styled).split() == marked(on_telegram.messages[0].styled).split()


def test_all_variants_of_all_channels_are_shown_with_buttons_and_lengths(folder):
    ended = show(folder, "dose")
    assert (ended.code, ended.err) == (0, "")
    headings = [line for line in ended.lines if line.startswith("===")]
    assert len(headings) == 12  # two audiences, two regions, three channels
    assert ended.lines[0] == "testamol/dose v1: How much do I take?"
    assert ended.lines[2] == "signed by Alma Medic (medical, 2026-11-23), Bo Rules (regulatory, 2026-11-23)"
    assert "One tablet, as in Europe." in ended.lines
    assert "[Yes] [No] [Talk to a person]" in ended.lines
    assert any(line.endswith(f"of {LIMIT} characters") for line in ended.lines)


def test_a_longer_text_is_shown_beside_the_one_below_which_it_is_offered(folder):
    edit(folder, "wording/page.yaml", "labels:\n", "labels:\n  details: 'More'\n")
    edit(folder, "testamol/shelf.md", "# safety", "# hcp long\nAll there is to know.\n\n# safety")
    ended = show(sign_all(folder), "shelf", "--region", "US", "--channel", "telegram")
    assert ended.code == 0
    first, second = ended.out.split("=== hcp in US")[1:]
    assert "[More] [Yes] [No] [Talk to a person]" in first
    assert second.startswith(", longer text, telegram\n")
    assert "All there is to know.\n\nKeep it away from children." in second
    assert "[More]" not in second


def test_audience_country_and_channel_choose_what_is_shown(folder):
    ended = show(folder, "shelf", "--audience", "patient", "--country", "no", "--channel", "telegram", "--json")
    (shown,) = json.loads(ended.out)["shown"]
    assert (shown["audience"], shown["country"], shown["channel"]) == ("patient", "NO", "telegram")
    (message,) = shown["messages"]
    assert message["text"].startswith("Keep it on the shelf.\n\nKeep it away from children.")
    assert [(look["kind"], look["start"], look["end"]) for look in message["looks"]] == [("bold", 15, 20)]
    assert (message["length"], message["limit"]) == (len(message["text"]), LIMIT)
    assert "Keep it on the *shelf*." in show(folder, "shelf", "--channel", "web").lines


def test_slack_shows_the_window_in_which_a_specialist_sees_it(folder):
    ended = show(folder, "shelf", "--audience", "hcp", "--region", "US", "--channel", "slack", "--json")
    (shown,) = json.loads(ended.out)["shown"]
    assert shown["buttons"] == []
    assert "Shelf storage for all packs." in shown["messages"][0]["text"]
    assert [block["type"] for block in shown["blocks"]].count("rich_text") >= 3


def test_a_draft_is_shown_with_the_reason_why_it_is_not_sent(folder):
    edit(folder, "testamol/shelf.md", "on the **shelf**", "on the **board**")
    ended = show(folder, "shelf", "--channel", "web")
    assert ended.code == 1
    assert "draft: served from 2026-10-01 until the day before 2028-10-01" in ended.lines
    reason = "testamol/shelf v1: needs the signatures of two people in two roles; have it approved"
    assert f"NOT SENT NOW: {reason}" in ended.lines
    assert "Keep it on the *board*." in ended.lines


def test_a_text_whose_time_has_not_come_is_shown_with_the_reason(folder):
    edit(
        folder,
        "testamol/shelf.md",
        "effective: 2026-10-01\nreview_due: 2027",
        "effective: 2099-10-01\nreview_due: 2099",
    )
    edit(folder, "testamol/shelf.md", "expires: 2028", "expires: 2100")
    ended = show(sign_all(folder), "shelf", "--channel", "web")
    assert ended.code == 1
    assert "approved: served from 2099-10-01 until the day before 2100-10-01" in ended.lines
    assert "NOT SENT NOW: shelf: is served from 2099-10-01 until 2100-10-01" in ended.lines


def test_somebody_without_a_text_is_said_to_have_none(folder):
    ended = show(folder, "coupon", "--region", "EU", "--audience", "patient")
    assert ended.code == 1
    assert ended.lines.count("NOT SENT NOW: coupon: has no approved text for patient in EU") == 3
    assert "coupon." not in ended.out


def test_a_text_that_is_too_long_for_telegram_is_said_to_be(folder):
    edit(folder, "testamol/shelf.md", "Keep it on", f"{'A very long text. ' * 300}Keep it on")
    ended = show(sign_all(folder), "shelf", "--audience", "patient", "--region", "US")
    assert ended.code == 1
    (refusal,) = [line for line in ended.lines if line.startswith("NOT SENT NOW")]
    assert "too long for one Telegram message" in refusal


def test_a_service_text_is_shown_by_region_with_its_contacts(folder):
    ended = show(folder, "wording/greeting.en")
    assert ended.code == 0
    assert {"Hello. Call 911 if you must.", "Hello. Call 112 if you must."} <= set(ended.lines)
    assert not [line for line in ended.lines if line.startswith("===") and "slack" in line]


def test_every_shipped_service_text_can_be_shown(shipped):
    for wording in shipped.wordings.values():
        variant = variant_of(shipped, wording, Whom("patient", "US"), NOW.replace(day=24))
        assert (variant.refusals, variant.rendered is None) == ((), False), wording.id


@pytest.mark.parametrize("topic", ["nothing", "page", "testamol/product"])
def test_what_cannot_be_shown_is_one_line_and_exit_code_2(folder, topic):
    ended = show(folder, topic)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)


def test_the_page_holds_all_variants_and_nothing_of_anybody_as_html(folder, tmp_path):
    edit(folder, "testamol/shelf.md", "title: Where do I keep it?", f"title: {json.dumps(SPECIAL)}")
    edit(folder, "testamol/shelf.md", "- shelf one", f"- {json.dumps(SPECIAL)}")
    edit(folder, "testamol/shelf.md", "Shelf storage", f"{SPECIAL} <img src=x onerror=y> [w](https://a.example) Shelf")
    target = tmp_path / "page.html"
    ended = show(folder, "shelf", "--html", str(target))
    assert ended.code == 1
    paper = Paper(target.read_text("utf-8"))
    assert paper.is_ours
    assert paper.tags.count("section") == 12
    assert paper.words.count(SPECIAL) == 2  # the title and a phrasing; in the text it is Markdown
    assert "<script>alert(1)</script>" in paper.words
    assert set(paper.links) == {"https://a.example"}


def test_a_page_that_cannot_be_written_is_one_line(folder, tmp_path):
    ended = show(folder, "shelf", "--html", str(tmp_path / "no" / "page.html"))
    assert (ended.code, ended.err.count("\n")) == (2, 1)


@given(title=st.text(), phrasing=st.text())
def test_any_words_of_a_response_are_words_on_the_page(shipped, title, phrasing):
    entry = shipped.entries["grapefruit"].model_copy(update={"title": title, "phrasings": (phrasing,) * 5})
    changed = replace(shipped, product=None, entries={"grapefruit": entry}, wordings={}, pages={})
    subject = writing_commands._Subject(changed, "zelvanta/grapefruit", entry, NOW)
    variant = variant_of(changed, entry, Whom("patient", "US"), NOW)
    assert Paper(writing_commands._page(subject, [shown_on("web", variant, entry)])).is_ours


@given(st.lists(st.sampled_from(["a", "😀", "*", "**", "`", "\n\n", "> ", "- ", "[x](https://a.example)", " b "])))
def test_styled_words_keep_their_words_and_looks(pieces):
    styled = to_styled("".join(pieces))
    assert "".join(run.text for run in runs(styled)) == styled.text
    rendered = Rendered(reply="r", conversation="c", markdown="".join(["x ", *pieces]), source="s")
    for part in parts(rendered):
        assert of_telegram(part).text == part.text
        assert len(of_telegram(part).spans) == len(part.entities)
        for span, entity in zip(of_telegram(part).spans, part.entities, strict=True):
            units = part.text.encode("utf-16-le")[2 * entity.offset : 2 * (entity.offset + entity.length)]
            assert part.text[span.start : span.end] == units.decode("utf-16-le")


def test_marks_stand_where_the_look_begins_and_ends():
    plain = of_telegram(Part("plain", ()))
    assert marked(plain) == "plain"
    assert marked(to_styled("a **b *c*** `d` [e](https://f.example)")) == "a *b _c_* `d` e <https://f.example>"
