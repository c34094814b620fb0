"""Columns of dates and times in a column description.

A time becomes the numbers and categories that repeat themselves, without loss: the week, the
weekday and the time of the day. ``time = origin + 7 days * week + 1 day * weekday + time of day``.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import row_noise
from tfp_maf.data_prep.number_columns import Encoded

DAY, WEEK = 86_400.0, 7 * 86_400.0
MONDAY = pd.Timestamp("1970-01-05")
MOST_TEXTS = 1000  # different texts to tell the format from


@dataclass(frozen=True)
class DateColumn:
    """Column of dates and times.

    Attributes:
        name: Name of the column.
        low, high: First and last time seen, in seconds after Monday, 5 January 1970.
        step: Seconds between neighbouring times, all being multiples of it.
        has_time: Whether the time of the day is a number of its own.
        has_weekday: Whether the weekday is a category of its own.
        format: Format of the text, as of ``strftime``; an empty text is ISO 8601.
        has_missing: Whether a missing value is a category of its own.
    """

    name: str
    low: float
    high: float
    step: float
    has_time: bool = False
    has_weekday: bool = False
    format: str = ""
    has_missing: bool = False

    kind = "date"

    @property
    def number_names(self) -> list[str]:
        """Names of the numbers that the column becomes."""
        unit = "week" if self.has_weekday else "day" if self.has_time else "time"
        names = [self.name if unit == "time" else f"{self.name} ({unit})"]
        return [*names, f"{self.name} (time of day)"] if self.has_time else names

    @property
    def category_sizes(self) -> dict[str, int]:
        """Names and sizes of the categories that the column becomes."""
        sizes = {f"{self.name} (weekday)": 7} if self.has_weekday else {}
        return sizes | ({f"{self.name} is": 2} if self.has_missing else {})

    @property
    def unit(self) -> float:
        """Seconds of the first number's unit."""
        return WEEK if self.has_weekday else DAY if self.has_time else self.step

    def encode(self, seconds: np.ndarray, missing: np.ndarray, keys: np.ndarray) -> Encoded:
        """Return the parts of times ``[N]``.

        Args:
            seconds: Times in seconds after the Monday; NaN where there is none.
            missing: Mask ``[N]`` of missing cells.
            keys: See :func:`row_noise.keys`; noise is drawn by them.
        """
        stream = sum(map(ord, self.name))
        count = len(seconds)
        noise = [row_noise.uniform(keys, stream + place) for place in range(2)]
        units = np.floor(seconds / self.unit)
        rest = seconds - units * self.unit
        numbers = [units + noise[0]]
        codes: list[np.ndarray] = []
        if self.has_weekday:
            weekday = np.floor(rest / DAY)
            rest = rest - weekday * DAY
            codes.append(np.where(np.isfinite(weekday), weekday, 0).astype(np.int64))
        if self.has_time:
            numbers.append((rest + self.step * noise[1]) / DAY)
        if self.has_missing:
            codes.append(missing.astype(np.int64))
        reasons = np.full(count, "", object)
        if not self.has_missing:
            reasons[missing] = f"column {self.name!r}: the value is missing"
        reasons[~missing & ~np.isfinite(seconds)] = f"column {self.name!r}: not a date"
        stacked = np.stack(codes, axis=1) if codes else np.empty([count, 0], np.int64)
        return Encoded(np.stack(numbers, axis=1), stacked, np.zeros(count), reasons)

    def decode(self, numbers: np.ndarray, codes: np.ndarray) -> pd.Series:
        """Return a column of the table for numbers ``[N, 1 or 2]`` and codes ``[N, 0 to 2]``."""
        seconds = np.floor(numbers[:, 0]) * self.unit
        if self.has_weekday:
            seconds = seconds + codes[:, 0] * DAY
        if self.has_time:
            of_day = np.floor(numbers[:, 1] * DAY / self.step) * self.step
            seconds = seconds + np.clip(of_day, 0, DAY - self.step)
        else:  # the same part of a day, or of a step, in all rows
            seconds = seconds + self.low % (DAY if self.has_weekday else self.unit)
        seconds = np.clip(seconds, self.low, self.high)
        if self.has_missing:
            seconds = np.where(codes[:, -1] == 1, np.nan, seconds)
        times = MONDAY + pd.to_timedelta(pd.Series(seconds), unit="s")
        return times.dt.strftime(self.format) if self.format else times

    def describe(self) -> str:
        """Return what the column is, in words."""
        parts = ["week"] * self.has_weekday or ["day"] * self.has_time or ["time"]
        parts += ["weekday"] * self.has_weekday + ["time of day"] * self.has_time
        ends = [str(MONDAY + pd.Timedelta(seconds=end)) for end in (self.low, self.high)]
        words = f"{', '.join(parts)} of dates from {ends[0]} to {ends[1]}"
        return words + (", or missing" * self.has_missing)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"kind": self.kind} | asdict(self)


def seconds_of(column: pd.Series, text_format: str = "") -> np.ndarray:
    """Return times in seconds after Monday, 5 January 1970, NaN where a cell is no time ``[N]``."""
    times = parsed(column, text_format)
    seconds = (times - MONDAY) / pd.Timedelta(seconds=1)
    return seconds.to_numpy(np.float64, na_value=np.nan)


def parsed(column: pd.Series, text_format: str = "") -> pd.Series:
    """Return cells as times without time zone, NaT where a cell is none."""
    if column.dtype.kind == "m" or pd.api.types.is_timedelta64_dtype(column):
        return MONDAY + column
    if not pd.api.types.is_datetime64_any_dtype(column):
        texts = column.astype(str).str.strip()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            column = pd.to_datetime(texts, errors="coerce", format=text_format or "mixed", utc=True)
    if getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.astype("datetime64[ns]")


def format_of(column: pd.Series) -> str:
    """Return the format of dates in text, or an empty text if it is not one for all of them.

    Where the day and the month can't be told apart, the day is first with points in between, and
    the month otherwise.
    """
    if column.dtype.kind in "mM" or pd.api.types.is_datetime64_any_dtype(column):
        return ""
    texts = column.dropna().astype(str).str.strip()
    texts = texts.drop_duplicates().head(MOST_TEXTS)
    for text in texts.head(20):
        order = (True, False) if "." in text[:3] else (False, True)
        for dayfirst in order:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = pd.tseries.api.guess_datetime_format(text, dayfirst=dayfirst)
            if found and _is_format(texts, found):
                return found
    return ""


def _is_format(texts: pd.Series, text_format: str) -> bool:
    """Return whether all texts are times in a format, and come back from it as they are."""
    times = pd.to_datetime(texts, format=text_format, errors="coerce")
    if times.dtype == object or times.isna().any():
        return False
    return bool((times.dt.strftime(text_format) == texts).all())


def infer(
    name: str, column: pd.Series, missing: np.ndarray, *, has_missing: bool
) -> DateColumn | str:
    """Return the description of a column of dates, or why it has none.

    Args:
        name: Name of the column.
        column: Cells.
        missing: Mask of the cells that are missing.
        has_missing: Whether missing values are a category of their own.
    """
    text_format = format_of(column[~missing])
    seconds = seconds_of(column[~missing], text_format)
    seconds = seconds[np.isfinite(seconds)]
    if len(np.unique(seconds)) < 2:
        return "it is one date" if len(seconds) else "it holds no dates"
    whole = np.round(np.unique(seconds) * 1000).astype(np.int64)
    step = float(np.gcd.reduce(np.diff(whole))) / 1000
    low, high = float(seconds.min()), float(seconds.max())
    of_day = np.round(seconds % DAY, 3)
    has_time = bool(len(np.unique(of_day)) > 1 and high - low >= 2 * DAY)
    days = np.unique(np.floor(seconds / DAY) % 7)
    has_weekday = bool(len(days) > 1 and high - low >= 3 * WEEK and step <= DAY)
    if has_time or has_weekday:
        step = float(np.gcd.reduce(np.round(np.append(of_day, DAY) * 1000).astype(np.int64))) / 1000
    return DateColumn(
        name,
        low,
        high,
        step,
        has_time=has_time,
        has_weekday=has_weekday,
        format=text_format,
        has_missing=has_missing,
    )
