"""A generated stand-in for ``ethylene_CO.txt``, for when the real file is not there.

It is **not** the published data and its log-likelihoods are not comparable with
the post's or the paper's. It has their format, and the features that make them
hard: sensors that follow the same two gases and so nearly repeat each other, with
memory, and with heavy, skewed marginals.

What it leaves out: turbulence of the gas flow, cross-sensitivity that is not a
power law, sensor saturation and ageing, humidity and temperature, and the
published file's noise spectrum, gaps and outliers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_prep import gas
from data_prep.files import replaced_when_whole

SECONDS = 42_082.6  # the published file's length: rows at 100 Hz
STEP_SECONDS = (80.0, 120.0)  # how long a concentration lasts
MOST_PPM = (533.0, 20.0)  # CO, ethylene


def write_ethylene_co(path: str | Path, *, rows: int, seed: int = 0) -> Path:
    """Writes a simulated file in exactly the format of UCI's ``ethylene_CO.txt``.

    Two gases step through random concentrations, each off for a third of the
    time. Sixteen metal-oxide sensors, four copies of four types, follow. A sensor's
    steady reading is ``offset + gain (a CO^p + b ethylene^q)``; it gets there
    exponentially, faster up than down, on top of a slow drift and white noise.

    Args:
        path: the file to write; replaced once whole.
        rows: how many; they always span the published 11.7 hours, so fewer rows
            are further apart.
        seed: the same seed and rows give the same file.

    Raises:
        OSError: it can't be written.
        ValueError: ``rows`` below 1.
    """
    if rows < 1:
        raise ValueError(f"rows must be at least 1, got {rows}")
    path = Path(path)
    rng = np.random.default_rng(seed)
    seconds = np.linspace(0.0, SECONDS, rows)
    starts = np.cumsum(rng.uniform(*STEP_SECONDS, size=int(SECONDS / STEP_SECONDS[0]) + 1))
    step = np.searchsorted(starts, seconds)
    shape = [len(starts) + 1, 2]
    levels = rng.uniform(0, MOST_PPM, shape) * (rng.random(shape) > 1 / 3)
    levels[0] = 0  # the published file, too, begins in clean air
    readings = _sensors(rng, seconds, step, levels)
    table = np.column_stack([seconds, levels[step], readings])
    with replaced_when_whole(path) as file:
        file.write(gas.HEADER + "\n")
        np.savetxt(file, table, fmt="%.2f")
    return path


def _sensors(
    rng: np.random.Generator, seconds: np.ndarray, step: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Readings ``[rows, 16]``: four types of four sensors each."""
    copies = 4
    sensors = len(gas.SENSORS)
    types = np.repeat(np.arange(sensors // copies), copies)
    # One type's copies share its chemistry; each has its own sensitivity and speed.
    weights = rng.uniform(0.2, 1.0, [4, 2])[types] * rng.uniform(0.6, 1.4, [sensors, 2])
    exponents = rng.uniform(0.35, 0.8, [4, 2])[types]
    gain = rng.uniform(1500, 6000, 4)[types] * rng.normal(1.0, 0.1, sensors)
    rise = rng.uniform(4, 20, 4)[types] * rng.lognormal(0, 0.3, sensors)
    fall = rise * rng.uniform(1.5, 4.0, sensors)

    relative = levels / MOST_PPM
    target = gain * (weights * relative[:, None, :] ** exponents).sum(axis=-1)
    readings = _relax(target, seconds, step, rise, fall)
    hours = seconds[:, None] / 3600
    period, phase = rng.uniform(0.5, 3.0, sensors), rng.uniform(0, 2 * np.pi, sensors)
    readings *= 1 + 0.01 * np.sin(2 * np.pi * hours / period + phase)
    return readings + gain * 0.004 * rng.standard_normal(readings.shape)


def _relax(
    target: np.ndarray, seconds: np.ndarray, step: np.ndarray, rise: np.ndarray, fall: np.ndarray
) -> np.ndarray:
    """Solves ``dr/dt = (target - r) / tau``, tau = rise upwards and fall downwards.

    Exact within a step, where the target is constant: an exponential.
    """
    readings = np.empty([len(seconds), target.shape[1]])
    value, began = target[step[0]], seconds[0]
    first_rows = np.flatnonzero(np.diff(step, prepend=-1))
    for first, last in zip(first_rows, [*first_rows[1:], len(seconds)], strict=True):
        goal = target[step[first]]
        tau = np.where(goal > value, rise, fall)
        elapsed = (seconds[first:last] - began)[:, None]
        readings[first:last] = goal + (value - goal) * np.exp(-elapsed / tau)
        value, began = readings[last - 1], seconds[last - 1]
    return readings


def two_moons(n: int, *, seed: int = 0) -> np.ndarray:
    """Two half circles that reach into each other, with noise: float32 ``[n, 2]``, standardised.

    The usual picture for densities in the plane; scikit-learn's ``make_moons`` has the same.
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, n)
    upper = rng.random(n) < 0.5
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[~upper] = [1.0, 0.5] - x[~upper]
    x += rng.normal(0, 0.08, [n, 2])
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
