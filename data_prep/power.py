"""POWER data of the paper: electricity use of a household, minute by minute.

UCI "Individual household electric power consumption" (data set 235), file
``household_power_consumption.txt``. It is prepared as in Papamakarios et al. 2017 (arXiv
1705.07057), appendix D.1, and in the authors' code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import table, text_files
from tfp_maf.data_prep.splits import Splits

FILE = "household_power_consumption.txt"
HEADER = (
    "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
    "Sub_metering_1;Sub_metering_2;Sub_metering_3"
)
# The authors drop intensity, which is nearly active power over voltage, and reactive power, which
# is mostly a single value.
METERS = ("Global_active_power", "Voltage", "Sub_metering_1", "Sub_metering_2", "Sub_metering_3")
COLUMNS = (*METERS, "Time_of_day")
UNITS = ("kW", "V", "Wh", "Wh", "Wh", "min")  # as published; Wh are per minute
PREPARED = "data.npy"
PREPARED_COLUMNS = (
    "Global_active_power",
    "Global_reactive_power",
    "Voltage",
    "Global_intensity",
    "Sub_metering_1",
    "Sub_metering_2",
    "Sub_metering_3",
    "Time_of_day",
)
CHUNK = 200_000


def load(path: str | Path, *, seed: int = 42) -> Splits:
    """Load the meters, shuffled, dequantised, standardised and split.

    Rows with a ``?`` are dropped. Uniform noise of one recording step is added to the rounded
    meters, which makes their density finite. Mean and deviation are those of train and validation
    together.

    Args:
        path: The file, the authors' ``data.npy``, or a folder that contains either.
        seed: Seed of the shuffle and the noise; the authors use 42.

    Returns:
        Columns ``Global_active_power`` (kW), ``Voltage`` (V), ``Sub_metering_1..3`` (Wh),
        ``Time_of_day`` (minutes); 1,659,917 / 184,435 / 204,928 rows from the complete file.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file has another format or is truncated, or a number is invalid.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in (FILE, PREPARED) if (path / name).is_file()]
        if not found:
            raise FileNotFoundError(
                f"{path} has no {FILE}; download it with: tfp-maf download power --to {path}"
            )
        path = found[0]
    x, dropped = _read_prepared(path) if path.name == PREPARED else _read_published(path)
    rng = np.random.RandomState(seed)
    rng.shuffle(x)
    x += _recording_noise(rng, len(x))
    with text_files.named(path):
        return Splits.in_tenths(
            x,
            COLUMNS,
            units=UNITS,
            source=str(path),
            notes=(f"{dropped} rows with a '?' dropped",),
        )


def _read_prepared(path: Path) -> tuple[np.ndarray, int]:
    """Return the rows ``[N, 6]`` of the authors' ``data.npy``, and 0 as the count of dropped rows.

    The file still contains reactive power and intensity, but no rows with a ``?``.
    """
    text_files.require_file(path)
    x = table.read_array(path)
    if x.shape[1] != len(PREPARED_COLUMNS):
        raise ValueError(
            f"{path} should have {len(PREPARED_COLUMNS)} columns, but has {x.shape[1]}"
        )
    frame = pd.DataFrame(x, columns=list(PREPARED_COLUMNS))
    return text_files.numbers(frame[list(COLUMNS)], path), 0


def _read_published(path: Path) -> tuple[np.ndarray, int]:
    """Read the rows ``[N, 6]`` in file order, and count those dropped for a ``?``."""
    path = text_files.published_file(path, FILE, header=HEADER)
    text_files.require_whole_last_line(path, ";", HEADER.count(";") + 1)
    parts, dropped = [], 0
    for chunk in text_files.read_chunks(path, sep=";", chunksize=CHUNK, dtype=str):
        # In a missing minute, every meter has a '?', except the last, which is empty.
        missing = (chunk == "?").any(axis=1)
        kept = chunk[~missing]
        columns = kept[list(METERS)].assign(Time_of_day=_minutes(kept["Time"]))
        parts.append(text_files.numbers(columns, path))
        dropped += int(missing.sum())
    return np.concatenate(parts), dropped


def _minutes(time: pd.Series) -> pd.Series:
    """Convert times to minutes since midnight: ``17:24:00`` to 1044."""
    clock = pd.to_datetime(time, format="%H:%M:%S", errors="coerce")
    minutes = clock.dt.hour * 60 + clock.dt.minute
    # An invalid time is kept as it is, so that the error message can show it.
    return minutes.astype(object).where(clock.notna(), time) if clock.isna().any() else minutes


def _recording_noise(rng: np.random.RandomState, n: int) -> np.ndarray:
    """Draw noise ``[n, 6]``, uniform over one recording step, in the authors' order."""
    voltage = 0.01 * rng.rand(n, 1)
    active_power = 0.001 * rng.rand(n, 1)
    sub_meterings = rng.rand(n, 3)
    return np.hstack([active_power, voltage, sub_meterings, np.zeros((n, 1))])
