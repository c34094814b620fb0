"""Tables that a run's model is to score, read before TensorFlow is imported.

Importing it takes seconds, and what is wrong with a table should be said at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfp_maf.data_prep import table
from tfp_maf.experiments.labels import anomalies
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.table_options import TableOptions
from tfp_maf.utils.console import say


@dataclass(frozen=True)
class TableInput:
    """Rows of a table.

    Attributes:
        run: the run whose model is to score them.
        data: path of the table.
        frame: cells of the columns that the model knows.
        decimal: decimal sign of numbers in text.
        is_anomaly: which rows are anomalies, if the table says so, ``[N]``.
    """

    run: Run
    data: str
    frame: pd.DataFrame
    decimal: str | None
    is_anomaly: np.ndarray | None = None


def read(folder: str, data: str, *, labels: str | None = None) -> TableInput:
    """Open a run and read a table for it, and say what of the table is ignored.

    Args:
        folder: folder of the run.
        data: path of the table.
        labels: column of the table that says which rows are anomalies.

    Raises:
        OSError: there is no such run, or no such file.
        ValueError: the run is damaged, the file cannot be read, a column is missing, or labels
            cannot be used.
    """
    run = Run.open(folder)
    reading = TableOptions.from_json(run.config).reading
    frame, decimal, notes = table.read_frame(
        data,
        run.schema,
        left_out=run.config["left_out"],
        aside=[] if labels is None else [labels],
        reading=reading,
    )
    for note in notes:
        say(f"{data}: {note}")
    if labels is None:
        return TableInput(run, data, frame, decimal)
    try:
        is_anomaly = anomalies(frame[labels], na=reading.na)
    except ValueError as error:
        raise ValueError(f"--labels: {data}: {error}") from None
    return TableInput(run, data, frame, decimal, is_anomaly)
