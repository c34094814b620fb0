"""Reading of tables supplied by the user, in the formats that pandas and NumPy know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfp_maf.data_prep.reading import (
    binary_tables,
    excel_tables,
    json_tables,
    raw_files,
    statistics_tables,
    text_tables,
)
from tfp_maf.data_prep.reading.reading import Reading

LONGEST_NAME = 200
FORMATS = (
    ".csv, .tsv, .txt, .data, .json, .jsonl, .parquet, .feather, .xlsx, .xls, .ods, .dta, "
    ".sas7bdat, .xpt, .arff, .npy or .npz"
)


@dataclass(frozen=True)
class RawTable:
    """Table as it was read.

    Attributes:
        frame: Columns with names, and an index that counts the rows of the file from 0.
        decimal: Decimal sign of numbers in text; None if each column tells.
        notes: What is worth telling the user.
        named: Whether the file names its columns.
    """

    frame: pd.DataFrame
    decimal: str | None
    notes: tuple[str, ...]
    named: bool = True


def read(path: Path, reading: Reading, *, expected: Sequence[str] = ()) -> RawTable:
    """Read a whole table, with strings as column names and at least one row.

    Args:
        path: File to read; ``-`` is standard input.
        reading: What the user says about the file.
        expected: Names of columns that it should have, which help to read a small file.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read.
    """
    data, suffix = raw_files.contents(path)
    named = suffix not in (".npy", ".npz")
    if not suffix and data.lstrip()[:1] in (b"[", b"{"):
        suffix = ".json"
    if suffix in text_tables.ENDINGS:
        frame, decimal, notes = text_tables.read(data, path, suffix, reading, expected)
        table = RawTable(frame, decimal, tuple(notes))
    elif suffix in json_tables.ENDINGS:
        frame, notes = json_tables.read(data, path, reading)
        table = RawTable(frame, reading.decimal, tuple(notes))
    elif suffix in excel_tables.ENGINES:
        frame, notes = excel_tables.read(data, path, suffix, reading, expected)
        table = RawTable(frame, reading.decimal, tuple(notes))
    elif suffix in statistics_tables.READERS:
        frame, notes = statistics_tables.read(data, path, suffix)
        table = RawTable(frame, reading.decimal, tuple(notes))
    elif suffix in binary_tables.READERS:
        frame = binary_tables.READERS[suffix](data, path)
        table = RawTable(frame, reading.decimal, (), named)
    else:
        raise ValueError(
            f"{path}: can't read {suffix}; use {FORMATS}, also within "
            f"{', '.join(raw_files.COMPRESSED)}"
        )
    frame.columns = pd.Index([str(name) for name in frame.columns])
    if any(len(name) > LONGEST_NAME and "\n" in name for name in frame.columns):
        raise ValueError(
            f"{path}: a column's name has several lines; is a quote in the header left open?"
        )
    if len(frame) == 0:
        raise ValueError(f"{path} has a header but no rows")
    return table
