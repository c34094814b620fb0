"""What is done about missing values: rows left out, cells filled, or a category of their own."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from tfp_maf.data_prep.columns.cells import Cells
from tfp_maf.data_prep.reading.reading import Missing

FEW = 0.05  # of the rows are left out rather than modelled
MOST_MISSING = 0.5  # a column with at least as many missing values is left out before rows are


def gaps(cells: dict[str, Cells]) -> np.ndarray:
    """Return the mask ``[N, D]`` of the cells without a value."""
    if not cells:
        return np.empty([0, 0], bool)
    return np.stack([column.gaps for column in cells.values()], axis=1)


def way_of(missing: Missing, cells: dict[str, Cells]) -> Missing:
    """Return what ``"auto"`` is for these columns.

    Rows are left out where these are few, and nearly all have their values; otherwise missing
    values are modelled.

    Raises:
        ValueError: If ``missing`` is unknown.
    """
    ways = get_args(Missing)
    if missing not in ways:
        raise ValueError(f"missing must be one of {', '.join(ways)}, got {missing!r}")
    if missing != "auto":
        return missing
    mask = gaps(cells)
    return "drop" if not mask.size or mask.any(axis=1).mean() <= FEW else "model"


def too_sparse(cells: dict[str, Cells]) -> dict[str, str]:
    """Return the columns with so few values that leaving out rows would leave few, with reasons."""
    mask = gaps(cells)
    counts = mask.sum(axis=0) if mask.size else []
    return {
        name: f"{count} of its {len(mask)} values are missing"
        for name, count in zip(cells, counts, strict=True)
        if count >= MOST_MISSING * len(mask)
    }


def note(mask: np.ndarray, names: list[str], what: str) -> list[str]:
    """Return a note of how many rows and cells have no value."""
    rows = np.asarray(mask.any(axis=1))
    if not rows.any():
        return []
    counts = mask.sum(axis=0)
    columns = [f"{name!r} ({count})" for name, count in zip(names, counts, strict=True) if count]
    shown = ", ".join(columns[:10]) + (", ..." if len(columns) > 10 else "")
    return [f"{rows.sum()} of {len(rows)} rows {what} {shown}"]


def fill_of(values: np.ndarray) -> Any:
    """Return the value of missing cells: the median, one that occurs."""
    return float(np.sort(values)[len(values) // 2])
