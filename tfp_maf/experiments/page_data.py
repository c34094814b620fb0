"""Rows that a run's report compares: held-out rows, training rows, and samples of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.splits import Rows, Splits
from tfp_maf.estimators.table_model import TableModel

MOST_ROWS = 5_000  # of the test and training rows, and number of samples


@dataclass(frozen=True)
class Compared:
    """Rows of a run, and as many of them as cells of the table.

    Attributes:
        model: the model.
        test, train: rows that the model was not trained on, and that it was; at most
            :data:`MOST_ROWS` of either, chosen at random.
        samples: rows that it draws, as if their cells had been read from a file; given columns
            have the values of the test rows, in turn.
        test_cells, train_cells, sample_cells: the same as cells of the table.
        all_train, all_test: all training rows, and all test rows.
        test_places: number of each of the latter in the file, from 0; None if it is not known.
    """

    model: TableModel
    test: Rows
    train: Rows
    samples: Rows
    test_cells: pd.DataFrame
    train_cells: pd.DataFrame
    sample_cells: pd.DataFrame
    all_train: Rows
    all_test: Rows
    test_places: np.ndarray | None

    @classmethod
    def of(cls, model: TableModel, splits: Splits, *, seed: int = 0) -> Compared:
        """Choose rows and draw samples.

        Raises:
            ValueError: If no samples can be drawn.
        """
        rng = np.random.default_rng(seed)
        test, train = (_chosen(splits.rows(part), rng) for part in ("test", "train"))
        test_cells, train_cells = (model.cells(rows.z, rows.codes) for rows in (test, train))
        given = None
        if model.schema.given:
            places = np.arange(MOST_ROWS) % len(test_cells)
            given = test_cells[list(model.schema.given)].iloc[places].reset_index(drop=True)
        sample_cells = model.cells(*model.sample_standard(MOST_ROWS, given=given, seed=seed))
        samples = _read_again(model, sample_cells)
        return cls(
            model,
            test,
            train,
            samples,
            test_cells,
            train_cells,
            sample_cells,
            splits.rows("train"),
            splits.rows("test"),
            splits.places.get("test"),
        )


def _read_again(model: TableModel, cells: pd.DataFrame) -> Rows:
    """Return the rows of a table's cells, rounded and with noise like those that were read.

    Raises:
        ValueError: If no row can be read.
    """
    encoded = model.schema.encode(cells)
    good = encoded.reasons == ""
    if not good.any():
        raise ValueError(f"samples cannot be read as rows: {encoded.reasons[0]}")
    return model.schema.standardised(encoded[good], model.scaler)


def _chosen(rows: Rows, rng: np.random.Generator) -> Rows:
    return rows[np.sort(rng.permutation(len(rows))[:MOST_ROWS])]


def has_number(schema: Schema, codes: np.ndarray) -> np.ndarray:
    """Return a mask ``[N, D]`` of the numbers that rows have.

    The others are those of missing cells and special values, which have a category only.
    """
    mask = np.ones([len(codes), len(schema.number_names)], bool)
    place = code = 0
    for column in schema.columns:
        sizes = list(column.category_sizes)
        count = len(column.number_names)
        if f"{column.name} is" in sizes and count:
            of_column = codes[:, code + sizes.index(f"{column.name} is")]
            mask[:, place : place + count] = (of_column == 0)[:, None]
        place, code = place + count, code + len(sizes)
    return mask


def features(schema: Schema, rows: Rows) -> np.ndarray:
    """Return standardised numbers, zero where there is none, and one-hot categories ``[N, F]``."""
    numbers = np.where(has_number(schema, rows.codes), rows.z, 0)
    return np.concatenate([numbers, schema.one_hot(rows.codes)], axis=1, dtype=np.float64)
