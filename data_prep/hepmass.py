"""HEPMASS data of the paper: collisions that produce a particle of mass 1000.

UCI "HEPMASS" (data set 347), files ``1000_train.csv`` and ``1000_test.csv``, gzipped or not; the
archive of the paper's authors contains the same files. They are prepared as in Papamakarios et al.
2017 (arXiv 1705.07057), appendix D, and in the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.column_statistics import ColumnStatistics, standardised
from tfp_maf.data_prep.splits import Splits

FILES = ("1000_train.csv", "1000_test.csv")
LABEL = "# label"
FEATURES = tuple(f"f{i}" for i in range(27))
SIGNAL = 1
CHUNK = 50_000


def load(folder: str | Path, *, progress: bool = False) -> Splits:
    """Load the signal rows, without discrete features, standardised and split.

    The files are read twice, in chunks. The last tenth of the training file's signal rows is the
    validation set. Mean and deviation (ddof 1) are those of all signal rows in the training file.

    Args:
        folder: Folder that contains the two files.
        progress: Whether to show a progress bar on standard error.

    Returns:
        21 columns; 315,123 / 35,013 / 174,987 rows from the complete files.

    Raises:
        OSError: If a file is missing.
        ValueError: If a file has another format or is truncated, or a number is invalid.
    """
    train_path, test_path = (text_files.find(Path(folder), (name, f"{name}.gz")) for name in FILES)
    seen = ColumnStatistics(len(FEATURES))
    for chunk in _signal(train_path, progress=progress):
        seen.add(chunk)
    if seen.rows < 10:
        raise ValueError(f"{train_path} has {seen.rows} signal rows, but at least 10 are needed")
    test_rows = sum(len(chunk) for chunk in _signal(test_path, progress=progress))
    if test_rows == 0:
        raise ValueError(f"{test_path} has no signal rows")
    places = np.flatnonzero(~seen.discrete)
    if len(places) == 0:
        raise ValueError(f"{train_path}: all features are discrete")
    columns = [FEATURES[i] for i in places]
    with text_files.named(train_path):
        scaler = seen.scaler(columns, places)
    train, test = (
        standardised(_signal(path, progress=progress), scaler, places, rows=rows)
        for path, rows in ((train_path, seen.rows), (test_path, test_rows))
    )
    n_validation = len(train) // 10
    dropped = [name for name in FEATURES if name not in columns]
    return Splits(
        train=train[:-n_validation],
        validation=train[-n_validation:],
        test=test,
        scaler=scaler,
        source=str(folder),
        left_out=tuple(dropped),
        notes=(f"discrete features dropped: {', '.join(dropped) or 'none'}",),
    )


def _signal(path: Path, *, progress: bool) -> Iterator[np.ndarray]:
    """Yield the features of the signal rows in chunks, float64 ``[n, 27]``."""
    with tqdm(desc=f"reading {path.name}", unit=" rows", disable=not progress) as bar:
        for chunk in text_files.read_chunks(path, chunksize=CHUNK):
            missing = [name for name in (LABEL, *FEATURES) if name not in chunk.columns]
            if missing:
                raise ValueError(f"{path} is not UCI's file: it has no column {missing[0]!r}")
            # The test file has an extra column, the mass, with the same value in every row.
            numbers = text_files.numbers(chunk[[LABEL, *FEATURES]], path)
            yield numbers[numbers[:, 0] == SIGNAL, 1:]
            bar.update(len(chunk))
