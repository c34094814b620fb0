"""Times in other spellings than dates: quarters, decimal years, dates of two-digit years."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import date_columns, months

QUARTER, YEAR_FRACTION = "quarter", "decimal year"  # formats, beside those of strftime
NAMED = re.compile(r"(?P<year>\d{4})[\s\-_/:.]*[Qq](?P<quarter>[1-4])")
NAMED_FIRST = re.compile(r"[Qq](?P<quarter>[1-4])[\s\-_/:.]*(?P<year>\d{4})")
COUNTED = re.compile(r"(?P<year>\d{4})\s+(?P<quarter>[1-4])")  # of two columns
OF_NUMBERS = {  # dates that look like numbers; a counter soon leaves the months and days
    "%Y%m%d": (18_000_101, 21_991_231),
    "%Y%m": (180_001, 219_912),
    "%y%m%d": (101, 991_231),
}
FEWEST, LATE = 15, 10_101  # of dates of two-digit years: different ones, and the last at least
YEARS = 1700, 2100  # of decimal years
EARLY = 0.05  # of a month: 1949.083 is the begin of February
MONTHS = (1, 2, 3, 4, 6)  # between neighbouring decimal years


def number_format(values: np.ndarray) -> str:
    """Return the format of numbers that are all times, or an empty text."""
    distinct = np.unique(values)
    if len(distinct) == 0:
        return ""
    if (distinct == np.round(distinct)).all():
        for text_format, (low, high) in OF_NUMBERS.items():
            if text_format == "%y%m%d" and (len(distinct) < FEWEST or distinct[-1] < LATE):
                continue
            in_range = low <= distinct[0] and distinct[-1] <= high
            if in_range and np.isfinite(seconds_of_numbers(distinct, text_format)).all():
                return text_format
        return ""
    return YEAR_FRACTION if _are_decimal_years(distinct) else ""


def seconds_of_numbers(numbers: np.ndarray, text_format: str) -> np.ndarray:
    """Return times in seconds after the Monday of numbers ``[N]``; NaN where one is no time."""
    if text_format == YEAR_FRACTION:
        return _seconds_of_months(_months(numbers))
    width = 6 if text_format == "%y%m%d" else 0
    texts = [f"{n:0{width}.0f}" if np.isfinite(n) else "" for n in numbers]
    return date_columns.seconds_of(pd.Series(texts, dtype=str), text_format)


def is_quarters(texts: pd.Series) -> bool:
    """Return whether texts are all quarters: 1970 Q1, Q1-1970, or 1970 1 to 1970 4."""
    texts = texts.astype(str).str.strip().drop_duplicates()
    for pattern in (NAMED, NAMED_FIRST):
        if texts.str.fullmatch(pattern).all():
            return True
    counted = texts.str.extract(f"^{COUNTED.pattern}$")["quarter"]
    return bool(counted.notna().all() and set(counted) == set("1234"))


def seconds_of_quarters(column: pd.Series) -> np.ndarray:
    """Return when quarters begin, in seconds after the Monday; NaN where a text is none."""
    texts = column.astype(str).str.strip()
    counted = np.full(len(texts), np.nan)
    for pattern in (NAMED, NAMED_FIRST, COUNTED):
        found = texts.str.extract(f"^{pattern.pattern}$").astype(float)
        own = 12 * found["year"].to_numpy() + 3 * (found["quarter"].to_numpy() - 1)
        counted = np.where(np.isnan(counted), own, counted)
    return _seconds_of_months(counted)


def note(text_format: str, column: pd.Series) -> list[str]:
    """Return a note on how times are taken, where another reading is possible."""
    first = str(column.iloc[0]).strip() if len(column) else ""
    if text_format == QUARTER and re.fullmatch(COUNTED, first):
        return [f"times are taken as quarters, {first} as Q{first[-1]} of {first[:4]}"]
    if text_format == YEAR_FRACTION:
        return ["times are taken as years with months as fractions, 1949.083 as February 1949"]
    if text_format == "%y%m%d":
        return ["times are taken as dates of year, month and day with two digits each"]
    return []


def _are_decimal_years(distinct: np.ndarray) -> bool:
    if len(distinct) < FEWEST or distinct[0] < YEARS[0] or distinct[-1] > YEARS[1]:
        return False
    apart = 12 * float(np.median(np.diff(distinct)))
    apart_in_months = np.diff(_months(distinct))
    whole = np.diff(12 * distinct) - apart_in_months
    regular = abs(apart - round(apart)) < EARLY and round(apart) in MONTHS
    return bool(regular and (apart_in_months > 0).all() and (np.abs(whole) < 2 * EARLY).all())


def _months(years: np.ndarray) -> np.ndarray:
    return np.floor(12 * years + EARLY)


def _seconds_of_months(counted: np.ndarray) -> np.ndarray:
    """Return when months begin that are counted from the year 0 on, NaN for NaN."""
    there = np.isfinite(counted)
    since = np.where(there, counted - 12 * 1970, 0)
    return np.where(there, months.seconds_at(since, 1), np.nan)
