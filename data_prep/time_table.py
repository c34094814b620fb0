"""Tables in time order: series with a regular step, split by time, never shuffled.

Times are put on a grid of one step. Missing steps up to :data:`MOST_GAP` in a row are rows of NaN,
which a model masks; a longer gap starts a new series. The first eight tenths of the rows, by time,
are for training, the next tenth for validation, the last for the test.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.columns import cells, dependent_columns, row_noise
from tfp_maf.data_prep.columns.infer_columns import decimals_of, is_rounded
from tfp_maf.data_prep.reading import clean_table, read_table
from tfp_maf.data_prep.reading.reading import Reading
from tfp_maf.data_prep.table import require_columns
from tfp_maf.data_prep.time_axis import Axis, check_step, on_grid
from tfp_maf.data_prep.times import times_of

MOST_GAP = 1000  # steps
PARTS = ("train", "validation", "test")
ORDER = "order"  # in place of a column of times: the rows are in time order
SHARES = (0.8, 0.9)  # of the rows, by time: the ends of train and validation
FEWEST_ROWS = 30
REPEATED = 0.02  # share of repeated values from which on their column gets noise
SPARSE = 0.5  # share of missing values above which a column is left out


@dataclass(frozen=True)
class TimeSeries:
    """Regular series of a table.

    Attributes:
        name: of the series, an empty text where the table holds one only.
        steps: number of each step on the axis, ``[T]``, without gaps.
        x: values in the columns' units, float64 ``[T, D]``; NaN where one is missing.
        given: columns known beforehand, float64 ``[T, G]``.
        is_row: whether a row of the table is at this step, ``[T]``.
    """

    name: str
    steps: np.ndarray
    x: np.ndarray
    given: np.ndarray
    is_row: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def of_columns(self, places: Sequence[int]) -> TimeSeries:
        """Return the series with some of its columns only."""
        return replace(self, x=self.x[:, list(places)])

    @property
    def has_values(self) -> np.ndarray:
        """Whether a row has any value; there are rows to forecast that have none, ``[T]``."""
        return self.is_row & np.isfinite(self.x).any(axis=1)


@dataclass(frozen=True)
class TimeColumns:
    """What a model knows of a table in time order, and must find in others.

    Attributes:
        time: names of the columns that hold the time, joined by a blank; none if rows in order are
            one step apart.
        series: name of the column that tells series apart, or None.
        modelled: names of the columns that are modelled, D of them.
        given: names of the columns known beforehand, G of them.
        axis: step and origin of the times.
        resolution: distance between neighbouring values of a rounded column, else 0, ``[D]``.
        given_mean, given_scale: standardisation of the given columns, ``[G]``.
        ends: numbers of the steps at which training and validation end.
    """

    time: tuple[str, ...]
    series: str | None
    modelled: tuple[str, ...]
    given: tuple[str, ...]
    axis: Axis
    resolution: np.ndarray
    given_mean: np.ndarray
    given_scale: np.ndarray
    ends: tuple[int, int]

    def dequantised(self, series: TimeSeries) -> np.ndarray:
        """Return values with uniform noise of one recording step in rounded columns.

        Rounded values have no density: a model could put infinite density on them. The noise
        depends on step and series alone, so that a table's part gets the same.
        """
        name = float(sum(ord(sign) * 31**i % 1_000_003 for i, sign in enumerate(series.name)))
        keys = row_noise.keys(
            np.stack([series.steps.astype(float), np.full(len(series), name)], axis=1)
        )
        noise = [row_noise.uniform(keys, place) for place in range(len(self.modelled))]
        return series.x + self.resolution * np.stack(noise, axis=1)

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """Return values ``[..., D]`` as they would be recorded: the inverse of the noise."""
        step = np.where(self.resolution > 0, self.resolution, 1.0)
        down = np.round(np.floor(x / step + 1e-6) * step, 9)
        return np.where(self.resolution > 0, down, x)

    def known(self, series: TimeSeries) -> np.ndarray:
        """Return the inputs known beforehand, calendar and given columns, ``[T, K]``."""
        given = (series.given - self.given_mean) / self.given_scale
        return np.concatenate([self.axis.calendar(series.steps), given], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, which :meth:`from_json` reads."""
        arrays = ("resolution", "given_mean", "given_scale")
        return {
            **{n: list(v) if isinstance(v, tuple) else v for n, v in vars(self).items()},
            **{name: getattr(self, name).tolist() for name in arrays},
            "axis": self.axis.to_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TimeColumns:
        """Build the description from the result of :meth:`to_json`."""
        arrays = ("resolution", "given_mean", "given_scale")
        tuples = ("time", "modelled", "given", "ends")
        return cls(
            **{
                **values,
                **{name: np.asarray(values[name], np.float64) for name in arrays},
                **{name: tuple(values[name]) for name in tuples},
                "axis": Axis(**values["axis"]),
            }
        )


@dataclass(frozen=True)
class TimeTable:
    """Table in time order.

    Attributes:
        columns: description of its columns.
        series: its regular series, by name and time.
        source: path of the table.
        notes: what was left out, and what was done.
    """

    columns: TimeColumns
    series: tuple[TimeSeries, ...]
    source: str
    notes: tuple[str, ...] = ()

    def count(self, part: str) -> int:
        """Return the number of rows with values of ``"train"``, ``"validation"`` or ``"test"``."""
        first, end = self.limits(part)
        return sum(
            int((s.has_values & (s.steps >= first) & (s.steps < end)).sum()) for s in self.series
        )

    def limits(self, part: str) -> tuple[float, float]:
        """Return the number of a part's first step, and of the one after its last."""
        ends = (-np.inf, *self.columns.ends, np.inf)
        place = PARTS.index(part)
        return ends[place], ends[place + 1]


def load(
    path: str | Path,
    *,
    time: Sequence[str],
    series: str | None = None,
    given: Sequence[str] = (),
    drop: Collection[str] = (),
    reading: Reading | None = None,
) -> TimeTable:
    """Load a table in time order.

    Args:
        path: of the table; see :func:`tfp_maf.data_prep.table.load`.
        time: columns that hold the time: one, or a date and a time of day; :data:`ORDER`, unless a
            column is called so, if none does and rows are in time order, one step apart.
        series: column that tells several series apart.
        given: columns of numbers known beforehand, such as prices or weather forecasts.
        drop: columns to leave out.
        reading: how the file is to be read.

    Raises:
        OSError: If the file is missing.
        ValueError: If it cannot be read, lacks a column, has a time that cannot be read, has times
            without a regular step, or too few rows.
    """
    path = Path(path)
    reading = reading or Reading()
    time, given = (tuple(dict.fromkeys(names)) for names in (time, given))
    raw = read_table.read(path, reading)
    if time == (ORDER,) and ORDER not in raw.frame.columns:
        time = ()
    wanted: dict[str, Any] = {
        "of times": time, "of series": series, "that is given": given, "to drop": drop,
        "to use": reading.columns,
    }  # fmt: skip
    require_columns(raw.frame.columns, path, wanted)
    aside = {*time, *drop, *([] if series is None else [series])}
    if reading.columns:
        wanted_ones = dict.fromkeys((*reading.columns, *given))
        reading = replace(reading, columns=tuple(c for c in wanted_ones if c not in aside))
        if not set(reading.columns) - set(given):
            raise ValueError(f"{path}: --columns names no column to model")
    found = clean_table.candidates(raw, reading, aside=aside)
    found.leave_out(
        {n: "it holds no numbers" for n, c in found.cells.items() if c.kind != "numbers"}
    )
    _check_given(found.cells, given, aside, path)
    with text_files.named(path):
        names = [name for name in found.cells if name not in given]
        codes, series_names = _codes(found.frame, series)
        seconds, clock, notes = times_of(found.frame, time, codes, decimal=raw.decimal)
        rows = _Rows(seconds, codes, series_names)
        axis, more = Axis.of(seconds, rows.codes, clock)
        notes += more
        numbers = {
            n: np.where(c.missing | c.bad, np.nan, c.numbers) for n, c in found.cells.items()
        }
        parts, more = _series(rows, numbers, names, given, axis)
        ends = _ends(parts, SHARES)
        kept = _modelled(names, parts, ends[0], found)
        parts = [part.of_columns([names.index(name) for name in kept]) for part in parts]
        dependent = _dependent(kept, parts, ends[0])
        found.leave_out(dependent)
        left = [place for place, name in enumerate(kept) if name not in dependent]
        kept, parts = [kept[place] for place in left], [part.of_columns(left) for part in parts]
        notes += _incomplete(kept, parts, ends[0])
        columns, more_notes = _described(time, series, kept, given, axis, parts, ends)
        notes += more_notes
    return TimeTable(columns, tuple(parts), str(path), (*found.notes, *notes, *more))


def of_rows(
    x: np.ndarray,
    names: Sequence[str],
    *,
    axis: Axis,
    shares: tuple[float, float] = SHARES,
    source: str,
) -> TimeTable:
    """Return a table of one series without gaps.

    Args:
        x: finite values ``[T, D]`` in time order.
        names: of the columns.
        axis: of the times.
        shares: of the rows, by time: the ends of training and validation.
        source: path of the table.

    Raises:
        ValueError: If there are too few rows, or a column does not vary in training.
    """
    series = TimeSeries("", np.arange(len(x)), x, np.empty([len(x), 0]), np.ones(len(x), bool))
    ends = _ends([series], shares)
    constant = np.flatnonzero((x[: ends[0]] == x[0]).all(axis=0))
    if len(constant):
        raise ValueError(f"column {names[constant[0]]!r} has one value only in training")
    columns, notes = _described((), None, names, (), axis, [series], ends)
    return TimeTable(columns, (series,), source, tuple(notes))


def read_more(
    path: str | Path, columns: TimeColumns, *, reading: Reading | None = None
) -> TimeTable:
    """Read a table with the columns, the step and the rounding of one that a model was trained on.

    Raises:
        OSError: If the file is missing.
        ValueError: If it cannot be read or lacks a column, or a time is not on the step's grid.
    """
    path = Path(path)
    reading = reading or Reading()
    raw = read_table.read(path, reading)
    wanted: dict[str, Any] = {
        "of times": columns.time, "of series": columns.series,
        "that is modelled": columns.modelled, "that is given": columns.given,
    }  # fmt: skip
    require_columns(raw.frame.columns, path, wanted)
    frame, notes = clean_table.without_footer(raw.frame)
    numbers = {}
    for name in (*columns.modelled, *columns.given):
        found = cells.parse(frame[name], decimal=raw.decimal, na=reading.na)
        if found.kind != "numbers" and not found.missing.all():
            raise ValueError(
                f"{path}: column {name!r} holds no numbers, as it did in training: row "
                f"{int(frame.index[found.bad][0]) + 1} is {str(frame[name][found.bad].iloc[0])!r}"
            )
        notes += clean_table.remarks(name, found, frame)
        numbers[name] = np.where(found.missing | found.bad, np.nan, found.numbers)
    with text_files.named(path):
        codes, series_names = _codes(frame, columns.series)
        seconds, _, more = times_of(
            frame, columns.time, codes, axis=columns.axis, decimal=raw.decimal
        )
        rows = _Rows(seconds, codes, series_names)
        check_step(seconds, rows.codes, columns.axis)
        notes += more
        parts, more = _series(rows, numbers, columns.modelled, columns.given, columns.axis)
    return TimeTable(columns, tuple(parts), str(path), (*notes, *more))


def _check_given(
    found: dict[str, Any], given: Sequence[str], set_aside: Collection[str], path: Path
) -> None:
    aside = [name for name in given if name in set_aside]
    if aside:
        raise ValueError(
            f"{path}: column {aside[0]!r} can't be given and be one of --time, --series or --drop"
        )
    gone = [name for name in given if name not in found]
    if gone:
        raise ValueError(f"{path}: column {gone[0]!r} can't be given: it holds no numbers")
    if len(found) == len(given):
        raise ValueError(f"{path}: no column of numbers is left to model")


@dataclass(frozen=True)
class _Rows:
    """Times ``[N]`` of rows, the number of each one's series ``[N]``, and the series' names."""

    seconds: np.ndarray
    codes: np.ndarray
    names: list[str]


def _codes(frame: pd.DataFrame, series: str | None) -> tuple[np.ndarray, list[str]]:
    """Return the number of each row's series ``[N]``, and their names."""
    if series is None:
        return np.zeros(len(frame), np.int64), [""]
    none = np.flatnonzero(frame[series].isna())
    if len(none):
        row = int(frame.index[none[0]]) + 1
        raise ValueError(
            f"{len(none)} rows have no value of {series!r}, which tells series apart, first row "
            f"{row}: name their series (NA is no name), or leave them out"
        )
    codes, names = pd.factorize(frame[series].astype(str).str.strip())
    return codes, [str(name) for name in names]


def _series(
    rows: _Rows,
    numbers: dict[str, np.ndarray],
    names: Sequence[str],
    given: Sequence[str],
    axis: Axis,
) -> tuple[list[TimeSeries], list[str]]:
    """Return regular series, NaN where a step or a value is missing, and notes.

    Raises:
        ValueError: If times are not on the grid, or a given column has no value in a series.
    """
    steps, kept, notes = on_grid(rows.seconds, rows.codes, axis)
    values = np.stack([numbers[name] for name in names], axis=1)
    inputs = np.stack([numbers[n] for n in given], axis=1) if given else np.empty([len(steps), 0])
    parts, gaps, longest = [], 0, 0
    for code, name in enumerate(rows.names):
        own = np.flatnonzero((rows.codes == code) & kept)
        own = own[np.argsort(steps[own])]
        missing = np.diff(steps[own]) - 1
        gaps += int((missing > 0).sum())
        longest = max(longest, int(missing.max(initial=0)))
        for piece in np.split(own, np.flatnonzero(missing > MOST_GAP) + 1):
            parts.append(_filled(name, piece, steps, values, inputs))
    if gaps:
        notes.append(
            f"{gaps} gaps in time, the longest of {longest} steps of {axis.step_text}: missing "
            f"steps are masked, and more than {MOST_GAP} of them start a new series"
        )
    empty = [n for n, column in zip(given, inputs.T, strict=True) if np.isnan(column).any()]
    if empty:
        notes.append(f"missing values of {', '.join(map(repr, empty))} taken from the step before")
    parts = [part for part in parts if len(part)]
    for part in parts:
        none = [n for n, column in zip(given, part.given.T, strict=True) if np.isnan(column).any()]
        if none:
            where = f" in the series {part.name!r}" if part.name else ""
            raise ValueError(
                f"column {none[0]!r} is given, but has no value at all{where} from "
                f"{axis.times(part.steps[:1])[0]} on: fill it in, or leave it out with --drop"
            )
    return parts, notes


def _filled(
    name: str, rows: np.ndarray, steps: np.ndarray, values: np.ndarray, given: np.ndarray
) -> TimeSeries:
    """Return rows of one series with a row of NaN for each step that is missing."""
    if len(rows) == 0:
        return TimeSeries(name, steps[rows], values[rows], given[rows], rows.astype(bool))
    grid = np.arange(steps[rows[0]], steps[rows[-1]] + 1)
    places = steps[rows] - grid[0]
    x, inputs = (np.full([len(grid), part.shape[1]], np.nan) for part in (values, given))
    x[places], inputs[places] = values[rows], given[rows]
    is_row = np.zeros(len(grid), bool)
    is_row[places] = True
    return TimeSeries(name, grid, x, pd.DataFrame(inputs).ffill().bfill().to_numpy(), is_row)


def _ends(parts: Sequence[TimeSeries], shares: tuple[float, float]) -> tuple[int, int]:
    """Return the steps at which training and validation end, by the rows' times.

    Raises:
        ValueError: If there are too few rows.
    """
    steps = np.sort(np.concatenate([part.steps[part.has_values] for part in parts]))
    if len(steps) < FEWEST_ROWS:
        raise ValueError(
            f"{len(steps)} rows are too few to split by time: at least {FEWEST_ROWS} are needed"
        )
    first, second = (int(steps[int(share * len(steps))]) for share in shares)
    if not steps[0] < first < second:
        raise ValueError(
            f"{len(np.unique(steps))} different times are too few to split {len(steps)} rows by "
            f"time: the last rows must be later than those before"
        )
    return first, second


def _incomplete(names: Sequence[str], parts: Sequence[TimeSeries], end: int) -> list[str]:
    """Return a note if training rows do not hold all values, without which none is learned.

    Raises:
        ValueError: If hardly any does.
    """
    rows = np.isfinite(np.concatenate([p.x[p.is_row & (p.steps < end)] for p in parts]))
    whole = int(rows.all(axis=1).sum())
    if whole >= 0.5 * len(rows):
        few = f"{len(rows) - whole} of {len(rows)} training rows lack a value: they are not learned"
        return [few] * (whole < len(rows))
    missing = ", ".join(f"{n!r} {1 - s:.0%}" for n, s in zip(names, rows.mean(axis=0), strict=True))
    text = f"{whole} of {len(rows)} training rows hold all values; missing are {missing}"
    if whole < FEWEST_ROWS // 2:
        raise ValueError(f"{text}: leave columns out with --drop, or resample the table")
    return [f"{text}; --drop leaves columns out"]


def _modelled(names: Sequence[str], parts: Sequence[TimeSeries], end: int, found: Any) -> list[str]:
    """Return the columns that can be modelled; the others are left out, with a note.

    Raises:
        ValueError: If none is left.
    """
    rows = np.concatenate([part.x[part.is_row & (part.steps < end)] for part in parts])
    reasons = {}
    for name, column in zip(names, rows.T, strict=True):
        present = column[np.isfinite(column)]
        if len(present) < (1 - SPARSE) * len(column):
            share = 1 - len(present) / max(len(column), 1)
            reasons[name] = f"{share:.0%} of its training values are missing"
        elif len(present) < 2 or (present == present[0]).all():
            reasons[name] = "it has one value only in training"
    found.leave_out(reasons)
    kept = [name for name in names if name not in reasons]
    if not kept:
        raise ValueError(f"no column is left to model ({'; '.join(found.notes)})")
    return kept


def _dependent(names: Sequence[str], parts: Sequence[TimeSeries], end: int) -> dict[str, str]:
    """Return the columns that are linear in others, such as sums, each with the reason.

    Beside the others they have no density. Changes from step to step tell: levels with a trend are
    all nearly linear in each other. Rounded columns get noise, and so a density.
    """
    rows = [part.x[part.is_row & (part.steps < end)] for part in parts]
    columns = np.concatenate(rows).T
    exact = [place for place, x in enumerate(columns) if _resolution(_present(x))[0] == 0]
    changes = np.concatenate([np.diff(x[:, exact], axis=0) for x in rows])
    changes = changes[np.isfinite(changes).all(axis=1)]
    if len(changes) < FEWEST_ROWS or (changes == changes[0]).all(axis=0).any():
        return {}
    own = [names[place] for place in exact]
    z = (changes - changes.mean(axis=0)) / changes.std(axis=0)
    found = dependent_columns.find(z, own)
    return {own[place]: reason for place, (reason, _) in found.items()}


def _present(column: np.ndarray) -> np.ndarray:
    return column[np.isfinite(column)]


def _described(
    time: Sequence[str],
    series: str | None,
    names: Sequence[str],
    given: Sequence[str],
    axis: Axis,
    parts: Sequence[TimeSeries],
    ends: tuple[int, int],
) -> tuple[TimeColumns, list[str]]:
    """Return the description of a table's columns, from its training rows, and notes."""
    of_train = [(part, part.is_row & (part.steps < ends[0])) for part in parts]
    rows = np.concatenate([part.x[mask] for part, mask in of_train])
    inputs = np.concatenate([part.given[mask] for part, mask in of_train])
    scale = inputs.std(axis=0)
    resolution, notes = np.zeros(len(names)), []
    for place, (name, column) in enumerate(zip(names, rows.T, strict=True)):
        values = column[np.isfinite(column)]
        resolution[place], on_grid = _resolution(values)
        if resolution[place] > 0 and not on_grid:
            notes.append(
                f"column {name!r}: values repeat, though it is not rounded: they get noise of "
                f"{resolution[place]:g}, without which their density has no bound"
            )
    mean, scale = inputs.mean(axis=0), np.where(scale > 0, scale, 1.0)
    columns = TimeColumns(
        tuple(time), series, tuple(names), tuple(given), axis, resolution, mean, scale, ends
    )
    return columns, notes


def _resolution(values: np.ndarray) -> tuple[float, bool]:
    """Return the distance of noise for a column, 0 for none, and whether it is rounded to that.

    Rounded columns are found as in tables without time, by values other than the most frequent one
    and that of the row before: zeros among amounts in cents of thousands need noise wider than a
    cent.
    """
    distinct, counts = np.unique(values, return_counts=True)
    decimals = decimals_of(distinct)
    step = 0.0 if decimals is None else 10.0**-decimals
    is_new = np.append(True, np.diff(values) != 0) & (values != distinct[counts.argmax()])
    if step > 0 and is_rounded(np.unique(values[is_new]), int(is_new.sum()), step):
        return step, True
    if not _repeats(values):
        return 0.0, False
    fine = _fine_step(values)
    return (step, True) if step >= fine else (fine, False)


def _repeats(values: np.ndarray) -> bool:
    """Return whether a value is frequent, such as 0, or many are that of the row before."""
    most = max(np.unique(values, return_counts=True)[1].max(), (np.diff(values) == 0).sum())
    return bool(most >= max(REPEATED * len(values), 5))


def _fine_step(values: np.ndarray) -> float:
    """Return the power of ten below a thousandth of the values' spread."""
    return float(10.0 ** np.floor(np.log10(values.std() / 1000)))
