"""Arrays out of pickles that others wrote, with nothing in them executed.

The paper's authors and the publishers of CIFAR-10 share pickles of Python 2. Only what NumPy needs
to build an array is called; pandas' classes are replaced by recorders.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import text_files

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
    ("__builtin__", "slice"): slice,
    ("builtins", "slice"): slice,
}


class Recorded:
    """Stands for an object of a class of pandas: what it was made of, and its state."""

    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Recorded:
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "scalar"):
            return _RECONSTRUCT if name == "_reconstruct" else _SCALAR
        if module.split(".")[0] == "pandas":
            return type(name, (Recorded,), {})
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no table needs")


def load(file: Any, path: Path) -> Any:
    """The object in an open pickle: numbers, text, lists, dicts, arrays, recorders.

    Raises:
        ValueError: truncated, not a pickle, or it asks for anything else; names ``path``.
    """
    try:
        return _Arrays(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"{path} is damaged, or not a pickle of arrays: {error}") from None


def load_frame(path: Path) -> tuple[list[str], np.ndarray]:
    """Columns and float64 values ``[N, columns]`` of a ``pandas.DataFrame`` that pandas 0.x wrote.

    Raises:
        OSError: no such file. ValueError: it holds no such frame.
    """
    text_files.require_file(path)
    with path.open("rb") as file:
        found = list(_managers(load(file, path)))
    try:
        (manager,) = found
        columns = [str(name) for name in _index_values(manager["axes"][0])]
        rows = len(_index_values(manager["axes"][1]))
        values = np.full([rows, len(columns)], np.nan)
        for block in manager["blocks"]:
            places = block["mgr_locs"]
            places = range(len(columns))[places] if isinstance(places, slice) else places
            values[:, list(places)] = np.asarray(block["values"], np.float64).T
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path} holds no table of pandas 0.x ({error})") from None
    return columns, values


def _managers(value: Any) -> Iterator[dict[str, Any]]:
    """The states of all block managers in a recorded object."""
    if isinstance(value, Recorded):
        yield from _managers(value.args)
        yield from _managers(value.state)
    elif isinstance(value, dict):
        if "axes" in value and "blocks" in value:
            yield value
        else:
            for inner in value.values():
                yield from _managers(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _managers(inner)


def _index_values(index: Any) -> Any:
    """An index's labels: ``_new_Index(class, {"data": ...})``, or start, stop and step."""
    described = index.args[1]
    if "data" in described:
        return described["data"]
    return range(described["start"], described["stop"], described["step"])
