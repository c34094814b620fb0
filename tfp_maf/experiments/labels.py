"""Labels of anomalies in a column of a table."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import category_columns, cells


def anomalies(column: pd.Series, *, na: Collection[str] = ()) -> np.ndarray:
    """Return which rows are anomalies by a column of two values, bool ``[N]``.

    The larger number, true, or the rarer text marks an anomaly.

    Args:
        column: cells as they were read; the index counts the rows of the file from 0.
        na: texts of missing values.

    Raises:
        ValueError: a label is missing, or there are not two values.
    """
    parsed = cells.parse(column, na=tuple(na))
    if parsed.missing.any():
        row = int(column.index[np.argmax(parsed.missing)])
        raise ValueError(f"row {row + 1} has no label in column {column.name!r}")
    if parsed.kind == "numbers" and not parsed.bad.any():
        values = parsed.numbers
    else:
        keys = np.array([category_columns.key(cell) for cell in column])
        names, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
        values = -counts[codes].astype(float)  # the rarer one is the larger
        if len(names) == 2 and counts[0] == counts[1]:
            values = codes.astype(float)
    distinct = np.unique(values)
    if len(distinct) != 2:
        raise ValueError(
            f"column {column.name!r} has {len(distinct)} different values, not two such as 0 and 1"
        )
    return np.asarray(values == distinct[1])
