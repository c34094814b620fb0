"""Tables in Parquet, Feather and NumPy's formats, without executing anything."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd


def _parquet(data: bytes, path: Path) -> pd.DataFrame:
    return _by_pyarrow(pd.read_parquet, data, path, "Parquet")


def _feather(data: bytes, path: Path) -> pd.DataFrame:
    return _by_pyarrow(pd.read_feather, data, path, "Feather")


def _by_pyarrow(
    reader: Callable[..., pd.DataFrame], data: bytes, path: Path, kind: str
) -> pd.DataFrame:
    try:
        return _decodable(reader(io.BytesIO(data)).reset_index(drop=True))
    except ImportError:
        raise ValueError(f"reading {path} needs pyarrow: pip install 'tfp_maf[parquet]'") from None
    except Exception as error:  # pyarrow raises errors of several types
        raise ValueError(f"{path} is not a valid {kind} file: {error}") from None


def _decodable(frame: pd.DataFrame) -> pd.DataFrame:
    """Empty columns of text that is not UTF-8, which pyarrow reads but pandas cannot use."""
    for place, name in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame.iloc[:, place]):
            try:
                frame.iloc[:, place].to_numpy(object)
            except Exception:  # of several types, by the version of pyarrow
                frame[name] = [[]] * len(frame)  # no numbers, texts or dates: it is left out
    return frame


def _npy(data: bytes, path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of Python 2's files
            array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # NumPy evaluates the header as a Python literal
        raise ValueError(f"{path} is not a valid .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is not a .npy file: it holds several arrays, as .npz does")
    return _frame(array, path)


def _npz(data: bytes, path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings(), np.load(io.BytesIO(data), allow_pickle=False) as file:
            warnings.simplefilter("ignore", UserWarning)  # of Python 2's files
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # NumPy evaluates headers as Python literals
        raise ValueError(f"{path} is not a valid .npz file: {error}") from None
    tables = [name for name, array in arrays.items() if array.ndim == 2]
    if len(tables) == 1:
        return _frame(arrays[tables[0]], path)
    lengths = {array.shape for array in arrays.values()}
    if not tables and len(lengths) == 1 and all(array.ndim == 1 for array in arrays.values()):
        return pd.DataFrame(arrays)
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in list(arrays.items())[:5])
    raise ValueError(
        f"{path} should hold one array [N, D], or columns [N], but holds {shapes or 'nothing'}; "
        f"save the table alone"
    )


def _frame(array: np.ndarray, path: Path) -> pd.DataFrame:
    if array.ndim != 2 or array.dtype.kind not in "uifb":
        raise ValueError(
            f"{path} should hold numbers of shape [N, D], but has {array.dtype} {list(array.shape)}"
        )
    native = np.array(array, array.dtype.newbyteorder("="))  # older pandas needs it
    return pd.DataFrame(native, columns=[f"x{i}" for i in range(1, array.shape[1] + 1)])


READERS: dict[str, Callable[[bytes, Path], pd.DataFrame]] = {
    ".parquet": _parquet,
    ".pq": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".npy": _npy,
    ".npz": _npz,
}
