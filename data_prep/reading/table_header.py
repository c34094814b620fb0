"""Header of a table in text: whether there is one, and the names in it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from tfp_maf.data_prep.columns import cells

FEWEST_UNITS = 2  # columns of numbers with text in their first row
FIRST_YEAR, LAST_YEAR = 1500, 2200  # that a table may have a column of


def is_value(field: str, decimal: str) -> bool:
    """Return whether a field is a number, or says that one is missing."""
    return field.strip().lower() in cells.MISSING or cells.number(field, decimal) is not None


def is_header(
    head: list[str], body: list[list[str]], decimal: str, expected: Sequence[str]
) -> bool:
    """Return whether the first line names the columns: text above numbers, or 0, 1, 2, ..."""
    if expected and set(expected) & {name.strip() for name in head}:
        return True
    above = [cells.number(field, decimal) for field in head]
    columns = [[row[n] for row in body if n < len(row)] for n in range(len(head))]
    numeric = [n for n, column in enumerate(columns) if _holds_numbers(column, decimal)]
    if not body or not numeric:
        return any(value is None for value in above)
    if any(above[n] is None and head[n].strip().lower() not in cells.MISSING for n in numeric):
        return True
    named = [value for n, value in enumerate(above) if n in numeric and value is not None]
    steps = {b - a for a, b in zip(named, named[1:], strict=False)}
    counted = steps == {1.0} and len(named) > 2 and named[0] == 0  # as pandas names columns
    if counted or (steps == {1.0} and any(decimal in f for row in body for f in row)):
        return True
    rows = [[cells.number(row[n], decimal) for n in numeric if n < len(row)] for row in body]
    return _are_years(named) and not any(_are_years(row) for row in rows)


def count_rows_without_data(body: list[list[str]], decimal: str) -> int:
    """Return how many rows below the header have text in all columns of numbers, such as units.

    A second one, as in Orange's tables, may have nothing in some of them.
    """
    width = max(map(len, body), default=0)
    columns = [[row[n] for row in body[2:] if n < len(row)] for n in range(width)]
    numeric = [n for n, column in enumerate(columns) if _holds_numbers(column, decimal)]
    if len(numeric) < FEWEST_UNITS:
        return 0
    count = 0
    for row in body[:2]:
        fields = [row[n] if n < len(row) else "" for n in numeric]
        empty = any(field.strip().lower() in cells.MISSING for field in fields)
        if (empty and not count) or any(cells.number(f, decimal) is not None for f in fields):
            break
        count += 1
    return count


def _holds_numbers(column: list[str], decimal: str) -> bool:
    """Return whether a column is one of numbers, of which some may be missing."""
    present = [field for field in column if field.strip().lower() not in cells.MISSING]
    numbers = sum(cells.number(field, decimal) is not None for field in present)
    return bool(present) and numbers >= cells.MOSTLY * len(present)


def _are_years(values: Sequence[float | None]) -> bool:
    """Return whether numbers are years in order, at least three."""
    years = [value for value in values if value is not None]
    are = all(value.is_integer() and FIRST_YEAR <= value <= LAST_YEAR for value in years)
    return are and len(years) > 2 and all(a < b for a, b in itertools.pairwise(years))


def names_of(head: list[str], width: int, body: list[list[str]]) -> list[str]:
    """Return one different name per column; R's row names have none."""
    names = [name.strip() for name in [head[0].lstrip("# "), *head[1:]]]
    if len(names) == width - 1 and len(names) > 1 and all(row[-1].strip() for row in body[:5]):
        names = ["rownames", *names]
    names += [""] * (width - len(names))
    names = [name or f"Unnamed: {n}" for n, name in enumerate(names)]
    counts: Counter[str] = Counter()
    unique: dict[str, None] = {}
    for name in names:
        new = name
        while new in unique:
            counts[name] += 1
            new = f"{name}.{counts[name]}"
        unique[new] = None
    return list(unique)
