"""Number tables in text files, read with messages that name the file, row and column."""

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

TAIL = 65536  # bytes looked at for the last line
# pandas before 3.1 reads a third of all numbers one bit wrong, and before 3.0 an exponent of many
# digits as another number, or crashes at it; so does its to_numeric, see :func:`parsed`.
OLD_PANDAS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
EXACT: dict[str, Any] = {"float_precision": "round_trip"} if OLD_PANDAS else {}


def require_file(path: Path) -> None:
    """Raises OSError or ValueError unless ``path`` is a file with something in it."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")


def find(folder: Path, names: Sequence[str]) -> Path:
    """The first of these files that is in the folder, or the folder itself if it is such a file.

    Raises:
        OSError: none is.
    """
    if folder.is_file() and folder.name in names:
        return folder
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} has no {' or '.join(names)}; tfp-maf download gets it")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Puts the file before the message of a ValueError about its rows."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def first_line(path: Path) -> str:
    """The first line, without its end.

    Raises:
        ValueError: it is not text.
    """
    with path.open("rb") as file:
        line = file.readline(TAIL)
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None


def published_file(path: Path, name: str, *, header: str) -> Path:
    """The publisher's file ``name``, given itself or the folder it is in.

    Raises:
        OSError: no such file.
        ValueError: its first line is not ``header``.
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
    """Raises ValueError if the last line has fewer than ``fields`` fields.

    ``separator=None`` is any white space.
    """
    last = _tail(path).rstrip(b"\r\n").rsplit(b"\n", 1)[-1]
    found = len(last.decode("utf-8", "replace").split(separator))
    if found < fields:
        raise ValueError(
            f"{path}: the last line is cut short, {found} of {fields} fields; "
            f"the file seems truncated: get it again"
        )


def blank_lines_at_the_end(path: Path) -> int:
    """How many blank lines follow the last row."""
    tail = _tail(path)
    return max(0, tail[len(tail.rstrip(b"\r\n")) :].count(b"\n") - 1)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL), os.SEEK_SET)
        return file.read()


def read_chunks(path: Path, **options: Any) -> Iterator[pd.DataFrame]:
    """``pandas.read_csv`` in chunks, its failures as ValueErrors that name the file.

    Rows of more fields than the header are an error, not an index.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            options |= {"index_col": False, "low_memory": False} | EXACT
            with pd.read_csv(path, **options) as reader:
                yield from reader
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} has no columns") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} is a damaged or truncated gzip file ({error}); get it again"
        ) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        detail = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path}: rows differ in their number of fields: {detail}") from None


def numbers(frame: pd.DataFrame, path: Path) -> np.ndarray:
    """All of ``frame`` as float64 ``[N, D]``, every value finite.

    Args:
        frame: columns as pandas read them; its index counts the file's rows from 0.
        path: for messages.

    Raises:
        ValueError: text, an empty field, NaN or infinity; names its column and its row,
            counted from 1 after the header.
    """
    values = np.empty(frame.shape, np.float64)
    for position, name in enumerate(frame.columns):
        column = frame[name]
        with np.errstate(over="ignore", invalid="ignore"):  # found below
            values[:, position] = parsed(column)
        bad = np.flatnonzero(~np.isfinite(values[:, position]))
        if len(bad):
            row = int(frame.index[bad[0]]) + 1
            what = _what_is_wrong(column.iloc[bad[0]])
            raise ValueError(f"{path}: row {row}, column {str(name)!r}: {what}")
    return values


def parsed(column: pd.Series) -> np.ndarray:
    """A column as float64 ``[N]``, each text rounded to the nearest; NaN where it is no number."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan)
    values = column.to_numpy(object, na_value=np.nan)
    if not any(isinstance(value, str) and "_" in value for value in values):
        with suppress(ValueError, TypeError, OverflowError):  # most columns, at once
            return values.astype(np.float64)
    return np.array([_number(value) for value in values], np.float64)


def _number(value: Any) -> float:
    # Python would read 1_000, which other programs would not.
    if isinstance(value, (str, Number)) and "_" not in str(value):
        with suppress(ValueError, TypeError, OverflowError):
            return float(value)  # type: ignore[arg-type]
    return float("nan")


def _what_is_wrong(value: Any) -> str:
    if isinstance(value, str):
        return f"{value!r} is not a finite number"
    return "the value is missing" if pd.isna(value) else f"{value} is not finite"
