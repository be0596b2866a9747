"""Fits the second opinion of triage on the project's own messages.

    python -m training.fit_opinion

Needs scikit-learn: `pip install --group training`. Reads `training/messages/*.tsv` (text, label, kind), writes
`smi_bot/triage/opinion.json.gz`. The thresholds are taken from cross-validation: so many of the messages that report
nothing may be suspected, or doubted, when the classifier has not seen them. `training/rounds/` is never learned from.
"""

import gzip
import hashlib
import json
import math
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from smi_bot.decision import SAFETY
from smi_bot.text import read
from smi_bot.triage import Rules
from smi_bot.triage.opinion import SHORTEST, terms_of
from smi_bot.triage.rules import clues_in
from training.material import HERE, rows, shipped_rules

OUTPUT = HERE.parent / "smi_bot" / "triage" / "opinion.json.gz"
KINDS = ("adverse-event", "special-situation", "product-complaint")
SUSPECTED, DOUBTED = 0.11, 0.17  # of the messages without a report
STRENGTH = 4.0  # inverse of the regularisation


def main() -> None:
    paths = sorted((HERE / "messages").glob("*.tsv"))
    messages = [row for path in paths for row in rows(path)]
    texts, labels = [row["text"] for row in messages], np.array([row["label"] for row in messages])
    reports = np.isin(labels, sorted(SAFETY))
    rules = shipped_rules()
    vectors = TfidfVectorizer(analyzer=lambda text: analyse(text, rules), sublinear_tf=True, min_df=2, norm=None)
    features = _levelled(vectors.fit_transform(texts))
    report, unseen = _fitted(features, reports)
    calm = unseen[~reports]
    known = np.isin(labels, KINDS)
    kinds = _classifier().fit(features[known], labels[known])
    order = [list(kinds.classes_).index(kind) for kind in KINDS]
    content = {
        "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
        "kinds": KINDS,
        "biases": [_short(report.intercept_[0]), *(_short(kinds.intercept_[i]) for i in order)],
        "suspect": _short(np.quantile(calm, 1 - SUSPECTED)),
        "doubt": _short(np.quantile(calm, 1 - DOUBTED)),
        "terms": {
            term: [_short(vectors.idf_[i]), _short(report.coef_[0][i]), *(_short(kinds.coef_[k][i]) for k in order)]
            for term, i in sorted(vectors.vocabulary_.items())
        },
    }
    write(content)
    print(f"{len(messages)} messages, {int(reports.sum())} reports, {len(vectors.vocabulary_)} terms")
    for name in ("suspect", "doubt"):
        print(f"{name}: {np.mean(unseen[reports] >= content[name]):.3f} of the reports, unseen")


def analyse(text: str, rules: Rules) -> list[str]:
    reading = read(text)
    return terms_of(reading, clues_in(reading, rules))


def _levelled(features: csr_matrix) -> csr_matrix:
    """All messages of one length, short ones apart (`SHORTEST`)."""
    lengths = np.sqrt(features.multiply(features).sum(axis=1)).A1
    return diags(1 / np.maximum(lengths, SHORTEST)) @ features


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced")


def _fitted(features: csr_matrix, reports: Any) -> tuple[LogisticRegression, Any]:
    """The classifier, and its scores of messages that it had not seen when it scored them."""
    folds = StratifiedKFold(10, shuffle=True, random_state=1)
    unseen = cross_val_predict(_classifier(), features, reports, cv=folds, method="decision_function")
    return _classifier().fit(features, reports), unseen


def _short(number: float) -> float:
    return round(float(number), 3) if math.isfinite(number) else 0.0


def write(content: dict[str, Any]) -> None:
    """The same messages give the same bytes."""
    text = json.dumps(content, ensure_ascii=False)
    content["version"] = hashlib.sha256(text.encode()).hexdigest()[:12]
    OUTPUT.write_bytes(gzip.compress(json.dumps(content, ensure_ascii=False).encode(), mtime=0))


if __name__ == "__main__":
    main()
