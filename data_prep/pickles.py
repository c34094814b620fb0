"""Arrays out of pickles that others wrote, with nothing in them executed.

The paper's authors and the publishers of CIFAR-10 share pickles of Python 2. Every class that a
pickle names becomes a recorder of what it would have been made of; only numbers of plain types are
then built from the bytes. NumPy's own ways to build an array are not to be trusted with foreign
ones: a dtype that claims to hold objects makes it follow pointers from the file.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import text_files

KINDS = "biuf"  # whole numbers, with or without sign, and floating point
MODULES = ("numpy", "pandas")


class Recorded:
    """Stands for an object: the name of its class, what it was made of, and its state."""

    name = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Recorded:
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Recorder(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        if module in ("builtins", "__builtin__") and name == "slice":
            return slice
        if module.split(".")[0] not in MODULES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no table needs")
        return type(name, (Recorded,), {"name": name})


def load(file: Any, path: Path) -> Any:
    """The object in an open pickle: numbers, text, lists, dicts, arrays, recorders of the rest.

    Raises:
        ValueError: truncated, not a pickle, or it asks for anything else; names ``path``.
    """
    try:
        return _resolved(_Recorder(file, encoding="latin1").load())
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"{path} is damaged, or not a pickle of arrays: {error}") from None


def _resolved(value: Any) -> Any:
    """With arrays and numbers built from what was recorded of them."""
    if isinstance(value, Recorded):
        if value.name == "_reconstruct":
            return _array(value.state)
        if value.name == "scalar":
            dtype, content = value.args
            return np.frombuffer(_bytes(content), _dtype(dtype), count=1)[0]
        value.args = tuple(_resolved(inner) for inner in value.args)
        value.state = _resolved(value.state)
    elif isinstance(value, dict):
        return {key: _resolved(inner) for key, inner in value.items()}
    elif isinstance(value, (list, tuple)):
        return type(value)(_resolved(inner) for inner in value)
    return value


def _array(state: Any) -> np.ndarray:
    """From an array's state: version, shape, dtype, order, and bytes, or a list of objects."""
    _, shape, dtype, is_fortran, content = state
    order: Any = "F" if is_fortran else "C"
    if isinstance(content, list):
        array = np.empty(len(content), object)
        array[:] = [str(each) for each in content]  # labels: nothing else is kept as objects
        return array.reshape(shape, order=order)
    return np.frombuffer(_bytes(content), _dtype(dtype)).reshape(shape, order=order)


def _dtype(recorded: Any) -> np.dtype:
    """A plain number's, from a dtype's arguments (``"f8"``) and state (its byte order)."""
    code, byte_order = str(recorded.args[0]), recorded.state[1]
    if code[:1] not in KINDS or byte_order not in ("<", ">", "|", "="):
        raise ValueError(f"an array of {code!r}, not of numbers")
    return np.dtype(byte_order + code)


def _bytes(content: Any) -> bytes:
    return content.encode("latin1") if isinstance(content, str) else bytes(content)


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
