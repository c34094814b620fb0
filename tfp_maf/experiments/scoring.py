"""Scores of a table's rows under a run's model; a row that has none says why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfp_maf.data_prep.splits import Rows
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.utils.console import say


@dataclass(frozen=True)
class Scored:
    """Rows of a table with their scores.

    Attributes:
        frame: cells of the columns that the model knows.
        rows: the rows as the model sees them; one that cannot be scored is a placeholder.
        log_prob: log-likelihoods in the columns' own units, NaN where there is none, ``[N]``.
        reasons: why a row has none, an empty text where it has one, ``[N]``.
    """

    frame: pd.DataFrame
    rows: Rows
    log_prob: np.ndarray
    reasons: np.ndarray

    @property
    def is_scored(self) -> np.ndarray:
        """Mask ``[N]`` of the rows that have a score."""
        return np.asarray(self.reasons == "")

    def say_reasons(self, data: str) -> None:
        """Print how many rows have no score, and why the first has none."""
        bad = np.flatnonzero(~self.is_scored)
        if len(bad):
            say(
                f"{len(bad)} of {len(self.log_prob)} rows of {data} have no score, NaN: row "
                f"{self.frame.index[bad[0]] + 1}, {self.reasons[bad[0]]}"
            )


def score_frame(
    model: TableModel,
    frame: pd.DataFrame,
    decimal: str | None = None,
    *,
    progress: bool = False,
) -> Scored:
    """Return the scores of a table's rows."""
    encoded = model.schema.encode(frame, decimal=decimal)
    reasons = encoded.reasons.copy()
    codes = np.where((reasons == "")[:, None], encoded.codes, 0)
    rows = model.schema.standardised(encoded, model.scaler)
    far = ~np.isfinite(rows.z)
    for row in np.flatnonzero(far.any(axis=1) & (reasons == "")):
        name = model.scaler.columns[int(np.argmax(far[row]))]
        reasons[row] = f"column {name!r}: too far from the training data for float32"
    rows = Rows(np.where(far, 0, rows.z), codes, rows.log_det, rows.to_units)
    values = np.full(len(frame), np.nan)
    if len(frame):
        values = model.log_prob(rows, progress=progress) + rows.to_units
    for row in np.flatnonzero(~np.isfinite(values) & (reasons == "")):
        reasons[row] = f"too far from the training data: log_prob is {values[row]} in float32"
    values[reasons != ""] = np.nan
    return Scored(frame, rows, values, reasons)
