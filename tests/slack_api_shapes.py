"""Shapes that JSON must have, and what is wrong with a value, in the words that Slack finds for it."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Check = Callable[[Any, str], Iterator[str]]  # (value, where it stands) -> what is wrong with it


def fault(why: str, at: str) -> str:
    return f"{why} [json-pointer:{at}]"


def string(longest: int, least: int = 1, like: str = "") -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield fault("must be a string", at)
        elif len(value) > longest:
            yield fault(f"must be less than {longest + 1} characters", at)
        elif len(value) < least:
            yield fault(f"must be more than {least - 1} characters", at)
        elif like and not re.fullmatch(like, value):
            yield fault(f"must match {like}", at)

    return check


def number(least: float = 0, most: float = 2**53, *, whole: bool = True) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            yield fault("must be an integer" if whole else "must be a number", at)
        elif not least <= value <= most:
            yield fault(f"must be between {least} and {most}", at)

    return check


def flag(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield fault("must be a boolean", at)


def one_of(*words: str) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if value not in words:
            yield fault("must be one of " + ", ".join(words), at)

    return check


def items(check_item: Check, most: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield fault("must be an array", at)
            return
        if len(value) > most:
            yield fault(f"no more than {most} items allowed", at)
        if len(value) < least:
            yield fault(f"no fewer than {least} items allowed", at)
        for place, item in enumerate(value):
            yield from check_item(item, f"{at}/{place}")

    return check


def shape(required: Mapping[str, Check], optional: Mapping[str, Check], *rules: Check) -> Check:
    """An object with these fields and no others, of which the rules hold besides."""

    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield fault("must be an object", at)
            return
        for name in required.keys() - value.keys():
            yield fault(f"missing required field: {name}", at)
        for name, part in value.items():
            if known := required.get(name) or optional.get(name):
                yield from known(part, f"{at}/{name}")
            else:
                yield fault(f"invalid additional property: {name}", at)
        for rule in rules:
            yield from rule(value, at)

    return check


def kinds(**known: Check) -> Check:
    """An object of one of these types."""

    def check(value: Any, at: str) -> Iterator[str]:
        type = value.get("type") if isinstance(value, dict) else None
        if type not in known:
            yield fault(f"unsupported type: {type}", f"{at}/type")
        else:
            yield from known[type](value, at)

    return check


def typed(type: str, required: Mapping[str, Check], optional: Mapping[str, Check], *rules: Check) -> Check:
    return shape({"type": one_of(type), **required}, optional, *rules)


def matches(check: Check) -> Check:
    """Says first that it matched none of the allowed, as Slack does of text objects, and then why."""

    def whole(value: Any, at: str) -> Iterator[str]:
        if faults := list(check(value, at)):
            yield fault("failed to match all allowed schemas", at)
            yield from faults

    return whole


def needs_one(*names: str) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not any(value.get(name) for name in names):
            yield fault("must have one of " + ", ".join(names), at)

    return check


def excludes(one: str, other: str) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if one in value and other in value:
            yield fault(f"{one} and {other} exclude each other", at)

    return check


def unique(name: str, values: list[tuple[Any, str]]) -> Iterator[str]:
    """`values`: each with the place where it stands."""
    seen = set()
    for value, at in values:
        if value in seen:
            yield fault(f'`{name}` "{value}" already exists', at)
        seen.add(value)
