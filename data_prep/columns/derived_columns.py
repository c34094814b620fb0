"""Columns that other columns tell: constants, repeats and linear combinations.

They have no density beside the others. Samples get them back, and a row that breaks the rule
scores lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns.category_columns import key

BROKEN = -100.0  # nats that a constant of another text costs
WORST = -1e6  # nats that a broken rule costs at most


@dataclass(frozen=True)
class DerivedColumn:
    """Column ``value = offset + sum_j weight_j column_j``, or a constant text.

    Attributes:
        name: Name of the column.
        offset: Constant part; a text or None for a column of one text, or without values.
        weights: Weight of each other column, by its name.
        tolerance: Deviation from the rule that is rounding: it costs half a nat.
        decimals: Digits after the point that samples are rounded to; None for all digits.
    """

    name: str
    offset: Any = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 0.0
    decimals: int | None = None

    kind = "derived"

    @property
    def is_text(self) -> bool:
        """Whether the column is a constant that is no number."""
        return not isinstance(self.offset, (int, float)) or isinstance(self.offset, bool)

    def values(self, others: Mapping[str, Any], count: int) -> pd.Series:
        """Return the column for the columns that it depends on."""
        if self.is_text:
            return pd.Series([self.offset] * count, dtype=object)
        result = np.full(count, float(self.offset))
        for name, weight in self.weights.items():
            result = result + weight * pd.to_numeric(pd.Series(others[name])).to_numpy(
                np.float64, na_value=np.nan
            )
        if self.decimals is None:
            return pd.Series(result)
        result = np.round(result, self.decimals)
        return pd.Series(result).astype("Int64") if self.decimals == 0 else pd.Series(result)

    def penalty(self, found: np.ndarray, others: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return ``-1/2 (deviation / tolerance)^2`` nats of numbers ``[N]``, 0 where one is NaN."""
        expected = np.full(len(found), float(self.offset))
        for name, weight in self.weights.items():
            expected = expected + weight * others[name]
        with np.errstate(invalid="ignore", over="ignore"):
            nats = -0.5 * ((found - expected) / self.tolerance) ** 2
        kept = np.abs(found - expected) <= 2 * self.tolerance
        return np.where(np.isnan(nats) | kept, 0.0, np.maximum(nats, WORST))

    def text_penalty(self, column: pd.Series, missing: np.ndarray) -> np.ndarray:
        """Return the nats that cells ``[N]`` of another text than the constant cost."""
        if self.offset is None:
            return np.where(missing, 0.0, BROKEN)
        same = np.array([key(cell) == key(self.offset) for cell in column])
        return np.where(same | missing, 0.0, BROKEN)

    def describe(self) -> str:
        """Return what the column is, in words."""
        if not self.weights:
            shown = self.offset if self.is_text else f"{self.offset:g}"
            return f"constant in training, {shown}; restored in samples"
        terms = " ".join(f"{weight:+.6g} {name!r}" for name, weight in self.weights.items())
        return f"follows from others, {self.offset:.6g} {terms}; restored in samples"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        values = {"kind": self.kind} | asdict(self)
        return values | {"weights": dict(self.weights)}


def rule(
    name: str, column: np.ndarray, others: Mapping[str, np.ndarray], *, decimals: int | None
) -> DerivedColumn:
    """Return the linear rule that gives a column of numbers ``[N]``, by least squares."""
    names = list(others)
    x = np.stack([others[other] for other in names], axis=1)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    weights = np.linalg.lstsq((x - mean) / scale, column - column.mean(), rcond=None)[0] / scale
    simple = np.round(weights, 6)  # 2.0000000001 is 2
    if np.abs((x - mean) @ (weights - simple)).max() <= 1e-6 * column.std():
        weights = simple
    offset = float(column.mean() - mean @ weights)
    spread = float(np.abs(column - offset - x @ weights).max())
    tolerance = max(spread, 1e-3 * float(column.std()))
    if abs(offset) <= 1e-6 * float(np.abs(column).max()):
        offset = 0.0
    return DerivedColumn(
        name, offset, dict(zip(names, map(float, weights), strict=True)), tolerance, decimals
    )
