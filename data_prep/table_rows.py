"""Rows of a user's table that a trained model is to score: each is kept, in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.columns import cells
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.reading import clean_table, read_table
from tfp_maf.data_prep.reading.reading import Reading

MOST_SHOWN = 5  # bad values that a message names
MOST_NAMES = 30


def read_frame(
    path: str | Path,
    schema: Schema,
    *,
    left_out: Sequence[str] = (),
    aside: Sequence[str] = (),
    reading: Reading | None = None,
) -> tuple[pd.DataFrame, str | None, list[str]]:
    """Read the rows that a trained model is to score: its columns, and those that follow from them.

    Blank rows and a footer at the end are left out; every other row of the file is in the result.

    Args:
        path: File as for :func:`load`. If its columns have no names, only their number is checked.
        schema: Description of the model's columns.
        left_out: Names of other columns that the file may have.
        aside: Names of columns that are wanted besides the model's.
        reading: What the user says about such files.

    Returns:
        Cells as they were read, the decimal sign of numbers in text, and notes of what was
        ignored.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read, or a column is missing.
    """
    path = Path(path)
    names = [column.name for column in schema.columns]
    raw = read_table.read(path, reading or Reading(), expected=names)
    frame, notes = clean_table.without_footer(raw.frame)
    if not raw.named and not set(names) <= set(frame.columns):
        fitting = [n for n in (list(schema.order), names) if len(n) == frame.shape[1]]
        if not fitting:
            raise ValueError(
                f"{path} has {frame.shape[1]} columns, but the model takes {len(names)}: "
                f"{listed(names)}"
            )
        frame.columns = pd.Index(fitting[0])
    found = list(frame.columns)
    gone = [name for name in aside if name not in found]
    if gone:
        raise ValueError(f"{path} has no column {listed(gone)}; it has {listed(found)}")
    kept, more = wanted(found, schema, path, left_out=[*left_out, *aside])
    kept += [name for name in aside if name not in kept]
    return frame[kept], raw.decimal, notes + more


def numbers(
    frame: pd.DataFrame, names: Sequence[str], path: Path, reading: Reading, decimal: str | None
) -> np.ndarray:
    """Return columns as finite numbers ``[N, D]``.

    Raises:
        ValueError: If a value is missing, text or infinite; the message names rows and columns.
    """
    x = np.empty([len(frame), len(names)])
    bad: list[tuple[int, str, str]] = []
    count = 0
    for place, name in enumerate(names):
        column = cells.parse(frame[name], decimal=decimal, na=reading.na)
        x[:, place] = np.where(column.missing, np.nan, column.numbers)
        rows = np.flatnonzero(~np.isfinite(x[:, place]))
        count += len(rows)
        for row in rows[:MOST_SHOWN]:
            what = "the value is missing" if column.missing[row] else ""
            what = what or text_files.what_is_wrong(frame[name].iloc[row])
            bad.append((int(frame.index[row]) + 1, name, what))
    if bad:
        said = [f"row {row}, column {name!r}: {what}" for row, name, what in sorted(bad)]
        more = f" ({count} such values)" if count > MOST_SHOWN else ""
        raise ValueError(f"{path}: {'; '.join(said[:MOST_SHOWN])}{more}")
    return x


def wanted(
    found: Sequence[str], schema: Schema, path: Path, *, left_out: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the columns of a file that a model reads, and notes of those it ignores.

    Args:
        found: Names of the columns in the file.
        schema: Description of the model's columns.
        path: Path of the file for error messages.
        left_out: Names of other columns that the file may have.

    Raises:
        ValueError: If a column is missing; the message names all of them.
    """
    needed = [column.name for column in schema.columns]
    missing = [name for name in needed if name not in found]
    if missing:
        raise ValueError(
            f"{path} has no column {listed(missing)}; the model takes {', '.join(needed)}; "
            f"the file has {listed(found)}"
        )
    names = [name for name in schema.names if name in found]
    known = {*names, *left_out}
    ignored = [
        name
        for name in found
        if name not in known and not clean_table.INDEX_NAME.fullmatch(name.lower())
    ]
    notes = [f"ignored columns that the model does not know: {listed(ignored)}"] if ignored else []
    return names, notes


def listed(names: Sequence[str]) -> str:
    """Return names in quotes, not too many of them."""
    shown = ", ".join(map(repr, names[:MOST_NAMES]))
    left = len(names) - MOST_NAMES
    return shown if left <= 0 else f"{shown} and {left} others"
