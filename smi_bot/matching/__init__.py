"""Matching a message against the library: which entry, how sure, and whether to ask or abstain."""

from smi_bot.matching.matcher import Matcher, build_matcher, match

__all__ = ["Matcher", "build_matcher", "match"]
