"""YAML as people mean it: 1.2's core schema, in which the country NO is no false and 1:30 no number; no key twice.

PyYAML reads YAML 1.1 and keeps the last of two equal keys; its C parser is some fifteen times faster than a pure one.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.events import CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]


class YamlFault(ValueError):
    """`line`: where, from 1; None where that is not known."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.line = line


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own way; filled below

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise ConstructorError(None, None, "a list cannot be a key", key_node.start_mark)
            if key in found:
                raise ConstructorError(None, None, f"'{key}' stands twice", key_node.start_mark)
            found.add(key)
        return super().construct_mapping(node, deep=deep)


# YAML 1.2.2, 10.3 "Core Schema", less octal and hexadecimal numbers; and dates, which front matter is full of.
for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", [*"-+0123456789"]),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}", [*"0123456789"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z"), _first)


#: Levels of nesting. The C composer calls itself for each, and would take the whole process with it.
_DEEPEST = 50
_LONG_BEGINNING = re.compile(rf"^[-?: \t]{{{_DEEPEST},}}", re.MULTILINE)


def load_yaml(text: str) -> Any:
    """What a text says. Raises YamlFault."""
    try:
        _refuse_deep(text)
        return yaml.load(text, _Loader)  # noqa: S506  # a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlFault(_one_line(error.problem), mark.line + 1 if mark else None) from None
    except YamlFault:
        raise
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # what its constructors raise: '!!timestamp 1', say
        raise YamlFault(_one_line(error), None) from None


class _Dumper(yaml.CSafeDumper):
    """Puts between quotation marks what the loader would take for something else than text, in 1.1's view or ours."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own way
        first: yaml.SafeDumper.yaml_implicit_resolvers.get(first, []) + _Loader.yaml_implicit_resolvers.get(first, [])
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
    }


def dump_yaml(content: Any) -> str:
    """In the order given, one item a line."""
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, on which each value stands: `("phrasings", 3)`. Raises YamlFault."""
    try:
        _refuse_deep(text)
        root = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        raise YamlFault(_one_line(error), None) from None
    found: dict[Path, int] = {}
    if root is not None:
        _note(root, (), found)
    return found


def _refuse_deep(text: str) -> None:
    """Each level takes a bracket, or a blank or a sign at the beginning of a line: so most texts need no second look."""
    brackets = text.count("[") + text.count("{")
    if brackets <= _DEEPEST and _LONG_BEGINNING.search(text) is None:
        return
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            raise YamlFault("is nested too deeply", event.start_mark.line + 1 if event.start_mark else None)


def _note(node: Node, path: Path, found: dict[Path, int]) -> None:
    found[path] = node.start_mark.line + 1
    if isinstance(node, SequenceNode):
        for place, value in enumerate(node.value):
            _note(value, (*path, place), found)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                _note(value, (*path, key.value), found)
                found[(*path, key.value)] = key.start_mark.line + 1


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())[:300]
