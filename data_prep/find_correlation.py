"""Choice of redundant columns by their correlations, as in ``findCorrelation`` of R's caret.

Two columns are redundant if their absolute Pearson correlation is above a cutoff. Both of caret's
algorithms are here, with its treatment of ties, so that they remove the same columns in the same
order. The blog post chose the columns of GAS in this way.
"""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import pandas as pd

from tfp_maf.data_prep.column_statistics import ColumnStatistics
from tfp_maf.data_prep.splits import first_not_finite

ASYMMETRY = 1e-8  # largest difference between the two entries of a pair
DIGITS = 15  # significant digits by which caret tells two averages apart (exact=False)


@overload
def find_correlation(
    x: pd.DataFrame | np.ndarray,
    *,
    cutoff: float = ...,
    exact: bool = ...,
    names: Literal[False] = ...,
) -> list[int]: ...
@overload
def find_correlation(
    x: pd.DataFrame, *, cutoff: float = ..., exact: bool = ..., names: Literal[True]
) -> list[Any]: ...
def find_correlation(
    x: pd.DataFrame | np.ndarray, *, cutoff: float = 0.985, exact: bool = True, names: bool = False
) -> list[Any]:
    """Return the columns of a table to remove, so that no two of the others are redundant.

    caret's ``findCorrelation`` is given a correlation matrix, as :func:`correlated_columns` is;
    this function computes the matrix first. caret's default is ``exact`` for fewer than 100
    columns.

    Args:
        x: Rows ``[N, D]``.
        cutoff: Largest absolute correlation that two remaining columns can have.
        exact: Whether to recompute the average correlations whenever a column is removed, which
            removes fewer columns; see :func:`correlated_columns`.
        names: Whether to return the names of the data frame's columns, instead of positions.

    Returns:
        Positions (from 0) or names of the columns to remove, in caret's order.

    Raises:
        ValueError: If a column is constant, not numeric, or has a missing or infinite value (the
            message names the column, or its position from 0); if there are fewer than two rows;
            if ``cutoff`` is not between 0 and 1; or if ``names`` is given without a data frame.
    """
    if names and not isinstance(x, pd.DataFrame):
        raise ValueError("names=True needs a data frame, because an array's columns have no names")
    require_cutoff(cutoff)
    values, labels = _numbers(x)
    if len(values) < 2:
        raise ValueError(f"x has {len(values)} rows, but a correlation needs at least 2")
    statistics = ColumnStatistics(values.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # reported by correlated_columns
        statistics.add(values)
        correlation = statistics.correlation
    require_varying(statistics.constant, labels)
    removed = correlated_columns(correlation, cutoff=cutoff, exact=exact, labels=labels)
    return [labels[i] for i in removed] if names else removed


def correlated_columns(
    correlation: np.ndarray,
    *,
    cutoff: float = 0.985,
    exact: bool = True,
    labels: list[Any] | None = None,
) -> list[int]:
    """Return the columns to remove, given the correlation matrix ``[D, D]``.

    With ``exact``, columns are ordered by decreasing average absolute correlation with the
    others. Pairs (i, j) are visited in this order; if neither has been removed and their
    correlation is above the cutoff, the average correlation of i with the other remaining columns
    is compared to the average over all pairs of remaining columns, not counting j's row. If it is
    greater, i is removed, otherwise j.

    Otherwise, the average absolute correlations are computed once, and of every pair above the
    cutoff, the column with the greater average is removed, even if the other one is removed as
    well. If the averages are equal, it is the first of the pair.

    caret's exact algorithm refuses a single column; here, nothing is removed.

    Args:
        correlation: Symmetric matrix of signed or absolute correlations.
        cutoff: Largest absolute correlation that two remaining columns can have.
        exact: Which of the two algorithms to use.
        labels: Names of the columns, for error messages; by default, positions from 0.

    Returns:
        Positions of the columns to remove, from 0. With ``exact``, they are ordered by decreasing
        average correlation. Otherwise those that are the second of a pair come before those that
        are the first.

    Raises:
        ValueError: If the matrix is not square and symmetric, if a correlation is not finite, or
            if ``cutoff`` is not between 0 and 1.
    """
    require_cutoff(cutoff)
    correlation = np.asarray(correlation, np.float64)
    if correlation.ndim != 2 or correlation.shape[0] != correlation.shape[1]:
        raise ValueError(f"correlation must be a square matrix, got shape {correlation.shape}")
    finite = np.isfinite(correlation)
    if not finite.all():
        # A column that has no correlation spoils its row, and one entry of all others.
        worst = int(np.argmin(finite.sum(axis=0)))
        raise ValueError(
            f"column {_label(labels, worst)} has no finite correlation with others; rescale or "
            f"drop it"
        )
    if not np.allclose(correlation, correlation.T, rtol=0, atol=ASYMMETRY):
        raise ValueError("correlation must be symmetric")
    strength = np.minimum(np.abs(correlation), 1)  # rounding can exceed 1
    np.fill_diagonal(strength, 1)
    return _exact(strength, cutoff) if exact else _fast(strength, cutoff)


def require_cutoff(cutoff: float) -> None:
    """Check that a cutoff is between 0 and 1.

    Raises:
        ValueError: If it is not.
    """
    if not 0 <= cutoff <= 1:
        raise ValueError(f"cutoff must be between 0 and 1, got {cutoff}")


def require_varying(constant: np.ndarray, labels: list[Any]) -> None:
    """Check that no column is constant, given a mask ``[D]``.

    Raises:
        ValueError: If a column is constant; the message names all that are.
    """
    if constant.any():
        columns = ", ".join(_label(labels, int(i)) for i in np.flatnonzero(constant))
        raise ValueError(f"column {columns} is constant and has no correlation; drop it")


def _exact(strength: np.ndarray, cutoff: float) -> list[int]:
    others = ~np.eye(len(strength), dtype=bool)
    averages = [_mean(column[other]) for column, other in zip(strength.T, others, strict=True)]
    order = np.argsort(-np.array(averages), kind="stable")  # R's order() is stable as well
    strength = strength[np.ix_(order, order)]
    kept = np.ones(len(order), bool)  # in this order
    for i in range(len(order)):
        for j in i + 1 + np.flatnonzero(strength[i, i + 1 :] > cutoff):
            if not kept[i]:
                break
            if not kept[j]:
                continue
            counted = others & kept & kept[:, None]
            average = _mean(strength[i, counted[i]])
            counted[j] = False  # the row; the other rows still count their entry for j
            kept[i if average > _mean(strength[counted]) else j] = False
    return [int(i) for i in order[~kept]]


def _fast(strength: np.ndarray, cutoff: float) -> list[int]:
    averages = np.array([float(f"{_mean(column):.{DIGITS}g}") for column in strength.T])
    second, first = np.nonzero(np.tril(strength > cutoff, -1))
    later = averages[second] > averages[first]
    removed = np.concatenate([second[later], first[~later]])
    return list(dict.fromkeys(removed.tolist()))


def _mean(values: np.ndarray) -> float:
    """Return the mean, accumulated as in R in extended precision, which decides ties."""
    return float(values.mean(dtype=np.longdouble)) if len(values) else 0.0


def _numbers(x: pd.DataFrame | np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """Return finite values, float64 ``[N, D]``, and the names or positions of the columns."""
    if isinstance(x, pd.DataFrame):
        labels = list(x.columns)
        for i, label in enumerate(labels):
            if not pd.api.types.is_numeric_dtype(x.dtypes.iloc[i]):
                raise ValueError(f"column {label!r} is not numeric")
        values = x.to_numpy(np.float64, na_value=np.nan)
    else:
        values = np.asarray(x, np.float64)
        if values.ndim != 2:
            raise ValueError(f"x must have shape [N, D], got {values.shape}")
        labels = list(range(values.shape[1]))
    bad = first_not_finite(values)
    if bad is not None:
        raise ValueError(
            f"row {bad[0] + 1}, column {labels[bad[1]]!r}: the value is missing or infinite"
        )
    return values, labels


def _label(labels: list[Any] | None, i: int) -> str:
    return repr(i if labels is None else labels[i])
