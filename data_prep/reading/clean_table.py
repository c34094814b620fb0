"""Choice of the columns and rows of a table that a model can be trained on, with a report."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import cells
from tfp_maf.data_prep.columns.cells import Cells
from tfp_maf.data_prep.reading.read_table import RawTable
from tfp_maf.data_prep.reading.reading import Reading

INDEX_NAME = re.compile(
    r"unnamed: 0(\.\d+)?(_level_0)?|rownames|row[ _.]?names?|index|__index_level_0__"
)
NUMBER_NAME = re.compile(r"(no|nr|num|number|#|row|row ?(id|number)|obs|observation|case|uid)\.?")
IDENTIFIER = re.compile(r"(.*[ _.-])?(?i:id)|.*[a-z]I[dD]")  # id, user_id, UserID; not grid
FEWEST_IDENTIFIED = 20  # rows
SUMMARY = re.compile(r"\s*(total|sum|source|note|notes|quelle|\*)\b.*", re.IGNORECASE | re.DOTALL)
FEWEST_SENTINELS, FEWEST_OTHERS = 3, 5  # of a number that stands for missing values; distinct ones
MOST_FOOTER = 20


@dataclass
class Candidates:
    """Columns of a table that may be modelled, and what was done to get them.

    Attributes:
        frame: Cells without footer and blank rows; its index counts the rows of the file from 0.
        cells: Parsed cells of each candidate.
        left_out: Names of the other columns.
        notes: What was done.
    """

    frame: pd.DataFrame
    cells: dict[str, Cells] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reasons: dict[str, str]) -> None:
        """Leave out columns, and note why."""
        for name, reason in reasons.items():
            self.cells.pop(name, None)
            self.left_out.append(name)
            self.notes.append(f"column {name!r} left out: {reason}")


def candidates(table: RawTable, reading: Reading, *, aside: Collection[str] = ()) -> Candidates:
    """Parse the columns of a table, and leave out those that number the rows or hold no values.

    Args:
        table: Table as it was read.
        reading: What the user says about it.
        aside: Columns to ignore, such as weights.
    """
    frame, notes = without_footer(table.frame)
    result = Candidates(frame, notes=[*table.notes, *notes])
    for name in reading.columns or frame.columns:
        if name in aside:
            continue
        column = cells.parse(frame[name], decimal=table.decimal, na=reading.na)
        is_list = any(isinstance(cell, (list, np.ndarray, dict)) for cell in frame[name].head(20))
        if is_list or column.unreadable:
            result.leave_out({name: "its cells are no numbers, texts or dates"})
            continue
        is_first = name == frame.columns[0] and frame.shape[1] > 1
        reason = "" if reading.columns else why_index(name, column, is_first=is_first)
        if reason:
            result.leave_out({name: reason})
        else:
            result.cells[name] = column
            result.notes += remarks(name, column, frame)
    return result


def without_footer(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the frame without blank rows and lines of text at its end, and notes of them."""
    blank = _blank_at_end(frame)
    notes = [f"{blank} blank rows at the end left out"] if blank else []
    frame = frame.iloc[: len(frame) - blank]
    end = len(frame)
    while end > max(1, len(frame) - MOST_FOOTER) and _is_footer(frame, end - 1):
        end -= 1
    if end < len(frame):
        count = len(frame) - end
        texts = frame.iloc[end:, 0].dropna()
        text = str(texts.iloc[0])[:40] if len(texts) else ""
        rows = f"row {end + 1}" if count == 1 else f"rows {end + 1} to {len(frame)}"
        notes.append(f"{rows} at the end left out: a footer, {text!r}")
        frame = frame.iloc[:end]
        more = _blank_at_end(frame)
        frame = frame.iloc[: len(frame) - more]
    return frame, notes


def _blank_at_end(frame: pd.DataFrame) -> int:
    full = frame.tail(1000).notna().any(axis=1).to_numpy()
    return int(np.argmax(full[::-1])) if full.any() else 0


def _is_footer(frame: pd.DataFrame, row: int) -> bool:
    """Return whether a row has nothing but text in its first cell, or sums up the others."""
    if frame.shape[1] < 2:
        return False
    first = frame.iloc[row, 0]
    if not isinstance(first, str) or cells.number(first, ".") is not None:
        return bool(frame.iloc[row].isna().all())
    alone = bool(frame.iloc[row, 1:].isna().all())
    return alone or bool(SUMMARY.fullmatch(first))


def why_index(name: str, column: Cells, *, is_first: bool) -> str:
    """Return why a column only tells the rows apart; an empty text if it does more than that.

    Args:
        name: Name of the column.
        column: Its cells.
        is_first: Whether it is the first one of several columns.
    """
    values = column.numbers[~column.missing]
    named = INDEX_NAME.fullmatch(name.lower()) is not None
    least = (cells.MOSTLY if named else 1) * len(column.numbers)
    if len(values) < max(2, least) or not (values == np.round(values)).all():
        return ""
    with np.errstate(over="ignore", invalid="ignore"):  # of huge and infinite numbers
        counts = bool(values[0] in (0, 1) and (np.diff(values) == 1).all())
    identifies = IDENTIFIER.fullmatch(name) is not None
    differ = len(np.unique(values)) == len(values)
    if (counts and (is_first or identifies or NUMBER_NAME.fullmatch(name.lower()))) or (
        named and differ
    ):
        return "it numbers the rows"
    if identifies and differ and len(values) >= FEWEST_IDENTIFIED:
        return "it identifies the rows by numbers that differ in all of them"
    return ""


def remarks(name: str, column: Cells, frame: pd.DataFrame) -> list[str]:
    """Return what is to be said about the cells of a column of numbers."""
    found: list[str] = []
    if column.kind != "numbers":
        return found
    bad = np.flatnonzero(column.bad)
    if len(bad):
        cell, row = frame[name].iloc[bad[0]], int(frame.index[bad[0]]) + 1
        what = "text" if isinstance(cell, str) else "infinite"
        counted = "1 value counts" if len(bad) == 1 else f"{len(bad)} values count"
        found.append(
            f"column {name!r}: {counted} as missing: {what}, first {str(cell)[:40]!r} in row {row}"
        )
    if column.percent:
        found.append(f"column {name!r}: percent signs left out, so that 5% is 5")
    if column.currency:
        found.append(f"column {name!r}: signs of currency left out")
    sentinel, count = _sentinel(column.finite)
    if count:
        found.append(
            f"column {name!r}: {count} values are {sentinel:g}; if these are missing, give "
            f"--na {sentinel:g}"
        )
    return found


def _sentinel(values: np.ndarray) -> tuple[float, int]:
    """Return a number that seems to stand for missing values, and how often; 0 times for none.

    It is the smallest or the largest one, whole, of two digits at least, repeated, and apart from
    all others: by half of what these are spread, or by being the only one below zero.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= FEWEST_OTHERS:
        return 0.0, 0
    for place, others in ((0, distinct[1:]), (-1, distinct[:-1])):
        value, nearest = distinct[place], others[place]
        with np.errstate(over="ignore"):
            low, high = np.quantile(others, [0.05, 0.95])
            is_apart = abs(nearest - value) > (high - low) / 2 or value < 0 <= nearest
        is_code = value == np.round(value) and 99 <= abs(value) < 1e6
        if is_code and is_apart and counts[place] >= FEWEST_SENTINELS:
            return float(value), int(counts[place])
    return 0.0, 0
