"""Layout of a table in text: separator, decimal sign, header and lines before it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tfp_maf.data_prep.columns import cells, spelling
from tfp_maf.data_prep.reading import table_header
from tfp_maf.data_prep.reading.reading import Reading

Records: TypeAlias = list[tuple[list[str], int]]  # fields, and where the record ends
USUAL = {".csv": ",", ".tsv": "\t"}
SAMPLE = 2**20  # characters to look at
LINES = 200
BEFORE = 100  # maximum number of lines before the header
FOLLOWING = 10  # lines after the header that have as many fields as the table, mostly
EVEN = 0.8
FEWEST_EVEN = 0.5  # of the rows, where white space separates the fields
BLANKS = re.compile(r"\s{2,}")
MOST_NUMBERS = 0.3  # of the fields before the header


@dataclass(frozen=True)
class Layout:
    """Layout of a table in text.

    Attributes:
        separator: Separator of the fields; a space is any white space.
        decimal: Decimal sign.
        names: Names of the columns.
        start: Number of characters before the first row.
        padded: Names of the columns whose numbers begin with zeros, as ZIP codes do.
        notes: What is worth telling the user.
    """

    separator: str
    decimal: str
    names: tuple[str, ...]
    start: int
    padded: tuple[str, ...]
    notes: tuple[str, ...]


def find(text: str, reading: Reading, suffix: str, expected: Sequence[str] = ()) -> Layout:
    """Find the layout of a table from its first lines.

    Args:
        text: Beginning of the table.
        reading: What the user says about it.
        suffix: Ending of the file's name, which decides between equally good separators.
        expected: Names of columns that the header has, if there is one.

    Raises:
        ValueError: If the text is blank.
    """
    sample = text[:SAMPLE]
    whole = len(text) < SAMPLE
    usual = USUAL.get(suffix, ",")
    candidates = [reading.separator] if reading.separator else [usual, ",", "\t", ";", "|", " "]
    tried = {s: records(sample, s, whole=whole) for s in dict.fromkeys(candidates)}
    if len(tried) > 1 and any(_is_even(tried[sign]) for sign in "\t;|"):
        del tried[" "]  # white space within cells, as in 3 May 2020
    separator = max(tried, key=lambda s: _score(tried[s], s == usual, expected))
    found = tried[separator]
    if not any(fields for fields, _ in found):
        raise ValueError("holds nothing but blank lines")
    width = width_of(found)
    first = first_record(found, width, spaced=separator == " ")
    head, body = found[first][0], [fields for fields, _ in found[first + 1 :] if fields]
    decimal = reading.decimal or cells.decimal_of(
        (f for fields in [head, *body] for f in fields), unclear="," if separator == ";" else "."
    )
    if separator == " " and not reading.separator:
        _require_even([fields for fields, _ in found[first:] if fields], width)
    notes = []
    if separator != usual and width > 1:
        notes.append(f"the separator is {'white space' if separator == ' ' else repr(separator)}")
    if decimal == ",":
        notes.append("the decimal sign is a comma")
    width = max(width, len(head))
    names, start, more = names_and_start(found, first, width, decimal, reading, expected)
    columns = [[f[place] for f in body if place < len(f)] for place in range(width)]
    padded = tuple(n for n, c in zip(names, columns, strict=True) if spelling.width_of(c))
    return Layout(separator, decimal, tuple(names), start, padded, (*notes, *more))


def with_tabs(text: str) -> str | None:
    """Return a text with tabs where its lines have several blanks in a row, if only those fit.

    So are columns below each other whose cells hold single blanks, as in 12-15 years. None is
    returned where a usual separator fits all lines, or such blanks do not fit the first ones.
    """
    sample = text[:SAMPLE]
    whole = len(text) < SAMPLE
    if "\t" in sample or any(_is_even(records(sample, s, whole=whole)) for s in ",;| "):
        return None

    def changed(lines: str) -> str:
        return "\n".join(BLANKS.sub("\t", line.strip()) for line in lines.split("\n"))

    fits = _is_even(records(changed(sample), "\t", whole=whole))
    return changed(text) if fits else None


def names_and_start(
    found: Records,
    first: int,
    width: int,
    decimal: str,
    reading: Reading,
    expected: Sequence[str],
) -> tuple[list[str], int, list[str]]:
    """Return the names of the columns, the end of what is above the rows, and notes of it.

    Args:
        found: First records of the table, each with the place where it ends.
        first: Place of the first record of the table itself, its header or a row.
        width: Number of columns.
        decimal: Decimal sign of the numbers.
        reading: What the user says about the table.
        expected: Names of columns that the header has, if there is one.
    """
    head, body = found[first][0], [fields for fields, _ in found[first + 1 :] if fields]
    skipped = sum(bool(fields) for fields, _ in found[:first])
    lines = "1 line" if skipped == 1 else f"{skipped} lines"
    notes = [f"{lines} before the header left out"] if skipped else []
    header = reading.header
    if header is None:
        header = table_header.is_header(head, body, decimal, expected)
    if header:
        count = table_header.count_rows_without_data(body, decimal)
        ends = [end for fields, end in found[first:] if fields]
        if count:
            rows = "1 row" if count == 1 else f"{count} rows"
            shown = ", ".join(field for field in body[0] if field.strip())[:40]
            notes.append(f"{rows} below the header left out: no numbers, but {shown!r}")
        return table_header.names_of(head, width, body[count:]), ends[count], notes
    names = [f"x{n}" for n in range(1, width + 1)]
    if reading.header is None:
        called = names[0] if width == 1 else f"{names[0]} to {names[-1]}"
        notes.append(f"no header found: the columns are called {called}")
    return names, found[first - 1][1] if first else 0, notes


def records(text: str, separator: str, *, whole: bool = True, most: int = LINES) -> Records:
    """Return the first records of a text, each with the number of characters up to its end.

    Args:
        text: Text to split.
        separator: Separator of the fields; a space is any white space.
        whole: Whether the text is complete, so that its last record counts.
        most: Maximum number of records.
    """
    lines = list(io.StringIO(text, newline=""))
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line))
    if separator == " ":
        lines = [" ".join(line.split(None)) + "\n" for line in lines]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")
    result: Records = []
    try:
        for fields in reader:
            blank = not any(field.strip() for field in fields)
            result.append(([] if blank and len(fields) < 2 else fields, ends[reader.line_num]))
            if len(result) == most:
                return result
    except csv.Error:  # a NUL, or a field of 128 KiB behind a quote left open
        return result
    return result if whole or len(result) < 2 else result[:-1]


def first_record(found: Records, width: int, *, spaced: bool = False) -> int:
    """Return the place of the first record of the table itself, its header or a row.

    Args:
        found: First records, one of them with fields, each with the place where it ends.
        width: Number of fields of most records.
        spaced: Whether white space separates the fields, as it does words.
    """
    widths = [len(fields) for fields, _ in found]
    top = next(n for n, count in enumerate(widths) if count)
    if width > 1 and _is_title(found[top][0]):  # empty cells beside a title are no fields
        widths = [min(1, len(f)) if _is_title(f) else len(f) for f, _ in found]
    while _is_comment(found, top):
        top += 1
    for n, count in enumerate(widths[:BEFORE]):
        after = [w for w in widths[n + 1 :] if w][:FOLLOWING]
        even = sum(w == width for w in after) >= EVEN * len(after)
        most = width if spaced and n else count
        if n >= top and even and count and width - 1 <= count <= most and (count > 1 or width == 1):
            before = [field for fields, _ in found[:n] for field in fields]
            numbers = sum(cells.number(field, ".") is not None for field in before)
            return n if numbers <= MOST_NUMBERS * len(before) else top
    return top


def _is_title(fields: list[str]) -> bool:
    """Return whether at most one field is not empty, and it is not the last one."""
    used = [bool(field.strip()) for field in fields]
    return sum(used) < 2 and not any(used[-1:])


def _is_comment(found: Records, n: int) -> bool:
    """Return whether a record is a comment, unlike a header that begins with #."""
    fields, following = found[n][0], next((f for f, _ in found[n + 1 :] if f), [])
    if not fields:
        return bool(following)
    numbers = any(cells.number(field, ".") is not None for field in following)
    return fields[0].lstrip().startswith("#") and bool(following) and not numbers


def width_of(found: Records) -> int:
    """Return the number of fields of most records, of those in the second half."""
    counts = Counter(len(fields) for fields, _ in found[len(found) // 2 :] if fields)
    return max(counts, key=lambda n: (counts[n], n)) if counts else 0


def _require_even(rows: list[list[str]], width: int) -> None:
    """Check that most rows have as many fields, as lines of words have not."""
    fit = sum(len(fields) == width for fields in rows)
    if fit < FEWEST_EVEN * len(rows):
        raise ValueError(
            f"is no table, but seems to be words: only {fit} of its first {len(rows)} lines have "
            f"{width} fields; if it is one, give its separator"
        )


def _is_even(found: Records) -> bool:
    """Return whether all records have the same fields, more than one."""
    widths = {len(fields) for fields, _ in found if fields}
    return len(widths) == 1 and widths != {1}


def _score(found: Records, usual: bool, expected: Sequence[str]) -> tuple[float, ...]:
    """Return what the best separator has most of: expected names, and even rows of numbers."""
    rows = [fields for fields, _ in found if fields]
    width = width_of(found)
    if not rows or not width:
        return (0.0,)
    known = float(bool(expected) and set(expected) <= {field.strip() for field in rows[0]})
    even = sum(len(fields) == width for fields in rows) / len(rows)
    body = [fields for fields in rows[1:] if len(fields) == width] or rows
    decimal = cells.decimal_of(field for fields in body for field in fields)
    count = sum(len(fields) for fields in body)
    numbers = (
        sum(table_header.is_value(field, decimal) for fields in body for field in fields) / count
    )
    if len(rows[0]) == 1 < width and rows[0][0].strip():  # 1,5 below a single name
        even *= 0.5
    many = float(width > 1)
    return (known, round(even * (0.1 + numbers) * (1 + 0.2 * many), 2), many, float(usual), width)
