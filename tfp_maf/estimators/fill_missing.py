"""Filling of missing cells: draws from a model given the cells of the row that are there.

With one missing cell in a row, it is drawn from its full conditional. With several, each is drawn
in turn given the others, again and again (Gibbs sampling; Geman and Geman 1984), which approaches
the joint conditional.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from tfp_maf.data_prep.columns import cells, date_columns
from tfp_maf.data_prep.columns.category_columns import CategoryColumn
from tfp_maf.data_prep.columns.date_columns import DateColumn
from tfp_maf.data_prep.columns.number_columns import NumberColumn
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.splits import Rows
from tfp_maf.estimators import conditionals
from tfp_maf.estimators.table_model import TableModel

SWEEPS = 20  # of Gibbs sampling
MOST_ROWS = 2_000  # per call of the model


@dataclass(frozen=True)
class Filled:
    """Table whose missing cells are filled.

    Attributes:
        frame: the table; with several draws, a column ``draw`` counts them.
        single, several: numbers of rows with one missing cell, and with several.
        replaced: number of cells that are text or infinite in a column of numbers or dates, and
            are filled like missing ones.
        unfilled: numbers of rows that keep their gaps, as another cell cannot be used.
        reason: why, for the first of them.
    """

    frame: pd.DataFrame
    single: int
    several: int
    replaced: int
    unfilled: int
    reason: str

    def describe(self) -> str:
        """Return what was done, in words."""
        words = [
            f"{self.single} rows with one missing cell filled from its conditional",
            f"{self.several} rows with several filled by {SWEEPS} sweeps of Gibbs sampling",
        ]
        if self.replaced:
            words.append(f"{self.replaced} cells that are no numbers or dates replaced")
        if self.unfilled:
            words.append(f"{self.unfilled} rows left as they are: {self.reason}")
        return "; ".join(words)


def fill(
    model: TableModel,
    frame: pd.DataFrame,
    *,
    decimal: str | None = None,
    draws: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> Filled:
    """Draw the missing cells of a table's rows given the others.

    Args:
        model: model of the table.
        frame: cells as they were read, in the columns that the model knows.
        decimal: decimal sign of numbers in text; by default, each column tells.
        draws: how often each row is filled.
        seed: of the draws.
        progress: whether to show a progress bar.

    Raises:
        ValueError: If the model has given columns.
    """
    rng = np.random.default_rng(seed)
    parsed = {
        name: cells.parse(frame[name], decimal=decimal, na=model.schema.na)
        for name in (column.name for column in model.schema.columns)
    }
    gaps, bad = _gaps(model.schema, frame, parsed)
    gaps |= bad
    parts = conditionals.parts_of(model, seed=seed)
    rows, reasons = _begun(model, frame, gaps, decimal, seed)
    wanted = gaps.any(axis=1) & (reasons == "")
    pieces = []
    for number in range(draws):
        filled = rows
        places = np.flatnonzero(wanted)
        for first in tqdm(
            range(0, len(places), MOST_ROWS), unit="chunk", disable=not progress, leave=False
        ):
            chunk = places[first : first + MOST_ROWS]
            drawn = _gibbs(model, filled[chunk], gaps[chunk], parts, rng)
            z, new = filled.z.copy(), filled.codes.copy()
            z[chunk], new[chunk] = drawn.z, drawn.codes
            filled = dataclasses.replace(filled, z=z, codes=new)
        piece = _restored(model, frame, gaps & wanted[:, None], filled, parsed)
        if draws > 1:
            piece.insert(0, "draw", number + 1)
        pieces.append(piece)
    left = np.flatnonzero(gaps.any(axis=1) & (reasons != ""))
    counts = gaps.sum(axis=1)[wanted]
    return Filled(
        pd.concat(pieces, ignore_index=True),
        int((counts == 1).sum()),
        int((counts > 1).sum()),
        int((bad & wanted[:, None]).sum()),
        len(left),
        str(reasons[left[0]]) if len(left) else "",
    )


def _gaps(
    schema: Schema, frame: pd.DataFrame, parsed: Mapping[str, cells.Cells]
) -> tuple[np.ndarray, np.ndarray]:
    """Return masks ``[N, columns]`` of missing cells, and of those of another kind."""
    missing, bad = [], []
    for column in schema.columns:
        found = parsed[column.name]
        values = found.numbers
        if isinstance(column, DateColumn):
            values = date_columns.seconds_of(frame[column.name], column.format)
        missing.append(found.missing)
        is_known = found.missing | np.isfinite(values) | isinstance(column, CategoryColumn)
        bad.append(~is_known)
    return np.stack(missing, axis=1), np.stack(bad, axis=1)


def _begun(
    model: TableModel, frame: pd.DataFrame, gaps: np.ndarray, decimal: str | None, seed: int
) -> tuple[Rows, np.ndarray]:
    """Return rows whose gaps hold a sample's values, and why others can't be used."""
    samples = model.cells(*model.sample_standard(len(frame), seed=seed))
    complete = frame.copy()
    for place, column in enumerate(model.schema.columns):
        _put(complete, column.name, gaps[:, place], samples)
    encoded = model.schema.encode(complete, decimal=decimal)
    usable = (encoded.reasons == "")[:, None]
    codes = np.where(usable, encoded.codes, 0)
    encoded = dataclasses.replace(encoded, codes=codes)
    return model.schema.standardised(encoded, model.scaler), encoded.reasons


def _put(frame: pd.DataFrame, name: str, gaps: np.ndarray, source: pd.DataFrame) -> None:
    """Set a column's cells, where there are gaps, to those of another table."""
    if gaps.any():
        values = frame[name].astype(object).to_numpy(copy=True)
        values[gaps] = source[name].astype(object).to_numpy()[gaps]
        frame[name] = values


def _gibbs(
    model: TableModel,
    rows: Rows,
    gaps: np.ndarray,
    parts: list[conditionals.Part],
    rng: np.random.Generator,
) -> Rows:
    """Draw the missing parts of rows, each given all others, in turn."""
    place_of = {column.name: place for place, column in enumerate(model.schema.columns)}
    once = gaps.sum(axis=1) == 1
    for sweep in range(SWEEPS):
        for part in parts:
            active = gaps[:, place_of[part.column]]
            if sweep:  # one number alone needs no second draw, unless its column has several parts
                active = active & ~(once & (_parts_of(parts, part.column) == 1))
            places = np.flatnonzero(active)
            if not len(places):
                continue
            here = rows[places]
            conditional, _ = conditionals.log_conditional(
                conditionals.log_joint(model, here, part), part
            )
            if _says_missing(model, part):  # the gap is to be filled
                conditional[:, -1] = -np.inf
            drawn = conditionals.draw(conditional, part, rng)
            name = "z" if part.is_number else "codes"
            values = getattr(rows, name).copy()
            values[places, part.place] = drawn
            rows = dataclasses.replace(rows, **{name: values})
    return rows


def _says_missing(model: TableModel, part: conditionals.Part) -> bool:
    """Return whether the last category of a part is that the column's value is missing."""
    if part.is_number:
        return False
    (column,) = (column for column in model.schema.columns if column.name == part.column)
    first = list(model.schema.category_sizes).index(next(iter(column.category_sizes)))
    return column.has_missing and part.place == first + len(column.category_sizes) - 1


def _parts_of(parts: list[conditionals.Part], column: str) -> int:
    return sum(part.column == column for part in parts)


def _restored(
    model: TableModel,
    frame: pd.DataFrame,
    gaps: np.ndarray,
    rows: Rows,
    parsed: Mapping[str, cells.Cells],
) -> pd.DataFrame:
    """Return the table with the gaps' cells from rows, and all others as they were.

    A column's numbers are written as its other cells are, or, without any, as in training.
    """
    spellings = dict(model.schema.spellings)
    for column in model.schema.columns:
        if isinstance(column, NumberColumn) and len(parsed[column.name].finite):
            spellings.pop(column.name, None)
            own = parsed[column.name].spelling
            spellings |= {column.name: own} if own else {}
    schema = dataclasses.replace(model.schema, spellings=spellings)
    decoded = schema.spelled(model.cells(rows.z, rows.codes))
    result = frame.reset_index(drop=True).copy()
    for place, column in enumerate(schema.columns):
        _put(result, column.name, gaps[:, place], decoded)
    return result
