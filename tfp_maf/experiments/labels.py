"""Labels of anomalies in a column of a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfp_maf.data_prep import category_columns, cells, read_table, table_rows
from tfp_maf.data_prep.reading import Reading


def read_labels(data: str, column: str, reading: Reading) -> np.ndarray:
    """Return which rows of a table are anomalies, bool ``[N]`` for all rows of the file.

    The column has two values; the larger number, true, or the rarer text marks an anomaly.

    Raises:
        OSError: the file is missing.
        ValueError: there is no such column, a label is missing, or there are not two values.
    """
    frame = read_table.read(Path(data), reading).frame
    if column not in frame:
        raise ValueError(
            f"--labels: {data} has no column {column!r}; it has "
            f"{table_rows.listed(list(frame.columns))}"
        )
    parsed = cells.parse(frame[column], na=reading.na)
    if parsed.missing.any():
        row = int(np.flatnonzero(parsed.missing)[0])
        raise ValueError(f"--labels: {data}: row {row + 1} has no label in column {column!r}")
    if parsed.kind == "numbers" and not parsed.bad.any():
        values = parsed.numbers
    else:
        keys = np.array([category_columns.key(cell) for cell in frame[column]])
        names, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
        values = -counts[codes].astype(float)  # the rarer one is the larger
        if len(names) == 2 and counts[0] == counts[1]:
            values = codes.astype(float)
    distinct = np.unique(values)
    if len(distinct) != 2:
        raise ValueError(
            f"--labels: column {column!r} has {len(distinct)} different values, not two such as 0 "
            f"and 1"
        )
    return np.asarray(values == distinct[1])
