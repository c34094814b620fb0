"""Figures of a run of time series."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tfp_maf.data_prep.files import naming
from tfp_maf.data_prep.time_table import TimeTable
from tfp_maf.experiments.run import Run
from tfp_maf.plotting import figures, series
from tfp_maf.time_series.flow import TimeFlow
from tfp_maf.time_series.parts import origins_of
from tfp_maf.time_series.sampling import sample_paths
from tfp_maf.utils.console import say, warnings_said

PATHS = 200
MOST_COLUMNS = 8


def write_plots(run: Run, table: TimeTable, model: TimeFlow, steps: pd.DataFrame) -> None:
    """Write the learning curve, likelihood along held-out time, and a fan of the test part.

    Raises:
        OSError: a figure cannot be written.
    """
    drawn = {"learning_curve": figures.plot_history(run.history)}
    first = steps
    if table.columns.series is not None:
        first = steps[steps[table.columns.series] == steps[table.columns.series].iloc[0]]
    drawn["likelihood"] = series.plot_along_time(
        first["time"].to_numpy(), first["log_prob"].to_numpy()
    )
    try:
        with warnings_said(f"{table.source}, fan"):
            drawn["fan"] = _fan(table, model)
    except ValueError as error:
        say(f"no fan is drawn: {error}")
    folder = run.folder / "plots"
    with naming(folder):
        folder.mkdir(exist_ok=True)
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png", dpi=120)


def _fan(table: TimeTable, model: TimeFlow) -> Figure:
    """Return a fan of the test part, from an origin in its middle, with what came next.

    Raises:
        ValueError: no steps of the test part in a row are complete.
    """
    count = min(max(model.past, 10), max(table.count("test") // 2, 1))
    origins = origins_of(table, "test", past=model.past, steps=count, most=3)
    chosen = len(origins.pasts) // 2
    past, known = origins.pasts[chosen], origins.known[chosen]
    paths = sample_paths(model, past[None], steps=count, paths=PATHS, known=known[None])[0]
    return series.plot_fan(
        np.arange(-len(past), count),
        past[:, :MOST_COLUMNS],
        table.columns.rounded(paths)[:, :, :MOST_COLUMNS],
        truth=origins.truth[chosen][:, :MOST_COLUMNS],
        columns=table.columns.modelled[:MOST_COLUMNS],
    )
