"""What the scripts here read: files of messages, and the shipped rules."""

import csv
from pathlib import Path
from typing import Any

from smi_bot.library import read_library
from smi_bot.triage import Rules, load_rules

HERE = Path(__file__).parent
_CONTENT = HERE.parent / "responses"


def rows(path: Path) -> list[dict[str, str]]:
    """A tab-separated file with a header; quotation marks are words as any."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def shipped_rules(**facts: Any) -> Rules:
    """The rules of triage, with the demo product's facts or, in their place, these."""
    product = read_library(_CONTENT).product
    assert product is not None
    return load_rules(_CONTENT / "triage", product.model_copy(update=facts))
