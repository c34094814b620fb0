"""Tables in Excel's workbooks: the sheet, the lines before the header, and the header."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tfp_maf.data_prep.reading import text_layout
from tfp_maf.data_prep.reading.reading import Reading


def read(
    data: bytes, path: Path, reading: Reading, expected: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Read the first sheet of a workbook that holds a table.

    Args:
        data: Content of the file.
        path: Path of the file for error messages.
        reading: What the user says about the file.
        expected: Names of columns that it should have.

    Returns:
        The frame, and what is worth telling the user.

    Raises:
        ValueError: If the file is not a workbook, or holds no table.
    """
    try:
        with pd.ExcelFile(io.BytesIO(data), engine="openpyxl") as book:
            names = list(book.sheet_names)
            sheets = (
                pd.read_excel(book, sheet_name=place, header=None, dtype=object)
                for place in range(len(names))
            )
            place, cells = next(
                ((n, s) for n, s in enumerate(sheets) if s.notna().any(axis=1).sum() > 1),
                (0, pd.DataFrame()),
            )
    except ImportError:
        raise ValueError(
            f"reading {path} needs openpyxl: pip install 'tfp_maf[excel]', or save it as .csv"
        ) from None
    except Exception as error:  # of several types, by what is damaged
        raise ValueError(f"{path} is not a valid .xlsx file: {error}") from None
    if cells.empty:
        raise ValueError(f"{path} has no sheet of a header and rows")
    frame, notes = _below_header(cells, reading, expected)
    if len(names) > 1:
        notes.insert(0, f"of {len(names)} sheets, {names[place]!r} is read")
    return frame, notes


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
