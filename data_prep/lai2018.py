"""Exchange rates and electricity of Lai et al. 2018 (arXiv 1703.07015), in their published form.

``exchange_rate.txt.gz`` has daily rates of eight currencies from 1990 to 2016, and
``electricity.txt.gz`` the hourly use of 321 clients from 2012 to 2014 in kWh, both from
github.com/laiguokun/multivariate-time-series-data: numbers between commas, without header and
without times. As there, six tenths of the rows are for training, two for validation, two for the
test. As for any table, ``tfp-maf train exchange_rate.txt.gz --time order`` reads them too, with the
command's own split and no calendar.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfp_maf.data_prep import text_files, time_table
from tfp_maf.data_prep.columns.date_columns import MONDAY
from tfp_maf.data_prep.time_axis import Axis
from tfp_maf.data_prep.time_table import TimeTable

EXCHANGE, ELECTRICITY = "exchange_rate.txt", "electricity.txt"
RATES, CLIENTS = 8, 321
SHARES = (0.6, 0.8)  # of the rows, by time: the ends of train and validation
CHUNK = 10_000
HOUR = 3600.0
FIRST_HOUR = "2012-01-01"  # 26,304 hours are the three years to the end of 2014


def load_exchange(path: str | Path) -> TimeTable:
    """Load the exchange rates, a step a row: the file does not tell which days it has.

    Args:
        path: The file, packed or not, or a folder that contains it.

    Returns:
        Columns ``rate_1`` to ``rate_8``; 7,588 rows from the complete file.

    Raises:
        OSError: If the file is missing.
        ValueError: If it has another number of columns, is truncated, or a number is invalid.
    """
    x, path = _read(Path(path), EXCHANGE, RATES)
    axis = Axis(0.0, 1.0, is_clock=False)
    return _in_order(x, [f"rate_{i + 1}" for i in range(RATES)], axis, path)


def load_electricity(path: str | Path) -> TimeTable:
    """Load the use of electricity, hour by hour from the begin of 2012, with its calendar.

    Args:
        path: The file, packed or not, or a folder that contains it.

    Returns:
        Columns ``client_1`` to ``client_321`` in kWh; 26,304 rows from the complete file.

    Raises:
        OSError: If the file is missing.
        ValueError: If it has another number of columns, is truncated, or a number is invalid.
    """
    x, path = _read(Path(path), ELECTRICITY, CLIENTS)
    origin = float((np.datetime64(FIRST_HOUR, "us") - MONDAY) / np.timedelta64(1, "s"))
    axis = Axis.regular(origin, HOUR, steps=len(x))
    return _in_order(x, [f"client_{i + 1}" for i in range(CLIENTS)], axis, path)


def _in_order(x: np.ndarray, names: list[str], axis: Axis, path: Path) -> TimeTable:
    with text_files.named(path):
        return time_table.of_rows(x, names, axis=axis, shares=SHARES, source=str(path))


def _read(path: Path, name: str, columns: int) -> tuple[np.ndarray, Path]:
    """Return the rows ``[N, columns]`` of a file without header, and its path."""
    if path.is_dir():
        packed = path / f"{name}.gz"
        path = packed if packed.is_file() else path / name
    text_files.require_file(path)
    if path.suffix != ".gz":
        text_files.require_whole_last_line(path, ",", columns)
    chunks = text_files.read_chunks(path, header=None, chunksize=CHUNK)
    parts = []
    for chunk in chunks:
        if chunk.shape[1] != columns:
            raise ValueError(f"{path} should have {columns} columns, but has {chunk.shape[1]}")
        parts.append(text_files.numbers(chunk, path))
    return np.concatenate(parts), path
