"""Runs of time series as other commands read them."""

from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep.reading.reading import Reading
from tfp_maf.data_prep.time_axis import Axis
from tfp_maf.data_prep.time_table import TimeColumns
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.time_run import STEPS, TimeRun, noise_columns, steps_frame


def test_held_out_steps_of_series_of_any_name(tmp_path):
    none = np.zeros(0)
    columns = TimeColumns(
        ("t",), "land", ("x",), (), Axis(0.0, 1.0, False), np.zeros(1), none, none, (3, 4)
    )
    noise = noise_columns(np.ones([2, 1]))
    values = {"part": "test", "log_prob": [1.5, np.nan], **noise}
    frames = [steps_frame(columns, name, np.arange(2), values) for name in ("NA", "007")]
    pd.concat(frames).to_csv(tmp_path / STEPS, index=False)
    found = TimeRun(Run(Path(tmp_path)), columns, "", Reading()).held_out()
    assert found["land"].tolist() == ["NA", "NA", "007", "007"]
    assert found["log_prob"].isna().tolist() == [False, True] * 2
