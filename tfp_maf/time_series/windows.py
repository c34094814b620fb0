"""Windows of a series: rows that hold some steps to score, and the past of the first of them.

A row is an event and what it is conditional on, side by side:

    events [L, D] | (value [D], seen [D], known [K]) of past + L steps | weights [L]

The events are those of the L steps that are scored, linear innovations, each as often as its weight
says. A step's value is the latest one seen until then and ``seen`` whether it is of this very step:
with the known inputs, they are what the encoder of the past takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Stretch:
    """Steps of a series without a break, some of which may only be given.

    Attributes:
        x: values, float64 ``[T, D]``; NaN where one is missing.
        known: inputs that are known at any time, such as the calendar, ``[T, K]``.
        first: number of the first step that is scored; those before are its past.
    """

    x: np.ndarray
    known: np.ndarray
    first: int = 0

    @classmethod
    def of(cls, x: Any, known: Any, first: int, *, event_size: int, known_size: int) -> Stretch:
        """Return a stretch, checked.

        Raises:
            ValueError: If a shape is wrong, a value is infinite, a known input is not finite, or
                ``first`` is not the number of a step.
        """
        x = np.asarray(x, np.float64)
        if x.ndim != 2 or x.shape[1] != event_size or len(x) == 0:
            raise ValueError(
                f"a series must have shape [T, {event_size}] with T > 0, got {list(x.shape)}"
            )
        known = np.empty([len(x), 0]) if known is None else np.asarray(known, np.float64)
        if known.shape != (len(x), known_size):
            raise ValueError(
                f"known inputs must have shape [{len(x)}, {known_size}], got {list(known.shape)}"
            )
        for name, bad in (("a series", np.isinf(x)), ("known inputs", ~np.isfinite(known))):
            if bad.any():
                step, column = np.argwhere(bad)[0]
                raise ValueError(
                    f"{name} must be finite numbers (NaN in a series where one is missing): step "
                    f"{step}, column {column} (counted from 0) is not"
                )
        if not 0 <= first < len(x):
            raise ValueError(f"first must be a step from 0 to {len(x) - 1}, got {first}")
        return cls(x, known, first)


@dataclass(frozen=True)
class Layout:
    """Sizes of a window's row: D, K, and how many steps are past and scored."""

    event_size: int
    known_size: int
    past: int
    length: int

    @property
    def steps(self) -> int:
        """Number of steps of a row."""
        return self.past + self.length

    @property
    def input_size(self) -> int:
        """Number of inputs of the encoder per step."""
        return 2 * self.event_size + self.known_size

    @property
    def events_size(self) -> int:
        """Number of columns of the events of a row, the first ones."""
        return self.length * self.event_size

    @property
    def row_size(self) -> int:
        """Number of columns of a row."""
        return self.events_size + self.steps * self.input_size + self.length

    def cut(
        self, events: np.ndarray, values: np.ndarray, seen: np.ndarray, stretch: Stretch
    ) -> np.ndarray:
        """Cut a stretch into float32 rows ``[n, row_size]`` that score each step once.

        Steps before the series and after its end are zeros, of weight zero. A step with a missing
        value has weight zero.

        Args:
            events, values: float64 ``[T, D]``.
            seen: mask ``[T, D]``.
            stretch: of the same steps.
        """
        whole = np.asarray(seen.all(axis=1))
        starts = np.arange(stretch.first, len(values), self.length)

        def windows(steps: np.ndarray, *, past: int) -> np.ndarray:
            before = np.zeros([past, steps.shape[1]])
            after = np.zeros([self.length, steps.shape[1]])
            padded = np.concatenate([before, steps, after]).astype(np.float32)
            taken = padded[starts[:, None] + np.arange(past + self.length)]
            return taken.reshape(len(starts), -1)

        parts = [
            windows(np.where(whole[:, None], events, 0.0), past=0),
            windows(np.concatenate([values, seen, stretch.known], axis=1), past=self.past),
            windows(whole[:, None].astype(np.float64), past=0),
        ]
        return np.concatenate(parts, axis=1)

    def weights(self, rows: np.ndarray) -> np.ndarray:
        """Return a view of the weights ``[n, L]`` of the scored steps."""
        return rows[:, -self.length :]


def latest(x: np.ndarray) -> np.ndarray:
    """Return the latest value seen until each step of ``[T, D]``; zeros before the first one."""
    steps = np.where(np.isfinite(x), np.arange(len(x))[:, None], -1)
    last = np.maximum.accumulate(steps, axis=0)
    return np.where(last < 0, 0.0, np.take_along_axis(x, np.maximum(last, 0), axis=0))


def training_rows(parts: Sequence[np.ndarray], layout: Layout) -> np.ndarray:
    """Return rows under each other, weighted so that a mean over rows is one over steps.

    Raises:
        ValueError: If no step is complete.
    """
    rows = np.concatenate(parts)
    rows = rows[layout.weights(rows).any(axis=1)]
    if len(rows) == 0:
        raise ValueError("no step has all its values: there is nothing to score")
    weights = layout.weights(rows)
    weights *= len(rows) / weights.sum(dtype=np.float64)
    return rows
