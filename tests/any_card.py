"""Cards of any content, as hypothesis makes them up, and hostile text among it."""

import unicodedata
from datetime import UTC
from typing import get_args

from hypothesis import strategies as st
from slack_cards import ANN, BOB, MARKUP, NOON, a_card, line

from escalation.answers import CardAnswer
from escalation.card_lines import CardFile, CardMessage
from escalation.cards import CardLabel, CardSuggestion
from escalation.case import EventKind
from escalation.judging import JUDGED, Judgement, Raised
from escalation.times import ReportTimes, TimeName
from smi_bot.decision import PRECEDENCE

HOSTILE = st.one_of(
    st.text(st.characters(), max_size=60),
    st.sampled_from([
        "", " ", "\n\n\n", "\x00", "\x00\x07\x1b[31m", "\u200b\u200d\ufeff", "\ud800", MARKUP, "Ann Miller", "😀" * 40,
        "👩‍👩‍👧" * 40, "🇩🇪" * 41, "a\u0301" * 2000, "\u202eexe.gpj\u2066", "שלום עולם", "مرحبا؟ " * 90, "x" * 4097,
        "好" * 5000, '\\"' * 3000, "😀" * 4096, "a\r\nb\u2028c", "\t" * 5000, "word " * 2000, "\U0010ffff" * 700, "\ufffe",
    ]),
)  # fmt: skip
STATES = st.sampled_from(["here", "pending", "failed", "refused", "erased"])

FILES = st.builds(
    CardFile, id=st.just("f1"), name=HOSTILE, media_type=HOSTILE, size=st.integers(0, 10**9), state=STATES,
    can_retry=st.booleans(),
)  # fmt: skip

SAID = st.builds(
    CardMessage, number=st.integers(1, 10**9), text=HOSTILE, edited=st.booleans(), earlier=HOSTILE,
    forwarded=st.booleans(), quoted=HOSTILE, in_reply_to=HOSTILE,
)  # fmt: skip
ACTORS = st.sampled_from([ANN, BOB, "bot", "Dr. Rao", "slack:<!channel>", "slack:", MARKUP, ""])
KINDS = st.sampled_from([*get_args(EventKind), "answered", "not delivered", "waiting", "something new"])
LINKS = st.sampled_from(["", "https://t.me/forum/5", "https://t.me/" + "x" * 5000, "https://t.me/ö", "javascript:x"])

LINES = st.builds(
    line, event=st.integers(0, 5), kind=KINDS, author=ACTORS, text=HOSTILE, trouble=HOSTILE, link=LINKS,
    state=st.sampled_from([None, "queued", "retrying", "sent", "delivered", "failed"]), was_sent=st.booleans(),
    said=st.lists(SAID, max_size=4).map(tuple), attachments=st.lists(FILES, max_size=4).map(tuple),
)  # fmt: skip

JUDGEMENTS = st.none() | st.builds(
    Judgement, label=st.sampled_from(PRECEDENCE), verdict=st.sampled_from(JUDGED), actor=ACTORS, at=st.just(NOON),
    raised=st.just(Raised()), is_outdated=st.booleans(),
)  # fmt: skip
LABELS = st.builds(
    CardLabel, label=st.sampled_from(PRECEDENCE), evidence=st.lists(HOSTILE, max_size=9).map(tuple),
    rules=st.lists(st.sampled_from(["gate", "own-symptom", "x" * 60]), max_size=9).map(tuple),
    raised_in=st.integers(0, 10**9), judgement=JUDGEMENTS,
)  # fmt: skip
DROPPED = st.builds(
    lambda label, said: CardLabel(label, (), ("own-symptom",), 2, said), st.sampled_from(PRECEDENCE), JUDGEMENTS
)
SUGGESTIONS = st.builds(CardSuggestion, entry=st.just("missed-dose"), title=HOSTILE, score=st.floats(0, 1))

MOMENTS = st.datetimes(timezones=st.just(UTC))
TIMES = st.builds(
    ReportTimes, message=st.integers(1, 10**9), platform=st.none() | MOMENTS, received=MOMENTS, screened=MOMENTS,
    criteria_met=MOMENTS, looked_at=st.none() | MOMENTS,
    remarks=st.lists(st.tuples(st.sampled_from(get_args(TimeName)), st.just("the clocks of two workers differ"))).map(tuple),
)  # fmt: skip

CARDS = st.builds(
    lambda lines, closed, **more: a_card(*lines, *([closed] if more["status"] == "closed" else []), **more),
    st.lists(LINES, max_size=4),
    st.just(line(99, "closed", ANN, "answered: well")),
    status=st.sampled_from(["open", "claimed", "closed"]),
    priority=st.sampled_from(["normal", "high", "urgent"]),
    labels=st.lists(LABELS, max_size=10, unique_by=lambda each: each.label).map(tuple),
    audience=st.sampled_from(["", "patient", "hcp"]),
    country=HOSTILE,
    language=HOSTILE,
    public=st.booleans(),
    erased=st.booleans(),
    due=st.sampled_from([None, NOON]),
    overdue=st.booleans(),
    owner=st.none() | ACTORS,
    suggestions=st.lists(SUGGESTIONS, max_size=3).map(tuple),
    previous=st.sampled_from([None, "SMI-3"]),
    reports=st.integers(0, 9),
    times=st.lists(TIMES, max_size=3).map(tuple),
    screened_again=st.booleans(),
    dropped=st.lists(DROPPED, max_size=3).map(tuple),
    answers=st.lists(
        st.builds(CardAnswer, question=st.just("Which product, and since when?"), answer=HOSTILE), max_size=3
    ).map(tuple),
)


def without_space(text: str) -> str:
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c) != "Cc")
