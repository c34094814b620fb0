"""Inference of a column description: what kind each column of a table is, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import category_columns
from tfp_maf.data_prep.columns.category_columns import CategoryColumn
from tfp_maf.data_prep.columns.number_columns import NumberColumn

MOST_CATEGORIES = 100  # of text, and
MOST_FREQUENT = 1000  # where each has
ROWS_PER_FREQUENT = 50  # on average: cities, diagnoses
MOST_NUMBERS = 24  # distinct whole numbers that are categories
MOST_FRACTIONS = 8  # distinct numbers that are not whole
ROWS_PER_CATEGORY = 5  # on average, of text,
FEW = 10  # where
ROWS_PER_FEW = 2  # are enough: treatments, species
ROWS_PER_NUMBER = 20  # on average, of whole numbers
MOST_DECIMALS = 9
ROUNDED = 0.9  # a column with a larger fraction of distinct values is continuous,
DENSE = 2  # unless its grid has no more places per distinct value
SPARSE = 20  # values of which so few are there are no matter of their step,
ROWS_PER_VALUE = 5  # but repeat, if each has so many rows on average,
MOST_ONCE = 0.05  # and no larger fraction of the rows has one of its own
MOST_VALUES = 1_000
SPECIAL = 0.05  # smallest fraction of the rows with a special value
SPECIAL_ROWS = 10  # smallest number of such rows
STANDS_OUT = 4  # times as frequent as the values next to it
NEIGHBOURS = 2  # on each side
MOST_SPECIAL = 3
FEWEST_OTHERS = 5  # distinct values beside the special ones
BETTER = 0.1  # nats per row by which a transformation must win
WORST = -1e300  # nats of a row, whose difference to others is a number
MOST_NATS = (-5.0, 5.0)  # that one row counts, which otherwise could decide alone


def numbers(
    name: str,
    train: np.ndarray,
    validation: np.ndarray,
    rest: np.ndarray,
    *,
    has_missing: bool = False,
    continuous: bool = False,
    few: bool = True,
) -> NumberColumn | CategoryColumn:
    """Return the description of a column of numbers.

    Args:
        name: Name of the column.
        train: Finite values in the training rows; they decide, and there is at least one.
        validation: Values in the validation rows, which choose the transformation.
        rest: All other values of the column, for its limits and categories.
        has_missing: Whether missing values are a category of their own.
        continuous: Whether numbers are taken as they are, as draws from a density: without
            categories, steps, special values and transformations.
        few: Whether a few distinct numbers may be categories.
    """
    seen = np.concatenate([train, validation, rest])
    values, counts = np.unique(train, return_counts=True)
    all_values = np.unique(seen)
    low, high = float(all_values[0]), float(all_values[-1])
    decimals = decimals_of(all_values)
    if continuous:
        return NumberColumn(name, low, high, decimals=decimals, has_missing=has_missing)
    if few and _are_few(all_values, len(train)):
        plain = tuple(category_columns.plain(value) for value in all_values)
        return CategoryColumn(name, plain, has_missing)
    step = step_of(values, decimals_of(values))
    if step is not None and not is_rounded(values, len(train), step):
        step = None
    special = _special(values, counts)
    usual = [part[~np.isin(part, special)] for part in (train, validation, seen)]
    grid = _grid(usual[0], usual[2], step)
    margin = 0.0 if step is None else step / 2
    if grid:
        step, margin = None, max(grid[1] - grid[0], grid[-1] - grid[-2]) / 2
    transform, parameters = _transform(*usual, margin=margin)
    return NumberColumn(
        name, low, high, step, decimals, transform, parameters, special, has_missing, grid
    )


def texts(name: str, column: pd.Series, *, has_missing: bool) -> CategoryColumn | str:
    """Return the description of a column of text, or why it has none.

    Args:
        name: Name of the column.
        column: Cells of the training rows that are not missing.
        has_missing: Whether missing values are a category of their own.
    """
    distinct = category_columns.distinct(column)
    count = len(distinct)
    most = MOST_FREQUENT if count * ROWS_PER_FREQUENT <= len(column) else MOST_CATEGORIES
    rows = ROWS_PER_FEW if count <= FEW else ROWS_PER_CATEGORY
    if count > most or count * rows > max(len(column), 10):
        return f"it has {count} different texts in {len(column)} rows, too many for categories"
    return CategoryColumn(name, tuple(distinct[k] for k in sorted(distinct)), has_missing)


def _are_few(distinct: np.ndarray, count: int) -> bool:
    if len(distinct) <= 2:
        return True
    whole = bool((distinct == np.round(distinct)).all())
    most = MOST_NUMBERS if whole else MOST_FRACTIONS
    return len(distinct) <= most and len(distinct) * ROWS_PER_NUMBER <= count


def _grid(train: np.ndarray, seen: np.ndarray, step: float | None) -> tuple[float, ...]:
    """Return all values of a column whose values repeat, if these are not multiples of a step."""
    values, counts = np.unique(train, return_counts=True)
    if len(values) < FEWEST_OTHERS or len(train) < ROWS_PER_VALUE * len(values):
        return ()
    is_regular = step is not None and values[-1] - values[0] < SPARSE * step * len(values)
    once = (counts == 1).sum()
    all_values = np.unique(seen)
    if is_regular or once > MOST_ONCE * len(train) or len(all_values) > MOST_VALUES:
        return ()
    return tuple(map(float, all_values))


def is_rounded(distinct: np.ndarray, count: int, step: float) -> bool:
    """Return whether values repeat, or fill their grid, as years that are all different."""
    places = (distinct[-1] - distinct[0]) / step
    return len(distinct) < ROUNDED * count or places < DENSE * len(distinct)


def decimals_of(distinct: np.ndarray) -> int | None:
    """Return how many digits after the point the values have; None if more than nine."""
    sizes = np.abs(distinct)
    exact = 1e-12 * np.maximum(sizes, np.median(sizes))  # one outlier makes no others rounded
    for decimals in range(MOST_DECIMALS + 1):
        if sizes.max() * 10.0**decimals > 1e15:
            return None
        away = np.abs(distinct - np.round(distinct, decimals))
        if (away <= np.minimum(exact, 1e-3 * 10.0**-decimals)).all():
            return decimals
    return None


def step_of(distinct: np.ndarray, decimals: int | None) -> float | None:
    """Return the distance that divides all differences of the values, or None."""
    if decimals is None or len(distinct) < 2:
        return None
    whole = np.round((distinct - distinct[0]) * 10.0**decimals).astype(np.int64)
    return float(np.gcd.reduce(np.diff(whole))) / 10.0**decimals


def _special(distinct: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
    """Return the values that are far more frequent than their neighbours, at most three."""
    if len(distinct) < FEWEST_OTHERS + MOST_SPECIAL:
        return ()
    total = counts.sum()
    found = []
    for place in np.argsort(counts)[::-1][:MOST_SPECIAL]:
        first = max(place - NEIGHBOURS, 0)
        around = np.append(counts[first:place], counts[place + 1 : place + 1 + NEIGHBOURS])
        if counts[place] >= max(SPECIAL * total, SPECIAL_ROWS, STANDS_OUT * around.max()):
            found.append(float(distinct[place]))
    return tuple(sorted(found))


def _transform(
    train: np.ndarray, validation: np.ndarray, seen: np.ndarray, *, margin: float
) -> tuple[str, tuple[float, float]]:
    """Return the transformation under which a Gaussian fits training and validation rows best.

    The Gaussian is that of the training rows. A transformation must win by three standard errors.
    With its noise, a value may be as much as ``margin`` beyond the smallest and largest.
    """
    plain = (0.0, 1.0)
    if len(validation) < 2 or len(train) < 2 or (train == train[0]).all():
        return "none", plain
    candidates: dict[str, tuple[float, float]] = {"none": plain}
    if seen.min() > -margin:
        candidates["log"] = (0.0 - margin, 1.0)
        for top in (1.0, 100.0):
            if 0.9 * top < seen.max() < top + margin and seen.min() < 0.1 * top:
                candidates["logit"] = (0.0 - margin, top + margin)
    quartiles = np.quantile(train, [0.25, 0.5, 0.75])
    if quartiles[0] < quartiles[2]:
        candidates["asinh"] = (float(quartiles[1]), float(quartiles[2] - quartiles[0]))
    values = np.concatenate([train, validation])
    scores = {
        name: _gaussian(NumberColumn("x", transform=name, parameters=parameters), train, values)
        for name, parameters in candidates.items()
    }
    best = max(scores, key=lambda name: np.clip(scores[name] - scores["none"], *MOST_NATS).mean())
    gain = np.clip(scores[best] - scores["none"], *MOST_NATS)
    if not gain.mean() > max(BETTER, 3 * gain.std() / np.sqrt(len(gain))):
        best = "none"
    return best, candidates[best]


def _gaussian(column: NumberColumn, train: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return log-likelihoods of values under a Gaussian of transformed training values."""
    with np.errstate(over="ignore", invalid="ignore"):
        z, _ = column.transformed(train)
        mean, scale = z.mean(), z.std()
        if not 0 < scale < np.inf:
            return np.full(len(values), WORST)
        z, log_det = column.transformed(values)
        return np.maximum(log_det - np.log(scale) - 0.5 * ((z - mean) / scale) ** 2, WORST)
