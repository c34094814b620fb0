"""Runs of time series: ``tfp-maf train TABLE --time COLUMN``, and what other commands read of them.

Nothing here imports TensorFlow before the table is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import time_table
from tfp_maf.data_prep.reading.reading import Reading
from tfp_maf.data_prep.time_table import TimeColumns, TimeTable
from tfp_maf.experiments.run import CONFIG, Run
from tfp_maf.utils.console import say

if TYPE_CHECKING:
    from tfp_maf.time_series.flow import TimeFlow

MODEL, STEPS, NOISE = "model", "steps.csv", "noise_"


@dataclass(frozen=True)
class TimeOptions:
    """What the user says about a table in time order; see :func:`time_table.load`."""

    time: tuple[str, ...]
    series: str | None = None
    given: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    reading: Reading = Reading()

    def load(self, path: str | Path) -> TimeTable:
        """Load a table, and say what was done to it."""
        return time_table.load(
            path,
            time=self.time,
            series=self.series,
            given=self.given,
            drop=self.drop,
            reading=self.reading,
        )


def is_time_run(folder: str | Path) -> bool:
    """Return whether a folder is a run of time series; False where it is no run at all."""
    try:
        return "time" in json.loads((Path(folder) / CONFIG).read_text())
    except (OSError, ValueError, TypeError):
        return False


def refuse(folder: str | Path, command: str) -> None:
    """Check that a command that does not know time series is not given a run of them.

    Raises:
        ValueError: it is.
    """
    if is_time_run(folder):
        raise ValueError(
            f"{folder} is a run of time series, which {command} does not know: use evaluate, "
            f"score, anomalies, forecast, plot or report"
        )


@dataclass(frozen=True)
class TimeRun:
    """Run of time series.

    Attributes:
        run: its folder.
        columns: what its model knows of tables.
        source: path of the table that it was trained on.
        reading: how that was read.
    """

    run: Run
    columns: TimeColumns
    source: str
    reading: Reading

    @classmethod
    def open(cls, folder: str | Path) -> TimeRun:
        """Open a run.

        Raises:
            OSError: the folder is not a run.
            ValueError: its configuration is damaged.
        """
        run = Run.open(folder)
        config = run.config
        try:
            columns = TimeColumns.from_json(config["time"])
            reading = Reading(**config["reading"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{run.folder / CONFIG} is damaged ({error}); train again") from None
        return cls(run, columns, config["data"]["source"], reading)

    def read(self, data: str | None) -> TimeTable:
        """Read a table with the columns that the model knows, or the one it was trained on.

        Raises:
            OSError: there is no such file.
            ValueError: the file cannot be read, or lacks a column.
        """
        if data is None and not Path(self.source).is_file():
            raise FileNotFoundError(
                f"the table that {self.run.folder} was trained on is gone ({self.source}): "
                f"give DATA"
            )
        table = time_table.read_more(data or self.source, self.columns, reading=self.reading)
        for note in table.notes:
            say(f"{table.source}: {note}")
        return table

    def model(self) -> TimeFlow:
        """Load the model.

        Raises:
            OSError: there is none.
            ValueError: it is damaged.
        """
        from tfp_maf.time_series.flow import TimeFlow

        return TimeFlow.load(self.run.folder / MODEL)

    def held_out(self) -> pd.DataFrame:
        """Return the steps of validation and test with their ``log_prob``.

        Raises:
            OSError: the run has no such file.
            ValueError: it is damaged.
        """
        path = self.run.folder / STEPS
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: train again")
        try:
            names = [] if self.columns.series is None else [self.columns.series]
            frame = pd.read_csv(
                path,
                dtype=dict.fromkeys(names, str),
                keep_default_na=False,  # a series may be called NA
                na_values={name: [""] for name in self._numbers_of(path)},
            )
            return frame.assign(log_prob=frame["log_prob"].astype(float))
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path} is damaged ({error})") from None

    @staticmethod
    def _numbers_of(path: Path) -> list[str]:
        header = pd.read_csv(path, nrows=0).columns
        return [name for name in header if name == "log_prob" or name.startswith(NOISE)]


def noise_columns(noise: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of a frame that hold noise ``[T, D]``."""
    return {f"{NOISE}{i + 1}": column for i, column in enumerate(noise.T)}


def steps_frame(
    columns: TimeColumns, name: str, steps: np.ndarray, values: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a frame of steps: their series, if the table has several, time, and values."""
    first = {} if columns.series is None else {columns.series: name}
    frame = pd.DataFrame({"time": columns.axis.times(steps), **values})
    for place, (column, value) in enumerate(first.items()):
        frame.insert(place, column, value)
    return frame
