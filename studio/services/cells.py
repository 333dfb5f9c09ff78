"""Values as a spreadsheet takes them."""

from __future__ import annotations

from decimal import Decimal

from studio.config import MICROS

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def plain(value: str) -> str:
    """Text that a spreadsheet shows and never runs: what could begin a formula gets an apostrophe in front."""
    return f"'{value}" if value.lstrip(" \u00a0\ufeff").startswith(_FORMULA) else value


def usd(micros: int) -> str:
    """The exact amount, six decimals."""
    return f"{Decimal(micros) / MICROS:.6f}"
