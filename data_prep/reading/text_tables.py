"""Tables in text, in whatever layout and encoding they come."""

from __future__ import annotations

import codecs
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.columns import cells
from tfp_maf.data_prep.reading import raw_files, text_layout
from tfp_maf.data_prep.reading.reading import Reading

ENDINGS = (".csv", ".tsv", ".txt", ".data", ".dat", ".tab", ".psv", "")
CHUNK = 200_000  # rows


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
        "sep": _pattern(layout.separator),
        "dtype": str,
        "encoding": encoding,
        "skip_blank_lines": False,
        "names": list(layout.names),
        "header": None,
        "skiprows": text[: layout.start].count("\n"),
    }
    return options, layout.decimal


def read(
    data: bytes, path: Path, suffix: str, reading: Reading, expected: Sequence[str]
) -> tuple[pd.DataFrame, str, list[str]]:
    """Read a table in text.

    Args:
        data: Content of the file.
        path: Path of the file for error messages.
        suffix: Ending of the file's name.
        reading: What the user says about the file.
        expected: Names of columns that it should have.

    Returns:
        The frame, the decimal sign, and what is worth telling the user.

    Raises:
        ValueError: If the file is not such a table.
    """
    text, encoding = raw_files.decoded(data, path, reading.encoding)
    aligned = None if reading.separator else text_layout.with_tabs(text)
    if aligned is not None:
        text, suffix = aligned, ".tsv"
    with text_files.named(path):
        layout = text_layout.find(text, reading, suffix, expected)
    notes = list(layout.notes)
    if aligned is not None:
        notes.insert(0, "the separator is two or more blanks")
    if encoding not in ("utf-8", reading.encoding):
        notes.insert(0, f"the text is encoded in {encoding}")
    # UTF-8 is parsed as it is in the file, so that memory holds few copies of a large one.
    as_it_is = encoding == "utf-8" and aligned is None
    raw = data if as_it_is else text.encode("utf-8", "replace")
    start = len(text[: layout.start].encode("utf-8", "replace"))
    start += len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0
    whole = text.endswith(("\n", "\r"))
    del text
    if not raw[start : start + text_layout.SAMPLE].strip():
        raise ValueError(f"{path} has a header but no rows")
    try:
        frame = _parsed(raw, start, path, layout, reading)
    except ValueError as error:
        body = raw[start:].decode("utf-8", "replace")
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
        end = start + len(body[:footer].encode("utf-8", "replace"))
        return _parsed(raw[:end], start, path, layout, reading), layout.decimal, notes
    if layout.separator == " ":
        notes += _short(raw[start:].decode("utf-8", "replace"), len(layout.names))
    if not whole:
        _require_whole(frame, raw[-text_files.TAIL :], path, layout.separator)
    return frame, layout.decimal, notes


def _parsed(
    raw: bytes, start: int, path: Path, layout: text_layout.Layout, reading: Reading
) -> pd.DataFrame:
    stream = io.BytesIO(raw)
    stream.seek(start)
    words = sorted(set(cells.MISSING) | set(reading.na) - {""})
    chunks = text_files.read_chunks(
        path,
        source=stream,
        sep=_pattern(layout.separator),
        decimal=layout.decimal,
        header=None,
        names=list(layout.names),
        dtype=dict.fromkeys(layout.padded, str),
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


def _short(body: str, width: int) -> list[str]:
    """Return a note of rows whose empty cells white space does not show."""
    count = sum(0 < len(line.split()) < width for line in body.splitlines())
    if not count:
        return []
    rows = "1 row has" if count == 1 else f"{count} rows have"
    return [
        f"{rows} fewer fields than there are columns: those at the end count as missing, so that "
        f"others are in the wrong column if an earlier cell is empty"
    ]


def _require_whole(frame: pd.DataFrame, raw: bytes, path: Path, separator: str) -> None:
    """Check that a last line without an end has as many fields as the others."""
    last = raw.decode("utf-8", "replace").rsplit("\n", 1)[-1].strip()
    found = len(last.split(None if separator == " " else separator))
    width = frame.shape[1]
    number = cells.number(last.split(separator)[0], ".") is not None
    if number and found < width and frame.iloc[-1:, found:].isna().all(axis=None):
        raise ValueError(
            f"{path}: the last line is cut short, {found} of {width} fields; the file seems "
            f"truncated, so copy or download it again"
        )


def _pattern(separator: str) -> str:
    return r"\s+" if separator == " " else separator
