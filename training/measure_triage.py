"""What triage finds in the messages that were written blind, a round for each invented medicine.

    python -m training.measure_triage [--misses]

A round was written by somebody who had seen neither the rules nor other messages; nothing is learned from it before its
figures were noted (docs/triage.md).
"""

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from smi_bot.library import read_library
from smi_bot.library.model import Product
from smi_bot.plain_yaml import load_yaml
from smi_bot.text import read
from smi_bot.triage import Rules, load_rules, triage

HERE = Path(__file__).parent / "rounds"
CONTENT = HERE.parent.parent / "responses"
REPORTS = frozenset({"emergency", "self-harm", "adverse-event", "special-situation", "product-complaint"})
URGENT = frozenset({"emergency", "self-harm"})


class Found(NamedTuple):
    text: str
    label: str  # as its writer meant it
    led_by: str  # `nothing` where triage found nothing, `doubt` where a person reads it without a label
    is_flagged: bool


def main(arguments: list[str]) -> None:
    print("| round | medicine | reports labelled | led by the right label | held back | urgent | false alarms |")
    print("|---|---|---|---|---|---|---|")
    for facts in load_yaml((HERE / "products.yaml").read_text("utf-8"))["products"]:
        found = list(_found(facts))
        print(_row(facts, found))
        if "--misses" in arguments:
            for message in found:
                if (message.label in REPORTS) != message.is_flagged:
                    print(f"    {message.label} -> {message.led_by}: {message.text}")


def _row(facts: dict[str, Any], found: list[Found]) -> str:
    reports = [message for message in found if message.label in REPORTS]
    urgent = [message for message in reports if message.label in URGENT]
    calm = [message for message in found if message.label not in REPORTS]
    cells = (
        _share(message.is_flagged for message in reports),
        _share(message.label == message.led_by for message in reports),
        _share(message.led_by != "nothing" for message in reports),
        _share(message.led_by in URGENT for message in urgent),
        _share(message.is_flagged for message in calm),
    )
    return f"| {facts['round']} | {facts['name']}, {facts['forms'][0]} | {' | '.join(cells)} |"


def _share(of: Iterator[bool]) -> str:
    values = list(of)
    return f"{sum(values)} of {len(values)}"


def _found(facts: dict[str, Any]) -> Iterator[Found]:
    rules = _rules(facts)
    with (HERE / f"round{facts['round']}.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            read_for = triage(read(row["text"]), rules)
            held = "doubt" if read_for.doubts else "nothing"
            led_by = read_for.signals[0].label if read_for.signals else held
            also = set(re.findall(r"alt:([a-z-]+)", row["note"]))
            right = row["label"] if led_by in also else led_by
            yield Found(row["text"], row["label"], right, any(s.label in REPORTS for s in read_for.signals))


def _rules(facts: dict[str, Any]) -> Rules:
    shipped = read_library(CONTENT, None).product
    assert shipped is not None
    return load_rules(CONTENT / "triage", shipped.model_copy(update=_product(facts)))


def _product(facts: dict[str, Any]) -> dict[str, Any]:
    fields = set(Product.model_fields) & set(facts)
    minimum = re.search(r"\d+", str(facts["minimum_age"]))
    return {field: facts[field] for field in fields - {"minimum_age", "indication"}} | {
        "names": [facts["name"], facts["generic"]],
        "minimum_age": int(minimum[0]) if minimum else 1,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
