"""Times of a table's rows: dates in text of one format, dates in numbers, or plain numbers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfp_maf.data_prep import period_times
from tfp_maf.data_prep.columns import cells, date_columns
from tfp_maf.data_prep.columns.cells import Cells
from tfp_maf.data_prep.time_axis import Axis

FORMAT_TEXTS = 1000
NO_DATE = re.compile(r"%Y.?%-?d.?%-?m|%z")  # no one writes days before months after a year
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")  # can be read in one way only
ZONE = re.compile(r"(Z|UTC|GMT|[-+]\d\d:?\d\d)$")  # at the end of a format
UNIX = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


def times_of(
    frame: pd.DataFrame,
    time: Sequence[str],
    series: np.ndarray,
    *,
    axis: Axis | None = None,
    decimal: str | None = None,
) -> tuple[np.ndarray, tuple[bool, str], list[str]]:
    """Return the times of rows ``[N]``, whether they are dates, of which format, and notes.

    Args:
        frame: rows.
        time: columns that hold the time, joined by a blank; if there is none, rows in order are a
            step apart.
        series: number of each row's series ``[N]``.
        axis: whose format the times have; found if None.
        decimal: decimal sign of times that are numbers.

    Raises:
        ValueError: If a time cannot be read; the message names the row.
    """
    if not time:
        numbers = pd.Series(series).groupby(series).cumcount().to_numpy(float)
        return numbers, (False, ""), ["rows are taken in time order, one step apart"]
    column = frame[time[0]]
    for name in time[1:]:
        column = column.astype(str).str.strip() + " " + frame[name].astype(str).str.strip()
    parsed = cells.parse(column, decimal=decimal)
    notes: list[str] = []
    if axis is not None:
        is_clock, text_format = axis.is_clock, axis.format
    elif len(time) == 1 and parsed.kind == "numbers":
        text_format = period_times.number_format(parsed.finite)
        is_clock = text_format != ""
        notes += period_times.note(text_format, column)
    else:
        is_clock, text_format = True, _format(column[~parsed.missing])
        notes += period_times.note(text_format, column)
    if is_clock:
        seconds = _seconds(column, parsed, text_format)
        if _has_zone(column) and not text_format:
            notes.append("times with a time zone are put in UTC")
    else:
        seconds = np.where(parsed.missing, np.nan, parsed.numbers)
        notes += _unix(seconds)
    _check(seconds, column, parsed, is_clock=is_clock, text_format=text_format)
    return seconds, (is_clock, text_format), notes


def _check(
    seconds: np.ndarray, column: pd.Series, parsed: Cells, *, is_clock: bool, text_format: str
) -> None:
    bad = np.flatnonzero(~np.isfinite(seconds))
    if len(bad) == 0:
        return
    row, text = int(column.index[bad[0]]) + 1, str(column.iloc[bad[0]])[:40]
    if parsed.missing[bad[0]]:
        raise ValueError(f"row {row} has no time: leave such rows out")
    if not is_clock:
        wanted = "is not a number, as most times are"
    elif "%" in text_format:
        plain = text_format.replace("%-", "%").replace("%3f", "%f")
        wanted = f"is not a time of the format {plain}, which others have"
    elif text_format and text_format != date_columns.DURATION:
        wanted = f"is not a {text_format}, as other times are"
    else:
        wanted = "is not a time: write it as 2024-03-31 14:05, or as a number"
    raise ValueError(f"row {row}: {text!r} {wanted}")


def _seconds(column: pd.Series, parsed: Cells, text_format: str) -> np.ndarray:
    """Return the seconds of dates, NaN where a cell is none."""
    if text_format == period_times.QUARTER:
        return period_times.seconds_of_quarters(column)
    if text_format in (*period_times.OF_NUMBERS, period_times.YEAR_FRACTION):
        return period_times.seconds_of_numbers(parsed.numbers, text_format)
    return _with_iso(date_columns.seconds_of(column, text_format), column, text_format)


def _with_iso(seconds: np.ndarray, column: pd.Series, text_format: str) -> np.ndarray:
    """Return times with those added that are ISO dates of another format.

    Midnights may have no time of the day, and summer another offset from UTC.
    """
    offset = ZONE.search(text_format)
    texts = column[~np.isfinite(seconds)].astype(str).str.strip()
    texts = texts[[bool(ISO.fullmatch(t)) and _offset(t) == (offset is not None) for t in texts]]
    if not text_format or texts.empty:
        return seconds
    found = pd.Series(seconds, column.index)
    found[texts.index] = date_columns.seconds_of(texts)
    if offset is not None:
        zone = pd.Timestamp(f"2000-01-01T00:00{offset.group().strip()}").utcoffset()
        found[texts.index] += zone.total_seconds()
    return found.to_numpy()


def _offset(text: str) -> bool:
    return ":" in text and date_columns.OFFSET.search(text) is not None


def _has_zone(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return getattr(column.dt, "tz", None) is not None
    return any(_offset(text) for text in column.head(FORMAT_TEXTS).astype(str).str.strip())


def _unix(numbers: np.ndarray) -> list[str]:
    """Return a note if numbers seem to count from 1970 on."""
    low, high = (pd.Timestamp(year).timestamp() for year in ("1990", "2100"))
    for unit, size in UNIX.items():
        if len(numbers) and (numbers >= low * size).all() and (numbers < high * size).all():
            return [
                f"times are taken as numbers, without a calendar; if they are {unit} since 1970, "
                f"write them as dates"
            ]
    return []


def _format(column: pd.Series) -> str:
    """Return the format that all texts have and that leaves the fewest steps out, or none.

    Day and month may often be exchanged; read wrongly, neighbouring days are months apart, or
    months are days apart with the rest of the year missing.
    """
    if period_times.is_quarters(column):
        return period_times.QUARTER
    spread = column.iloc[:: max(1, len(column) // FORMAT_TEXTS)]
    candidates = [date_columns.format_of(spread)]
    if candidates[0] == "" and not all(isinstance(cell, str) for cell in spread):
        return ""  # times already
    for text in spread.iloc[:: max(1, len(spread) // 20)].astype(str).str.strip():
        for dayfirst in (False, True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                candidates.append(pd.tseries.api.guess_datetime_format(text, dayfirst=dayfirst))
    found, fewest = "", np.inf
    for candidate in dict.fromkeys(filter(None, candidates)):
        if NO_DATE.search(candidate):
            continue
        seconds = date_columns.seconds_of(column, candidate)
        if np.isfinite(seconds).all() and _steps(seconds) < 0.99 * fewest:
            found, fewest = candidate, _steps(seconds)
    return found or ("" if NO_DATE.search(str(candidates[0])) else str(candidates[0]))


def _steps(seconds: np.ndarray) -> float:
    """Return how many steps of the usual length there are from the first to the last time."""
    distinct = np.unique(seconds)
    return float(np.ptp(distinct) / np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0
