"""Columns of categories in a column description: text, true and false, few whole numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import cells
from tfp_maf.data_prep.columns.number_columns import Encoded


@dataclass(frozen=True)
class CategoryColumn:
    """Column of categories, which have probabilities, not densities.

    Attributes:
        name: Name of the column.
        categories: As the table has them, plain values of JSON.
        has_missing: Whether a missing value is a category of its own, the last one.
    """

    name: str
    categories: tuple[Any, ...]
    has_missing: bool = False

    kind = "category"

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))

    @property
    def number_names(self) -> list[str]:
        """Names of the numbers that the column becomes: none."""
        return []

    @property
    def category_sizes(self) -> dict[str, int]:
        """Name and number of the categories."""
        return {self.name: len(self.categories) + self.has_missing}

    @property
    def is_numeric(self) -> bool:
        """Whether every category is a number, or true or false."""
        return all(
            not isinstance(value, str) or cells.number(value, ".") is not None
            for value in self.categories
        )

    def encode(self, column: pd.Series, missing: np.ndarray) -> Encoded:
        """Return the codes of cells ``[N]``.

        Args:
            column: Cells as pandas read them.
            missing: Mask ``[N]`` of missing cells.
        """
        places = {key(value): place for place, value in enumerate(self.categories)}
        codes, seen = factorised(column)
        found = np.array([places.get(key(cell), -1) for cell in seen], np.int64)[codes]
        found[missing] = len(self.categories) if self.has_missing else -1
        reasons = np.full(len(found), "", object)
        for row in np.flatnonzero(found < 0):
            shown = repr(str(column.iloc[int(row)])[:40])
            what = "the value is missing" if missing[row] else f"unknown category {shown}"
            reasons[row] = f"column {self.name!r}: {what}"
        count = len(found)
        return Encoded(np.empty([count, 0]), found[:, None], np.zeros(count), reasons)

    def decode(self, numbers: np.ndarray, codes: np.ndarray) -> pd.Series:
        """Return a column of the table for codes ``[N, 1]``."""
        values = [*self.categories, None] if self.has_missing else list(self.categories)
        column = pd.Series([values[code] for code in codes[:, 0]], dtype=object)
        if all(type(value) is int for value in self.categories):  # with a gap, too: 0, not 0.0
            return column.astype("Int64" if column.isna().any() else np.int64)
        return column.infer_objects()

    def describe(self) -> str:
        """Return what the column is, in words."""
        shown = ", ".join(str(value)[:20] for value in self.categories[:4])
        more = ", ..." if len(self.categories) > 4 else ""
        count = "1 category" if len(self.categories) == 1 else f"{len(self.categories)} categories"
        return f"{count} ({shown}{more})" + (", or missing" * self.has_missing)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"kind": self.kind} | asdict(self)


def key(cell: Any) -> str:
    """Return the text under which equal cells are found: 1, 1.0 and "1" are one category."""
    if isinstance(cell, (bool, np.bool_)):
        return str(bool(cell)).lower()
    if isinstance(cell, (int, float, np.number)):
        return f"{float(cell):.17g}"
    text = str(cell).strip()
    number = cells.number(text, ".") if text[:1] in "-+.0123456789" and text else None
    if number is not None:
        return f"{number:.17g}"
    return text.lower() if text.lower() in ("true", "false") else text


def factorised(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of each cell among the distinct cells, and those."""
    values = column.astype(object).to_numpy(object, na_value=np.nan)
    try:
        return pd.factorize(values, use_na_sentinel=False)
    except TypeError:  # lists
        return pd.factorize(np.array([str(value) for value in values], object))


def distinct(column: pd.Series) -> dict[str, Any]:
    """Return the categories of a column, plain values of JSON, by :func:`key`."""
    found: dict[str, Any] = {}
    for cell in factorised(column)[1]:
        found.setdefault(key(cell), plain(cell))
    return found


def plain(cell: Any) -> Any:
    """Return a cell as JSON can hold it."""
    if isinstance(cell, (bool, np.bool_)):
        return bool(cell)
    if isinstance(cell, (int, np.integer)):
        return int(cell)
    if isinstance(cell, (float, np.floating)):
        return int(cell) if float(cell).is_integer() else float(cell)
    return str(cell).strip()
