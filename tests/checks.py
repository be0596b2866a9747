"""A small library with something wrong in it, and what the parts of the check say of it."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from libraries import FILES, NOW, PRODUCT, write
from reading_libraries import RESPONSES

from smi_bot.matching import build_matcher
from smi_bot.triage import Rules
from smi_bot.workbench.checks.asked import Questions
from smi_bot.workbench.checks.finding import Finding
from smi_bot.workbench.checks.subject import Source, Subject, read_subject

TODAY = NOW.date()
SHELF_FILE, DOSE_FILE, COUPON_FILE = "testamol/shelf.md", "testamol/dose.md", "testamol/coupon.md"
PRODUCT_FILE, GREETING_FILE = "testamol/product.yaml", "wording/greeting.md.j2"

Part = Callable[[Subject], Iterator[Finding]]


def replaced(folder: Path, file: str, *changes: tuple[str, str]) -> Path:
    """Writes the small library with one file changed."""
    text = FILES[file]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return write(folder, {**FILES, file: text})


def found(part: Part, folder: Path, file: str | None = None, today: date = TODAY) -> list[Finding]:
    """What one part says, of one file or of all."""
    said = part(read_subject(folder, None, today))
    return [each for each in said if file is None or each.file == shown(folder, file)]


def shown(folder: Path, file: str) -> str:
    return Source(folder / file).shown


def line_of(folder: Path, file: str, words: str) -> int:
    """Where words stand in a file, from 1."""
    lines = (folder / file).read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


def entry(id: str, phrasings: list[str], near: dict[str, str] | None = None, **fields: str) -> str:
    """The file of an entry of the small library, with phrasings and near misses (text: where it belongs) of its own."""
    values = {"title": f"What about the {id}?", "text": f"All about the {id}.", "regions": "[US, EU]", **fields}
    lines = [
        "---",
        f"id: {id}",
        "version: 1",
        "product: testamol",
        f'title: "{values["title"]}"',
        "audiences: [patient]",
    ]
    lines += [f"regions: {values['regions']}", 'label_version: "1.0"', "effective: 2026-10-01"]
    lines += ["review_due: 2027-10-01", "expires: 2028-10-01", "owner: Medical Information", "last_author: Wil Author"]
    lines += [
        "references:",
        '  - "Label sheet 1.0, section 11"',
        "phrasings:",
        *(f'  - "{each}"' for each in phrasings),
    ]
    if near:
        lines.append("near_misses:")
    for text, belongs in (near or {}).items():
        lines += [f'  - text: "{text}"', f"    belongs: {belongs}"]
    return "\n".join([*lines, "---", "# patient", values["text"], "", "# safety", "Keep it from children.", ""])


def library_of(folder: Path, *entries: str) -> Path:
    """The small library with these entries in the place of its own."""
    others = {name: text for name, text in FILES.items() if not name.endswith(".md")}
    ids = [text.split("id: ", 1)[1].split("\n", 1)[0] for text in entries]
    named = {f"testamol/{id}.md": text for id, text in zip(ids, entries, strict=True)}
    write(folder, {**others, PRODUCT_FILE: PRODUCT, **named})
    return folder


def questions(folder: Path, rules: Rules | None = None, topic: str | None = None) -> Questions:
    subject = read_subject(folder, None, TODAY)
    matcher = build_matcher([entry for entry, _ in subject.entries()], subject.library.product)
    return Questions(subject, matcher, rules, topic)


def with_triage(folder: Path) -> Path:
    (folder / "triage").symlink_to(RESPONSES / "triage")
    return folder
