"""Figures: how they are condensed and shown."""

import json
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """One row of the table."""

    name: str
    value: float
    unit: str


def middle(name: str, values: Sequence[float], unit: str) -> Figure:
    """The median of repetitions."""
    return Figure(name, median(values), unit)


def at(share: float, values: Iterable[float]) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def latencies(name: str, seconds: Sequence[float]) -> list[Figure]:
    return [Figure(f"{name} p{percent}", at(percent / 100, seconds) * 1000, "ms") for percent in (50, 99)]


def line(figure: Figure) -> str:
    return f"{figure.name:<44}{_rounded(figure.value):>12}  {figure.unit}"


def summary(figures: Iterable[Figure]) -> str:
    return json.dumps({f"{figure.name} [{figure.unit}]": float(_rounded(figure.value)) for figure in figures})


def _rounded(value: float) -> str:
    """Three digits that count; whole numbers whole."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{float(f'{value:.3g}'):g}"
