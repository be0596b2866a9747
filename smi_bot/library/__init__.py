"""Approved content: read, validated, verified, rendered."""

from smi_bot.library.library import Library
from smi_bot.library.model import Product, StandardResponse, Wording
from smi_bot.library.reading import read_library

__all__ = ["Library", "Product", "StandardResponse", "Wording", "read_library"]
