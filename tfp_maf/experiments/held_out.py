"""Scores of a run's held-out rows: thresholds need them, when the data may be gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.files import write_csv
from tfp_maf.data_prep.splits import Rows
from tfp_maf.utils.console import say

HELD_OUT = "held_out.csv"


def write_held_out(
    folder: Path, scores: Mapping[str, np.ndarray], rows: Mapping[str, Rows]
) -> None:
    """Write the log-likelihoods of validation and test rows, in the columns' own units.

    Args:
        folder: folder of the run.
        scores: log-likelihoods in standard units, by part.
        rows: the rows, by part.
    """
    frames = [
        pd.DataFrame({"part": part, "log_prob": values + rows[part].to_units})
        for part, values in scores.items()
    ]
    write_csv(folder / HELD_OUT, pd.concat(frames, ignore_index=True))


def read_held_out(folder: Path) -> np.ndarray:
    """Return the log-likelihoods of all held-out rows, in the columns' own units, ``[N]``.

    Raises:
        OSError: If the run has none.
        ValueError: If the file is damaged.
    """
    path = folder / HELD_OUT
    try:
        values = pd.read_csv(path, **text_files.EXACT)["log_prob"].to_numpy(np.float64)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error})") from None
    return values[np.isfinite(values)]


def possible_rate(false_alarms: float, count: int, *, of: str) -> float:
    """Return a false-alarm rate that ``count`` held-out scores can tell, and say if it is another.

    Args:
        false_alarms: the rate that is asked for.
        count: number of held-out scores.
        of: what has these scores, in the plural, for the message.
    """
    rarest = 1 / (count + 1)
    if false_alarms >= rarest:
        return false_alarms
    say(
        f"{count} held-out {of} can't tell a false-alarm rate of {false_alarms:.2%}: the rarest "
        f"that they can, {rarest:.2%}, is used"
    )
    return rarest
