"""Columns that have no joint density with others: constants, repeats and linear combinations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Columns repeat each other if they are this close to perfect correlation.
REPEAT = 1e-6
# Columns count as linearly dependent if a combination of them has a smaller variance than this, in
# standard units; rounding to float32 alone gives 1e-15.
LINEAR = 1e-10
ROUNDING = 1e-14
MOST_NAMES = 6


def find(z: np.ndarray, columns: Sequence[str]) -> dict[int, tuple[str, list[int]]]:
    """Return the places of the columns to leave out, with the reason and the others' places.

    Of each dependent set, the columns that come first are kept.

    Args:
        z: Standardised rows ``[N, D]``.
        columns: Names of the columns.
    """
    x = z.astype(np.float64)
    correlation = x.T @ x / len(x)
    left_out: dict[int, tuple[str, list[int]]] = {}
    pairs = np.argwhere(np.triu(np.abs(correlation) > 1 - REPEAT, k=1))
    for first, second in pairs[np.lexsort(pairs.T)]:
        if first not in left_out and second not in left_out:
            left_out[int(second)] = (f"it repeats {columns[first]!r}", [int(first)])
    kept = [n for n in range(len(columns)) if n not in left_out]
    if len(x) < 2 * len(kept):
        return left_out  # so few rows can be linearly dependent by chance
    for place, others in _linear(x[:, kept]).items():
        names = [repr(columns[kept[other]]) for other in others]
        shown = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
        left_out[kept[place]] = (f"it is linear in {shown}", [kept[other] for other in others])
    return left_out


def _linear(x: np.ndarray) -> dict[int, list[int]]:
    """Return the columns that are linear in earlier ones, each with the columns it depends on.

    This is a rank-revealing QR factorisation that pivots only where a column depends on those
    before it: such a column is set aside, so that of each set the first ones are kept.
    """
    triangle = np.asarray(np.linalg.qr(x / np.sqrt(len(x)), mode="r"))
    basis = np.zeros(triangle.shape)
    kept: list[int] = []
    found: dict[int, list[int]] = {}
    for place, column in enumerate(triangle.T):
        residual, before = column, basis[:, : len(kept)]
        for _ in range(2):  # the second time removes the rounding of the first
            residual = residual - before @ (before.T @ residual)
        size = float(residual @ residual)
        if size < LINEAR:
            found[place] = _sources(triangle[:, kept], column, kept, 4 * size)
        else:
            basis[:, len(kept)] = residual / np.sqrt(size)
            kept.append(place)
    return found


def _sources(x: np.ndarray, column: np.ndarray, names: list[int], most: float) -> list[int]:
    """Return the fewest columns that a column is linear in, those with the largest weights.

    Args:
        x: Columns ``[D, M]`` of the triangle.
        column: The one that is linear in them, ``[D]``.
        names: Their places in the table, ``[M]``.
        most: Largest variance that may be left, unless rounding leaves more.
    """
    weights = np.abs(np.linalg.lstsq(x, column, rcond=None)[0])
    for least in (0.05, 1e-3, 1e-5):
        places = np.flatnonzero(weights > least)
        part = x[:, places]
        rest = column - part @ np.linalg.lstsq(part, column, rcond=None)[0]
        if rest @ rest <= max(most, ROUNDING):
            break
    return [names[place] for place in places]
