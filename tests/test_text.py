"""Reading a message: any Unicode text, every place kept, nothing that a store or an encoder refuses."""

import json
import re
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smi_bot.inquiry import Attachment, SpecialistPart
from smi_bot.text import fold, read, repair

#: Any string Python can hold: lone surrogates, NUL, unassigned and private characters included.
ANY = st.text(st.characters(), max_size=200) | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Co", "Cn"]))
NASTY = [
    "\ud800",
    "\udfff\ud800",
    "\0",
    "İ",
    "ß",
    "ﬁ",
    "\u1e9e",
    "e\u0301",
    "\U0001f468\u200d\U0001f469",
    "\u202e",
    "㎎",
]


@settings(deadline=None)
@given(ANY)
@example("".join(NASTY))
def test_folding_keeps_length_and_places(text):
    folded = fold(text)
    assert len(folded) == len(text)
    for at in range(0, len(text) + 1, 7):
        assert fold(text[:at]) == folded[:at]
        assert fold(text[at:]) == folded[at:]


def test_folding_keeps_the_place_of_every_character_there_is():
    every = "".join(map(chr, range(0x110000)))
    folded = fold(every)
    assert len(folded) == len(every)
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in folded[:0x3000])


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ZELVANTA", "zelvanta"),
        ("don’t", "don't"),
        ("“so”", '"so"'),
        ("a–b—c‑d", "a-b-c-d"),
        ("ｆｕｌｌ", "full"),
        ("\u00a0\u2003\u200b", "   "),
        ("a\tb\rc\nd", "a b c\nd"),
        ("x\u202ey\ufeffz", "x y z"),
        ("ÉTÉ", "été"),
        ("½ ㎎ ﬁ", "½ ㎎ ﬁ"),  # more than one character in plain form: left as they are
    ],
)
def test_folding_undoes_what_keyboards_and_word_processors_do(text, folded):
    assert fold(text) == folded


@settings(deadline=None)
@given(ANY)
def test_folding_twice_changes_nothing_more(text):
    assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(ANY)
@example("".join(NASTY))
def test_reading_never_fails_and_every_word_stands_where_it_says(text):
    reading = read(text)
    assert len(reading.original) == len(reading.folded) == len(text)
    end = 0
    for token in reading.tokens:
        assert end <= token.start < token.end
        assert reading.folded[token.start : token.end] == token.word
        assert re.search(r"\w", token.word)
        assert not re.search(r"\s|_", token.word)
        end = token.end


@settings(deadline=None)
@given(ANY)
@example("".join(NASTY))
def test_repaired_text_can_be_stored_and_sent_everywhere(text):
    repaired = repair(text)
    assert len(repaired) == len(text)
    assert "\0" not in repaired
    assert repaired.encode("utf-8").decode("utf-8") == repaired
    assert repaired.encode("utf-16").decode("utf-16") == repaired
    assert json.loads(json.dumps(repaired, ensure_ascii=False)) == repaired
    assert "\\u0000" not in json.dumps(repaired)
    assert repair(repaired) == repaired
    clean = not re.search("[\ud800-\udfff\0]", text)
    assert (repaired == text) == clean


@settings(deadline=None, max_examples=30)
@given(ANY)
def test_what_people_write_is_repaired_wherever_it_enters(text):
    assert SpecialistPart(event=1, text=text).text == repair(text)
    assert Attachment(id="a", name=text, media_type="image/png", size=1).name == repair(text)


async def test_both_databases_take_and_give_back_what_was_repaired(database, clock):
    from smi_bot.durable.inbox import Inbox
    from smi_bot.durable.rows import InboxRow

    text = repair("".join(NASTY) + "".join(map(chr, range(1, 0x300))) + "\uffff\U0010ffff")
    assert await Inbox(database, clock).accept("k", "l", "message", {"text": text})
    async with database.reading() as tx:
        assert (await tx.get_one(InboxRow, 1)).payload == {"text": text}


def test_the_digits_of_a_handle_are_no_numbers():
    words = [token.word for token in read("@anna_1 took 2 tablets @50 mg, ask a@b7.org or @zelvanta").tokens]
    assert words == ["anna", "took", "2", "tablets", "50", "mg", "ask", "a", "b7", "org", "or", "zelvanta"]


def test_reading_takes_time_in_proportion_to_the_text():
    def seconds(text: str) -> float:
        begun = time.perf_counter()
        read(text)
        return time.perf_counter() - begun

    for piece in ("a", "a ", "a'", "'", "_", "\u0301", "\U0001f600"):
        read(piece)
        short = min(seconds(piece * 5_000) for _ in range(3))
        long = min(seconds(piece * 50_000) for _ in range(2))
        assert long < 40 * short + 0.2, repr(piece)
