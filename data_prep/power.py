"""POWER: a household's electricity, minute by minute, as in the paper.

UCI "Individual household electric power consumption" (data set 235), file
``household_power_consumption.txt``, prepared as Papamakarios et al. 2017
(arXiv 1705.07057), appendix D.1, and the authors' code do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_prep import table, text_files
from data_prep.splits import Splits

FILE = "household_power_consumption.txt"
HEADER = (
    "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
    "Sub_metering_1;Sub_metering_2;Sub_metering_3"
)
# Intensity is nearly active power over voltage, and reactive power is mostly one
# value, so the authors drop both.
METERS = ("Global_active_power", "Voltage", "Sub_metering_1", "Sub_metering_2", "Sub_metering_3")
COLUMNS = (*METERS, "Time_of_day")
UNITS = ("kW", "V", "Wh", "Wh", "Wh", "min")  # the publisher's; a meter's Wh are of one minute
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
    """Reads, drops, shuffles, blurs, standardises and splits.

    Rows with a ``?`` are dropped. Uniform noise of one recording step blurs the
    rounded meters, so that their density is finite. Rows are standardised with
    the mean and deviation of train and validation.

    Args:
        path: the file, the authors' ``data.npy``, or the folder that one is in.
        seed: of shuffle and noise; the authors' is 42.

    Returns:
        Columns ``Global_active_power`` (kW), ``Voltage`` (V), ``Sub_metering_1..3`` (Wh),
        ``Time_of_day`` (minutes); 1,659,917 / 184,435 / 204,928 rows of the whole file.

    Raises:
        OSError: no such file.
        ValueError: another format, a truncated file or text in a number column.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in (FILE, PREPARED) if (path / name).is_file()]
        if not found:
            raise FileNotFoundError(
                f"{path} has no {FILE}; tfp-maf download power --to {path} gets it"
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
    """The authors' ``data.npy``: the same rows, with reactive power and intensity still there."""
    text_files.require_file(path)
    x = table.read_array(path)
    if x.shape[1] != len(PREPARED_COLUMNS):
        raise ValueError(f"{path} should have {len(PREPARED_COLUMNS)} columns, has {x.shape[1]}")
    frame = pd.DataFrame(x, columns=list(PREPARED_COLUMNS))
    return text_files.numbers(frame[list(COLUMNS)], path), 0


def _read_published(path: Path) -> tuple[np.ndarray, int]:
    """Rows ``[N, 6]`` in file order, and how many had a ``?``."""
    path = text_files.published_file(path, FILE, header=HEADER)
    text_files.require_whole_last_line(path, ";", HEADER.count(";") + 1)
    parts, dropped = [], 0
    for chunk in text_files.read_chunks(path, sep=";", chunksize=CHUNK, dtype=str):
        # The publisher marks a missing minute by '?' in all meters but the last, left empty.
        missing = (chunk == "?").any(axis=1)
        kept = chunk[~missing]
        columns = kept[list(METERS)].assign(Time_of_day=_minutes(kept["Time"]))
        parts.append(text_files.numbers(columns, path))
        dropped += int(missing.sum())
    return np.concatenate(parts), dropped


def _minutes(time: pd.Series) -> pd.Series:
    """``17:24:00`` to 1044."""
    clock = pd.to_datetime(time, format="%H:%M:%S", errors="coerce")
    minutes = clock.dt.hour * 60 + clock.dt.minute
    # A bad time stays as it is, for the message to show.
    return minutes.astype(object).where(clock.notna(), time) if clock.isna().any() else minutes


def _recording_noise(rng: np.random.RandomState, n: int) -> np.ndarray:
    """Uniform on one recording step, ``[n, 6]``, drawn in the authors' order."""
    voltage = 0.01 * rng.rand(n, 1)
    active_power = 0.001 * rng.rand(n, 1)
    sub_meterings = rng.rand(n, 3)
    return np.hstack([active_power, voltage, sub_meterings, np.zeros((n, 1))])
