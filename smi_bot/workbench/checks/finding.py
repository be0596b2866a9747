"""What `smi-bot library check` has to say: one finding, where it stands and how it is mended."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]
Kind = Literal[
    "schema",
    "approval",
    "references",
    "dates",
    "variants",
    "length",
    "safety",
    "terms",
    "placeholder",
    "confusable",
    "near-miss",
    "look-alike",
    "number",
    "suggestion",
    "readability",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """`file`: as it is shown. `line`: from 1; None where it is the whole file. `beside`: the other file concerned.

    An error keeps content from being published; a warning is for people to judge.
    """

    kind: Kind
    severity: Severity
    file: str
    line: int | None
    reason: str
    mend: str
    beside: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        mark = "warning: " if self.severity == "warning" else ""
        return f"{place}: {mark}{self.reason}; {self.mend}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def order(self) -> tuple[str, int, str, str]:
        """By place: so that a file can be mended from top to bottom."""
        return (self.file, self.line or 0, self.kind, self.reason)
