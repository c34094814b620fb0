"""Cells of a table's column as numbers: signs, separators and words for missing values."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import date_columns
from tfp_maf.data_prep.columns.spelling import CURRENCY_SIGN, SPACES, Spelling, spelling_of

# Words for a missing value, in lower case.
MISSING = frozenset(
    ("", "?", "-", "--", ".", "..", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "<na>", "nan")
    + ("-nan", "none", "null", "nil", "missing", "#div/0!", "#value!")
    + ("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan")
)
TRUE = ("true", "yes", "t", "y")
MOST_WORDS = 20  # spellings of true and false
LONGEST = 60  # characters of a number
SAMPLE = 1000  # cells to find dates and the decimal sign from
BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
MOSTLY = 0.8  # fraction of the values that are numbers in a column of numbers
PERCENT, CURRENCY = re.compile("%"), re.compile(CURRENCY_SIGN)
PLAIN = {  # what makes digits readable for Python
    ".": str.maketrans("", "", SPACES + ","),
    ",": str.maketrans(",", ".", SPACES + "."),
}
DATE = re.compile(
    r".*\d.*[-/.:\s].*\d.*"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[- ](\d\d|\d{4})"
    r"|\d{4}M\d\d?",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Cells:
    """Values of a column ``[N]``.

    Attributes:
        numbers: Numbers, float64 ``[N]``, NaN where there is none; once its format is known,
            seconds of dates.
        missing: Mask ``[N]`` of the cells that are empty or say that the value is missing.
        kind: ``"numbers"``, ``"text"`` or ``"dates"``; a column of missing values is ``"numbers"``.
        percent, currency: Whether a cell has a sign of percent, or of a currency.
        spelling: How numbers in text are written, if not plainly.
        format: Format of dates; see :class:`date_columns.DateColumn`.
        unreadable: Whether the cells have no text, such as bytes that are no UTF-8.
    """

    numbers: np.ndarray
    missing: np.ndarray
    kind: str = "numbers"
    percent: bool = False
    currency: bool = False
    spelling: Spelling | None = None
    format: str = ""
    unreadable: bool = False

    @property
    def finite(self) -> np.ndarray:
        """The finite numbers ``[M]`` that are not missing."""
        return self.numbers[np.isfinite(self.numbers) & ~self.missing]

    @property
    def gaps(self) -> np.ndarray:
        """Mask ``[N]`` of the cells that count as missing: bad ones, too, unless it holds text."""
        return self.missing if self.kind == "text" else self.missing | self.bad

    @property
    def bad(self) -> np.ndarray:
        """Mask ``[N]`` of the cells that are neither missing nor finite numbers."""
        return ~self.missing & ~np.isfinite(self.numbers)


def parse(column: pd.Series, *, decimal: str | None = None, na: Sequence[str] = ()) -> Cells:
    """Read a column's cells as numbers; true and false are 1 and 0.

    Args:
        column: Column as pandas read it.
        decimal: ``"."`` or ``","``; by default, whichever fits the cells.
        na: Texts or numbers that mean that a value is missing, besides :data:`MISSING`.
    """
    nan, none = np.full(len(column), np.nan), np.zeros(len(column), bool)
    if pd.api.types.is_datetime64_any_dtype(column) or column.dtype.kind in "mM":
        return Cells(nan, pd.isna(column).to_numpy(), "dates")
    if column.dtype.kind == "c":
        return Cells(nan, none, "text", unreadable=True)
    if pd.api.types.is_numeric_dtype(column):
        values = _float64(column)
        return Cells(values, np.isnan(values) | np.isin(values, _numbers(na)))
    try:
        cells = column.astype(object).to_numpy(object, na_value=np.nan)
    except Exception:  # pyarrow's, for text that is not UTF-8
        return Cells(nan, none, "text", unreadable=True)
    return _parsed(cells, decimal, na)


def _float64(column: pd.Series) -> np.ndarray:
    """Return numbers as float64; of float32, 0.1 stays 0.1 and is not 0.10000000149."""
    if column.dtype.kind == "f" and column.dtype.itemsize < 8:
        short = np.float16 if column.dtype.itemsize == 2 else np.float32
        return column.to_numpy(short, na_value=np.nan).astype(str).astype(np.float64)
    return column.to_numpy(np.float64, na_value=np.nan)


def _parsed(cells: np.ndarray, decimal: str | None, na: Sequence[str]) -> Cells:
    try:  # few of a column's cells differ, as a rule
        codes, distinct = pd.factorize(cells, use_na_sentinel=False)
    except TypeError:  # lists
        codes, distinct = np.arange(len(cells)), cells
    words = MISSING | {text.strip().lower() for text in na}
    missing = np.array([_is_missing(cell, words) for cell in distinct], bool)[codes]
    present = np.unique(codes[~missing])
    values = np.full(len(distinct), np.nan)
    sample = distinct[present[:SAMPLE]]
    if any(isinstance(c, (datetime.date, datetime.time, datetime.timedelta)) for c in sample):
        return Cells(values[codes], missing, "dates")
    said = [str(cell).strip().lower() for cell in distinct[present[:MOST_WORDS]]]
    if len(present) < MOST_WORDS and any(said and set(said) <= pair for pair in BOOLEANS):
        values[present] = [word in TRUE for word in said]
        return Cells(values[codes], missing)
    texts = [cell for cell in distinct[present] if isinstance(cell, str)]
    decimal = decimal or decimal_of(texts[:SAMPLE])
    with np.errstate(over="ignore", invalid="ignore"):
        values[present] = [_value(cell, decimal) for cell in distinct[present]]
    numbers = values[codes]
    missing |= np.isin(numbers, _numbers(na))
    kind = "numbers"
    if (~np.isnan(numbers) & ~missing).sum() < MOSTLY * (~missing).sum():
        kind = "dates" if _are_dates(texts) else "text"
    percent, currency = (any(sign.search(t) for t in texts) for sign in (PERCENT, CURRENCY))
    spelling = None
    if kind == "numbers":
        of_numbers = [text for text in texts[:SAMPLE] if number(text, decimal) is not None]
        spelling = spelling_of(of_numbers, decimal)
    return Cells(numbers, missing, kind, percent, currency, spelling)


def _is_missing(cell: Any, words: frozenset[str]) -> bool:
    if isinstance(cell, str):
        return cell.strip().lower() in words
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def decimal_of(texts: Iterable[str], *, unclear: str = ".") -> str:
    """Return the decimal sign of numbers, ``"."`` or ``","``, by a vote of the cells.

    Args:
        texts: Cells, numbers or not.
        unclear: Decimal sign if no cell tells, as ``1,234`` does not.
    """
    votes = {".": 0.0, ",": 0.0}
    for text in texts:
        digits = "".join(c for c in text if c in "0123456789.,")
        last = max(digits.find("."), digits.find(","), digits.rfind("."), digits.rfind(","))
        if last < 0 or not any(number(text, sign) is not None for sign in ".,"):
            continue
        sign, other = digits[last], ",."[digits[last] == ","]
        if digits.count(sign) > 1:
            votes[other] += 1
        elif other in digits or len(digits) - last != 4 or digits[:last] in ("", "0") or last > 3:
            votes[sign] += 1
        elif sign == ".":
            votes["."] += 0.01  # 1.234 is rather a decimal point
    return unclear if votes["."] == votes[","] else max(votes, key=lambda sign: votes[sign])


def _value(cell: Any, decimal: str) -> float:
    if isinstance(cell, str):
        found = number(cell, decimal)
        return np.nan if found is None else found
    with suppress(ValueError, TypeError, OverflowError):
        return float(cell) if isinstance(cell, Number) else np.nan  # type: ignore[arg-type]
    return np.nan


def number(text: str, decimal: str) -> float | None:
    """Return the number that a text is, with its signs of currency or percent, or None."""
    if decimal == "." and "_" not in text:  # Python accepts 1_000 as a number
        try:
            return float(text)
        except ValueError:
            pass
    if len(text) > LONGEST:
        return None
    found = _pattern(decimal).fullmatch(text.strip())
    if found is None:
        return None
    opened, sign, after, digits, closed = found.groups()
    if (opened is None) != (closed is None):
        return None
    value = float(digits.translate(PLAIN[decimal]))
    negative = opened is not None or "-" in (sign, after) or "\u2212" in (sign, after)
    return -value if negative else value


@lru_cache
def _pattern(decimal: str) -> re.Pattern[str]:
    d, t = re.escape(decimal), re.escape("," if decimal == "." else ".")
    groups = rf"\d{{1,3}}(?:[{t}{SPACES}]\d{{2,3}})*[{t}{SPACES}]\d{{3}}(?:{d}\d*)?"
    return re.compile(
        rf"(\()?\s*([-+\u2212]?)\s*{CURRENCY_SIGN}?\s*([-+\u2212]?)"
        rf"((?:{groups}|\d+(?:{d}\d*)?|{d}\d+)(?:[eE][-+]?\d+)?)"
        rf"\s*(?:%|{CURRENCY_SIGN})?\s*(\))?"
    )


def _numbers(na: Sequence[str]) -> list[float]:
    found = [number(text, ".") for text in na]
    return [value for value in found if value is not None]


def _are_dates(texts: list[str]) -> bool:
    sample = [text for text in texts[:50] if DATE.fullmatch(text)]
    if not sample or len(sample) < MOSTLY * len(texts[:50]):
        return False
    if all(date_columns.DURATION_TEXT.fullmatch(text) for text in sample):
        return True
    return bool(date_columns.of_texts(pd.Series(sample)).notna().mean() >= MOSTLY)
