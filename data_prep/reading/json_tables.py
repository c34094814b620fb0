"""Tables in JSON: lists of records, one record per line, columns, GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tfp_maf.data_prep.reading import raw_files
from tfp_maf.data_prep.reading.reading import Reading

ENDINGS = (".json", ".jsonl", ".ndjson")


def read(data: bytes, path: Path, reading: Reading) -> tuple[pd.DataFrame, list[str]]:
    """Read a table in JSON.

    Args:
        data: Content of the file.
        path: Path of the file for error messages.
        reading: What the user says about the file.

    Returns:
        The frame, and what is worth telling the user.

    Raises:
        ValueError: If the file is not JSON, or holds no table.
    """
    text, _ = raw_files.decoded(data, path, reading.encoding)
    values = _parsed(text, path)
    notes = []
    if isinstance(values, dict):
        records, name = _records_in(values)
        if records is not None:
            notes.append(f"the records under {name!r} are the table")
            values = records
    try:
        frame = _of_columns(values) if isinstance(values, dict) else _of_rows(values)
    except (TypeError, ValueError):
        frame = None
    if frame is None:
        raise ValueError(
            f"{path} is no table in JSON: it should be a list of objects with equal keys, or such "
            f"an object per line"
        )
    return frame, notes


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        failure = error
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not a table in JSON: {failure}") from None


def _records_in(values: dict[str, Any]) -> tuple[list[Any] | None, str]:
    """Return the records in an object that holds other things, too, as GeoJSON does."""
    lists = {
        name: value
        for name, value in values.items()
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
    }
    name = max(lists, key=lambda name: len(lists[name]), default="")
    return lists.get(name), name


def _of_rows(rows: Any) -> pd.DataFrame | None:
    """Return a list of objects, lists or values as a frame; None if it is none."""
    if not isinstance(rows, list) or not rows:
        return None
    if all(isinstance(row, dict) for row in rows):
        if any(isinstance(value, dict) for row in rows for value in row.values()):
            return pd.json_normalize(rows)
        return pd.DataFrame(rows)
    if all(isinstance(row, list) for row in rows):
        head, *body = rows
        names = all(isinstance(name, str) for name in head) and len(set(head)) == len(head)
        if names and body and any(not isinstance(cell, str) for row in body for cell in row):
            return pd.DataFrame(body, columns=head)
    return pd.DataFrame(rows)


def _of_columns(values: dict[str, Any]) -> pd.DataFrame | None:
    """Return an object of columns, or of named rows, as a frame; None if it is neither."""
    parts = list(values.values())
    if set(values) >= {"columns", "data"} and isinstance(values["data"], list):
        return pd.DataFrame(values["data"], columns=values["columns"])
    if parts and all(isinstance(part, list) for part in parts):
        return pd.DataFrame(values)  # of unequal lengths: a ValueError
    if not parts or not all(isinstance(part, dict) for part in parts):
        return None
    inner = dict.fromkeys(name for part in parts for name in part)
    numbered = all(name.isdigit() for name in inner)
    if numbered or len(inner) >= len(values):
        return pd.DataFrame(values).reset_index(drop=numbered)
    return pd.json_normalize([{"index": name} | part for name, part in values.items()])
