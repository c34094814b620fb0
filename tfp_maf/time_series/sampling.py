"""Sampling of series, step by step: many paths at once, from a cache of the past."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.time_series.flow import TimeFlow
from tfp_maf.utils.checks import check_positive_integer

REACH = 2.0  # how far a draw may be, in units of the farthest innovation of training


class PathSampler:
    """Paths that go on from a series' past, one step at a time.

    A draw farther out than :data:`REACH` times anything that the model was trained on is moved
    there: in a path, one such draw would be the past of all others.

    Attributes:
        cut: number of values that were moved.

    Args:
        model: density of a step given the past.
        pasts: values ``[S, T, D]`` up to now, NaN where one is missing; T may be 0.
        known: inputs of these steps, ``[S, T, K]``.
        paths: number of paths per past.
        seed: of all draws.
    """

    def __init__(
        self, model: TimeFlow, pasts: np.ndarray, known: np.ndarray, *, paths: int, seed: int
    ):
        self._model, self._rng, self.cut = model, np.random.default_rng(seed), 0
        count, steps, size = pasts.shape
        self._step = model.encoder_step
        cache, latest = model.encoder.empty(count), np.zeros([count, size])
        order = model.innovations.order
        lags: list[np.ndarray] = []  # standardised values of the last steps, the latest first
        if steps < model.past:  # steps before a series are zeros, as in windows
            zeros = tf.zeros([count, model.layout.input_size], model.flow.dtype)
            for _ in range(model.past):
                context, cache = self._step(cache, zeros)
        z = model.innovations.standardised(pasts)
        for t in range(steps):
            seen = np.isfinite(z[:, t])
            latest = np.where(seen, z[:, t], latest)
            context, cache = self._step(cache, self._inputs(latest, seen, known[:, t]))
            lags = shifted(lags, latest, order)
        self._lags = [np.repeat(lag, paths, axis=0) for lag in lags]
        self._cache = [tf.repeat(part, paths, axis=0) for part in cache]
        self._context = tf.repeat(context, paths, axis=0)
        self._paths = paths

    def _inputs(self, values: np.ndarray, seen: np.ndarray, known: np.ndarray) -> tf.Tensor:
        joined = np.concatenate([values, seen, known], axis=1)
        return tf.constant(joined, self._model.flow.dtype)

    def draw(self, known: np.ndarray) -> np.ndarray:
        """Return the next step's values ``[S * paths, D]``, given what is known, ``[S, K]``."""
        model = self._model
        known = np.repeat(known, self._paths, axis=0)
        farthest = REACH * model.innovations.farthest
        condition = np.concatenate([self._context.numpy(), known], axis=1)
        seed = int(self._rng.integers(2**31))
        events = model.flow.sample(len(known), condition=condition, seed=seed).numpy()
        events = np.asarray(events, np.float64)
        self.cut += int((np.abs(events) > farthest).sum())
        events = np.clip(events, -farthest, farthest)
        order = model.innovations.order
        lags = self._lags or order * [np.zeros_like(events)]
        now = model.innovations.next(np.concatenate([*lags, known], axis=1), events)
        self._lags = shifted(self._lags, now, order)
        self._context, self._cache = self._step(
            self._cache, self._inputs(now, np.ones_like(now), known)
        )
        return model.innovations.in_units(now)


def shifted(lags: list[np.ndarray], now: np.ndarray, order: int) -> list[np.ndarray]:
    """Return the last values after one more step, as by :func:`innovations.regressors`."""
    return [now, *lags][:order] if lags else order * [now]


def sample_paths(
    model: TimeFlow,
    pasts: Any,
    *,
    steps: int,
    paths: int = 1,
    known: Any = None,
    seed: int = 0,
) -> np.ndarray:
    """Draw paths that go on from the past of series.

    Args:
        model: density of a step given the past.
        pasts: values ``[S, T, D]`` of S series up to now; the last ``past`` steps are enough.
        steps: number of steps to draw.
        paths: number of paths per series.
        known: inputs of the T steps and the ``steps`` after them, ``[S, T + steps, K]``.
        seed: the same seed gives the same paths.

    Returns:
        float64 ``[S, paths, steps, D]``.

    Raises:
        ValueError: If a shape is wrong, or a number is not positive.

    Warns:
        UserWarning: If draws were moved, see :class:`PathSampler`.
    """
    for name, value in (("steps", steps), ("paths", paths)):
        check_positive_integer(name, value)
    pasts = np.asarray(pasts, np.float64)
    if pasts.ndim != 3 or pasts.shape[2] != model.event_size:
        raise ValueError(f"pasts must be [S, T, {model.event_size}], got {list(pasts.shape)}")
    count, length, size = pasts.shape
    wanted = (count, length + steps, model.layout.known_size)
    known = np.zeros(wanted) if known is None and not wanted[2] else np.asarray(known, np.float64)
    if known.shape != wanted:
        raise ValueError(f"known must have shape {list(wanted)}, got {list(known.shape)}")
    sampler = PathSampler(model, pasts, known[:, :length], paths=paths, seed=seed)
    drawn = [sampler.draw(known[:, length + t]) for t in range(steps)]
    if sampler.cut:
        warnings.warn(
            f"{sampler.cut} of {len(drawn) * drawn[0].size} values drawn were farther out than "
            f"{REACH:g} times all changes that the model was trained on, and moved there",
            stacklevel=2,
        )
    return np.stack(drawn, axis=1).reshape(count, paths, steps, size)
