"""What triage finds in the messages that were written blind, a round for each invented medicine.

    python -m training.measure_triage [--misses]
    python -m training.measure_triage --curve [FILE.tsv --reports ADR,WD,INF]

A round was written by somebody who had seen neither the rules nor other messages; nothing is learned from it before its
figures were noted (docs/triage.md). `--curve`: reports found against false alarms, by the threshold of the second
opinion; of the rounds, or of a file with a column `text` and columns that hold 1 where it reports something.
"""

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from smi_bot.decision import SAFETY, URGENT
from smi_bot.library.model import Product
from smi_bot.plain_yaml import load_yaml
from smi_bot.text import read
from smi_bot.triage import Rules, triage
from training.material import HERE, rows, shipped_rules

ROUNDS = HERE / "rounds"
THRESHOLDS = (inf, 1.2, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0)


class Found(NamedTuple):
    text: str
    label: str  # as its writer meant it
    led_by: str  # `nothing` where triage found nothing, `doubt` where a person reads it without a label
    is_flagged: bool


class Asked(NamedTuple):
    text: str
    is_report: bool
    rules: Rules


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.measure_triage", description=__doc__)
    parser.add_argument("--misses", action="store_true", help="also what was missed, and each false alarm")
    parser.add_argument("--curve", nargs="?", const="", metavar="FILE")
    parser.add_argument("--reports", default="report", help="columns of FILE, with commas between")
    given = parser.parse_args()
    if given.curve is None:
        _table(is_detailed=given.misses)
    else:
        _curve(list(_of_file(Path(given.curve), given.reports.split(",")) if given.curve else _of_rounds()))


def _table(*, is_detailed: bool) -> None:
    print("| round | medicine | reports labelled | led by the right label | held back | urgent | false alarms |")
    print("|---|---|---|---|---|---|---|")
    for facts in _products():
        found = list(_found(facts))
        print(_row(facts, found))
        for message in found if is_detailed else ():
            if (message.label in SAFETY) != message.is_flagged:
                print(f"    {message.label} -> {message.led_by}: {message.text}")


def _row(facts: dict[str, Any], found: list[Found]) -> str:
    reports = [message for message in found if message.label in SAFETY]
    urgent = [message for message in reports if message.label in URGENT]
    calm = [message for message in found if message.label not in SAFETY]
    cells = (
        _share(message.is_flagged for message in reports),
        _share(message.label == message.led_by for message in reports),
        _share(message.led_by != "nothing" for message in reports),
        _share(message.led_by in URGENT for message in urgent),
        _share(message.is_flagged for message in calm),
    )
    return f"| {facts['round']} | {facts['name']}, {facts['forms'][0]} | {' | '.join(cells)} |"


def _share(of: Iterable[bool]) -> str:
    values = list(of)
    return f"{sum(values)} of {len(values)}"


def _found(facts: dict[str, Any]) -> Iterator[Found]:
    rules = shipped_rules(**_as_product(facts))
    for row in rows(ROUNDS / f"round{facts['round']}.tsv"):
        seen = triage(read(row["text"]), rules)
        led_by = seen.signals[0].label if seen.signals else "doubt" if seen.doubts else "nothing"
        also = re.findall(r"alt:([a-z-]+)", row["note"])
        is_flagged = any(signal.label in SAFETY for signal in seen.signals)
        yield Found(row["text"], row["label"], row["label"] if led_by in also else led_by, is_flagged)


def _curve(asked: list[Asked]) -> None:
    print("| threshold | reports labelled, % | false alarms, % |")
    print("|---|---|---|")
    for threshold in (*THRESHOLDS, asked[0].rules.opinion.suspect):
        flagged = [(each.is_report, _is_flagged(each, threshold)) for each in asked]
        of_reports, of_calm = (
            [is_flagged for report, is_flagged in flagged if report is kind] for kind in (True, False)
        )
        print(
            f"| {threshold} | {100 * sum(of_reports) / len(of_reports):.1f} | {100 * sum(of_calm) / len(of_calm):.1f} |"
        )


def _is_flagged(asked: Asked, threshold: float) -> bool:
    rules = replace(asked.rules, opinion=replace(asked.rules.opinion, suspect=threshold))
    return any(signal.label in SAFETY for signal in triage(read(asked.text), rules).signals)


def _of_rounds() -> Iterator[Asked]:
    for facts in _products():
        rules = shipped_rules(**_as_product(facts))
        for row in rows(ROUNDS / f"round{facts['round']}.tsv"):
            yield Asked(row["text"], row["label"] in SAFETY, rules)


def _of_file(path: Path, columns: list[str]) -> Iterator[Asked]:
    rules = shipped_rules()
    for row in rows(path):
        yield Asked(row["text"], any(row[column] == "1" for column in columns), rules)


def _products() -> list[dict[str, Any]]:
    products: list[dict[str, Any]] = load_yaml((ROUNDS / "products.yaml").read_text("utf-8"))["products"]
    return products


def _as_product(facts: dict[str, Any]) -> dict[str, Any]:
    fields = set(Product.model_fields) & set(facts)
    minimum = re.search(r"\d+", str(facts["minimum_age"]))
    return {field: facts[field] for field in fields - {"minimum_age", "indication"}} | {
        "names": [facts["name"], facts["generic"]],
        "minimum_age": int(minimum[0]) if minimum else 1,
    }


if __name__ == "__main__":
    main()
