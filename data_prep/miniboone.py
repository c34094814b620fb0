"""MINIBOONE data of the paper: electron neutrinos in the MiniBooNE experiment.

UCI "MiniBooNE particle identification" (data set 199), file ``MiniBooNE_PID.txt``: one line with
the numbers of signal and background rows, then 50 values per row, signal first. The paper's authors
also published ``data.npy``, from which outliers and discrete features are already removed. Either
file is prepared as in Papamakarios et al. 2017 (arXiv 1705.07057), appendix D, and in the authors'
code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import table, text_files
from tfp_maf.data_prep.column_statistics import ColumnStatistics
from tfp_maf.data_prep.splits import Splits

FILE, PREPARED = "MiniBooNE_PID.txt", "data.npy"
FEATURES = tuple(f"x{i}" for i in range(1, 51))
OUTLIER = -100  # lower limit of the first feature; outliers have -999 in every feature


def load(folder: str | Path) -> Splits:
    """Load the signal rows, without outliers and discrete features, standardised and split.

    Mean and deviation are those of train and validation together. The signal rows of the published
    file are the paper's 36,488 and 11 outliers.

    Args:
        folder: Folder that contains one of the files.

    Returns:
        43 columns; 29,556 / 3,284 / 3,648 rows from the complete file.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file has another format or is truncated, or a number is invalid.
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
            f"{path} has {len(x)} rows, but its first line announces {signal} signal rows; the "
            f"file seems truncated, so download it again"
        )
    kept = x[x[:, 0] >= OUTLIER]
    seen = ColumnStatistics(len(FEATURES))
    seen.add(kept)
    places = np.flatnonzero(~seen.discrete)
    names = tuple(FEATURES[i] for i in places)
    dropped = [name for name in FEATURES if name not in names]
    notes = (
        f"{len(x) - len(kept)} outliers dropped",
        f"discrete features dropped: {', '.join(dropped) or 'none'}",
    )
    return kept[:, places], names, notes
