"""Header of a table in text: whether there is one, and the names in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tfp_maf.data_prep import cells


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
    numeric = [
        n for n, column in enumerate(columns)
        if column and sum(is_value(f, decimal) for f in column) >= cells.MOSTLY * len(column)
    ]  # fmt: skip
    if not body or not numeric:
        return any(value is None for value in above)
    if any(above[n] is None and head[n].strip().lower() not in cells.MISSING for n in numeric):
        return True
    named = [value for n, value in enumerate(above) if n in numeric and value is not None]
    steps = {b - a for a, b in zip(named, named[1:], strict=False)}
    counted = steps == {1.0} and len(named) > 2 and named[0] == 0  # as pandas names columns
    return counted or (steps == {1.0} and any(decimal in f for row in body for f in row))


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
