"""GAS: sixteen gas sensors under changing concentrations, as in the post and the paper.

UCI "Gas sensor array under dynamic gas mixtures" (data set 322), file
``ethylene_CO.txt``: one line of header, then time, two concentrations and 16
sensor readings a row, 4,208,261 rows in the published file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from data_prep import text_files
from data_prep.splits import Scaler, Splits, last_tenths

FILE = "ethylene_CO.txt"
HEADER = "Time (seconds), CO conc (ppm), Ethylene conc (ppm), sensor readings (16 channels)"
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
    """Reads in chunks, picks columns, standardises with all rows and splits.

    ``"paper"`` (arXiv 1705.07057, appendix D.2, and the authors' code): drops the
    first sensor that has another with a signed correlation above .98 until none
    has; rows in file order, the last tenth for the test, the last tenth of the rest
    for validation.

    ``"post"``: the post's eight columns; a random half is the test. The post validated
    on its test rows; here the last tenth of the training half validates.

    Args:
        path: the file, or the folder it is in.
        recipe: see above.
        seed: of the post's random split.
        progress: whether reading shows a progress bar, on standard error.

    Raises:
        OSError: no such file.
        ValueError: another format, a truncated file or text in a number column.
    """
    if recipe not in ("paper", "post"):
        raise ValueError(f"recipe must be 'paper' or 'post', got {recipe!r}")
    path = text_files.published_file(Path(path), FILE, header=HEADER)
    text_files.require_whole_last_line(path, None, len(COLUMNS))
    x = _read_sensors(path, progress=progress)
    kept = list(POST_COLUMNS) if recipe == "post" else paper_columns(_correlation(x))
    x = x[:, [SENSORS.index(name) for name in kept]]
    with text_files.named(path):
        scaler = Scaler.fit(x, kept, ddof=1)
        z = scaler.standardise(x)
        del x
        train, validation, test = last_tenths(z) if recipe == "paper" else _random_halves(z, seed)
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


def _read_sensors(path: Path, *, progress: bool) -> np.ndarray:
    """All rows of the 16 sensors, float64 ``[N, 16]``."""
    parts = []
    chunks = text_files.read_chunks(
        path, sep=r"\s+", header=None, names=list(COLUMNS), skiprows=1, chunksize=CHUNK
    )
    with tqdm(desc=f"reading {path.name}", unit=" rows", disable=not progress) as bar:
        for chunk in chunks:
            parts.append(text_files.numbers(chunk, path)[:, 3:])
            bar.update(len(chunk))
    if not parts:
        raise ValueError(f"{path} has a header but no rows")
    x = np.empty([sum(map(len, parts)), len(SENSORS)])
    end = len(x)
    while parts:  # from the back, freeing each chunk: never two whole copies at once
        part = parts.pop()
        x[end - len(part) : end] = part
        end -= len(part)
    return x


def _correlation(x: np.ndarray) -> np.ndarray:
    """Pearson's, ``[D, D]``, in chunks: ``numpy.corrcoef`` would copy ``x``."""
    mean = x.mean(axis=0)
    covariance = np.zeros([x.shape[1]] * 2)
    for start in range(0, len(x), CHUNK):
        centred = x[start : start + CHUNK] - mean
        covariance += centred.T @ centred
    deviation = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore"):  # a constant sensor is reported by Scaler.fit
        return covariance / np.outer(deviation, deviation)


def _random_halves(z: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shuffled = np.random.default_rng(seed).permutation(len(z))
    train, test = np.split(z[shuffled], [len(z) // 2])
    n_validation = len(train) // 10
    if n_validation < 1:
        raise ValueError(f"{len(z)} rows are too few to split: at least 20 are needed")
    return train[:-n_validation], train[-n_validation:], test
