"""Rendered replies as Telegram messages: short enough, rightly styled, and torn apart only where they may be."""

import unicodedata
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from libraries import NOW

from channels.telegram_text import LIMIT, Part, parts
from smi_bot.errors import NotApproved, Refused
from smi_bot.inquiry import EntryPart, Rendered
from smi_bot.library import Library
from smi_bot.markup import literal, to_text
from smi_bot.text import repair

ADDRESS = "https://e.example/a"
PIECES = st.lists(
    st.sampled_from([
        "**a**", "**", "_a_", "*", "`a`", "# a", "- a", "1. a", "> a", "> ", "    a", "```", "a", " ", "\n", "\n\n", "***",
        "\n\n---\n\n", f"[a]({ADDRESS})", "[a", f"]({ADDRESS})", f"<{ADDRESS}>", "<a@b.example>", "[a](tel:1)",
        "[a](https://localhost)", "[a](https://)", "[]()", "\\\n", "\u200b", "\u00a0", "\u2028", "\x00", "\x07", "&#13;",
        "😀", "👩‍👩‍👧", "🇩🇪", "e\u0301", "\u030a", "\u202e", "שלום", "مرحبا؟ ", "Sentence one. ", "好。", "\ufffc",
    ]),
    max_size=30,
).map("".join)  # fmt: skip
ANY = st.text(st.characters(), max_size=120)
#: Limits that split the texts above; the real one is tried with long texts.
LIMITS = st.sampled_from([2, 3, 7, 20, 60, LIMIT])


def by_bot(markdown: str) -> Rendered:
    return Rendered(reply="r", conversation="c", markdown=markdown, source="s")


def by_specialist(text: str) -> Rendered:
    return Rendered(reply="r", conversation="c", markdown=literal(text), source="s", author="specialist")


def texts(rendered: Rendered, limit: int = LIMIT) -> list[str]:
    return [part.text for part in parts(rendered, limit)]


def units_of(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def words_of(part: Part) -> list[tuple[str, str]]:
    """Each entity's type and its words, as Telegram cuts them out."""
    encoded = part.text.encode("utf-16-le")
    return [
        (entity.type, encoded[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le"))
        for entity in part.entities
    ]


def seen(text: str) -> str:
    """Without what nobody sees."""
    blank = {*"\u115f\u1160\u2800\u3164\uffa0\ufffc"}
    hidden = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Mc", "Me")
    return "".join(
        c for c in text if unicodedata.category(c) not in hidden and c not in blank and not 0xE0000 <= ord(c) < 0xE1000
    )


def assert_sendable(part: Part, limit: int = LIMIT) -> None:
    """The rules of the Bot API, section "Formatting options", and what the server does with white space."""
    assert 1 <= units_of(part.text) <= limit
    assert part.text == part.text.strip()
    assert seen(part.text)
    assert not any(c < " " and c != "\n" for c in part.text)
    for type, words in words_of(part):
        assert words
        assert words == words.strip()
        assert type in ("bold", "italic", "code", "pre", "text_link", "blockquote")
    for first, second in combinations(part.entities, 2):
        assert first.offset <= second.offset
        is_apart = second.offset >= first.offset + first.length
        is_inside = second.offset + second.length <= first.offset + first.length
        assert is_apart or is_inside
        if not is_apart:
            assert not {first.type, second.type} & {"code", "pre"}
            assert first.type != second.type
            assert (first.type, second.type) != ("text_link", "blockquote")
    for entity in part.entities:
        assert (entity.url == ADDRESS) == (entity.type == "text_link")


# --- any text


@settings(deadline=None, max_examples=400)
@given(PIECES | ANY, LIMITS)
@example("a\n\n---\n\n\u200b", 2)
@example("**\x07a\x07**", 20)
def test_any_markdown_becomes_messages_that_telegram_takes_or_is_refused(markdown, limit):
    markdown = repair(markdown)
    try:
        made = parts(by_bot(markdown), limit)
    except (NotApproved, Refused):
        assert not seen(to_text(markdown)) or limit < LIMIT
        return
    for part in made:
        assert_sendable(part, limit)
    assert seen("".join(part.text for part in made)) == seen(to_text(markdown))


@settings(deadline=None, max_examples=400)
@given(PIECES | ANY, LIMITS)
@example("\u200d" * 10 + "a", 3)
@example("a" + "\u0301" * 20 + "b", 7)
@example("a\r\n\r\n b", 2)
def test_anything_a_specialist_writes_arrives_whole_and_in_order(text, limit):
    text = repair(text)
    if not seen(text):
        with pytest.raises(Refused, match="shows nothing"):
            parts(by_specialist(text), limit)
        return
    made = parts(by_specialist(text), limit)
    for part in made:
        assert_sendable(part, limit)
        assert part.entities == ()
    assert seen("".join(part.text for part in made)) == seen(text)


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("ab \n.\u0301😀\u200d"), min_size=1, max_size=40), st.integers(100, 800))
def test_long_texts_become_messages_of_the_real_limit(text, times):
    long = (text * times).strip()
    made = texts(by_specialist(long)) if seen(long) else []
    assert all(units_of(each) <= LIMIT for each in made)
    assert seen("".join(made)) == seen(long)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b\u200d\ufeff\u00a0", "\x00\x07\x1f", "\u2800\u3164\ufffc", "\u030a", "---"]
)
def test_a_text_of_which_nothing_is_seen_is_refused(text):
    with pytest.raises(Refused, match="shows nothing"):
        parts(by_bot(text))


def test_nul_and_control_characters_are_spaces():
    assert texts(by_bot("a\x07b\x1bc\u2028d\x85e\x00")) == ["a b c\nd\ne"]
    assert texts(by_bot("**a\ud800b**")) == ["a\ufffdb"]


def test_characters_younger_than_this_python_are_seen():
    assert texts(by_bot("\U0001fae9")) == ["\U0001fae9"]


# --- entities


def test_marks_become_entities_counted_in_utf_16():
    markdown = f"😀 **b😀** _i_ `c` [l]({ADDRESS}) end\n\n> q **b**\n\n```\np\n```"
    (part,) = parts(by_bot(markdown))
    assert part.text == "😀 b😀 i c l end\n\nq b\n\np"
    assert words_of(part) == [
        ("bold", "b😀"),
        ("italic", "i"),
        ("code", "c"),
        ("text_link", "l"),
        ("blockquote", "q b"),
        ("bold", "b"),
        ("pre", "p"),
    ]
    assert part.entities[0].offset == 3
    assert part.entities[3].url == ADDRESS
    assert_sendable(part)


def test_code_is_neither_within_a_look_nor_is_a_look_within_itself():
    assert words_of(parts(by_bot("**a `b`** `c` # d"))[0]) == [("bold", "a b"), ("code", "c")]
    assert words_of(parts(by_bot("# a **b** _c_"))[0]) == [("bold", "a b c"), ("italic", "c")]
    assert words_of(parts(by_bot("> a\n> > b\n> >\n> >     c"))[0]) == [("blockquote", "a\n\nb\n\nc")]


@pytest.mark.parametrize(
    "target",
    ["mailto:a@e.example", "tel:+12025550142", "https://localhost", "https://", "http://[::1]/", "https://a@e.example",
     "https://e.example:99999", "https://e..example"],
)  # fmt: skip
def test_a_link_that_telegram_does_not_take_is_shown_as_its_words(target):
    (part,) = parts(by_bot(f"[a **b**]({target}) c"))
    assert part.text == "a b c"
    assert words_of(part) == [("bold", "b")]


@pytest.mark.parametrize(
    "target",
    ["https://e.example", "HTTP://E.EXAMPLE:8080/?q=%20#f", "https://xn--e1afmkfd.example/ä", "https://e.example?q"],
)
def test_a_link_to_the_web_is_a_link(target):
    assert [entity.type for entity in parts(by_bot(f"[a]({target})"))[0].entities] == ["text_link"]


def test_a_look_around_nothing_to_be_seen_is_no_entity():
    assert parts(by_bot("a **\u200b** b"))[0].entities == ()


# --- approved text

SAFETY = "**Stop** taking it and call a doctor if you feel faint."
REFERENCES = "missed-dose, version 1. References:\n\n- Label, **section 2**"


def answer(length: int, references: str = REFERENCES) -> str:
    """An answer that shows so many UTF-16 units, safety text and references included."""
    rest = to_text(f"{SAFETY}\n\n---\n\n{references}")
    return f"{'x' * (length - len(rest) - 2)}\n\n{SAFETY}\n\n---\n\n{references}"


def test_an_answer_of_4096_characters_is_one_message():
    (part,) = parts(by_bot(answer(4096)))
    assert units_of(part.text) == 4096
    assert part.text == to_text(answer(4096))
    assert words_of(part) == [("bold", "Stop"), ("bold", "section 2")]


def test_an_answer_of_4097_characters_is_split_before_its_references():
    first, second = parts(by_bot(answer(4097)))
    assert first.text.endswith(to_text(SAFETY))
    assert second.text == to_text(REFERENCES)
    assert words_of(first) == [("bold", "Stop")]
    assert words_of(second) == [("bold", "section 2")]


def test_length_is_counted_as_utf_16():
    assert len(parts(by_bot("😀" + answer(4094)))) == 1
    assert len(parts(by_bot("😀" + answer(4095)))) == 2


@settings(deadline=None)
@given(st.integers(200, 5000), st.integers(1, 5000))
def test_benefit_and_risk_are_never_in_two_messages(length, more):
    markdown = answer(length, "r" * more)
    together = markdown.split("\n\n---\n\n")[0]
    try:
        made = texts(by_bot(markdown))
    except NotApproved as error:
        assert max(len(to_text(together)), more) > LIMIT
        assert "the content owner must shorten it" in str(error)
        return
    assert made[0].startswith(to_text(together))
    assert "".join(made).replace("\n", "") == to_text(markdown).replace("\n", "")


def test_a_unit_too_long_for_one_message_is_refused_before_anything_is_sent():
    for markdown in ("x " * 2049, f"a\n\n---\n\n{'x' * 4097}", "a\n\n" * 2000 + "---\n\nb"):
        with pytest.raises(NotApproved, match="too long for one Telegram message of 4096 characters"):
            parts(by_bot(markdown))


def test_messages_hold_as_many_whole_units_as_fit():
    markdown = "\n\n---\n\n".join(["a" * 10, "b" * 9, "\u200b", "*c*", "*d*" + "d" * 18])
    made = parts(by_bot(markdown), 20)
    assert [part.text for part in made] == ["a" * 10, "b" * 9 + "\n\nc", "d" * 19]
    assert [words_of(part) for part in made] == [[], [("italic", "c")], [("italic", "d")]]
    assert texts(by_bot("\n\n---\n\n".join(["a" * 10, "b" * 8, "c"])), 20) == ["a" * 10 + "\n\n" + "b" * 8, "c"]


# --- a specialist's words


def test_a_specialists_words_are_split_between_paragraphs_first():
    assert texts(by_specialist("One. Two\nthree.\n\nFour. Five.\nSix seven"), 30) == [
        "One. Two\nthree.",
        "Four. Five.\nSix seven",
    ]


def test_then_between_lines_then_sentences_then_words():
    assert texts(by_specialist("One. Two\nthree four. Five"), 20) == ["One. Two", "three four. Five"]
    assert texts(by_specialist('Take it. "Really?" Then wait a while'), 22) == [
        'Take it. "Really?"',
        "Then wait a while",
    ]
    assert texts(by_specialist("one two three four"), 10) == ["one two", "three four"]
    assert texts(by_specialist("4 weeks at 5\u00a0mg"), 13) == ["4 weeks at", "5\u00a0mg"]


def test_a_break_just_at_the_limit_is_used():
    assert texts(by_specialist("abcd\n\nefgh"), 4) == ["abcd", "efgh"]
    assert texts(by_specialist("ab cd\n\nefgh"), 5) == ["ab cd", "efgh"]


def test_a_word_without_end_is_split_between_letters():
    assert [len(each) for each in texts(by_specialist("x" * 9000))] == [4096, 4096, 808]


def test_scripts_without_spaces_are_split_after_their_full_stops():
    assert texts(by_specialist("请按时服药。不要停药。谢谢您"), 12) == ["请按时服药。不要停药。", "谢谢您"]


@pytest.mark.parametrize(
    "character", ["😀", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "e\u0301", "1\ufe0f\u20e3", "न\u0940", "❤\ufe0f\u200d🔥"]
)
def test_what_is_seen_as_one_character_is_never_torn(character):
    made = texts(by_specialist("x" + character * 3000))
    assert len(made) > 1
    assert made[0][1:].replace(character, "") == ""
    assert all(each.replace(character, "") == "" for each in made[1:])
    assert "".join(made) == "x" + character * 3000
    assert all(LIMIT - units_of(character) < units_of(each) for each in made[:-1])


def test_marks_without_end_on_one_letter_are_cut_all_the_same():
    made = texts(by_specialist("a" + "\u0301" * 9000 + " b"))
    assert units_of(made[0]) == 4096
    assert made[-1].endswith("b")


def test_writing_from_right_to_left_is_split_after_its_sentences():
    sentence = "هل تتناول الدواء كل يوم؟ "
    made = texts(by_specialist(sentence * 300))
    assert len(made) == 2
    assert all(each.endswith("؟") for each in made)
    assert " ".join(made) == (sentence * 300).strip()


def test_zero_width_characters_make_no_message_of_their_own():
    assert texts(by_specialist("\u200b" * 5000 + "word")) == ["\u200b" * 904 + "word"]
    assert texts(by_specialist("word" + "\u200b" * 5000))[0].startswith("word")


def test_a_specialists_marks_are_shown_as_written():
    text = "*not bold* `no code` [no](https://e.example) --- > # - 1."
    (part,) = parts(by_specialist(text))
    assert part == Part(text, ())


def test_a_very_long_text_is_split_in_reasonable_time():
    text = "\n".join("word😀 " * n for n in range(300))
    assert len(texts(by_specialist(text))) > 60


# --- the library that is shipped

COUNTRIES = ("US", "DE", None)


def assert_fits(markdown: str) -> None:
    made = parts(by_bot(markdown))
    for part in made:
        assert_sendable(part)
    assert seen("".join(part.text for part in made)) == seen(to_text(markdown))


@pytest.fixture(scope="module")
def shipped(knowledge) -> Library:
    return knowledge.library


@pytest.mark.parametrize("audience", ["patient", "hcp"])
@pytest.mark.parametrize("country", COUNTRIES)
def test_every_shipped_answer_fits_telegram(shipped, audience, country):
    fitted = 0
    for id in shipped.entries:
        if shipped.may_serve(id, audience, country, NOW.date()):
            part = EntryPart(entry=id, audience=audience, country=country)
            assert_fits(shipped.entry_markdown(part, NOW)[0])
            fitted += 1
    assert fitted >= 15


def test_every_shipped_service_text_fits_telegram(shipped):
    for wording in shipped.wordings.values():
        assert_fits(wording.body)  # the values of its fields are short
