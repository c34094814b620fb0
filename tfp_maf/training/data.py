"""Training rows: an array that is shuffled each epoch, or a ``tf.data.Dataset`` of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfp_maf.flows.flow import Flow

# Steps per call at most: enough that the call itself costs nothing, few enough for a progress bar
# that moves and a prompt answer to Ctrl-C.
STEPS_PER_CALL = 250
# Rows of a dataset from which scales and batch normalisation's statistics are taken.
STATISTICS_ROWS = 100_000


class Rows(Protocol):
    """Source of training rows.

    Attributes:
        num_steps: number of steps per epoch; 0 while it is not known.
        sample: joined rows ``[N, D + C]`` for batch normalisation's statistics.
        weights: their weights ``[N]``, or None.
    """

    num_steps: int
    sample: np.ndarray
    weights: np.ndarray | None

    def chunks(self, rng: np.random.Generator, first: int) -> Iterator[tuple[np.ndarray, int]]:
        """Yield rows of several batches, padded to one size, and the number of batches.

        Args:
            rng: of shuffles and noise.
            first: the step to start from, in an epoch that was interrupted.
        """


class ArrayRows:
    """Rows in memory, shuffled each epoch; those after the last full batch wait for the next.

    Args:
        flow: whose rows they are.
        rows: standardised, ``[N, D + C]``.
        batch_size: rows per step.
        weights: ``[N]`` of mean 1, or None.
        input_noise: standard deviation of normal noise that is added anew each epoch.
        redraw: function of events ``[N, D]`` and a generator, which returns the epoch's events.
    """

    def __init__(
        self,
        flow: Flow,
        rows: np.ndarray,
        *,
        batch_size: int,
        weights: np.ndarray | None,
        input_noise: float,
        redraw: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    ):
        self._redraw = redraw
        self.sample, self.weights = rows, weights
        self._event_size, self._batch_size, self._noise = flow.event_size, batch_size, input_noise
        if weights is not None:
            rows = np.concatenate([rows, weights[:, None].astype(rows.dtype)], axis=1)
        self._rows = rows
        self.num_steps = len(rows) // batch_size
        self._steps_per_call = min(flow.steps_per_call, STEPS_PER_CALL)

    def chunks(self, rng: np.random.Generator, first: int) -> Iterator[tuple[np.ndarray, int]]:
        """See :class:`Rows`."""
        shuffled = self._rows[rng.permutation(len(self._rows))]
        if self._redraw is not None:
            events = shuffled[:, : self._event_size]
            shuffled[:, : self._event_size] = self._redraw(events, rng)
        if self._noise:
            drawn = rng.standard_normal([len(shuffled), self._event_size], dtype=np.float32)
            shuffled[:, : self._event_size] += self._noise * drawn
        steps = padded_steps(self.num_steps, self._steps_per_call)
        for start in range(first, self.num_steps, self._steps_per_call):
            count = min(self._steps_per_call, self.num_steps - start)
            rows = shuffled[start * self._batch_size : (start + count) * self._batch_size]
            yield padded(rows, steps * self._batch_size), count


class DatasetRows:
    """Batches of a ``tf.data.Dataset``, read again each epoch; shuffling is left to the dataset.

    Elements are events ``[B, D]``, or pairs of events and conditions; steps take ``batch_size``
    rows, whatever the elements' B. Scales and statistics come from the first
    :data:`STATISTICS_ROWS` rows.

    Raises:
        ValueError: If the dataset is empty, or an element has another form.
    """

    def __init__(
        self,
        flow: Flow,
        dataset: Any,
        *,
        batch_size: int,
        input_noise: float,
        standardise: bool = True,
    ):
        self._flow, self._batch_size, self._noise = flow, batch_size, input_noise
        first = dataset.element_spec
        event = first[0] if isinstance(first, tuple) else first
        self._dataset = dataset if len(event.shape) == 2 else dataset.batch(batch_size)
        self.weights: np.ndarray | None = None
        self.num_steps = 0
        x, condition = self._first(STATISTICS_ROWS)
        if standardise and not flow.is_standardised:
            flow.standardise(x, condition)
        self.sample = flow.joined_rows(x, condition, name="train")
        if condition is not None and flow.conditioning.num_labels:
            flow.rows.see_labels(condition)

    def _blocks(self, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        for block in self._dataset.rebatch(rows):
            pair = block if isinstance(block, tuple) else (block, None)
            if len(pair) != 2:
                raise ValueError("a dataset's elements must be events, or events and conditions")
            yield pair[0].numpy(), None if pair[1] is None else pair[1].numpy()

    def _first(self, rows: int) -> tuple[np.ndarray, np.ndarray | None]:
        block = next(self._blocks(rows), None)
        if block is None:
            raise ValueError("the dataset has no rows")
        return block

    def chunks(self, rng: np.random.Generator, first: int) -> Iterator[tuple[np.ndarray, int]]:
        """See :class:`Rows`."""
        size, seen = min(self._flow.steps_per_call, STEPS_PER_CALL) * self._batch_size, 0
        for x, condition in self._blocks(size):
            rows = self._flow.joined_rows(
                x, condition, name="train", first_row=seen * self._batch_size
            )
            count = len(rows) // self._batch_size
            skipped = min(max(first - seen, 0), count)
            seen += count
            if count > skipped:
                rows = rows[skipped * self._batch_size : count * self._batch_size]
                if self._noise:
                    drawn = rng.standard_normal([len(rows), x.shape[1]], dtype=np.float32)
                    rows[:, : x.shape[1]] += self._noise * drawn
                yield padded(rows, size), count - skipped
        self.num_steps = seen


def padded_steps(num_steps: int, most: int) -> int:
    """Return the number of steps that a call is padded to: one of few, as each is compiled."""
    room = 8
    while room < min(num_steps, most):
        room *= 4
    return min(room, most) if num_steps >= most else room


def padded(rows: np.ndarray, size: int) -> np.ndarray:
    """Return rows ``[size, W]``, padded with zeros."""
    if len(rows) == size:
        return rows
    whole = np.zeros([size, rows.shape[1]], rows.dtype)
    whole[: len(rows)] = rows
    return whole


def split_off(n: int, share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of training and validation rows, drawn at random.

    Raises:
        ValueError: If either part would be empty.
    """
    order = np.random.default_rng(seed).permutation(n)
    held_out = int(round(n * share))
    if not 0 < held_out < n:
        raise ValueError(f"validation={share:g} of {n} rows leaves one part empty")
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def checked_weights(weights: Any, n: int, *, name: str) -> np.ndarray | None:
    """Return weights ``[n]`` scaled to mean 1, or None.

    Raises:
        ValueError: If the shape is wrong, or weights are negative, not finite, or all zero.
    """
    if weights is None:
        return None
    array = np.asarray(weights, np.float64)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape [{n}], got {list(array.shape)}")
    bad = np.flatnonzero(~np.isfinite(array) | (array < 0))
    if len(bad):
        raise ValueError(f"{name} has {array[bad[0]]} at row {bad[0]} (counted from 0)")
    if not array.any():
        raise ValueError(f"{name} are all zero")
    return array / array.mean()


def is_dataset(x: Any) -> bool:
    """Return whether ``x`` is a ``tf.data.Dataset``."""
    return isinstance(x, tf.data.Dataset)
