"""Tables supplied by the user, as CSV, TSV, Parquet or ``.npy`` files."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.splits import Splits, last_tenths

SEPARATORS = {".csv": ",", ".tsv": "\t"}
CHUNK = 200_000
LONGEST_NAME = 200
# Columns count as linearly dependent if a combination of them has a smaller variance than this, in
# standard units; rounding to float32 alone gives 1e-15.
LINEAR = 1e-10


def load(
    path: str | Path, *, drop: Collection[str] = (), weight: str | None = None, seed: int = 0
) -> Splits:
    """Load a table's number columns, shuffled, split and standardised.

    Columns without a single number (names, dates) are left out and listed in ``notes``. The last
    tenth of the shuffled rows is the test set, the last tenth of the rest the validation set. Mean
    and deviation are those of the training rows.

    Args:
        path: ``.csv`` or ``.tsv`` with a header, ``.parquet``, or ``.npy`` of shape ``[N, D]``.
        drop: Names of columns to leave out.
        weight: Name of the column that holds each row's weight in training.
        seed: Seed of the shuffle.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read or has too few rows; if a value in a number column
            is text, missing or infinite; or if a column is constant or linearly dependent on
            others, because such data have no density. The message names the row and column.
    """
    path = Path(path)
    frame = _read(path)
    unknown = [name for name in drop if name not in frame.columns]
    if unknown:
        has = _list(frame.columns)
        raise ValueError(f"{path} has no column {unknown[0]!r} to drop; it has {has}")
    frame = frame.drop(columns=list(drop))
    weights = None if weight is None else _weights(frame, weight, path)
    frame = frame.drop(columns=[] if weight is None else [weight])
    text = [name for name in frame.columns if not _has_numbers(frame[name])]
    frame = frame.drop(columns=text)
    if frame.shape[1] == 0:
        raise ValueError(
            f"{path} has no column of numbers left; the separator is ',' in .csv and a tab in .tsv"
        )
    x = text_files.numbers(frame, path)
    columns = [str(name) for name in frame.columns]
    order = np.random.default_rng(seed).permutation(len(x))
    x = x[order]
    with text_files.named(path):
        notes = [f"column {name!r} left out: it holds no numbers" for name in text]
        notes += [f"column {name!r} left out as requested" for name in drop]
        if weight is not None:
            notes.append(f"column {weight!r} weighs the training rows; scores do not use it")
        splits = Splits.in_tenths(
            x,
            columns,
            fit_validation=False,
            source=str(path),
            left_out=(*text, *drop, *([] if weight is None else [weight])),
            notes=tuple(notes),
        )
    _refuse_repeats(splits.train, columns, path)
    if weights is None:
        return splits
    of_train, _, _ = last_tenths(weights[order])
    return dataclasses.replace(splits, weights=of_train)


def _weights(frame: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Return the weights ``[N]`` of a table's rows.

    Raises:
        ValueError: If the column is missing, or a weight is not a number of at least 0.
    """
    if column not in frame.columns:
        raise ValueError(
            f"{path} has no column {column!r} of weights; it has {_list(frame.columns)}"
        )
    weights = text_files.numbers(frame[[column]], path)[:, 0]
    bad = np.flatnonzero(weights < 0)
    if len(bad):
        raise ValueError(
            f"{path}: row {bad[0] + 1}, column {column!r}: {weights[bad[0]]:g} is a negative weight"
        )
    return weights


def read_rows(
    path: str | Path, columns: Sequence[str], *, left_out: Sequence[str] = ()
) -> np.ndarray:
    """Read the rows that a trained model is to score, with its columns in its order.

    Args:
        path: File as for :func:`load`. The columns of a ``.npy`` file have no names, so only their
            number is checked.
        columns: Names of the model's columns.
        left_out: Names of other columns that the file may have.

    Returns:
        Rows, float64 ``[N, D]``, in the file's order and units.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read, if a value is invalid, or if a column is missing or
            unknown.
    """
    path = Path(path)
    frame = _read(path)
    if path.suffix == ".npy":
        if frame.shape[1] != len(columns):
            raise ValueError(
                f"{path} has {frame.shape[1]} columns, but the model takes {len(columns)}: "
                f"{', '.join(columns)}"
            )
        frame.columns = pd.Index(columns)
    return text_files.numbers(frame[wanted(frame.columns, columns, path, left_out=left_out)], path)


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
            f"the file has {_list(found)}"
        )
    unknown = [name for name in found if name not in columns and name not in left_out]
    if unknown:
        raise ValueError(
            f"{path} has a column {unknown[0]!r} that the model does not know; the model "
            f"takes {', '.join(columns)}"
        )
    return list(columns)


def _read(path: Path) -> pd.DataFrame:
    """Read the whole table, with strings as column names and at least one row."""
    text_files.require_file(path)
    if path.suffix in SEPARATORS:
        frame = _read_text(path, SEPARATORS[path.suffix])
    elif path.suffix == ".parquet":
        frame = _read_parquet(path)
    elif path.suffix == ".npy":
        frame = _read_npy(path)
    else:
        raise ValueError(
            f"{path}: can't read {path.suffix or 'a file without an extension'}; "
            f"use .csv, .tsv, .parquet or .npy"
        )
    frame.columns = frame.columns.map(str)
    longest = max(map(len, frame.columns), default=0)
    if longest > LONGEST_NAME:
        raise ValueError(
            f"{path}: a column's name has {longest} characters; is a quote in the header left open?"
        )
    if len(frame) == 0:
        raise ValueError(f"{path} has a header but no rows")
    return frame


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    header = text_files.first_line(path)
    if not header.strip():
        raise ValueError(f"{path}: the first line is blank; it should name the columns")
    names = header.split(separator)
    if all(_is_number(name) for name in names):
        raise ValueError(f"{path}: the first line holds numbers; it should name the columns")
    # A blank line among the rows counts as a missing value, so that scores match the file's rows.
    chunks = text_files.read_chunks(path, sep=separator, chunksize=CHUNK, skip_blank_lines=False)
    frame = pd.concat(chunks)
    frame = frame.iloc[: len(frame) - text_files.blank_lines_at_the_end(path)]
    if frame.iloc[-1:, -1].isna().any():
        text_files.require_whole_last_line(path, separator, frame.shape[1])
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except ImportError:
        raise ValueError(f"reading {path} needs pyarrow: pip install 'tfp_maf[parquet]'") from None
    except (ValueError, OSError) as error:  # pyarrow raises errors of both types
        raise ValueError(f"{path} is not a valid Parquet file: {error}") from None


def _read_npy(path: Path) -> pd.DataFrame:
    array = read_array(path)
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(1, array.shape[1] + 1)])


def read_array(path: Path) -> np.ndarray:
    """Read the numbers ``[N, D]`` in a ``.npy`` file, without executing anything in it.

    Raises:
        ValueError: If the file is damaged, or its array has another shape or type.
    """
    try:
        # Mapped, so that a header with a false size fails before memory is allocated for it.
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except Exception as error:  # NumPy evaluates the header as a Python literal
        raise ValueError(f"{path} is not a valid .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is not a .npy file: it holds several arrays, as .npz does")
    if array.ndim != 2 or array.dtype.kind not in "uif":
        raise ValueError(
            f"{path} should hold numbers of shape [N, D], but has {array.dtype} {list(array.shape)}"
        )
    return np.array(array, array.dtype.newbyteorder("="))  # older pandas needs native byte order


def _has_numbers(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    return bool((~np.isnan(text_files.parsed(column))).any())


def _refuse_repeats(z: np.ndarray, columns: Sequence[str], path: Path) -> None:
    """Raise ValueError if columns are linearly dependent, because they have no joint density."""
    correlation = z.astype(np.float64).T @ z / len(z)
    repeats = np.argwhere(np.triu(np.abs(correlation) > 1 - 1e-6, k=1))
    if len(repeats):
        pairs = [f"{columns[j]!r} repeats {columns[i]!r}" for i, j in repeats]
        raise ValueError(
            f"{path}: {'; '.join(pairs)}: such columns have no joint density; drop one of each pair"
        )
    if len(z) < 2 * len(columns):
        return  # so few rows can be linearly dependent by chance
    sizes, directions = np.linalg.eigh(correlation)
    if sizes[0] < LINEAR:
        names = [repr(n) for n, d in zip(columns, directions[:, 0], strict=True) if abs(d) > 0.05]
        raise ValueError(
            f"{path}: columns {', '.join(names)} are linearly dependent and have no joint density; "
            f"drop one of them"
        )


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
