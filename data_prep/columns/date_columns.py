"""Columns of dates and times in a column description.

A time becomes the numbers and categories that repeat themselves, without loss: the week, the
weekday and the time of the day. ``time = origin + 7 days * week + 1 day * weekday + time of day``.
"""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import row_noise
from tfp_maf.data_prep.columns.number_columns import Encoded

DAY, WEEK = 86_400.0, 7 * 86_400.0
MONDAY = np.datetime64("1970-01-05", "us")
MOST_TEXTS = 1000  # different texts to tell the format from
FITTING = 0.8  # fraction of the texts that have the format; the others are no dates
FIRST_YEAR = 1000  # 3/4 is no date in the year 1
DURATION = "duration"  # the format of durations, which are no texts
OFFSET = re.compile(r"(?<=\d)\s*(Z|UTC|GMT|[-+]\d\d:?\d\d)$")
TWO_YEARS = re.compile(r".*(?<![\d.:+])(1\d|20|21)\d\d(?!\d).*(?<![\d.:+])(1\d|20|21)\d\d(?!\d).*")
DURATION_TEXT = re.compile(r"-?\d+ days?( [-+]?\d\d:\d\d:\d\d(\.\d+)?)?")  # as pandas writes them
YEAR_AND_MONTH = re.compile(r"^(\d{4})M(\d\d)$")
CLOCK = re.compile(r"\d{1,2}(:\d\d){1,2}(\.\d+)?(\s*[ap]\.?m\.?)?", re.IGNORECASE)
CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
SHORT = (
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%d-%b-%y",
    "%d %b %y",
    "%b %d, %y",
    "%m/%Y",
    "%Y/%m",
    "%b-%y",
    "%b %y",
    "%b-%Y",
    "%b %Y",
    "%B %Y",
    "%B %y",
    "%YM%m",
)


@dataclass(frozen=True)
class DateColumn:
    """Column of dates and times.

    Attributes:
        name: Name of the column.
        low, high: First and last time seen, in seconds after Monday, 5 January 1970.
        step: Seconds between neighbouring times, all being multiples of it.
        has_time: Whether the time of the day is a number of its own.
        has_weekday: Whether the weekday is a category of its own.
        format: Format of the text, as of ``strftime``, with ``%-d``, ``%-m``, ``%-H`` and ``%-I``
            for numbers without a leading zero and ``%3f`` for milliseconds; an empty text is
            ISO 8601, and ``"duration"`` no text at all.
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

    @property
    def _origin(self) -> float:
        """Time from which the first number counts; weeks and days begin at midnight."""
        return 0.0 if self.has_weekday or self.has_time else self.low

    def encode(
        self, seconds: np.ndarray, missing: np.ndarray, keys: np.ndarray, *, stream: int = 0
    ) -> Encoded:
        """Return the parts of times ``[N]``.

        Args:
            seconds: Times in seconds after the Monday; NaN where there is none.
            missing: Mask ``[N]`` of missing cells.
            keys: See :func:`row_noise.keys`; noise is drawn by them.
            stream: First stream of the noise, one for each number of a row.
        """
        count = len(seconds)
        noise = [row_noise.uniform(keys, stream + place) for place in range(2)]
        units = (seconds - self._origin) / self.unit
        units = np.floor(units if self.has_weekday or self.has_time else _snapped(units))
        rest = seconds - self._origin - units * self.unit
        numbers = [units + noise[0]]
        codes: list[np.ndarray] = []
        if self.has_weekday:
            weekday = np.floor(rest / DAY)
            rest = rest - weekday * DAY
            codes.append(np.where(np.isfinite(weekday), weekday, 0).astype(np.int64))
        if self.has_time:
            numbers.append((_snapped(rest / self.step) + noise[1]) * self.step / DAY)
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
        seconds = self._origin + np.floor(numbers[:, 0]) * self.unit
        if self.has_weekday:
            seconds = seconds + codes[:, 0] * DAY
        if self.has_time:
            of_day = np.floor(numbers[:, 1] * DAY / self.step) * self.step
            seconds = seconds + np.clip(of_day, 0, DAY - self.step)
        elif self.has_weekday:  # the same time of the day in all rows
            seconds = seconds + self.low % DAY
        seconds = np.clip(seconds, self.low, self.high)
        if self.has_missing:
            seconds = np.where(codes[:, -1] == 1, np.nan, seconds)
        return self._cells(seconds)

    def describe(self) -> str:
        """Return what the column is, in words."""
        parts = ["week"] * self.has_weekday or ["day"] * self.has_time or ["time"]
        parts += ["weekday"] * self.has_weekday + ["time of day"] * self.has_time
        return f"{', '.join(parts)} of {self._range()}"

    def _cells(self, seconds: np.ndarray) -> pd.Series:
        """Return times ``[N]`` as the table has them; NaN is a missing cell."""
        times = pd.Series(_times(seconds))
        if self.format == DURATION:
            return times - MONDAY
        return _written(times, self.format) if self.format else times

    def _range(self) -> str:
        """Return what times there are, in words."""
        what = "durations" if self.format == DURATION else "dates"
        times = _times(np.array([self.low, self.high]))
        ends = pd.Series(times - MONDAY if self.format == DURATION else times).astype(str)
        return f"{what} from {ends[0]} to {ends[1]}" + (", or missing" * self.has_missing)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"kind": self.kind} | asdict(self)


def seconds_of(column: pd.Series, text_format: str = "") -> np.ndarray:
    """Return times in seconds after Monday, 5 January 1970, NaN where a cell is no time ``[N]``."""
    times = parsed(column, text_format).to_numpy("datetime64[us]")
    return (times - MONDAY) / np.timedelta64(1, "s")


def parsed(column: pd.Series, text_format: str = "") -> pd.Series:
    """Return cells as times without time zone, NaT where a cell is none."""
    if column.dtype.kind == "m" or pd.api.types.is_timedelta64_dtype(column):
        return MONDAY + column
    if text_format == DURATION:
        return MONDAY + pd.to_timedelta(column.astype(str).str.strip(), errors="coerce")
    if not pd.api.types.is_datetime64_any_dtype(column):
        texts = column.astype(str).str.strip()
        column = _of_format(texts, text_format) if text_format else of_texts(texts)
    if getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column


def of_texts(texts: pd.Series) -> pd.Series:
    """Return texts of any formats as times, NaT where a text is none.

    A time of the day is on 1 January 1900, as with a format: pandas would take today.
    """
    texts = texts.str.replace(YEAR_AND_MONTH, r"\1-\2", regex=True)
    clocks = texts.str.fullmatch(CLOCK).astype(bool)
    texts = texts.where(~clocks, "1900-01-01 " + texts)
    texts = texts.where(~texts.str.fullmatch(TWO_YEARS).astype(bool), "")  # a range of dates
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True)
    return times.where(times.dt.year >= FIRST_YEAR)


def format_of(column: pd.Series) -> str:
    """Return the format of dates in text, or an empty text if it is not one for all of them.

    Where the day and the month can't be told apart, the day is first with points in between, and
    the month otherwise. A format from which all texts come back as they are is preferred to one
    that only reads them, as where some have zeros in front and others have not.
    """
    if column.dtype.kind == "m" or any(
        isinstance(cell, datetime.timedelta) for cell in column.dropna().head(1)
    ):
        return DURATION
    if pd.api.types.is_datetime64_any_dtype(column):
        return ""
    texts = column.dropna().astype(str).str.strip()
    texts = texts.drop_duplicates().head(MOST_TEXTS)
    if len(texts) and texts.str.fullmatch(DURATION_TEXT).astype(bool).all():
        return DURATION
    for comes_back in (True, False):
        tried = set()
        for text in texts.head(20):
            for found in _formats(text):
                if found not in tried and _is_format(texts, found, comes_back=comes_back):
                    read = _both_ways(texts, found)
                    if read and not _are_monthly(read[0]) and _are_monthly(read[1]):
                        return _swapped(found)
                    return found
                tried.add(found)
    return ""


def is_ambiguous(column: pd.Series, text_format: str) -> bool:
    """Return whether texts are dates also if days are months, and other ones.

    Dates that are all at one day of their months are so on purpose.
    """
    texts = column.astype(str).str.strip().drop_duplicates()
    read = _both_ways(texts, text_format)
    return read is not None and _are_monthly(read[0]) == _are_monthly(read[1])


def _both_ways(texts: pd.Series, text_format: str) -> tuple[pd.Series, pd.Series] | None:
    """Return the dates in a format, and with day and month swapped; None if it must be the one."""
    signs = re.findall("%-?([dmY])", text_format)
    if not {"d", "m"} <= set(signs) or signs[0] == "Y":  # after a year comes the month
        return None
    times = _of_format(texts, text_format).dropna()
    others = _of_format(texts[times.index], _swapped(text_format))
    return None if others.isna().any() or (others == times).all() else (times, others)


def _swapped(text_format: str) -> str:
    """Return a format whose days are months, and the other way round."""
    return re.sub("%(-?)([dm])", lambda m: f"%{m[1]}{'dm'[m[2] == 'd']}", text_format)


def _are_monthly(times: pd.Series) -> bool:
    """Return whether dates of several years are all at one day of their months."""
    days = times.dt.day
    is_one = bool((days == days.iloc[0]).all() and (times.dt.normalize() == times).all())
    years = times.dt.year
    return is_one and times.dt.month.nunique() > 2 and bool((years != years.iloc[0]).any())


def _formats(text: str) -> Iterator[str]:
    """Yield the formats that a text may have, the likeliest first."""
    offset = OFFSET.search(text) if ":" in text else None
    end = "" if offset is None else offset.group()
    text = text.removesuffix(end)
    found = []
    for dayfirst in (True, False) if "." in text[:3] else (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(pd.tseries.api.guess_datetime_format(text, dayfirst=dayfirst))
    more = [*SHORT, *CLOCKS, *(f"{date} {clock}" for date in SHORT for clock in CLOCKS)]
    for each in [*found, *more]:
        if each and "%z" not in each and _fits(text, each):
            date, clock = re.sub("%([dm])", r"%-\1", each), re.sub("%([HI])", r"%-\1", each)
            both = re.sub("%([dm])", r"%-\1", clock)
            for variant in dict.fromkeys((each, both, clock, date)):
                yield variant + end
                if "%f" in variant:
                    yield variant.replace("%f", "%3f") + end


def _fits(text: str, text_format: str) -> bool:
    try:
        datetime.datetime.strptime(text, text_format)
    except ValueError:
        return False
    return True


def _is_format(texts: pd.Series, text_format: str, *, comes_back: bool) -> bool:
    """Return whether the texts are times in a format, and perhaps come back from it as they are.

    A few may be no times at all.
    """
    times = _of_format(texts, text_format)
    fits = times.notna()
    if fits.mean() < FITTING or of_texts(texts[~fits]).notna().any():
        return False
    if not comes_back:
        return True
    back = _written(times[fits], text_format)
    return bool((back.str.lower() == texts[fits].str.lower()).all())  # FEB and pm, too


def _of_format(texts: pd.Series, text_format: str) -> pd.Series:
    plain = text_format.replace("%-", "%").replace("%3f", "%f")
    return pd.to_datetime(texts, format=plain, errors="coerce")


def _written(times: pd.Series, text_format: str) -> pd.Series:
    """Return times as texts in a format; not all platforms know how to leave out zeros."""
    marked = text_format.replace("%-", "\x01%").replace("%3f", "\x02%f")
    texts = times.dt.strftime(marked)
    if marked == text_format:
        return texts
    return texts.str.replace("\x010?", "", regex=True).str.replace(
        "\x02(\\d{3})\\d{3}", r"\1", regex=True
    )


def _times(seconds: np.ndarray) -> np.ndarray:
    """Return times ``[N]`` for seconds after the Monday, NaT for NaN."""
    none = np.isnan(seconds)
    whole = np.round(np.where(none, 0, seconds) * 1e6).astype(np.int64).astype("timedelta64[us]")
    return MONDAY + np.where(none, np.timedelta64("NaT"), whole)


def _snapped(steps: np.ndarray) -> np.ndarray:
    """Return numbers of steps without the rounding of seconds in float64."""
    whole = np.round(steps)
    return np.where(np.abs(steps - whole) < 0.2, whole, steps)


def infer(
    name: str, seconds: np.ndarray, text_format: str, *, has_missing: bool
) -> DateColumn | str:
    """Return the description of a column of dates, or why it has none.

    Args:
        name: Name of the column.
        seconds: Its times; see :func:`seconds_of`.
        text_format: Their format; see :class:`DateColumn`.
        has_missing: Whether missing values are a category of their own.
    """
    seconds = seconds[np.isfinite(seconds)]
    if len(np.unique(seconds)) < 2:
        return "it is one date" if len(seconds) else "it holds no dates"
    whole = np.unique(np.round(seconds * 1e6).astype(np.int64))
    step = float(np.gcd.reduce(np.diff(whole))) / 1e6
    low, high = float(seconds.min()), float(seconds.max())
    of_day = np.round(seconds % DAY, 6)
    has_time = bool(len(np.unique(of_day)) > 1 and high - low >= 2 * DAY)
    days = np.unique(np.floor(seconds / DAY) % 7)
    has_weekday = bool(len(days) > 1 and high - low >= 3 * WEEK and step <= DAY)
    if has_time or has_weekday:
        step = float(np.gcd.reduce(np.round(np.append(of_day, DAY) * 1e6).astype(np.int64))) / 1e6
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
