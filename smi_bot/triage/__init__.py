"""Safety triage: which labels a message carries, and the words that raised them. Pure, explainable, linear in length."""

from smi_bot.triage.rules import Rules, load_rules, triage

__all__ = ["Rules", "load_rules", "triage"]
