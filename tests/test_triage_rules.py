"""The rules explain themselves: every example does what it says, and a faulty rule stops the start with the mend."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_triage import FOLDER, product, rule_files

from smi_bot.decision import SAFETY
from smi_bot.errors import LibraryError
from smi_bot.service import service_intent
from smi_bot.text import read
from smi_bot.triage import Rules, load_rules, triage
from smi_bot.triage.grammar import CompiledGrammar
from smi_bot.triage.schema import Context, Doubt, Examples, Grammar, Service, read_yaml

Row = Doubt | Context | Service


@cache
def shipped() -> tuple[tuple[str, Grammar], ...]:
    paths = sorted(p for p in FOLDER.glob("*.yaml") if p.name != "languages.yaml")
    return tuple((p.name, read_yaml(p, Grammar)) for p in paths)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(FOLDER, product())


def name_of(row: Row) -> str:
    return row.kind if isinstance(row, Service) else row.name


def told(part: str, *kinds: str) -> list[Any]:
    """Every example of these kinds of rows, with its language; the test id names the rule and the words."""
    return [
        pytest.param(name_of(row), text, grammar.language, id=f"{file}: {name_of(row)}: {text}")
        for file, grammar in shipped()
        for kind in kinds
        for row in getattr(grammar, kind)
        for text in getattr(row.examples, part)
    ]


def fired(text: str, rules: Rules) -> set[str]:
    found = triage(read(text), rules)
    return {signal.rule for signal in (*found.signals, *found.doubts)}


def is_safety(text: str, rules: Rules) -> bool:
    return any(signal.label in SAFETY for signal in triage(read(text), rules).signals)


def without_context(rules: Rules, name: str, language: str) -> Rules:
    grammar = rules.grammars[language]
    others = tuple(c for c in grammar.contexts if c.name != name)
    less = CompiledGrammar(grammar.compiler, grammar.encoder, others, grammar.rules)
    return replace(rules, grammars={**rules.grammars, language: less})


@pytest.mark.parametrize(("rule", "text", "language"), told("fires", "rules", "doubts"))
def test_a_rule_fires_on_its_examples(rule: str, text: str, language: str, rules: Rules) -> None:
    assert rule in fired(text, rules)


@pytest.mark.parametrize(("rule", "text", "language"), told("silent", "rules", "doubts"))
def test_a_rule_is_silent_on_near_misses(rule: str, text: str, language: str, rules: Rules) -> None:
    assert rule not in fired(text, rules)


@pytest.mark.parametrize(("context", "text", "language"), told("fires", "contexts"))
def test_a_context_takes_the_label_away(context: str, text: str, language: str, rules: Rules) -> None:
    assert not is_safety(text, rules)
    assert is_safety(text, without_context(rules, context, language))


@pytest.mark.parametrize(("context", "text", "language"), told("silent", "contexts"))
def test_a_context_leaves_a_told_event_its_label(context: str, text: str, language: str, rules: Rules) -> None:
    assert is_safety(text, rules)


@pytest.mark.parametrize(("kind", "text", "language"), told("fires", "services"))
def test_a_courtesy_is_met_as_its_examples_say(kind: str, text: str, language: str, rules: Rules) -> None:
    assert service_intent(read(text), rules, asked=kind == "declined") == kind


@pytest.mark.parametrize(("kind", "text", "language"), told("silent", "services"))
def test_a_question_is_not_taken_for_a_courtesy(kind: str, text: str, language: str, rules: Rules) -> None:
    assert service_intent(read(text), rules, asked=kind == "declined") != kind


def test_no_message_is_an_example_for_and_against_the_same_rule() -> None:
    for _, grammar in shipped():
        for row in (*grammar.rules, *grammar.doubts, *grammar.contexts, *grammar.services):
            examples: Examples = row.examples
            assert not set(examples.fires) & set(examples.silent), name_of(row)


def test_every_safety_label_has_rules_in_english_german_french_and_spanish() -> None:
    for language in ("en", "de", "fr", "es"):
        labels = {rule.label for _, grammar in shipped() if grammar.language == language for rule in grammar.rules}
        assert labels >= SAFETY, language


# --- what a faulty rule gets


def rule(**changed: Any) -> dict[str, Any]:
    """A rule that loads; None takes a key away."""
    examples = {"fires": ["one", "two", "three"], "silent": ["four", "five", "six"]}
    whole = {"name": "lost-tablet", "label": "human", "reason": "Why.", "source": "Where.", "examples": examples}
    return {k: v for k, v in {**whole, "match": ["lost tablet"], **changed}.items() if v is not None}


def load(folder: Path, **kinds: list[dict[str, Any]]) -> Rules:
    return load_rules(rule_files(folder, wrong=yaml.safe_dump(kinds)), product())


def test_a_whole_rule_loads(tmp_path: Path) -> None:
    assert fired("lost tablet", load(tmp_path, rules=[rule()])) == {"lost-tablet"}


@pytest.mark.parametrize(
    "match", ["having|had heart attack", "{own} heart attack now", "my heart attack", "~2 heart|back attack"]
)
def test_a_phrase_of_a_list_is_found_when_a_pattern_writes_its_words(match: str, tmp_path: Path) -> None:
    lists = "concepts: {danger: {words: [heart attack]}, own: {words: [having]}}\n"
    words = rule_files(tmp_path, words=lists, wrong=yaml.safe_dump({"rules": [rule(match=[match])]}))
    assert fired("having my heart attack now, having heart attack now", load_rules(words, product())) == {"lost-tablet"}


@pytest.mark.parametrize("kind", ["rules", "doubts", "contexts"])
@pytest.mark.parametrize("key", ["reason", "source", "examples", "match"])
def test_a_missing_key_is_named_with_file_rule_and_mend(kind: str, key: str, tmp_path: Path) -> None:
    label = "human" if kind == "rules" else None
    with pytest.raises(LibraryError, match=rf"wrong\.yaml: {kind} 'lost-tablet'\.{key}: .*; add this key"):
        load(tmp_path, **{kind: [rule(label=label, **{key: None})]})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"label": "nonsense"}, r"rules 'lost-tablet'\.label: .*; correct this value"),
        ({"colour": "red"}, r"rules 'lost-tablet'\.colour: .*; remove or rename this key"),
        ({"reason": ""}, r"rules 'lost-tablet'\.reason: .*; correct this value"),
        (
            {"examples": {"fires": ["a", "b"], "silent": ["c", "d", "e"]}},
            r"'lost-tablet'\.examples\.fires: .*; add more",
        ),
        ({"examples": {"fires": ["a", "b", "c"]}}, r"'lost-tablet'\.examples\.silent: .*; add this key"),
        ({"match": []}, r"rules 'lost-tablet'\.match: .*; add more"),
        ({"match": ["{nothing}"]}, r"rules 'lost-tablet'\.match\.0: '\{nothing\}' is no concept; define it"),
        ({"unless": ["a ~x b"]}, r"rules 'lost-tablet'\.unless\.0: '~x' is no gap; write"),
        ({"without": ["<middle>"]}, r"rules 'lost-tablet'\.without\.0: '<middle>' is no mark; write"),
        ({"needs": ["my|{tablet}"]}, r"rules 'lost-tablet'\.needs\.0: 'my\|\{tablet\}' mixes words and braces; write"),
    ],
)
def test_a_faulty_rule_is_named_with_file_and_mend(changed: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"wrong\.yaml: .*" + says):
        load(tmp_path, rules=[rule(**changed)])


def test_a_context_with_a_faulty_pattern_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        LibraryError, match=r"wrong\.yaml: contexts 'lost-tablet'\.match\.0: .*define it under concepts"
    ):
        load(tmp_path, contexts=[rule(label=None, match=["{nothing}"])])


@pytest.mark.parametrize("kind", ["rules", "doubts", "contexts"])
def test_two_rows_of_one_name_are_refused(kind: str, tmp_path: Path) -> None:
    twin = rule(label="human" if kind == "rules" else None)
    with pytest.raises(LibraryError, match=r"wrong\.yaml: 'lost-tablet' stands in .*; rename one of them"):
        load(tmp_path, **{kind: [twin, twin]})


def test_the_version_changes_with_a_pattern_but_not_with_its_explanation(tmp_path: Path) -> None:
    first = load(tmp_path, rules=[rule()]).version
    assert load(tmp_path, rules=[rule(reason="Another.", source="Elsewhere.")]).version == first
    assert load(tmp_path, rules=[rule(match=["lost pill"])]).version != first
