"""Lists everyday words and how general each is: in how many intents of a collection it occurs.

    python -m training.count_words clinc_train.tsv rqe_train.tsv > smi_bot/matching/everyday.txt

The first file has the columns `text` and `intent`. The second, with the columns `question` and `other`, adds words
that are written in lower case at least RARELY times and hardly ever otherwise, as names are; they count for one
intent. Only words and counts go into the output, no text.
"""

import csv
import hashlib
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from smi_bot.matching.medicines import medicines
from smi_bot.matching.words import bare
from smi_bot.text import read

RARELY = 3
_WORD = re.compile(r"[A-Za-z]+")


def main(intents: str, questions: str) -> None:
    spread = spread_over_intents(intents)
    known = medicines((), ())
    words = dict.fromkeys(lower_case_words(questions), 1) | spread
    print(f"# Everyday words and the number of intents each occurs in, from CLINC150 (CC BY 3.0; {sha256(intents)})")
    print(f"# and, counted as one, the consumer questions of RQE (AMIA 2016, CC BY 4.0; {sha256(questions)}).")
    for word in sorted(words):
        if word.isascii() and word.isalpha() and not known.named(word):
            print(word, words[word])


def spread_over_intents(path: str) -> dict[str, int]:
    times: Counter[str] = Counter()
    intents: dict[str, set[str]] = defaultdict(set)
    for row in rows(path):
        for word in bare(read(row["text"])):
            times[word] += 1
            intents[word].add(row["intent"])
    return {word: len(held) for word, held in intents.items() if times[word] > 1}


def lower_case_words(path: str) -> set[str]:
    questions = {text for row in rows(path) for text in (row["question"], row["other"])}
    times = Counter(word for text in questions for word in _WORD.findall(text))
    capital = Counter({word.lower(): n for word, n in times.items() if word != word.lower()})
    return {w for w, n in times.items() if w == w.lower() and n >= RARELY and n >= 4 * capital[w] and len(w) > 3}


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def sha256(path: str) -> str:
    return "sha256 " + hashlib.sha256(Path(path).read_bytes()).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
