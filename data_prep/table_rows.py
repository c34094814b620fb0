"""Rows of a user's table that a trained model is to score: each is kept, in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import cells, clean_table, read_table, text_files
from tfp_maf.data_prep.reading import Reading

MOST_SHOWN = 5  # bad values that a message names
MOST_NAMES = 30


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    *,
    left_out: Sequence[str] = (),
    reading: Reading | None = None,
) -> np.ndarray:
    """Read the rows that a trained model is to score, with its columns in its order.

    Blank rows and a footer at the end are left out; every other row of the file is in the result.

    Args:
        path: File as for :func:`load`. If its columns have no names, only their number is checked.
        columns: Names of the model's columns.
        left_out: Names of other columns that the file may have.
        reading: What the user says about such files.

    Returns:
        Rows, float64 ``[N, D]``, in the file's order and units.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read, if values are missing or invalid, or if a column is
            missing or unknown.
    """
    path = Path(path)
    reading = reading or Reading()
    raw = read_table.read(path, reading, expected=columns)
    frame, _ = clean_table.without_footer(raw.frame)
    if not raw.named:
        if frame.shape[1] != len(columns):
            raise ValueError(
                f"{path} has {frame.shape[1]} columns, but the model takes {len(columns)}: "
                f"{', '.join(columns)}"
            )
        frame.columns = pd.Index(columns)
    known = [*left_out, *(n for n in frame.columns if clean_table.INDEX_NAME.fullmatch(n.lower()))]
    names = wanted(list(frame.columns), columns, path, left_out=known)
    return numbers(frame, names, path, reading, raw.decimal)


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
    found: Sequence[str], columns: Sequence[str], path: Path, *, left_out: Sequence[str]
) -> list[str]:
    """Return the columns that a model takes, after comparing them with those found in a file.

    Args:
        found: Names of the columns in the file.
        columns: Names of the model's columns.
        path: Path of the file for error messages.
        left_out: Names of other columns that the file may have.

    Raises:
        ValueError: If a column is missing or unknown.
    """
    missing = [name for name in columns if name not in found]
    if missing:
        raise ValueError(
            f"{path} has no column {missing[0]!r}; the model takes {', '.join(columns)}; "
            f"the file has {listed(found)}"
        )
    unknown = [name for name in found if name not in columns and name not in left_out]
    if unknown:
        raise ValueError(
            f"{path} has a column {unknown[0]!r} that the model does not know; the model "
            f"takes {', '.join(columns)}"
        )
    return list(columns)


def listed(names: Sequence[str]) -> str:
    """Return names in quotes, not too many of them."""
    shown = ", ".join(map(repr, names[:MOST_NAMES]))
    left = len(names) - MOST_NAMES
    return shown if left <= 0 else f"{shown} and {left} others"
