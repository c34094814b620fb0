"""Columns of numbers in a column description: rounding, limits, special values, transformations.

A rounded value stands for all numbers that round to it: noise of the width of its step is added, so
that the column has a density, as Papamakarios et al. 2017 (arXiv 1705.07057, appendix D.1) did for
POWER. Where values repeat without being multiples of a step, as in a column of whole numbers that
was standardised, each stands for the numbers that are nearest to it. A value that is repeated very
often, such as zero or the limit of a sensor, is no matter of density: it becomes a category of its
own, and so does a missing value.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import row_noise

TRANSFORMS = ("none", "log", "logit", "asinh")


@dataclass(frozen=True)
class Encoded:
    """Parts of one column's rows.

    Attributes:
        numbers: float64 ``[N, a]``; NaN where the row has no number, only a category.
        codes: Category of each row, int ``[N, b]``.
        log_det: ``log |d number / d value|`` of each row, summed over its numbers, ``[N]``.
        reasons: Why a row cannot be encoded; an empty text where it can, ``[N]``.
    """

    numbers: np.ndarray
    codes: np.ndarray
    log_det: np.ndarray
    reasons: np.ndarray


@dataclass(frozen=True)
class NumberColumn:
    """Column of numbers: ``number = transform(value + noise)``, or one of its special values.

    Attributes:
        name: Name of the column.
        low, high: Smallest and largest value seen, within which samples stay; None for no limit.
        step: Distance of neighbouring rounded values; None if the column is continuous.
        decimals: Digits after the point that samples are rounded to; None for all digits.
        transform: ``"none"``; ``"log"``, of the distance above ``parameters[0]``; ``"logit"``,
            between both parameters; or ``"asinh"``, for heavy tails, of the distance from the
            first parameter in units of the second.
        parameters: Those of the transformation.
        special: Values that are categories of their own.
        has_missing: Whether a missing value is a category of its own.
        grid: All values, in ascending order, if they repeat but are not multiples of a step.
    """

    name: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    decimals: int | None = None
    transform: str = "none"
    parameters: tuple[float, float] = (0.0, 1.0)
    special: tuple[float, ...] = ()
    has_missing: bool = False
    grid: tuple[float, ...] = ()

    kind = "number"

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise ValueError(
                f"column {self.name!r}: transform {self.transform!r} is none of "
                f"{', '.join(TRANSFORMS)}"
            )
        if self.step is not None and not self.step > 0:
            raise ValueError(f"column {self.name!r}: step {self.step!r} is not positive")
        object.__setattr__(self, "parameters", tuple(map(float, self.parameters)))
        object.__setattr__(self, "special", tuple(map(float, self.special)))
        object.__setattr__(self, "grid", tuple(map(float, self.grid)))

    @property
    def number_names(self) -> list[str]:
        """Names of the numbers that the column becomes."""
        return [self.name]

    @property
    def category_sizes(self) -> dict[str, int]:
        """Names and sizes of the categories that the column becomes."""
        size = 1 + len(self.special) + self.has_missing
        return {f"{self.name} is": size} if size > 1 else {}

    def encode(
        self, values: np.ndarray, missing: np.ndarray, keys: np.ndarray, *, stream: int = 0
    ) -> Encoded:
        """Return the parts of values ``[N]``.

        Args:
            values: Numbers; NaN where the cell is missing or no number.
            missing: Mask ``[N]`` of missing cells.
            keys: See :func:`row_noise.keys`; noise is drawn by them.
            stream: Stream of the noise, another one for each number of a row.
        """
        reasons = np.full(len(values), "", object)
        codes = np.zeros(len(values), np.int64)
        for place, special in enumerate(self.special, 1):
            codes[values == special] = place
        if self.has_missing:
            codes[missing] = 1 + len(self.special)
        else:
            reasons[missing] = f"column {self.name!r}: the value is missing"
        reasons[~missing & ~np.isfinite(values)] = f"column {self.name!r}: not a finite number"
        numbers = np.where((codes == 0) & np.isfinite(values), values, np.nan)
        if self.step is not None:
            numbers = numbers + self.step * (row_noise.uniform(keys, stream) - 0.5)
        if self.grid:
            numbers = within_cells(numbers, np.array(self.grid), row_noise.uniform(keys, stream))
        numbers, log_det = self.transformed(numbers)
        outside = (codes == 0) & (reasons == "") & ~np.isfinite(numbers)
        reasons[outside] = f"column {self.name!r}: the value is out of range"
        return Encoded(
            np.where(np.isfinite(numbers), numbers, np.nan)[:, None],
            codes[:, None] if self.category_sizes else np.empty([len(values), 0], np.int64),
            np.where(np.isfinite(numbers), log_det, 0.0),
            reasons,
        )

    def decode(self, numbers: np.ndarray, codes: np.ndarray) -> pd.Series:
        """Return a column of the table for numbers ``[N, 1]`` and codes ``[N, 0 or 1]``."""
        values = self.original(numbers[:, 0])
        if self.step is not None:
            low = self.low or 0.0
            origin = low - np.round(low / self.step) * self.step
            values = np.round((values - origin) / self.step) * self.step + origin
        if self.grid:
            grid = np.array(self.grid)
            values = grid[np.searchsorted(middles(grid), values)]
        if self.low is not None:
            values = np.maximum(values, self.low)
        if self.high is not None:
            values = np.minimum(values, self.high)
        if self.decimals is not None:
            values = np.round(values, self.decimals)
        if self.category_sizes:
            for place, special in enumerate(self.special, 1):
                values[codes[:, 0] == place] = special
            values[codes[:, 0] > len(self.special)] = np.nan
        if self.decimals == 0 and np.abs(values[np.isfinite(values)]).max(initial=0) < 2**53:
            return pd.Series(values).astype("Int64")
        return pd.Series(values)

    def transformed(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return transformed values ``[N]`` and ``log |d transformed / d value|``."""
        first, second = self.parameters
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.transform == "log":
                return np.log(x - first), -np.log(x - first)
            if self.transform == "logit":
                below, above = np.log(x - first), np.log(second - x)
                return below - above, np.log(second - first) - below - above
            if self.transform == "asinh":
                t = (x - first) / second
                return np.arcsinh(t), -np.log(np.hypot(1, t)) - np.log(second)
        return x, np.zeros(len(x))

    def original(self, number: np.ndarray) -> np.ndarray:
        """Return values ``[N]`` for transformed ones."""
        first, second = self.parameters
        with np.errstate(over="ignore"):
            if self.transform == "log":
                return first + np.exp(number)
            if self.transform == "logit":
                return first + (second - first) / (1 + np.exp(-number))
            if self.transform == "asinh":
                return first + second * np.sinh(number)
        return np.array(number, np.float64)

    def describe(self) -> str:
        """Return what the column is, in words."""
        words = "continuous" if self.step is None else f"rounded to {self.step:g}"
        if self.grid:
            words = f"{len(self.grid)} values that repeat"
        if self.transform == "log":
            words += f", log of the distance above {self.parameters[0]:g}"
        if self.transform == "logit":
            words += f", logit between {self.parameters[0]:g} and {self.parameters[1]:g}"
        if self.transform == "asinh":
            words += ", heavy tails"
        if self.special:
            words += f", {', '.join(f'{v:g}' for v in self.special)} apart"
        if self.low is not None and self.high is not None:
            words += f", {self.low:g} to {self.high:g}"
        return words + (", or missing" * self.has_missing)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"kind": self.kind} | asdict(self)


def middles(grid: np.ndarray) -> np.ndarray:
    """Return the limits ``[G - 1]`` between the cells of ascending values ``[G]``."""
    return np.asarray(grid[1:] + grid[:-1]) / 2


def within_cells(values: np.ndarray, grid: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return a number within the cell of each value ``[N]`` that is one of a grid's.

    A cell is what is nearest to the grid's value; at both ends, it reaches out as far as it does
    inwards. Other values are returned as they are.

    Args:
        values: NaN where there is none.
        grid: values in ascending order, ``[G]``.
        u: where in the cell, within (0, 1), ``[N]``.
    """
    inner = middles(grid)
    edges = np.concatenate([[2 * grid[0] - inner[0]], inner, [2 * grid[-1] - inner[-1]]])
    place = np.clip(np.searchsorted(grid, values), 0, len(grid) - 1)
    noisy = edges[place] + u * (edges[place + 1] - edges[place])
    return np.where(grid[place] == values, noisy, values)
