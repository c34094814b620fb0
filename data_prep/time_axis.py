"""Time axis of a table: times read from its columns, a regular step, a calendar."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import cells, date_columns
from tfp_maf.data_prep.date_columns import DAY, MONDAY, WEEK

YEAR = 365.2425 * DAY
PERIODS = {"day": DAY, "week": WEEK, "year": YEAR}
HARMONICS = {"day": 2, "week": 1, "year": 1}
TOLERANCE = 0.01  # of a step: how far a time may be off its grid without a word
IRREGULAR = 0.5  # share of such times above which a table is refused
FORMAT_TEXTS = 1000


@dataclass(frozen=True)
class Axis:
    """Regular times ``origin + step i``.

    Attributes:
        origin: first time, in seconds after Monday, 5 January 1970, or the first number.
        step: seconds, or numbers, between neighbouring steps.
        is_clock: whether times are dates, or else numbers.
        format: of dates in text, as in :class:`~tfp_maf.data_prep.date_columns.DateColumn`.
        periods: names of the calendar's periods that the steps tell apart.
    """

    origin: float
    step: float
    is_clock: bool
    format: str = ""
    periods: Sequence[str] = ()

    @classmethod
    def of(
        cls, seconds: np.ndarray, series: np.ndarray, clock: tuple[bool, str]
    ) -> tuple[Axis, list[str]]:
        """Return the axis of times ``[N]`` of several series, and notes.

        Raises:
            ValueError: If times do not increase, or have no regular step.
        """
        is_clock, text_format = clock
        order = np.lexsort([seconds, series])
        steps = np.diff(seconds[order])[np.diff(series[order]) == 0]
        steps = steps[steps > 0]
        if len(steps) == 0:
            raise ValueError("no two rows of a series have different times")
        distinct, counts = np.unique(np.round(steps, 6), return_counts=True)
        step = float(distinct[np.argmax(counts)])
        if counts.max() < (1 - IRREGULAR) * len(steps):
            step = float(np.median(steps))
        notes = [] if (np.diff(seconds) >= 0).all() or series.any() else ["rows put in time order"]
        span = float(seconds.max() - seconds.min())
        periods = [
            name
            for name, period in PERIODS.items()
            if is_clock and step <= period / 4 and span >= 1.5 * period
        ]
        axes = [
            cls(float(seconds.min()), each, is_clock, text_format, tuple(periods))
            for each in (step, float(steps.sum() / max(np.round(steps / step).sum(), 1)))
        ]
        # Rounded times hide a step such as 1.0003, which only the whole span tells.
        axis = min(axes, key=lambda each: (np.abs(each.offset(seconds)) > TOLERANCE).mean())
        off = np.abs(axis.offset(seconds)) > TOLERANCE
        if off.mean() > IRREGULAR:
            raise ValueError(
                f"times have no regular step: {off.mean():.0%} of them are not on a grid of "
                f"{axis.step_text}; resample the table, or leave --time out"
            )
        return axis, notes

    @property
    def step_text(self) -> str:
        """Step in words, such as ``1 min``."""
        if not self.is_clock:
            return f"{self.step:g}"
        for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
            if self.step >= size and self.step % size == 0:
                return f"{self.step / size:g} {unit}"
        return f"{self.step:g} s"

    def offset(self, seconds: np.ndarray) -> np.ndarray:
        """Return how far times are from their nearest step, in steps."""
        place = (seconds - self.origin) / self.step
        return place - np.round(place)

    def times(self, steps: np.ndarray) -> Any:
        """Return the times of steps: ``datetime64`` or numbers."""
        seconds = self.origin + self.step * np.asarray(steps)
        if not self.is_clock:
            return seconds
        return MONDAY + np.round(seconds * 1e6).astype("timedelta64[us]")

    def calendar(self, steps: np.ndarray) -> np.ndarray:
        """Return sines and cosines of each period, ``[T, K]``."""
        seconds = self.origin + self.step * np.asarray(steps, np.float64)
        columns = [
            wave(2 * np.pi * harmonic * seconds / PERIODS[name])
            for name in self.periods
            for harmonic in range(1, HARMONICS[name] + 1)
            for wave in (np.sin, np.cos)
        ]
        return np.stack(columns, axis=1) if columns else np.empty([len(seconds), 0])

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"periods": list(self.periods)}


def times_of(
    frame: pd.DataFrame, time: Sequence[str], path: Path, *, axis: Axis | None = None
) -> tuple[np.ndarray, tuple[bool, str]]:
    """Return the times of rows ``[N]``, and whether they are dates, of which format.

    Args:
        frame: rows.
        time: columns that hold the time, joined by a blank.
        path: of the table, for messages.
        axis: whose format the times have; found if None.

    Raises:
        ValueError: If a time cannot be read; the message names the row.
    """
    column = frame[time[0]]
    for name in time[1:]:
        column = column.astype(str).str.strip() + " " + frame[name].astype(str).str.strip()
    parsed = cells.parse(column)
    is_clock = (len(time) > 1 or parsed.kind != "numbers") if axis is None else axis.is_clock
    text_format = ""
    if is_clock:
        text_format = _format(column) if axis is None else axis.format
        seconds = date_columns.seconds_of(column, text_format)
    else:
        seconds = np.where(parsed.missing, np.nan, parsed.numbers)
    bad = np.flatnonzero(~np.isfinite(seconds))
    if len(bad):
        raise ValueError(
            f"row {int(frame.index[bad[0]]) + 1}: {str(column.iloc[bad[0]])[:40]!r} is not a time"
        )
    return seconds, (is_clock, text_format)


def _format(column: pd.Series) -> str:
    """Return the format that all texts have and that makes the times span least, or none.

    Day and month may often be exchanged; read wrongly, a table's days are months apart.
    """
    spread = column.iloc[:: max(1, len(column) // FORMAT_TEXTS)]
    candidates = [date_columns.format_of(spread)]
    if candidates[0] == "" and not all(isinstance(cell, str) for cell in spread):
        return ""  # times already
    for text in spread.iloc[:: max(1, len(spread) // 20)].astype(str).str.strip():
        for dayfirst in (False, True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                candidates.append(pd.tseries.api.guess_datetime_format(text, dayfirst=dayfirst))
    found, least = "", np.inf
    for candidate in dict.fromkeys(filter(None, candidates)):
        seconds = date_columns.seconds_of(column, candidate)
        if np.isfinite(seconds).all() and np.ptp(seconds) < least:
            found, least = candidate, np.ptp(seconds)
    return found or str(candidates[0])


def on_grid(
    seconds: np.ndarray, series: np.ndarray, axis: Axis
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the number of each row's step ``[N]``, whether the row is kept ``[N]``, and notes.

    Of rows of one series at one step the first is kept.

    Raises:
        ValueError: If most times are not on the grid.
    """
    off = np.abs(axis.offset(seconds))
    if (off > TOLERANCE).mean() > IRREGULAR:
        raise ValueError(
            f"{(off > TOLERANCE).mean():.0%} of the times are not on the grid of {axis.step_text} "
            f"from {axis.times(np.zeros(1))[0]} on; resample the table"
        )
    steps = np.round((seconds - axis.origin) / axis.step).astype(np.int64)
    notes = []
    if (off > TOLERANCE).any():
        notes.append(
            f"{(off > TOLERANCE).sum()} times moved to the grid of {axis.step_text}, by up to "
            f"{off.max():.2g} steps"
        )
    pairs = np.stack([series, steps], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    if len(first) < len(steps):
        notes.append(f"{len(steps) - len(first)} rows left out: their step has a row before them")
    kept = np.zeros(len(steps), bool)
    kept[first] = True
    return steps, kept, notes
