"""Safe reading of arrays from untrusted pickles, without executing anything in them.

The paper's authors and the publishers of CIFAR-10 distribute pickles written by Python 2. Every
class that a pickle names is replaced by one that only records its arguments and state; arrays of
plain numbers are then built from the recorded bytes. NumPy's own functions for this are unsafe with
untrusted input: a dtype that claims to hold objects makes them follow pointers from the file.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep import text_files

KINDS = "biuf"  # booleans, signed and unsigned integers, floating point
MODULES = ("numpy", "pandas")


class Recorded:
    """Stand-in for a pickled object: the name of its class, its arguments and its state."""

    name = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Recorded:
        """Record the arguments."""
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Recorder(pickle.Unpickler):
    """Unpickler that replaces objects by stand-ins and refuses classes of other modules."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        if module in ("builtins", "__builtin__") and name == "slice":
            return slice
        if module.split(".")[0] not in MODULES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed")
        return type(name, (Recorded,), {"name": name})


def load(file: Any, path: Path) -> Any:
    """Load the object in an open pickle, with arrays built and other objects as stand-ins.

    Args:
        file: Binary file, open for reading.
        path: Path of the file for error messages.

    Returns:
        Numbers, text, lists, dicts, arrays and :class:`Recorded` objects.

    Raises:
        ValueError: If the file is truncated, is not a pickle, asks for anything else or does not
            fit into memory; the message names ``path``.
    """
    try:
        return _resolved(_Recorder(file, encoding="latin1").load())
    except MemoryError as error:
        raise ValueError(f"{path} does not fit into memory: {error}") from None
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"{path} is damaged, or not a pickle of arrays: {error}") from None


def _resolved(value: Any) -> Any:
    """Return ``value`` with its recorded arrays and numbers built."""
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
    """Build an array from its state: version, shape, dtype, order, and bytes or list of objects."""
    _, shape, dtype, is_fortran, content = state
    order: Any = "F" if is_fortran else "C"
    if isinstance(content, list):
        array = np.empty(len(content), object)
        array[:] = [str(each) for each in content]  # labels: only they are stored as objects
        return array.reshape(shape, order=order)
    return np.frombuffer(_bytes(content), _dtype(dtype)).reshape(shape, order=order)


def _dtype(recorded: Any) -> np.dtype:
    """Build a number's dtype from its arguments (``"f8"``) and its state (the byte order)."""
    code, byte_order = str(recorded.args[0]), recorded.state[1]
    if code[:1] not in KINDS or byte_order not in ("<", ">", "|", "="):
        raise ValueError(f"it holds an array of {code!r}, not of numbers")
    return np.dtype(byte_order + code)


def _bytes(content: Any) -> bytes:
    return content.encode("latin1") if isinstance(content, str) else bytes(content)


def read(path: Path) -> Any:
    """Load the object in a pickled file; see :func:`load`."""
    with path.open("rb") as file:
        return load(file, path)


def load_frame(path: Path) -> tuple[list[str], np.ndarray]:
    """Read the columns and float64 values ``[N, columns]`` of a DataFrame pickled by pandas 0.x.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file does not hold such a DataFrame.
    """
    text_files.require_file(path)
    found = list(_managers(read(path)))
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
        raise ValueError(f"{path} does not hold a DataFrame of pandas 0.x ({error})") from None
    return columns, values


def _managers(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the states of all block managers in a recorded object."""
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
    """Return the labels of a recorded ``_new_Index(class, {"data": ...})``, or of a range."""
    described = index.args[1]
    if "data" in described:
        return described["data"]
    return range(described["start"], described["stop"], described["step"])
