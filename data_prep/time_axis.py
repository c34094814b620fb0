"""Time axis of a table: a regular step, in seconds, months or numbers, and a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import months, weekdays
from tfp_maf.data_prep.columns.date_columns import DAY, MONDAY, WEEK
from tfp_maf.data_prep.columns.months import MONTH

PERIODS = {"day": DAY, "week": WEEK, "year": 12 * MONTH}
HARMONICS = {"day": 2, "week": 1, "year": 1}
TOLERANCE = 0.01  # of a step: how far a time may be off its grid without a word
NEAR = 0.15  # of a step: how far a time may be moved to its grid
IRREGULAR = 0.5  # share of times farther off above which a table is refused
BREAKS = 0.05  # share of distances that are no whole steps, of a clock that is set anew
MOST_REPEATED = 0.1  # share of rows at the step of another row above which a table is refused
FEWEST = 10  # distances of times that tell the step of a table to score


@dataclass(frozen=True)
class Axis:
    """Regular times ``origin + step i``.

    Attributes:
        origin: first time, in seconds after Monday, 5 January 1970, or the first number.
        step: seconds, or numbers, between neighbouring steps; the average one of months.
        is_clock: whether times are dates, or else numbers.
        format: of dates in text, as in :class:`~tfp_maf.data_prep.columns.date_columns.DateColumn`.
        periods: names of the calendar's periods that the steps tell apart.
        months: number of calendar months of a step, 0 if its seconds are always the same.
        day: of the month, 31 for its end.
        weekdays: days of the week that there are, 0 for Monday; none for all of them.
    """

    origin: float
    step: float
    is_clock: bool
    format: str = ""
    periods: Sequence[str] = ()
    months: int = 0
    day: int = 1
    weekdays: Sequence[int] = ()

    @classmethod
    def of(
        cls, seconds: np.ndarray, series: np.ndarray, clock: tuple[bool, str]
    ) -> tuple[Axis, list[str]]:
        """Return the axis of times ``[N]`` of several series, and notes.

        Raises:
            ValueError: If times do not increase, or have no regular step.
        """
        is_clock, text_format = clock
        steps = distances(seconds, series)
        if len(steps) == 0:
            raise ValueError("no two rows of a series have different times")
        middle = float(np.median(steps))
        distinct, counts = np.unique(np.round(steps / middle, 6), return_counts=True)
        step = float(distinct[np.argmax(counts)]) * middle
        if counts.max() < (1 - IRREGULAR) * len(steps):
            step = middle
        notes = [] if (np.diff(seconds) >= 0).all() or series.any() else ["rows put in time order"]
        span = float(seconds.max() - seconds.min())

        def periods(step: float) -> tuple[str, ...]:
            return periods_of(step, span) if is_clock else ()

        # Rounded times hide a step such as 1.0003, which only the whole span tells.
        mean = float(steps.sum() / max(np.round(steps / step).sum(), 1))
        axes = [
            cls(float(seconds.min()), each, is_clock, text_format, periods(each))
            for each in (step, mean)
        ]
        count = round(middle / MONTH)
        if is_clock and middle >= months.SHORTEST:
            day, clock_time = months.day_of(seconds), float(seconds.min()) % DAY
            first = np.array([np.round(months.place_of(seconds - clock_time, day).min())])
            origin = float(months.seconds_at(first, day)[0]) + clock_time
            length = count * MONTH
            axes.insert(
                1, cls(origin, length, True, text_format, periods(length), months=count, day=day)
            )
        days = weekdays.found_in(seconds) if is_clock and step == DAY else ()
        if days:
            axes.insert(0, replace(axes[0], weekdays=days))
        axis = min(axes, key=lambda each: each._misfit(seconds))
        off = np.abs(axis.offset(seconds)) > NEAR
        if off.mean() > IRREGULAR and keeps_step(seconds, series, axes[0]):
            return axes[0], notes
        if off.mean() > IRREGULAR:
            raise ValueError(
                f"times have no regular step: {off.mean():.0%} of them are not on a grid of "
                f"{axis.step_text}; resample the table, or leave --time out"
            )
        return axis, notes

    @classmethod
    def regular(cls, origin: float, step: float, *, steps: int) -> Axis:
        """Return the axis of dates without gaps, with the calendar of so many steps."""
        return cls(origin, step, True, periods=periods_of(step, step * (steps - 1)))

    @property
    def step_text(self) -> str:
        """Step in words, such as ``1 min``."""
        if self.months:
            count, unit = (
                (self.months, "month") if self.months % 12 else (self.months // 12, "year")
            )
            return f"{count} {unit}{'s' * (count > 1)}"
        if self.weekdays:
            return weekdays.text(self.weekdays)
        if not self.is_clock:
            return f"{self.step:.10g}"
        for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
            if self.step >= size and self.step % size == 0:
                return f"{self.step / size:.10g} {unit}"
        return f"{self.step:.10g} s"

    def place(self, seconds: np.ndarray) -> np.ndarray:
        """Return times as numbers of steps, whole on the grid."""
        clock_time = self.origin % DAY
        if self.weekdays:
            found = weekdays.place_of(seconds - clock_time, self.weekdays)
            return found - self._first_weekday
        if not self.months:
            return (seconds - self.origin) / self.step
        found = months.place_of(seconds - clock_time, self.day)
        return (found - months.month_of(np.array([self.origin]))) / self.months

    def seconds(self, steps: np.ndarray) -> np.ndarray:
        """Return the times of steps in seconds, or numbers: the inverse of :meth:`place`."""
        steps = np.asarray(steps)
        if self.weekdays:
            found = weekdays.seconds_at(self._first_weekday + steps, self.weekdays)
            return found + self.origin % DAY
        if not self.months:
            return self.origin + self.step * steps
        found = months.month_of(np.array([self.origin])) + self.months * steps.astype(np.int64)
        return months.seconds_at(found, self.day) + self.origin % DAY

    @property
    def _first_weekday(self) -> float:
        first = np.array([self.origin - self.origin % DAY])
        return float(weekdays.place_of(first, self.weekdays)[0])

    def offset(self, seconds: np.ndarray) -> np.ndarray:
        """Return how far times are from their nearest step, in steps."""
        place = self.place(seconds)
        return place - np.round(place)

    def has_day(self, seconds: np.ndarray) -> np.ndarray:
        """Return which times are on a day of the week that there is."""
        if not self.weekdays:
            return np.ones(len(seconds), bool)
        return np.isin(weekdays.weekday(seconds), self.weekdays)

    def _misfit(self, seconds: np.ndarray) -> tuple[float, ...]:
        off = np.abs(self.offset(seconds))
        return *((off > least).mean() for least in (NEAR, TOLERANCE)), round(float(off.max()), 4)

    def times(self, steps: np.ndarray) -> Any:
        """Return the times of steps: ``datetime64`` or numbers."""
        seconds = self.seconds(steps)
        if not self.is_clock:
            return seconds
        return MONDAY + np.round(seconds * 1e6).astype("timedelta64[us]")

    def calendar(self, steps: np.ndarray) -> np.ndarray:
        """Return sines and cosines of each period, ``[T, K]``."""
        seconds = self.seconds(steps).astype(np.float64)
        columns = [
            wave(2 * np.pi * harmonic * seconds / PERIODS[name])
            for name in self.periods
            for harmonic in range(1, HARMONICS[name] + 1)
            for wave in (np.sin, np.cos)
        ]
        return np.stack(columns, axis=1) if columns else np.empty([len(seconds), 0])

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {
            "periods": list(self.periods), "weekdays": list(self.weekdays)
        }  # fmt: skip


def periods_of(step: float, span: float) -> tuple[str, ...]:
    """Return the periods that a step in seconds tells apart, and that a span holds."""
    return tuple(
        name
        for name, period in PERIODS.items()
        if step <= 1.001 * period / 4 and span >= 1.5 * period
    )


def distances(places: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Return the distances above zero between neighbouring times of the same series."""
    order = np.lexsort([places, series])
    found = np.diff(places[order])[np.diff(series[order]) == 0]
    return found[found > 0]


def check_step(seconds: np.ndarray, series: np.ndarray, axis: Axis) -> None:
    """Check that a table to score has the step of the one that its model was trained on.

    Raises:
        ValueError: If most neighbouring times are closer or farther apart.
    """
    there = axis.has_day(seconds)
    found = distances(axis.place(seconds[there]), series[there])
    if len(found) >= FEWEST and not 0.75 <= np.median(found) <= 1.5:
        raise ValueError(
            f"most rows are {np.median(found):.3g} steps of {axis.step_text} apart, but the model "
            f"knows steps of {axis.step_text}: resample the table, or train on it"
        )


def keeps_step(seconds: np.ndarray, series: np.ndarray, axis: Axis) -> bool:
    """Return whether nearly all neighbouring times are whole steps apart.

    So are those of a clock that is set anew, or of a sensor that is started anew, though they are
    on no grid that goes through all times.
    """
    apart = distances(axis.place(seconds), series)
    return bool((_from_whole(apart) > NEAR).mean() <= BREAKS) if len(apart) else False


def on_grid(
    seconds: np.ndarray, series: np.ndarray, axis: Axis
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the number of each row's step ``[N]``, whether the row is kept ``[N]``, and notes.

    Of rows of one series at one step, the one nearest to the grid is kept, or the first.

    Raises:
        ValueError: If most times are not on the grid, or many rows share their step.
    """
    off = np.abs(axis.offset(seconds))
    is_regular = (off > NEAR).any() and keeps_step(seconds, series, axis)
    if (off > NEAR).mean() > IRREGULAR and not is_regular:
        raise ValueError(
            f"{(off > NEAR).mean():.0%} of the times are not on the grid of {axis.step_text} "
            f"from {axis.times(np.zeros(1))[0]} on; resample the table"
        )
    place, is_known = axis.place(seconds), axis.has_day(seconds)
    notes = _unknown_days(seconds, is_known, axis)
    steps = np.floor(place + 0.5).astype(np.int64)
    if is_regular:
        steps, breaks = _between_breaks(place, series)
        why = f"{breaks} are no whole number of steps after the one before, as of a clock set anew"
        notes.append(
            f"times moved to the grid of {axis.step_text}, by up to "
            f"{np.abs(place - steps).max():.2g} steps" + f": {why}" * (breaks > 0)
        )
    elif (off > TOLERANCE).any():
        notes.append(
            f"{(off > TOLERANCE).sum()} times moved to the grid of {axis.step_text}, by up to "
            f"{off.max():.2g} steps"
        )
    nearest = np.lexsort([off.round(6), steps, series])
    nearest = nearest[is_known[nearest]]
    pairs = np.stack([series, steps], axis=1)[nearest]
    kept = np.zeros(len(steps), bool)
    kept[nearest] = np.append(True, (np.diff(pairs, axis=0) != 0).any(axis=1))[: len(nearest)]
    repeated = int((is_known & ~kept).sum())
    if repeated > MOST_REPEATED * len(steps):
        time = axis.times(steps[is_known & ~kept][:1])[0]
        time = pd.Timestamp(time) if axis.is_clock else time
        raise ValueError(
            f"{repeated} of {len(steps)} rows share their step of {axis.step_text} with another "
            f"row of the same series, first {time}: name the column that tells series apart with "
            f"--series, or keep one row per step"
        )
    if repeated:
        notes.append(f"{repeated} rows left out: their step has a row before them, or a nearer one")
    return steps, kept, notes


def _unknown_days(seconds: np.ndarray, is_known: np.ndarray, axis: Axis) -> list[str]:
    """Return a note on rows of days of the week that the axis does not have.

    Raises:
        ValueError: If they are many.
    """
    if is_known.all():
        return []
    days = ", ".join(weekdays.NAMES[day] for day in weekdays.days_of(seconds[~is_known]))
    said = f"{(~is_known).sum()} of {len(seconds)} rows are on {days}"
    step = f"steps are of {axis.step_text}"
    if (~is_known).mean() > MOST_REPEATED:
        raise ValueError(f"{said}, but {step}: leave these rows out, or train with them")
    return [f"{said} and left out: {step}"]


def _from_whole(places: np.ndarray) -> np.ndarray:
    return np.abs(places - np.round(places))


def _between_breaks(place: np.ndarray, series: np.ndarray) -> tuple[np.ndarray, int]:
    """Return whole steps ``[N]``, all times between two breaks moved by the same, and the breaks.

    A break is where the clock is set anew: a distance that is no whole number of steps.
    """
    order = np.lexsort([place, series])
    apart = np.diff(place[order], prepend=-np.inf)
    is_first = np.diff(series[order], prepend=-1) != 0
    is_break = is_first | (_from_whole(np.where(is_first, 0.0, apart)) > NEAR)
    begin = place[order][np.maximum.accumulate(np.where(is_break, np.arange(len(place)), 0))]
    steps = np.empty(len(place), np.int64)
    steps[order] = np.floor(begin + 0.5) + np.round(place[order] - begin)
    return steps, int(is_break.sum() - is_first.sum())
