"""Tables in workbooks of Excel and LibreOffice: the sheet, what is above the header, the header."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tfp_maf.data_prep.reading import text_layout
from tfp_maf.data_prep.reading.reading import Reading

# What reads each kind of workbook, and the packages that pandas needs for it.
ENGINES = dict.fromkeys([".xlsx", ".xlsm"], "openpyxl")
ENGINES |= dict.fromkeys([".xls", ".xlsb", ".ods"], "calamine")
PACKAGES = {"openpyxl": "openpyxl", "calamine": "python-calamine"}


def read(
    data: bytes, path: Path, suffix: str, reading: Reading, expected: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Read the first sheet of a workbook that holds a table, of several columns if one does.

    Args:
        data: Content of the file.
        path: Path of the file for error messages.
        suffix: Kind of workbook, one of ``ENGINES``.
        reading: What the user says about the file.
        expected: Names of columns that it should have.

    Returns:
        The frame, and what is worth telling the user.

    Raises:
        ValueError: If the file is not a workbook, or holds no table.
    """
    engine = ENGINES[suffix]
    try:
        with pd.ExcelFile(io.BytesIO(data), engine=engine) as book:
            names = list(book.sheet_names)
            found = _of_table(book)
    except ImportError:
        raise ValueError(
            f"reading {path} needs {PACKAGES[engine]}: pip install 'tfp_maf[excel]', or save it as "
            f".csv"
        ) from None
    except Exception as error:  # of several types, by what is damaged
        raise ValueError(f"{path} is not a valid {suffix} file: {error}") from None
    if found is None:
        raise ValueError(f"{path} has no sheet of a header and rows")
    place, cells = found
    frame, notes = _below_header(cells, reading, expected)
    if len(names) > 1:
        notes.insert(0, f"of {len(names)} sheets, {names[place]!r} is read")
    return frame, notes


def _of_table(book: pd.ExcelFile) -> tuple[int, pd.DataFrame] | None:
    """Return the place and cells of the first sheet with rows of several cells, or of one."""
    of_one = None
    for place in range(len(book.sheet_names)):
        cells = pd.read_excel(book, sheet_name=place, header=None, dtype=object)
        filled = cells.notna().sum(axis=1)
        if (filled > 1).sum() > 1:
            return place, cells
        if of_one is None and (filled > 0).sum() > 1:
            of_one = place, cells
    return of_one


def _below_header(
    cells: pd.DataFrame, reading: Reading, expected: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows below the header, with its names, and notes."""
    rows = [[_text(cell) for cell in row] for row in cells.head(text_layout.LINES).to_numpy()]
    found = [(row if any(row) else [], n) for n, row in enumerate(rows, 1)]
    first = text_layout.first_record(found, cells.shape[1])
    names, start, notes = text_layout.names_and_start(
        found, first, cells.shape[1], ".", reading, expected
    )
    frame = cells.iloc[start:].reset_index(drop=True)
    frame.columns = pd.Index(names)
    return frame.infer_objects(), notes


def _text(cell: Any) -> str:
    return "" if cell is None or pd.isna(cell) else str(cell)
