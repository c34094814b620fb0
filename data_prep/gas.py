"""GAS data of the blog post and the paper: sixteen gas sensors under changing concentrations.

UCI "Gas sensor array under dynamic gas mixtures" (data set 322), file ``ethylene_CO.txt``: one
header line, then time, two concentrations and 16 sensor readings per row; 4,208,261 rows in the
published file. The paper's preparation is described in Papamakarios et al. 2017 (arXiv
1705.07057), appendix D.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from tfp_maf.data_prep import pickles, text_files
from tfp_maf.data_prep.column_statistics import ColumnStatistics, standardised
from tfp_maf.data_prep.find_correlation import (
    correlated_columns,
    require_cutoff,
    require_varying,
)
from tfp_maf.data_prep.splits import Splits, first_not_finite, last_tenths

FILE, PREPARED = "ethylene_CO.txt", "ethylene_CO.pickle"
HEADER = "Time (seconds), CO conc (ppm), Ethylene conc (ppm), sensor readings (16 channels)"
PREPARED_OTHERS = ("Time", "Meth", "Eth")  # columns of the authors' pickle that are not sensors
# The post calls the file's columns X1 to X19: time, two concentrations, sensors.
COLUMNS = tuple(f"X{i}" for i in range(1, 20))
SENSORS = COLUMNS[3:]
# The sensors that caret's findCorrelation(cutoff = .985) kept in the post.
POST_COLUMNS = ("X4", "X5", "X8", "X9", "X13", "X16", "X17", "X18")
POST_CUTOFF = 0.985
PAPER_CUTOFF = 0.98
CHUNK = 100_000

Recipe = Literal["paper", "post"]


def load(
    path: str | Path,
    *,
    recipe: Recipe = "paper",
    cutoff: float | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Splits:
    """Load the sensors: choose columns, standardise with all rows, and split.

    The file is read twice, in chunks.

    Recipe ``"paper"`` (arXiv 1705.07057, appendix D.2, and the authors' code) drops the first
    sensor that has a signed correlation above .98 with another, until no sensor has one. Rows keep
    their order: the last tenth is the test set, the last tenth of the rest the validation set.

    Recipe ``"post"`` keeps the post's eight columns, and a random half of the rows is the test set.
    With a ``cutoff``, the columns are chosen by :func:`post_columns` instead; the post's cutoff was
    ``POST_CUTOFF``. The post validated on its test rows; here the last tenth of the training half
    is the validation set.

    Args:
        path: The file, the authors' ``ethylene_CO.pickle``, or a folder that contains either.
        recipe: ``"paper"`` or ``"post"``, as described above.
        cutoff: Largest absolute correlation of two sensors, for recipe ``"post"``; by default, the
            post's list of columns is used.
        seed: Seed of the post's random split.
        progress: Whether to show a progress bar on standard error.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file has another format or is truncated, a number is invalid, ``cutoff``
            is not between 0 and 1, or it is given for recipe ``"paper"``, which has its own.
    """
    if recipe not in ("paper", "post"):
        raise ValueError(f"recipe must be 'paper' or 'post', got {recipe!r}")
    if cutoff is not None:
        if recipe == "paper":
            raise ValueError("cutoff is for recipe 'post'; recipe 'paper' has its own")
        require_cutoff(cutoff)  # before the file is read
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
    for chunk in chunks("scanning"):
        seen.add(chunk)
    if seen.rows == 0:
        raise ValueError(f"{path} has a header but no rows")
    with text_files.named(path):
        if recipe == "paper":
            kept = paper_columns(seen.correlation)
        elif cutoff is None:
            kept = list(POST_COLUMNS)
        else:
            require_varying(seen.constant, list(SENSORS))
            kept = post_columns(seen.correlation, cutoff)
        places = np.array([SENSORS.index(name) for name in kept])
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
        notes=(f"sensors dropped as near-duplicates of others: {', '.join(dropped) or 'none'}",),
    )


def paper_columns(correlation: np.ndarray) -> list[str]:
    """Return the sensors that the authors' loop keeps, given signed correlations ``[16, 16]``."""
    kept = list(range(len(correlation)))
    while True:
        # More than 1, because each sensor correlates with itself.
        repeats = (correlation[np.ix_(kept, kept)] > PAPER_CUTOFF).sum(axis=1) > 1
        if not repeats.any():
            return [SENSORS[i] for i in kept]
        del kept[int(np.argmax(repeats))]


def post_columns(correlation: np.ndarray, cutoff: float = POST_CUTOFF) -> list[str]:
    """Return the sensors that caret's findCorrelation keeps, given correlations ``[16, 16]``.

    Raises:
        ValueError: If a correlation is not finite; the message names the sensor.
    """
    removed = correlated_columns(correlation, cutoff=cutoff, labels=list(SENSORS))
    return [name for i, name in enumerate(SENSORS) if i not in removed]


def _read_prepared(path: Path) -> np.ndarray:
    """Read the sensors ``[N, 16]`` from the authors' pickle, a quarter of the published rows."""
    columns, values = pickles.load_frame(path)
    if len(columns) != len(COLUMNS):
        raise ValueError(f"{path} should have {len(COLUMNS)} columns, but has {len(columns)}")
    bad = first_not_finite(values)
    if bad is not None:
        raise ValueError(
            f"{path}: row {bad[0] + 1}, column {columns[bad[1]]!r}: the value is missing or "
            f"infinite"
        )
    sensors = [i for i, name in enumerate(columns) if name not in PREPARED_OTHERS]
    if len(sensors) != len(SENSORS):
        raise ValueError(f"{path} should have columns {', '.join(PREPARED_OTHERS)} and 16 sensors")
    return values[:, sensors]


def _sensors(path: Path, doing: str, *, progress: bool) -> Iterator[np.ndarray]:
    """Yield the rows of the 16 sensors in chunks, float64 ``[n, 16]``."""
    chunks = text_files.read_chunks(
        path, sep=r"\s+", header=None, names=list(COLUMNS), skiprows=1, chunksize=CHUNK
    )
    with tqdm(desc=f"{doing} {path.name}", unit=" rows", disable=not progress) as bar:
        for chunk in chunks:
            yield text_files.numbers(chunk, path)[:, 3:]
            bar.update(len(chunk))


def _shuffled(rows: int, seed: int) -> np.ndarray:
    """Return the position of each row in a random order."""
    place = np.empty(rows, np.int64)
    place[np.random.default_rng(seed).permutation(rows)] = np.arange(rows)
    return place


def _halves(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    train, test = np.split(z, [len(z) // 2])
    n_validation = len(train) // 10
    if n_validation < 1:
        raise ValueError(f"{len(z)} rows are too few to split: at least 20 are needed")
    return train[:-n_validation], train[-n_validation:], test
