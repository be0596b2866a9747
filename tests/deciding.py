"""Decisions by command, and messages to decide on."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from commands import command

from smi_bot.assistant import Knowledge

TODAY = date(2026, 11, 23)

EMERGENCIES = (
    "My husband can't breathe and his lips are blue",
    "I want to kill myself",
    "She took it and is unconscious, she does not wake up",
    "my face and tongue are swelling and I cannot breathe",
)


def decided(knowledge: Knowledge, *questions: Any, options: Sequence[str] = ()) -> list[dict[str, Any]]:
    lines = b"".join(json.dumps(question).encode() + b"\n" for question in questions)
    ended = command("decide", *options, stdin=lines, knowledge=knowledge)
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.lines]


def without_time(decision: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if key != "ms"}
