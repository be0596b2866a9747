"""Markdown on each surface: approved text as it was meant, people's words as they were written, and never HTML."""

import re
from html.parser import HTMLParser
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smi_bot.markup import Styled, literal, to_html, to_styled, to_text, units
from smi_bot.text import repair

MARKS = st.text(st.sampled_from(list("*_`~<>[]()!#+-=.|\\/:&;\"'{}$%^@ \t\n\r\x0b\x0c0123abcé\u00a0\u2028\u200b😀")))
ANY = MARKS | st.text(st.characters(), max_size=120)
PIECES = st.lists(
    st.sampled_from([
        "**a**", "_a_", "`a`", "# a", "- a", "1. a", "1) a", "> a", "    a", "\ta", "---", "===", "***", "```", "~~~",
        "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a]( data:text/html,x)", "[a](vbscript:x)", "[a](//h/x)",
        "[a](https://e.example)", "<https://e.example>", "<javascript:x>", "<a@b.example>", "![a](http://e.example/x.png)",
        "[a]: javascript:x", "[a]", "[a][a]", "<b>", "</b>", "<script>alert(1)</script>", "<!-- a -->", "<img src=x onerror=y>",
        "&lt;", "&#106;avascript:", "&amp;", "\\", "\\*", "| a | b |", "|-|-|", "http://e.example", "www.e.example", "a\\",
        "\n", "\n\n", "\r", "\r\n", "\n \n", " ", "\x00", "{{ a }}", "{% a %}", "[a](&#106;avascript:x)", "[a](java\nscript:x)",
        "[a](<javascript:x>)", "[a](\x01javascript:x)", "[a](java&Tab;script:x)", "<A HREF=x>", "<?php ?>", "<![CDATA[x]]>",
    ]),
    max_size=12,
).map("".join)  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.strange: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.words.append("\n")

    def handle_endtag(self, tag):
        if tag == "p":
            self.words.append("\n")

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        self.strange.append(data)

    def handle_decl(self, decl):
        self.strange.append(decl)

    def handle_pi(self, data):
        self.strange.append(data)

    unknown_decl = handle_decl


@settings(deadline=None, max_examples=200)
@given(ANY | PIECES)
@example("a\n")
@example("a\r\r    *b*")
@example("a\\\n ")
@example(" \n x")
def test_a_persons_words_are_shown_exactly_as_they_were_written(text):
    text = repair(text)
    markdown = literal(text)
    assert to_text(markdown).split() == text.split()
    assert "".join(Page(to_html(markdown)).words).split() == text.split()


@settings(deadline=None, max_examples=200)
@given(ANY | PIECES)
def test_a_persons_words_make_no_mark_tag_or_link(text):
    page = Page(to_html(literal(repair(text))))
    assert {tag for tag, _ in page.tags} <= {"p", "br"}
    assert not any(attributes for _, attributes in page.tags)
    assert page.strange == []


@settings(deadline=None)
@given(st.lists(st.text("abc*_ ", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5))
def test_a_persons_line_breaks_are_kept(lines):
    text = "\n".join(lines)
    for written in (text, text.replace("\n", "\r\n"), text.replace("\n", "\r"), f"\n {text} \n"):
        assert to_text(literal(written)).split("\n") == lines
        assert to_html(literal(written)).count("<br />") == len(lines) - 1


def test_empty_lines_make_paragraphs():
    assert to_html(literal("a\n\n\n b\n \nc")) == "<p>a</p>\n<p>b</p>\n<p>c</p>\n"
    assert literal("") == literal("\n \n") == ""


TAGS = {
    "p",
    "br",
    "strong",
    "em",
    "a",
    "ul",
    "ol",
    "li",
    "blockquote",
    "code",
    "pre",
    "hr",
    *(f"h{n}" for n in range(1, 7)),
}


@settings(deadline=None, max_examples=200)
@given(PIECES | ANY)
def test_whatever_markdown_is_given_no_html_of_its_own_and_no_unsafe_link_comes_out(markdown):
    page = Page(to_html(repair(markdown)))
    assert page.strange == []
    for tag, attributes in page.tags:
        assert tag in TAGS
        assert set(attributes) <= {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}}.get(tag, set())
        if tag == "a":
            assert re.match(r"(https?|mailto|tel):", attributes["href"] or "", re.IGNORECASE)


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", "JAVASCRIPT:x", "data:image/png;base64,AA", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
     "view-source:javascript:x", "blob:x", "//evil.example", "/relative", "x", "ftp://x", "httpss://x", " javascript:x"],
)  # fmt: skip
def test_links_that_are_not_web_mail_or_telephone_stay_text(target):
    assert "<a" not in to_html(f"[read]({target}) <{target}>")


@pytest.mark.parametrize(
    "target", ["https://a.example/x?y=1", "http://a.example", "mailto:a@b.example", "tel:+12025550142"]
)
def test_links_to_the_web_mail_and_telephone_are_links(target):
    assert f'<a href="{target}">read</a>' in to_html(f"[read]({target})")
    assert to_text(f"[read]({target})") == "read"


def test_images_are_not_fetched_from_anywhere():
    assert "<img" not in to_html("![a](https://e.example/x.png)")


def test_approved_markdown_is_shown_as_it_is_meant():
    markdown = "**Take** it.\nSoon.\n\n- one\n- two\n  more\n\n1. first\n2. second\n\nEnd & <b>."
    assert to_html(markdown) == (
        "<p><strong>Take</strong> it.\nSoon.</p>\n<ul>\n<li>one</li>\n<li>two\nmore</li>\n</ul>\n"
        "<ol>\n<li>first</li>\n<li>second</li>\n</ol>\n<p>End &amp; &lt;b&gt;.</p>\n"
    )
    assert to_text(markdown) == ("Take it.\nSoon.\n\n- one\n- two\nmore\n\n1. first\n2. second\n\nEnd & <b>.")


@settings(deadline=None)
@given(PIECES | ANY)
def test_the_terminal_gets_text_from_anything(markdown):
    assert isinstance(to_text(repair(markdown)), str)


def test_every_word_of_every_shipped_answer_reaches_the_terminal_and_the_page(knowledge):
    plain = re.compile(r"[*\[\]()`_>#-]+")
    for entry in knowledge.library.entries.values():
        for section in entry.sections.values():
            words = plain.sub("", section).split()
            assert plain.sub("", to_text(section)).split() == words, entry.id
            assert plain.sub("", "".join(Page(to_html(section)).words)).split() == words, entry.id


# --- words and how they look


def looks(markdown: str) -> list[tuple[str, ...]]:
    text, spans = to_styled(markdown)
    return [(span.kind, text[span.start : span.end], *([span.url] if span.url else [])) for span in spans]


def test_words_look_as_their_marks_say():
    assert looks("**a** _b_ `c` [d](https://e.example) e") == [
        ("bold", "a"),
        ("italic", "b"),
        ("code", "c"),
        ("link", "d", "https://e.example"),
    ]
    assert to_text("**a** _b_ `c` [d](https://e.example) e") == "a b c d e"


def test_a_look_within_a_look_comes_after_it():
    assert looks("***[a `b`](tel:1)* c**") == [
        ("bold", "a b c"),
        ("italic", "a b"),
        ("link", "a b", "tel:1"),
        ("code", "b"),
    ]


def test_headings_are_bold_and_followed_by_their_text():
    assert to_styled("# A _b_\nc\n\nD\n===\ne") == Styled(
        "A b\nc\n\nD\ne", to_styled("**A _b_**").spans + ((("bold", 7, 8, ""),))
    )


def test_quotes_and_code_blocks_stand_apart():
    markdown = "> a\n> b\n>\n> - c\n\n```py\nd\n\n  e\n```\n\n    f\n\ng"
    assert to_text(markdown) == "a\nb\n\n- c\n\nd\n\n  e\n\nf\n\ng"
    assert looks(markdown) == [("quote", "a\nb\n\n- c"), ("pre", "d\n\n  e"), ("pre", "f")]


def test_the_mark_of_a_list_is_no_part_of_what_stands_in_the_list():
    assert to_text("- > a\n- # b\n\n1. ```\n   c\n   ```") == "- a\n\n- b\n\n1. c"
    assert looks("- > a\n- # b\n\n1. ```\n   c\n   ```") == [("quote", "a"), ("bold", "b"), ("pre", "c")]


def test_lists_keep_their_marks_their_numbers_and_their_depth():
    assert to_text("- a\n  - b\n    1. c\n    2. d\n- e\n\nf") == "- a\n  - b\n    1. c\n    2. d\n- e\n\nf"
    assert to_text("2) a\n3) b\n\n   c\n\nd") == "2) a\n\n3) b\n\n   c\n\nd"
    assert to_text("- - a\n-\n- b") == "- - a\n- b"


def test_a_thematic_break_shows_as_nothing_but_a_break():
    for markdown in ("a\n\n---\n\nb", "# a\n***\nb", "- a\n\n---\n---\nb", "---\na\n\n___\nb\n\n---"):
        assert re.fullmatch(r"(- )?a\n\nb", to_text(markdown)), markdown


@pytest.mark.parametrize("target", ["javascript:x", "", "//e.example", "ftp://e.example"])
def test_a_link_that_leads_nowhere_safe_is_no_link(target):
    assert not to_styled(f"[a]({target}) <{target}>").spans


def test_the_looks_of_a_piece_are_those_of_its_words():
    whole = to_styled("**a b** _c d_ e")
    assert whole.text == "a b c d e"
    assert whole.cut(2, 6) == Styled("b c", (("bold", 0, 1, ""), ("italic", 2, 3, "")))
    assert whole.cut(1, 2) == whole.cut(3, 3) == Styled("")


def assert_tidy(styled: Styled) -> None:
    """What every surface may rely on."""
    assert styled.text == styled.text.strip()
    for span in styled.spans:
        assert 0 <= span.start < span.end <= len(styled.text)
        words = styled.text[span.start : span.end]
        assert words == words.strip()
        assert (span.kind == "link") == bool(re.match(r"(https?|mailto|tel):", span.url, re.IGNORECASE))
    for first, second in combinations(styled.spans, 2):
        assert first.start <= second.start
        assert second.start >= first.end or second.end <= first.end


@settings(deadline=None, max_examples=300)
@given(PIECES | ANY, st.integers(0, 40), st.integers(0, 40))
def test_spans_are_never_empty_lie_within_the_words_and_within_each_other(markdown, start, end):
    styled = to_styled(markdown)
    assert styled.text == to_text(markdown)
    assert_tidy(styled)
    assert_tidy(styled.cut(min(start, len(styled.text)), min(end, len(styled.text))))


@settings(deadline=None, max_examples=200)
@given(ANY | PIECES)
def test_a_persons_words_have_no_look(text):
    assert to_styled(literal(repair(text))).spans == ()


# --- where a message may be split


def test_a_text_is_split_at_its_thematic_breaks_and_nowhere_else():
    assert units("a\n\nb\n\n---\n\n- c\n***\nd") == ("a\n\nb", "- c", "d")
    assert units("a\r\n\r\n___\r\rb") == ("a", "b")
    assert units("\n \n---\n  - - -\n\n    a \n \n* * *") == ("    a",)
    assert units("") == units(" \n") == units("---\n\n---") == ()


@pytest.mark.parametrize(
    "markdown",
    ["a\n---", "a\n---\nb", "```\n\n---\n\n```", "~~~\na\n\n---", "- a\n\n  ---\n\n  b", "> a\n>\n> ---\n>\n> b",
     "1. ***", "a\n\n    ---", "\\---", "a ---", "--", "\\*\\*\\*"],
)  # fmt: skip
def test_what_is_no_break_of_the_text_itself_splits_nothing(markdown):
    assert units(markdown) == (markdown,)


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES | ANY | st.just("\n\n---\n\n"), max_size=5).map("".join))
@example("- a\n---\nb")
@example("\u2028---\n\x0b\n---")
@example("-\u00a0")
def test_no_word_gets_lost_between_the_pieces(markdown):
    pieces = units(markdown)
    assert all(piece and units(piece) == (piece,) for piece in pieces)
    assert " ".join(map(to_text, pieces)).split() == to_text(markdown).split()


@settings(deadline=None)
@given(ANY | PIECES)
def test_a_persons_words_are_one_piece(text):
    assert len(units(literal(repair(text)))) <= 1
