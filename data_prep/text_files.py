"""Tables of numbers in text files, with error messages that name the file, row and column."""

from __future__ import annotations

import gzip
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TAIL = 65536  # bytes to read for the first or last line
# By default, pandas before 3.1 reads a third of all numbers with one bit wrong. Before 3.0, it also
# misreads exponents of many digits, or crashes on them. The same is true of its to_numeric; see
# :func:`parsed`.
OLD_PANDAS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
EXACT: dict[str, Any] = {"float_precision": "round_trip"} if OLD_PANDAS else {}


def require_file(path: Path) -> None:
    """Check that ``path`` is a file that is not empty.

    Raises:
        OSError: If there is no such file.
        ValueError: If the file is empty.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")


def find(folder: Path, names: Sequence[str]) -> Path:
    """Return the first of the named files in the folder, or ``folder`` itself if it is one of them.

    Raises:
        OSError: If there is no such file.
    """
    if folder.is_file() and folder.name in names:
        return folder
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} has no {' or '.join(names)}; get it with tfp-maf download")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Prefix the message of a ValueError about a file's rows with the path of the file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def first_line(path: Path) -> str:
    """Read the first line, without its line ending.

    Raises:
        ValueError: If the line is not text.
    """
    with path.open("rb") as file:
        line = file.readline(TAIL)
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None


def published_file(path: Path, name: str, *, header: str) -> Path:
    """Return the path of the publisher's file ``name``, after checking its header.

    Args:
        path: Path of the file, or of the folder that contains it.
        name: Name of the file.
        header: First line that the file must have.

    Raises:
        OSError: If there is no such file.
        ValueError: If the first line is not ``header``.
    """
    path = path / name if path.is_dir() else path
    require_file(path)
    if first_line(path).strip() != header:
        raise ValueError(
            f"{path} is not UCI's {name}: its first line should be {header!r}, "
            f"but is {first_line(path)[:80]!r}"
        )
    return path


def require_whole_last_line(path: Path, separator: str | None, fields: int) -> None:
    """Check that the last line is complete, with at least ``fields`` fields.

    Args:
        path: File to check.
        separator: Separator of the fields; None for any white space.
        fields: Number of fields per line.

    Raises:
        ValueError: If the last line has fewer fields.
    """
    last = _tail(path).rstrip(b"\r\n").rsplit(b"\n", 1)[-1]
    found = len(last.decode("utf-8", "replace").split(separator))
    if found < fields:
        raise ValueError(
            f"{path}: the last line is cut short, {found} of {fields} fields; "
            f"the file seems truncated, so copy or download it again"
        )


def blank_lines_at_the_end(path: Path) -> int:
    """Return the number of blank lines after the last row."""
    tail = _tail(path)
    return max(0, tail[len(tail.rstrip(b"\r\n")) :].count(b"\n") - 1)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL), os.SEEK_SET)
        return file.read()


def read_chunks(path: Path, *, source: Any = None, **options: Any) -> Iterator[pd.DataFrame]:
    """Read a table in chunks with ``pandas.read_csv``.

    Args:
        path: File to read.
        source: Stream to read instead; the path is for messages then.
        options: Arguments of ``pandas.read_csv``, with ``chunksize`` among them.

    Raises:
        ValueError: If the file cannot be read; the message names it. Rows with more fields than
            the header are also an error, not an index.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            options |= {"index_col": False, "low_memory": False} | EXACT
            with pd.read_csv(path if source is None else source, **options) as reader:
                yield from reader
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} has no columns") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} is a damaged or truncated gzip file ({error}); copy or download it again"
        ) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        detail = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path}: rows differ in their number of fields: {detail}") from None


def numbers(frame: pd.DataFrame, path: Path) -> np.ndarray:
    """Convert ``frame`` to float64 ``[N, D]``, and check that every value is finite.

    Args:
        frame: Columns as pandas read them, with an index that counts the file's rows from 0.
        path: Path of the file for error messages.

    Raises:
        ValueError: If a value is text, empty, NaN or infinite; the message names its column and its
            row, counted from 1 after the header.
    """
    values = np.empty(frame.shape, np.float64)
    for position, name in enumerate(frame.columns):
        column = frame[name]
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
            values[:, position] = parsed(column)
        bad = np.flatnonzero(~np.isfinite(values[:, position]))
        if len(bad):
            row = int(frame.index[bad[0]]) + 1
            what = what_is_wrong(column.iloc[bad[0]])
            raise ValueError(f"{path}: row {row}, column {str(name)!r}: {what}")
    return values


def parsed(column: pd.Series) -> np.ndarray:
    """Convert a column to float64 ``[N]``, with NaN where it is not a number.

    Text is rounded to the nearest float64, whatever the version of pandas.
    """
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan)
    values = column.to_numpy(object, na_value=np.nan)
    if not any(isinstance(value, str) and "_" in value for value in values):
        with suppress(ValueError, TypeError, OverflowError):  # fast, for most columns
            return values.astype(np.float64)
    return np.array([_number(value) for value in values], np.float64)


def _number(value: Any) -> float:
    # Python accepts 1_000 as a number, unlike other programs.
    if isinstance(value, (str, Number)) and "_" not in str(value):
        with suppress(ValueError, TypeError, OverflowError):
            return float(value)  # type: ignore[arg-type]
    return float("nan")


def what_is_wrong(value: Any) -> str:
    """Say why a value is not a finite number."""
    if isinstance(value, str):
        return f"{value!r} is not a finite number"
    return "the value is missing" if pd.isna(value) else f"{value} is not finite"
