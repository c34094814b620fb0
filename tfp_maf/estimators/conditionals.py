"""Full conditionals of a table's model: one column given all others.

``p(x_j | others) = p(x) / int p(x with x_j = t) dt``: the integral is a sum over a column's
categories, and for a number the trapezoidal rule over a grid of its values. They tell which column
makes a row unlikely, and fill cells that are missing.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from tfp_maf.data_prep.splits import Rows
from tfp_maf.estimators.table_model import TableModel

POINTS = 41  # of a number's grid
SAMPLES = 4_000  # that the grids span


@dataclass(frozen=True)
class Part:
    """A number or a category of a row.

    Attributes:
        column: name of the table's column that it is of.
        place: its place among the numbers or the categories.
        values: the grid of a number ``[K]``, in standard units, or all categories ``[K]``.
        is_number: which of both it is.
    """

    column: str
    place: int
    values: np.ndarray
    is_number: bool

    @property
    def log_widths(self) -> np.ndarray:
        """Logarithms of the weights of the grid's points in an integral, zero for categories."""
        if not self.is_number:
            return np.zeros(len(self.values))
        steps = np.diff(self.values)
        return np.log(0.5 * (np.append(steps, 0) + np.append(0, steps)))


def parts_of(model: TableModel, *, seed: int = 0) -> list[Part]:
    """Return the parts of a row that are not given; the grids span what the model samples."""
    parts: list[Part] = []
    if model.schema.given:
        raise ValueError("conditionals of a model with given columns are not supported")
    z, _ = model.sample_standard(SAMPLES, seed=seed)
    place = code = 0
    for column in model.schema.columns:
        for _ in column.number_names:
            grid = np.unique(np.quantile(z[:, place], _levels()))
            spread = max(float(grid[-1] - grid[0]), 1e-3)
            ends = [grid[0] - 0.5 * spread, *grid, grid[-1] + 0.5 * spread]
            parts.append(Part(column.name, place, np.array(ends), True))
            place += 1
        for size in column.category_sizes.values():
            parts.append(Part(column.name, code, np.arange(size), False))
            code += 1
    return parts


def _levels() -> np.ndarray:
    """Return the quantiles of a grid, closer together in the tails."""
    t = np.linspace(-1, 1, POINTS - 2)
    return 0.5 + 0.5 * np.sign(t) * (1 - (1 - np.abs(t)) ** 2)


def log_joint(model: TableModel, rows: Rows, part: Part) -> np.ndarray:
    """Return ``log p`` of each row with each value of a part in place of its own, ``[N, K]``."""
    count, size = len(rows), len(part.values)
    repeated = rows[np.repeat(np.arange(count), size)]
    name = "z" if part.is_number else "codes"
    values = getattr(repeated, name).copy()
    values[:, part.place] = np.tile(part.values, count)
    changed = dataclasses.replace(repeated, **{name: values})
    return model.log_prob(changed).reshape(count, size)


def log_conditional(joint: np.ndarray, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return ``log p`` of each value given the rest of the row ``[N, K]``, and of the rest ``[N]``.

    Those of a number are densities in standard units, whose integral over the grid is one.
    """
    rest = np.logaddexp.reduce(joint + part.log_widths, axis=1)
    return joint - rest[:, None], rest


def surprises(model: TableModel, rows: Rows, parts: list[Part]) -> dict[str, np.ndarray]:
    """Return how much likelier each column's value is than is usual given the others, ``[N]``.

    ``log p(x_j | others) - E[log p(t | others)]`` with ``t`` drawn from the same conditional: near
    zero for usual values, far below for those to blame; the parts of a column are added.
    """
    result: dict[str, np.ndarray] = {}
    log_prob = model.log_prob(rows)
    for part in parts:
        conditional, rest = log_conditional(log_joint(model, rows, part), part)
        weights = np.exp(conditional + part.log_widths)
        usual = np.where(weights > 0, weights * conditional, 0.0).sum(axis=1)
        result[part.column] = result.get(part.column, 0.0) + log_prob - rest - usual
    return result


def draw(conditional: np.ndarray, part: Part, rng: np.random.Generator) -> np.ndarray:
    """Draw a value of a part for each row of its log conditional ``[N, K]``, ``[N]``.

    Between the points of a grid, the density is linear; a value is drawn from its interval.
    """
    weights = np.exp(conditional)
    if not part.is_number:
        ends = np.cumsum(weights, axis=1)
        chosen = (rng.random(len(weights))[:, None] * ends[:, -1:] >= ends).sum(axis=1)
        return part.values[np.minimum(chosen, len(part.values) - 1)]
    steps = np.diff(part.values)
    masses = 0.5 * (weights[:, 1:] + weights[:, :-1]) * steps
    ends = np.cumsum(masses, axis=1)
    chosen = (rng.random(len(weights))[:, None] * ends[:, -1:] >= ends).sum(axis=1)
    chosen = np.minimum(chosen, len(steps) - 1)
    rows = np.arange(len(weights))
    left, right = weights[rows, chosen], weights[rows, chosen + 1]
    share = rng.random(len(weights))
    # The inverse of the distribution function of a linear density on (0, 1).
    root = np.sqrt(left**2 + share * (right**2 - left**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(np.isclose(left, right), share, (root - left) / (right - left))
    return part.values[chosen] + np.clip(place, 0, 1) * steps[chosen]
