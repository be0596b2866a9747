"""Markdown on each surface: approved text as it was meant, people's words as they were written, and never HTML."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smi_bot.markup import literal, to_html, to_text
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
