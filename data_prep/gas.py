"""GAS: sixteen gas sensors under changing concentrations, as in the post and the paper.

UCI "Gas sensor array under dynamic gas mixtures" (data set 322), file
``ethylene_CO.txt``: one line of header, then time, two concentrations and 16
sensor readings a row, 4,208,261 rows in the published file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from data_prep import pickles, text_files
from data_prep.column_statistics import ColumnStatistics, standardised
from data_prep.splits import Splits, first_not_finite, last_tenths

FILE, PREPARED = "ethylene_CO.txt", "ethylene_CO.pickle"
HEADER = "Time (seconds), CO conc (ppm), Ethylene conc (ppm), sensor readings (16 channels)"
PREPARED_OTHERS = ("Time", "Meth", "Eth")  # of the authors' pickle, besides the sensors
# The post calls the file's columns X1 to X19: time, two concentrations, sensors.
COLUMNS = tuple(f"X{i}" for i in range(1, 20))
SENSORS = COLUMNS[3:]
# What caret's findCorrelation(cutoff = .985) left of the sensors in the post.
POST_COLUMNS = ("X4", "X5", "X8", "X9", "X13", "X16", "X17", "X18")
PAPER_CUTOFF = 0.98
CHUNK = 100_000

Recipe = Literal["paper", "post"]


def load(
    path: str | Path, *, recipe: Recipe = "paper", seed: int = 0, progress: bool = False
) -> Splits:
    """Reads twice, in chunks: picks columns, standardises with all rows and splits.

    ``"paper"`` (arXiv 1705.07057, appendix D.2, and the authors' code): drops the
    first sensor that has another with a signed correlation above .98 until none
    has; rows in file order, the last tenth for the test, the last tenth of the rest
    for validation.

    ``"post"``: the post's eight columns; a random half is the test. The post validated
    on its test rows; here the last tenth of the training half validates.

    Args:
        path: the file, the authors' ``ethylene_CO.pickle``, or the folder that one is in.
        recipe: see above.
        seed: of the post's random split.
        progress: whether reading shows a progress bar, on standard error.

    Raises:
        OSError: no such file.
        ValueError: another format, a truncated file or text in a number column.
    """
    if recipe not in ("paper", "post"):
        raise ValueError(f"recipe must be 'paper' or 'post', got {recipe!r}")
    path = Path(path)
    if path.name == PREPARED or ((path / PREPARED).is_file() and not (path / FILE).is_file()):
        path = path / PREPARED if path.is_dir() else path
        prepared = _read_prepared(path)
    else:
        path = text_files.published_file(path, FILE, header=HEADER)
        text_files.require_whole_last_line(path, None, len(COLUMNS))
        prepared = None

    def chunks(doing: str) -> Iterator[np.ndarray]:
        if prepared is None:
            return _sensors(path, doing, progress=progress)
        return (prepared[start : start + CHUNK] for start in range(0, len(prepared), CHUNK))

    seen = ColumnStatistics(len(SENSORS))
    for chunk in chunks("looking at"):
        seen.add(chunk)
    if seen.rows == 0:
        raise ValueError(f"{path} has a header but no rows")
    kept = list(POST_COLUMNS) if recipe == "post" else paper_columns(seen.correlation)
    places = np.array([SENSORS.index(name) for name in kept])
    with text_files.named(path):
        scaler = seen.scaler(kept, places)
        order = None if recipe == "paper" else _shuffled(seen.rows, seed)
        z = standardised(chunks("reading"), scaler, places, rows=seen.rows, order=order)
        train, validation, test = last_tenths(z) if recipe == "paper" else _halves(z)
    dropped = [name for name in SENSORS if name not in kept]
    return Splits(
        train,
        validation,
        test,
        scaler=scaler,
        source=str(path),
        notes=(f"sensors dropped, each nearly repeating another: {', '.join(dropped) or 'none'}",),
    )


def paper_columns(correlation: np.ndarray) -> list[str]:
    """The sensors that the authors' loop leaves, of a signed correlation ``[16, 16]``."""
    kept = list(range(len(correlation)))
    while True:
        repeats = (correlation[np.ix_(kept, kept)] > PAPER_CUTOFF).sum(axis=1) > 1  # 1 is itself
        if not repeats.any():
            return [SENSORS[i] for i in kept]
        del kept[int(np.argmax(repeats))]


def _read_prepared(path: Path) -> np.ndarray:
    """The authors' ``ethylene_CO.pickle``, a quarter of the rows, its sensors ``[N, 16]``."""
    columns, values = pickles.load_frame(path)
    if len(columns) != len(COLUMNS):
        raise ValueError(f"{path} should have {len(COLUMNS)} columns, has {len(columns)}")
    bad = first_not_finite(values)
    if bad is not None:
        raise ValueError(f"{path}: row {bad[0] + 1}, column {columns[bad[1]]!r} is missing")
    sensors = [i for i, name in enumerate(columns) if name not in PREPARED_OTHERS]
    if len(sensors) != len(SENSORS):
        raise ValueError(f"{path} should have columns {', '.join(PREPARED_OTHERS)} and 16 sensors")
    return values[:, sensors]


def _sensors(path: Path, doing: str, *, progress: bool) -> Iterator[np.ndarray]:
    """The rows of the 16 sensors, float64 ``[n, 16]``, in chunks."""
    chunks = text_files.read_chunks(
        path, sep=r"\s+", header=None, names=list(COLUMNS), skiprows=1, chunksize=CHUNK
    )
    with tqdm(desc=f"{doing} {path.name}", unit=" rows", disable=not progress) as bar:
        for chunk in chunks:
            yield text_files.numbers(chunk, path)[:, 3:]
            bar.update(len(chunk))


def _shuffled(rows: int, seed: int) -> np.ndarray:
    """The place of each row in a random order."""
    place = np.empty(rows, np.int64)
    place[np.random.default_rng(seed).permutation(rows)] = np.arange(rows)
    return place


def _halves(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    train, test = np.split(z, [len(z) // 2])
    n_validation = len(train) // 10
    if n_validation < 1:
        raise ValueError(f"{len(z)} rows are too few to split: at least 20 are needed")
    return train[:-n_validation], train[-n_validation:], test
