"""Columns of monthly, quarterly or yearly dates in a column description.

Months have different lengths, so that no number of seconds steps from one to the next. Such a date
becomes the year, and the month where dates of several years differ in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import date_columns, months, row_noise
from tfp_maf.data_prep.columns.date_columns import DAY, DateColumn
from tfp_maf.data_prep.columns.number_columns import Encoded

YEAR = 12  # months
FEWEST_YEARS = 3  # in which the month repeats itself


@dataclass(frozen=True)
class MonthColumn(DateColumn):
    """Column of dates that are all at one day of their month, at midnight.

    Attributes:
        day: Day of the month; 31 is its last day.
        months: Number of months that divides the distance of all dates.
        has_month: Whether the month is a category of its own, beside the year.
    """

    day: int = 1
    months: int = 1
    has_month: bool = False

    kind = "month"

    @property
    def number_names(self) -> list[str]:
        """Name of the number that the column becomes."""
        return [f"{self.name} (year)" if self.has_month else self.name]

    @property
    def category_sizes(self) -> dict[str, int]:
        """Names and sizes of the categories that the column becomes."""
        sizes = {f"{self.name} (month)": YEAR} if self.has_month else {}
        return sizes | ({f"{self.name} is": 2} if self.has_missing else {})

    @property
    def _first(self) -> int:
        """Month from which the number counts."""
        return 0 if self.has_month else int(months.month_of(np.array([self.low]))[0])

    def encode(
        self, seconds: np.ndarray, missing: np.ndarray, keys: np.ndarray, *, stream: int = 0
    ) -> Encoded:
        """Return the parts of times ``[N]``; see :meth:`DateColumn.encode`."""
        known = np.isfinite(seconds)
        month = months.month_of(np.where(known, seconds, self.low))
        unit = YEAR if self.has_month else self.months
        number = (month - self._first) // unit + row_noise.uniform(keys, stream)
        codes = [month % YEAR] if self.has_month else []
        codes += [missing.astype(np.int64)] if self.has_missing else []
        reasons = np.full(len(seconds), "", object)
        if not self.has_missing:
            reasons[missing] = f"column {self.name!r}: the value is missing"
        reasons[~missing & ~known] = f"column {self.name!r}: not a date"
        stacked = np.stack(codes, axis=1) if codes else np.empty([len(seconds), 0], np.int64)
        numbers = np.where(known, number, np.nan)[:, None]
        return Encoded(numbers, stacked, np.zeros(len(seconds)), reasons)

    def decode(self, numbers: np.ndarray, codes: np.ndarray) -> pd.Series:
        """Return a column of the table for numbers ``[N, 1]`` and codes ``[N, 0 to 2]``."""
        known = np.isfinite(numbers[:, 0])
        whole = np.floor(np.where(known, numbers[:, 0], 0)).astype(np.int64)
        month = self._first + whole * (YEAR if self.has_month else self.months)
        if self.has_month:
            month = month + codes[:, 0]
        ends = months.month_of(np.array([self.low, self.high]))
        seconds = months.seconds_at(np.clip(month, *ends), self.day)
        known = known & (codes[:, -1] == 0) if self.has_missing else known
        return self._cells(np.where(known, seconds, np.nan))

    def describe(self) -> str:
        """Return what the column is, in words."""
        named = {1: "month", 3: "quarter", YEAR: "year"}
        step = named.get(self.months, f"every {self.months} months")
        return f"{'year, month' if self.has_month else step} of {self._range()}"


def infer(
    name: str, seconds: np.ndarray, text_format: str, *, has_missing: bool
) -> MonthColumn | None:
    """Return the description of dates at one day of several months, or None for other times.

    Args:
        name: Name of the column.
        seconds: Its times; see :func:`date_columns.seconds_of`.
        text_format: Their format; see :class:`DateColumn`.
        has_missing: Whether missing values are a category of their own.
    """
    seconds = np.unique(seconds[np.isfinite(seconds)])
    if text_format == date_columns.DURATION or len(seconds) < 3 or (seconds % DAY).any():
        return None
    month = months.month_of(seconds)
    day = months.day_of(seconds)
    steps = np.diff(month)
    if not (steps > 0).all() or (months.seconds_at(month, day) != seconds).any():
        return None
    step = int(np.gcd.reduce(steps))
    return MonthColumn(
        name,
        float(seconds[0]),
        float(seconds[-1]),
        months.MONTH * step,
        format=text_format,
        has_missing=has_missing,
        day=day,
        months=step,
        has_month=bool(step % YEAR and month[-1] - month[0] >= FEWEST_YEARS * YEAR),
    )
