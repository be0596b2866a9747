"""What triage found in a text, with the words that raised each label highlighted in it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from smi_bot.decision import Signal, Triage
from smi_bot.text import repair, without_controls

#: Makes words stand out.
Mark = Callable[[str], str]
Span = tuple[int, int]

_AROUND = 60  # characters shown before and after what is highlighted


def as_lines(text: str, found: Triage, reasons: Mapping[str, str], mark: Mark) -> Iterator[str]:
    """For people: each label with its rules, and each rule with the words that it fired on."""
    for label, signals in groupby(found.signals, key=lambda each: each.label):
        yield f"{label}"
        yield from _rules(text, list(signals), reasons, mark)
    if not found.signals:
        yield "no label"
    if found.doubts:
        yield "in doubt: may tell of a case, so it gets no automatic answer"
        yield from _rules(text, found.doubts, reasons, mark)
    yield f"language: {found.language}"


def as_record(text: str, found: Triage, reasons: Mapping[str, str]) -> dict[str, Any]:
    """For programs. Places are those in the text as it was given."""
    return {
        "labels": [_signal(text, each, reasons) for each in found.signals],
        "doubts": [_signal(text, each, reasons) for each in found.doubts],
        "language": found.language,
    }


def _signal(text: str, each: Signal, reasons: Mapping[str, str]) -> dict[str, Any]:
    place = {"label": each.label, "start": each.start, "end": each.end, "rule": each.rule}
    return place | {"words": text[each.start : each.end], "reason": reasons.get(each.rule)}


def _rules(text: str, signals: Sequence[Signal], reasons: Mapping[str, str], mark: Mark) -> Iterator[str]:
    for rule in dict.fromkeys(each.rule for each in signals):
        spans = [(each.start, each.end) for each in signals if each.rule == rule]
        yield f"  {rule}: {highlighted(text, spans, mark)}"
        if rule in reasons:
            yield f"    why: {reasons[rule]}"


def highlighted(text: str, spans: Iterable[Span], mark: Mark) -> str:
    """The spans marked, in one line, with some of the words around them."""
    line = without_controls(repair(text)).replace("\n", " ")
    marked, last = "", 0
    for start, end in _united(spans):
        between = line[last:start]
        if len(between) > 2 * _AROUND:
            between = (_beginning(between) if last else "") + "…" + _ending(between)
        marked += between + mark(line[start:end])
        last = end
    rest = line[last:]
    return (marked + (rest if len(rest) <= 2 * _AROUND else _beginning(rest) + "…")).strip()


def _united(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch or overlap as one, in order."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _beginning(words: str) -> str:
    """Cut between words, where there are any."""
    cut = words[:_AROUND]
    return cut.rpartition(" ")[0] + " " if " " in cut.strip() else cut


def _ending(words: str) -> str:
    cut = words[-_AROUND:]
    return " " + cut.partition(" ")[2] if " " in cut.strip() else cut
