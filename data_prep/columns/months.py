"""Calendar months as a step of time: their lengths differ, so that no number of seconds fits."""

from __future__ import annotations

import numpy as np

from tfp_maf.data_prep.columns.date_columns import DAY, MONDAY

MONTH = 365.2425 / 12 * DAY  # on average
SHORTEST = 27 * DAY  # step that may be a month
LAST_DAYS = 26  # first of the days that stand for the end of a month
END = 31


def month_of(seconds: np.ndarray) -> np.ndarray:
    """Return the number of the month of each time, from January 1970 on."""
    return _dates(seconds).astype("datetime64[M]").astype(np.int64)


def day_of(seconds: np.ndarray) -> int:
    """Return the day of the month that times are at, 31 for its end."""
    dates = _dates(seconds)
    days = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    distinct, counts = np.unique(days, return_counts=True)
    if len(distinct) > 1 and distinct[0] >= LAST_DAYS:
        return END
    return int(distinct[np.argmax(counts)])


def seconds_at(months: np.ndarray, day: int) -> np.ndarray:
    """Return the times at midnight of a day of months, the last one where they are shorter."""
    first, following = (
        np.asarray(each, np.int64).astype("datetime64[M]").astype("datetime64[D]")
        for each in (months, months + 1)
    )
    dates = np.minimum(first + (day - 1), following - 1)
    return (dates.astype("datetime64[us]") - MONDAY) / np.timedelta64(1, "s")


def place_of(seconds: np.ndarray, day: int) -> np.ndarray:
    """Return times as numbers of months: whole at the day, linear in between."""
    months = month_of(seconds)
    months = months - (seconds < seconds_at(months, day))
    before, after = seconds_at(months, day), seconds_at(months + 1, day)
    return months + (seconds - before) / (after - before)


def _dates(seconds: np.ndarray) -> np.ndarray:
    days = np.floor(np.asarray(seconds) / DAY).astype(np.int64)
    return MONDAY.astype("datetime64[D]") + days
