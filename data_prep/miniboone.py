"""MINIBOONE: electron neutrinos in the MiniBooNE experiment, as in the paper.

UCI "MiniBooNE particle identification" (data set 199), file ``MiniBooNE_PID.txt``: one line with
the numbers of signal and background rows, then 50 values a row, signal first; or the authors'
``data.npy``, in which outliers and discrete features are dropped already. Prepared as Papamakarios
et al. 2017 (arXiv 1705.07057), appendix D, and the authors' code do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_prep import table, text_files
from data_prep.column_statistics import ColumnStatistics
from data_prep.splits import Splits

FILE, PREPARED = "MiniBooNE_PID.txt", "data.npy"
FEATURES = tuple(f"x{i}" for i in range(1, 51))
OUTLIER = -100  # of the first feature: such events have -999 in all


def load(folder: str | Path) -> Splits:
    """Reads, drops outliers and discrete features, standardises with train and validation, splits.

    Of the publisher's file only the signal rows, which are the paper's 36,488 and 11 outliers.

    Args:
        folder: where one of the files is.

    Returns:
        43 columns, 29,556 / 3,284 / 3,648 rows of the whole file.

    Raises:
        OSError: no such file.
        ValueError: another format, a truncated file or text in a number column.
    """
    path = text_files.find(Path(folder), (FILE, PREPARED))
    if path.name == PREPARED:
        x = text_files.numbers(pd.DataFrame(table.read_array(path)), path)
        names = tuple(f"x{i}" for i in range(1, x.shape[1] + 1))
        notes: tuple[str, ...] = ()
    else:
        x, names, notes = _published(path)
    with text_files.named(path):
        return Splits.in_tenths(x, names, source=str(path), notes=notes)


def _published(path: Path) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    counts = text_files.first_line(path).split()
    if len(counts) != 2 or not all(count.isascii() and count.isdigit() for count in counts):
        raise ValueError(
            f"{path} is not UCI's {FILE}: its first line should hold the numbers of signal and "
            f"background rows"
        )
    signal = int(counts[0])
    chunks = text_files.read_chunks(
        path,
        sep=r"\s+",
        header=None,
        names=list(FEATURES),
        skiprows=1,
        nrows=signal,
        chunksize=max(signal, 1),
    )
    parts = [text_files.numbers(chunk, path) for chunk in chunks]
    x = np.concatenate(parts) if parts else np.empty([0, len(FEATURES)])
    if len(x) < signal:
        raise ValueError(
            f"{path}: {len(x)} rows, but the first line says {signal} of signal; the file seems "
            f"truncated: get it again"
        )
    kept = x[x[:, 0] >= OUTLIER]
    seen = ColumnStatistics(len(FEATURES))
    seen.add(kept)
    places = np.flatnonzero(~seen.discrete)
    names = tuple(FEATURES[i] for i in places)
    dropped = [name for name in FEATURES if name not in names]
    notes = (
        f"{len(x) - len(kept)} outliers dropped",
        f"features dropped, discrete: {', '.join(dropped) or 'none'}",
    )
    return kept[:, places], names, notes
