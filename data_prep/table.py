"""Tables supplied by the user: described, split and standardised."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import describe_table, text_files
from tfp_maf.data_prep.reading import clean_table, read_table
from tfp_maf.data_prep.reading.reading import Missing, Reading
from tfp_maf.data_prep.splits import Splits, last_tenths
from tfp_maf.data_prep.table_rows import listed, numbers, read_frame, wanted

__all__ = ["load", "numbers", "read_array", "read_frame", "wanted"]


def load(
    path: str | Path,
    *,
    drop: Collection[str] = (),
    weight: str | None = None,
    given: Sequence[str] = (),
    missing: Missing = "auto",
    continuous: bool = False,
    schema: Mapping[str, Any] | None = None,
    seed: int = 0,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    na: Collection[str] = (),
    columns: Sequence[str] = (),
) -> Splits:
    """Load a table, describe its columns, and shuffle, split and standardise its rows.

    Numbers, few whole numbers, categories, dates and times are modelled, each in its own way.
    Constants and columns that repeat others or are linear in them follow from the others, and are
    restored in samples. Texts that hardly repeat and row numbers are left out. ``notes`` lists all
    of it, and ``schema`` describes the columns. The last tenth of the shuffled rows is the test
    set, the last tenth of the rest the validation set. What is inferred is inferred from the
    training rows.

    Args:
        path: Table in text (``.csv``, ``.tsv``, ``.txt``, ``.data``), ``.json``, ``.jsonl``,
            ``.parquet``, ``.feather``, ``.xlsx``, ``.xls``, ``.ods``, ``.dta``, ``.sas7bdat``,
            ``.xpt``, ``.arff``, ``.npy`` or ``.npz``, possibly compressed as ``.gz``,
            ``.bz2``, ``.xz`` or ``.zip``; ``-`` is standard input.
        drop: Names of columns to leave out.
        weight: Name of the column that holds each row's weight in training.
        given: Names of the columns that the density is conditional on.
        missing: What is done about missing values: ``"drop"`` their rows, ``"fill"`` the median
            or the most frequent category in, or ``"model"`` that they are missing. ``"auto"``
            drops up to a twentieth of the rows, and models what is missing in more.
        continuous: Whether to take only numbers, as they are, as draws from a density.
        schema: Attributes of columns that are not to be inferred, by name.
        seed: Seed of the shuffle.
        separator, decimal, encoding, header, na, columns: See :class:`Reading`.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read, has no columns to model or too few rows, or lacks
            a column. The message names all that is wrong.
    """
    path = Path(path)
    reading = Reading(separator, decimal, encoding, header, tuple(na), tuple(columns))
    raw = read_table.read(path, reading)
    require_columns(
        raw.frame.columns,
        path,
        {
            "to drop": drop,
            "to use": columns,
            "of weights": weight,
            "that is given": given,
            "to describe": tuple(schema or ()),
        },
    )
    there = [name for name in raw.frame.columns if name in drop]
    raw = dataclasses.replace(raw, frame=raw.frame.drop(columns=there))
    aside = () if weight is None else (weight,)
    found = clean_table.candidates(raw, reading, aside=aside)
    found.left_out += [*drop, *aside]
    if columns:
        found.left_out += [n for n in raw.frame.columns if n not in (*columns, *found.left_out)]
    found.notes += [f"column {name!r} left out as requested" for name in drop]
    if weight is not None:
        found.notes.append(f"column {weight!r} weighs the training rows; scores do not use it")
    wanted = describe_table.Wanted(
        given=tuple(given), missing=missing, continuous=continuous, columns=dict(schema or {})
    )
    with text_files.named(path):
        described = describe_table.describe(found, wanted, raw.decimal, reading.na, seed=seed)
        splits = described.splits(str(path))
    if weight is None:
        return splits
    weights = _weights(raw.frame, weight, path, raw.decimal)[described.rows]
    of_train, _, _ = last_tenths(weights)
    return dataclasses.replace(splits, weights=of_train)


def require_columns(found: Sequence[str], path: Path, wanted: dict[str, Any]) -> None:
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
