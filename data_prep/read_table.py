"""Reading of tables supplied by the user, in the formats that pandas and NumPy know."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import cells, raw_files, text_files, text_layout
from tfp_maf.data_prep.reading import Reading

CHUNK = 200_000
LONGEST_NAME = 200
TEXT = (".csv", ".tsv", ".txt", ".data", ".dat", ".tab", ".psv", "")
FORMATS = ".csv, .tsv, .txt, .data, .json, .jsonl, .parquet, .feather, .xlsx, .npy or .npz"


@dataclass(frozen=True)
class RawTable:
    """Table as it was read.

    Attributes:
        frame: Columns with names, and an index that counts the rows of the file from 0.
        decimal: Decimal sign of numbers in text; None if each column tells.
        notes: What is worth telling the user.
        named: Whether the file names its columns.
    """

    frame: pd.DataFrame
    decimal: str | None
    notes: tuple[str, ...]
    named: bool = True


def read(path: Path, reading: Reading, *, expected: Sequence[str] = ()) -> RawTable:
    """Read a whole table, with strings as column names and at least one row.

    Args:
        path: File to read; ``-`` is standard input.
        reading: What the user says about the file.
        expected: Names of columns that it should have, which help to read a small file.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file cannot be read.
    """
    data, suffix = raw_files.contents(path)
    named = suffix not in (".npy", ".npz")
    if not suffix and data.lstrip()[:1] in (b"[", b"{"):
        suffix = ".json"
    if suffix in TEXT:
        table = _text(data, path, suffix, reading, expected)
    elif suffix in READERS:
        table = RawTable(READERS[suffix](data, path), reading.decimal, (), named)
    else:
        raise ValueError(
            f"{path}: can't read {suffix}; use {FORMATS}, also within "
            f"{', '.join(raw_files.COMPRESSED)}"
        )
    frame = table.frame
    frame.columns = pd.Index([str(name) for name in frame.columns])
    if any(len(name) > LONGEST_NAME and "\n" in name for name in frame.columns):
        raise ValueError(
            f"{path}: a column's name has several lines; is a quote in the header left open?"
        )
    if len(frame) == 0:
        raise ValueError(f"{path} has a header but no rows")
    return table


def options_of_parts(
    path: Path, reading: Reading, expected: Sequence[str]
) -> tuple[dict[str, Any], str]:
    """Return arguments of ``read_csv`` for a file too large to read at once, and its decimal sign.

    Cells are read as text, so that the message about an invalid number can name its row.

    Raises:
        ValueError: If the file is not text, or is in an encoding that cannot be split.
    """
    with path.open("rb") as file:
        head = file.read(raw_files.SAMPLE)
    head = head[: head.rfind(b"\n") + 1] or head
    text, encoding = raw_files.decoded(head, path, reading.encoding)
    if encoding.startswith(("utf-16", "utf-32")):
        raise ValueError(f"{path}: {encoding} cannot be read in parts; convert the file to UTF-8")
    with text_files.named(path):
        layout = text_layout.find(text, reading, path.suffix.lower(), expected)
    options = {
        "sep": r"\s+" if layout.separator == " " else layout.separator,
        "dtype": str,
        "encoding": encoding,
        "skip_blank_lines": False,
        "names": list(layout.names),
        "header": None,
        "skiprows": text[: layout.start].count("\n"),
    }
    return options, layout.decimal


def _text(
    data: bytes, path: Path, suffix: str, reading: Reading, expected: Sequence[str]
) -> RawTable:
    text, encoding = raw_files.decoded(data, path, reading.encoding)
    with text_files.named(path):
        layout = text_layout.find(text, reading, suffix, expected)
    notes = list(layout.notes)
    if encoding not in ("utf-8", reading.encoding):
        notes.insert(0, f"the text is encoded in {encoding}")
    body = text[layout.start :]
    if not body.strip():
        raise ValueError(f"{path} has a header but no rows")
    try:
        frame = _parsed(body, path, layout, reading)
    except ValueError as error:
        uneven, footer = _uneven(body, layout)
        if footer is None and not uneven:
            raise
        if footer is None:
            rows = ", ".join(f"row {n} has {count}" for n, count in uneven[:5])
            more = f" ({len(uneven)} such rows)" if len(uneven) > 5 else ""
            raise ValueError(
                f"{path}: rows differ in their number of fields: {rows}, instead of "
                f"{len(layout.names)}{more}; mend them, or give another separator"
            ) from error
        notes.append(f"the lines from row {uneven[0][0]} on left out: they are a footer")
        frame = _parsed(body[:footer], path, layout, reading)
    if not text.endswith(("\n", "\r")) and suffix != ".data":
        _require_whole(frame, body, path, layout.separator)
    return RawTable(frame, layout.decimal, tuple(notes))


def _parsed(body: str, path: Path, layout: text_layout.Layout, reading: Reading) -> pd.DataFrame:
    white = layout.separator == " "
    words = sorted(set(cells.MISSING) | set(reading.na) - {""})
    chunks = text_files.read_chunks(
        path,
        source=io.BytesIO(body.encode("utf-8", "replace")),
        sep=r"\s+" if white else layout.separator,
        decimal=layout.decimal,
        header=None,
        names=list(layout.names),
        na_values=words,
        chunksize=CHUNK,
        skip_blank_lines=False,
    )
    return pd.concat(chunks)


def _uneven(body: str, layout: text_layout.Layout) -> tuple[list[tuple[int, int]], int | None]:
    """Return the rows with too many fields, and where the footer begins if they are one."""
    records = text_layout.records(body, layout.separator, most=len(body))
    width = len(layout.names)
    uneven = [(n, len(f)) for n, (f, _) in enumerate(records, 1) if len(f) > width]
    if not uneven or len(records) - uneven[0][0] > 20 or uneven[0][0] < len(records) / 2:
        return uneven, None
    tail = [fields for fields, _ in records[uneven[0][0] - 1 :] if fields]
    if any(cells.number(fields[0], layout.decimal) is not None for fields in tail):
        return uneven, None
    return uneven, records[uneven[0][0] - 2][1] if uneven[0][0] > 1 else 0


def _require_whole(frame: pd.DataFrame, body: str, path: Path, separator: str) -> None:
    """Check that a last line without an end has as many fields as the others."""
    last = body.rsplit("\n", 1)[-1].strip()
    found = len(last.split(None if separator == " " else separator))
    width = frame.shape[1]
    number = cells.number(last.split(separator)[0], ".") is not None
    if number and found < width and frame.iloc[-1:, found:].isna().all(axis=None):
        raise ValueError(
            f"{path}: the last line is cut short, {found} of {width} fields; the file seems "
            f"truncated, so copy or download it again"
        )


def _json(data: bytes, path: Path) -> pd.DataFrame:
    failure: Exception | None = None
    for lines in (False, True):
        try:
            return pd.read_json(io.BytesIO(data), lines=lines, precise_float=True)
        except Exception as error:  # of many types, by the JSON's structure
            failure = failure or error
    raise ValueError(f"{path} is not a table in JSON: {failure}")


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
    """Replace columns of text that is not UTF-8, which pyarrow reads but pandas cannot use."""
    for place, name in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame.iloc[:, place]):
            try:
                frame.iloc[:, place].to_numpy(object)
            except Exception:  # of several types, by the version of pyarrow
                frame[name] = "not UTF-8"
    return frame


def _excel(data: bytes, path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(io.BytesIO(data))
    except ImportError:
        raise ValueError(
            f"reading {path} needs openpyxl: pip install 'tfp_maf[excel]', or save it as .csv"
        ) from None
    except Exception as error:  # of several types, by what is damaged
        raise ValueError(f"{path} is not a valid .xlsx file: {error}") from None


def _npy(data: bytes, path: Path) -> pd.DataFrame:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # NumPy evaluates the header as a Python literal
        raise ValueError(f"{path} is not a valid .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is not a .npy file: it holds several arrays, as .npz does")
    return _frame(array, path)


def _npz(data: bytes, path: Path) -> pd.DataFrame:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # NumPy evaluates headers as Python literals
        raise ValueError(f"{path} is not a valid .npz file: {error}") from None
    tables = [name for name, array in arrays.items() if array.ndim == 2]
    if len(tables) == 1:
        return _frame(arrays[tables[0]], path)
    lengths = {array.shape for array in arrays.values()}
    if not tables and len(lengths) == 1 and all(array.ndim == 1 for array in arrays.values()):
        return pd.DataFrame(arrays)
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
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
    ".json": _json,
    ".jsonl": _json,
    ".ndjson": _json,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".xlsx": _excel,
    ".npy": _npy,
    ".npz": _npz,
}
