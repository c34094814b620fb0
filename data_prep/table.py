"""Tables supplied by the user: their number columns, split and standardised."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import clean_table, dependent_columns, read_table, text_files
from tfp_maf.data_prep.clean_table import CleanTable
from tfp_maf.data_prep.reading import Reading
from tfp_maf.data_prep.splits import Splits, last_tenths
from tfp_maf.data_prep.table_rows import listed, numbers, read_rows, wanted

__all__ = ["load", "numbers", "read_array", "read_rows", "wanted"]

SEPARATORS = {".csv": ",", ".tsv": "\t"}


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
        raise ValueError(f"{'; '.join(wrong)}; it has {listed(found)}")


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
