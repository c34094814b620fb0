"""Rows that a model of plain numbers would score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import table
from tfp_maf.data_prep.columns.number_columns import NumberColumn
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.reading.reading import Reading


def read_rows(
    path: Path,
    columns: Sequence[str],
    *,
    left_out: Sequence[str] = (),
    reading: Reading | None = None,
    said: list[str] | None = None,
) -> np.ndarray:
    """Numbers ``[N, D]`` of the columns; a row without a score raises ValueError.

    What is ignored is appended to ``said``.
    """
    na = () if reading is None else reading.na
    schema = Schema(tuple(NumberColumn(name) for name in columns), na=na)
    frame, decimal, notes = table.read_frame(path, schema, left_out=left_out, reading=reading)
    if said is not None:
        said += notes
    encoded = schema.encode(frame, decimal=decimal)
    bad = np.flatnonzero(encoded.reasons != "")
    if len(bad):
        raise ValueError(f"row {frame.index[bad[0]] + 1}, {encoded.reasons[bad[0]]}")
    return encoded.numbers
