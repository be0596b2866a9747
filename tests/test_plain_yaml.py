"""YAML as people mean it, and what is refused with a line instead of taking the process down."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smi_bot.plain_yaml import YamlFault, dump_yaml, lines_of, load_yaml


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("012", "012"),
        ("1_000", "1_000"),
        ("15", 15),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("2026-10-01", date(2026, 10, 1)),
        ('"1.0"', "1.0"),
        ("<<", "<<"),
    ],
)
def test_plain_words_mean_what_people_mean(written, meant):
    assert load_yaml(f"value: {written}") == {"value": meant}


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("a: 1\nb: 2\na: 3", "'a' stands twice", 3),
        ("a: {b: 1, b: 2}", "'b' stands twice", 1),
        ("a: [1\nb: 2", "did not find expected", 2),
        ("? [1]\n: 2", "a list cannot be a key", 1),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor", 1),
        ("a:\n- " + "[" * 10_000, "nested too deeply", 2),
        ("- " * 10_000, "nested too deeply", 1),
        ("\n".join(" " * n + "a:" for n in range(200)), "nested too deeply", 51),
        ("\0", "", None),
        ("a: 2026-13-01", "month", None),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text, says, line):
    with pytest.raises(YamlFault) as refused:
        load_yaml(text)
    assert says in str(refused.value)
    if line is not None:
        assert refused.value.line == line


def test_a_long_list_of_short_lists_is_not_deep():
    assert load_yaml("\n".join(f"- [a, {{b: {n}}}]" for n in range(500)))[499] == ["a", {"b": 499}]


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        load_yaml(text)
    except YamlFault as fault:
        assert str(fault).splitlines() in ([], [str(fault)])


#: Text that looks like something else.
_MISLEADING = st.from_regex(r"\A[-+.0-9eE_:]{1,8}\Z") | st.sampled_from(["NO", "yes", "null", "~", "", "<<", "1.0e5"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | _MISLEADING, lambda of: st.lists(of, max_size=3)
    )
)
def test_what_is_written_is_read_again(value):
    assert load_yaml(dump_yaml({"value": value})) == {"value": value}


def test_each_value_knows_its_line():
    text = "id: a\nphrasings:\n  - x\n  - y\nnear_misses:\n  - text: z\n    belongs: b\n"
    found = lines_of(text)
    assert [found["id",], found["phrasings", 1], found["near_misses", 0, "belongs"]] == [1, 4, 7]
