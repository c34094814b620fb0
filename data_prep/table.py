"""Tables supplied by the user: their number columns, split and standardised."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import cells, clean_table, dependent_columns, read_table, text_files
from tfp_maf.data_prep.clean_table import CleanTable
from tfp_maf.data_prep.reading import Reading
from tfp_maf.data_prep.splits import Splits, last_tenths

SEPARATORS = {".csv": ",", ".tsv": "\t"}
MOST_SHOWN = 5  # rows with a bad value that a message names


def load(
    path: str | Path,
    *,
    drop: Collection[str] = (),
    weight: str | None = None,
    seed: int = 0,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    na: Collection[str] = (),
    columns: Sequence[str] = (),
) -> Splits:
    """Load a table's number columns, shuffled, split and standardised.

    Columns of text or dates, constants, row numbers, and columns that repeat others or are linear
    in them are left out, as are rows with missing values; ``notes`` lists all of it. The last tenth
    of the shuffled rows is the test set, the last tenth of the rest the validation set. Mean and
    deviation are those of the training rows.

    Args:
        path: Table in text (``.csv``, ``.tsv``, ``.txt``, ``.data``), ``.json``, ``.jsonl``,
            ``.parquet``, ``.feather``, ``.xlsx``, ``.npy`` or ``.npz``, possibly compressed as
            ``.gz``, ``.bz2``, ``.xz`` or ``.zip``; ``-`` is standard input.
        drop: Names of columns to leave out.
        weight: Name of the column that holds each row's weight in training.
        seed: Seed of the shuffle.
        separator, decimal, encoding, header, na, columns: See :class:`Reading`.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read, has no columns of numbers or too few rows, or lacks
            a column. The message names all that is wrong.
    """
    path = Path(path)
    reading = Reading(separator, decimal, encoding, header, tuple(na), tuple(columns))
    raw = read_table.read(path, reading)
    _require(raw.frame.columns, path, {"to drop": drop, "to use": columns, "of weights": weight})
    given = [name for name in raw.frame.columns if name in drop]
    raw = dataclasses.replace(raw, frame=raw.frame.drop(columns=given))
    aside = () if weight is None else (weight,)
    clean = clean_table.clean(raw, reading, aside=aside)
    clean.left_out += [*drop, *aside]
    if columns:
        clean.left_out += [n for n in raw.frame.columns if n not in (*columns, *clean.left_out)]
    clean.notes += [f"column {name!r} left out as requested" for name in drop]
    if weight is not None:
        clean.notes.append(f"column {weight!r} weighs the training rows; scores do not use it")
    if not clean.columns:
        why = f" ({'; '.join(clean.notes)})" if clean.notes else ""
        raise ValueError(f"{path} has no column of numbers left{_short(why)}")
    order = np.random.default_rng(seed).permutation(len(clean.x))
    splits = _split(clean, order, path)
    if weight is None:
        return splits
    weights = _weights(raw.frame, weight, path, raw.decimal)[clean.rows]
    of_train, _, _ = last_tenths(weights[order])
    return dataclasses.replace(splits, weights=of_train)


def _split(clean: CleanTable, order: np.ndarray, path: Path) -> Splits:
    """Split shuffled rows, and leave out the columns that have no joint density in training."""
    x, columns = clean.x[order], np.array(clean.columns, object)
    gaps = [note for note in clean.notes if "rows left out" in note]
    with text_files.named(path):
        try:
            train, _, _ = last_tenths(x)
        except ValueError as error:
            raise ValueError("; ".join([str(error), *gaps])) from None
        constant = (train == train[:1]).all(axis=0)
        _leave_out(
            clean, {columns[n]: "it is constant in training" for n in np.flatnonzero(constant)}
        )
        x, columns = x[:, ~constant], columns[~constant]
        if not len(columns):
            raise ValueError(f"no column of numbers left; {'; '.join(clean.notes)}")
        splits = Splits.in_tenths(x, list(columns), fit_validation=False, source=str(path))
        dependent = dependent_columns.find(splits.train, list(columns))
        if dependent:
            _leave_out(clean, {columns[n]: why for n, why in sorted(dependent.items())})
            kept = [n for n in range(len(columns)) if n not in dependent]
            splits = Splits.in_tenths(
                x[:, kept], list(columns[kept]), fit_validation=False, source=str(path)
            )
    return dataclasses.replace(splits, left_out=tuple(clean.left_out), notes=tuple(clean.notes))


def _leave_out(clean: CleanTable, reasons: dict[str, str]) -> None:
    clean.left_out += reasons
    clean.notes += [f"column {name!r} left out: {why}" for name, why in reasons.items()]


def _require(found: Sequence[str], path: Path, wanted: dict[str, Any]) -> None:
    """Check that the columns that the user names are there.

    Raises:
        ValueError: If any is missing; the message names all of them.
    """
    wrong = []
    for purpose, names in wanted.items():
        names = [names] if isinstance(names, str) else names or ()
        missing = [repr(name) for name in names if name not in found]
        if missing:
            wrong.append(f"{path} has no column {', '.join(missing)} {purpose}")
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}; it has {_list(found)}")


def _weights(frame: pd.DataFrame, column: str, path: Path, decimal: str | None) -> np.ndarray:
    """Return the weights of a table's rows, NaN in blank rows at the end.

    Raises:
        ValueError: If a weight is not a number of at least 0.
    """
    rows = clean_table.without_footer(frame)[0]
    weights = numbers(rows, [column], path, Reading(), decimal)[:, 0]
    bad = np.flatnonzero(weights < 0)
    if len(bad):
        raise ValueError(
            f"{path}: row {bad[0] + 1}, column {column!r}: {weights[bad[0]]:g} is a negative weight"
        )
    return weights


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
            f"the file has {_list(found)}"
        )
    unknown = [name for name in found if name not in columns and name not in left_out]
    if unknown:
        raise ValueError(
            f"{path} has a column {unknown[0]!r} that the model does not know; the model "
            f"takes {', '.join(columns)}"
        )
    return list(columns)


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


def _short(text: str) -> str:
    return text if len(text) < 400 else text[:400] + "...)"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:30]))
    return shown if len(names) <= 30 else f"{shown} and {len(names) - 30} others"
