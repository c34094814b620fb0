"""Days of the week that a table has as a step of time, such as business days.

A table of days that never has a Saturday or Sunday has no gaps there: its step after Friday is
Monday. Days are counted from Monday, 5 January 1970, as all times are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfp_maf.data_prep.columns.date_columns import DAY, WEEK

FEWEST_WEEKS = 4  # of which none has a day, before it is taken as one that never comes
BUSINESS = (0, 1, 2, 3, 4)
NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weekday(seconds: np.ndarray) -> np.ndarray:
    """Return the day of the week of each time, 0 for Monday."""
    return (np.floor(seconds / DAY) % 7).astype(int)


def days_of(seconds: np.ndarray) -> list[int]:
    """Return the days of the week that times are on."""
    return np.unique(weekday(seconds)).tolist()


def found_in(seconds: np.ndarray) -> tuple[int, ...]:
    """Return the days of the week of a table that lacks some of them, or none."""
    days = days_of(seconds)
    is_long = np.ptp(seconds) >= FEWEST_WEEKS * WEEK
    return tuple(days) if is_long and 2 <= len(days) <= 6 else ()


def text(days: Sequence[int]) -> str:
    """Return a step from one of these days to the next in words."""
    if tuple(days) == BUSINESS:
        return "1 business day"
    return f"1 day of {', '.join(NAMES[day] for day in days)}"


def place_of(seconds: np.ndarray, days: Sequence[int]) -> np.ndarray:
    """Return times as numbers of steps: whole at midnight of these days, linear in between."""
    week, rest = np.divmod(np.asarray(seconds) / DAY - days[0], 7)
    starts = [*(day - days[0] for day in days), 7]
    return week * len(days) + np.interp(rest, starts, np.arange(len(starts)))


def seconds_at(places: np.ndarray, days: Sequence[int]) -> np.ndarray:
    """Return the times at midnight of whole places: the inverse of :func:`place_of`."""
    week, which = np.divmod(np.asarray(places, np.int64), len(days))
    return (7 * week + np.asarray(days)[which]) * DAY
