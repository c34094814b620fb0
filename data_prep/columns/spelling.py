"""Spelling of a column's numbers in text, such as $1,234.50, 12 % or 00501."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

CURRENCY_SIGN = r"(?:[$€£¥₹]|USD|EUR|GBP|CHF)"
SPACES = "'\u2019 \u00a0\u202f"  # between thousands, whatever the decimal sign
USUAL = 0.8  # fraction of the texts that have the same signs
PARTS = re.compile(
    rf"\(?\s*[-+\u2212]?\s*(?P<before>{CURRENCY_SIGN}?\s*)[-+\u2212]?"
    rf"(?P<whole>[\d{SPACES}.,]*\d)(?P<after>\s*(?:%|{CURRENCY_SIGN})?)\s*\)?"
)


@dataclass(frozen=True)
class Spelling:
    """Signs with which a table writes the numbers of a column.

    Attributes:
        before, after: Signs of a currency or percent, with the spaces between them and the digits.
        thousands: Sign between thousands; empty for none.
        decimal: Decimal sign.
        places: Digits after the decimal sign, if all numbers have as many.
        width: Digits that numbers are filled up to by zeros in front; 0 for none.
    """

    before: str = ""
    after: str = ""
    thousands: str = ""
    decimal: str = "."
    places: int | None = None
    width: int = 0

    def write(self, values: pd.Series) -> pd.Series:
        """Return numbers ``[N]`` as text; a missing one stays missing."""
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        texts = [self._text(x) if np.isfinite(x) else None for x in numbers]
        return pd.Series(texts, index=values.index, dtype="string")

    def _text(self, number: float) -> str:
        size = abs(number)
        if self.places is not None:
            digits = f"{size:,.{self.places}f}"
        else:  # as many as the number has
            digits = f"{int(size):,}" if size == int(size) else _grouped(size)
        digits = digits.translate({ord(","): self.thousands, ord("."): self.decimal})
        sign = "-" if number < 0 and digits.strip("0,. ") else ""
        return f"{sign}{self.before}{digits.zfill(self.width)}{self.after}"


def _grouped(size: float) -> str:
    """Return a number that is not whole with commas between its thousands and all its digits."""
    whole, _, rest = np.format_float_positional(size, trim="-").partition(".")
    return f"{int(whole):,}.{rest}"


def spelling_of(texts: Sequence[str], decimal: str) -> Spelling | None:
    """Return the spelling of numbers in text, or None if it is that of plain numbers.

    Args:
        texts: Cells of one column that hold numbers.
        decimal: Their decimal sign.
    """
    width = width_of(texts)
    if width is not None:
        return Spelling(places=0, width=width)
    found = [part for part in (PARTS.fullmatch(text.strip()) for text in texts) if part]
    if not found:
        return None
    signs, count = Counter((part["before"], part["after"]) for part in found).most_common(1)[0]
    before, after = signs if count >= USUAL * len(texts) else ("", "")
    whole, rest = zip(*(part["whole"].partition(decimal)[::2] for part in found), strict=True)
    between = Counter(sign for digits in whole for sign in digits if not sign.isdigit())
    thousands = between.most_common(1)[0][0] if between else ""
    if thousands and 2 * sum(thousands in d for d in whole) < sum(len(d) > 3 for d in whole):
        thousands = ""
    places = {len(digits) for digits in rest}
    spelling = Spelling(
        before, after, thousands, decimal, places.pop() if len(places) == 1 else None
    )
    is_plain = not (before.strip() or after.strip() or thousands) and decimal == "."
    return None if is_plain else spelling


def width_of(texts: Sequence[str]) -> int | None:
    """Return the number of digits of numbers with zeros in front, such as 01234, or None."""
    digits = [text.strip() for text in texts if text.strip()]
    widths = {len(text) for text in digits}
    if len(widths) != 1 or not any(text.startswith("0") for text in digits) or widths == {1}:
        return None
    return widths.pop() if all(text.isascii() and text.isdigit() for text in digits) else None
