"""Tables that a run's model is to score, read before TensorFlow is imported.

Importing it takes seconds, and what is wrong with a table should be said at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tfp_maf.data_prep import table
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
    """

    run: Run
    data: str
    frame: pd.DataFrame
    decimal: str | None


def read(folder: str, data: str) -> TableInput:
    """Open a run and read a table for it, and say what of the table is ignored.

    Raises:
        OSError: there is no such run, or no such file.
        ValueError: the run is damaged, the file cannot be read, or a column is missing.
    """
    run = Run.open(folder)
    frame, decimal, notes = table.read_frame(
        data,
        run.schema,
        left_out=run.config["left_out"],
        reading=TableOptions.from_json(run.config).reading,
    )
    for note in notes:
        say(f"{data}: {note}")
    return TableInput(run, data, frame, decimal)
