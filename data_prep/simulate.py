"""Simulated data: a stand-in for the GAS file ``ethylene_CO.txt``, and two moons.

The stand-in is **not** the published data, and its log-likelihoods are not comparable with those of
the blog post or the paper. It has the same format and the properties that make the real data hard
to model: the sensors respond to the same two gases and so nearly repeat each other, and they have
memory and heavy-tailed, skewed marginals.

The simulation omits turbulence of the gas flow, cross-sensitivity that is not a power law, sensor
saturation and ageing, humidity and temperature, and the published file's noise spectrum, gaps and
outliers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfp_maf.data_prep import gas
from tfp_maf.data_prep.files import replaced_when_whole

SECONDS = 42_082.6  # duration of the published file, which has 100 rows per second
STEP_SECONDS = (80.0, 120.0)  # shortest and longest duration of a concentration
MOST_PPM = (533.0, 20.0)  # highest concentrations of CO and ethylene


def write_ethylene_co(path: str | Path, *, rows: int, seed: int = 0) -> Path:
    """Write a simulated file in exactly the format of UCI's ``ethylene_CO.txt``.

    Two gases step through random concentrations; each is off for a third of the time. Sixteen
    metal-oxide sensors, four of each of four types, respond. A sensor's steady reading is
    ``gain (a CO^p + b ethylene^q)``. It is approached exponentially, faster upwards than downwards,
    and overlaid with slow drift and white noise.

    Args:
        path: File to write; an existing file is replaced only once the new one is complete.
        rows: Number of rows. They always span the published 11.7 hours, so fewer rows are further
            apart in time.
        seed: Seed of the simulation; the same seed and number of rows give the same file.

    Returns:
        Path of the file.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If ``rows`` is below 1.
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
    levels[0] = 0  # start in clean air, like the published file
    readings = _sensors(rng, seconds, step, levels)
    table = np.column_stack([seconds, levels[step], readings])
    with replaced_when_whole(path) as file:
        file.write(gas.HEADER + "\n")
        np.savetxt(file, table, fmt="%.2f")
    return path


def _sensors(
    rng: np.random.Generator, seconds: np.ndarray, step: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Simulate readings ``[rows, 16]`` of four types of sensors, four of each."""
    copies = 4
    sensors = len(gas.SENSORS)
    types = np.repeat(np.arange(sensors // copies), copies)
    # Sensors of one type share its chemistry; each has its own sensitivity and speed.
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
    """Solve ``dr/dt = (target - r) / tau``, where tau is ``rise`` upwards and ``fall`` downwards.

    Within a step the target is constant, so the exact solution is an exponential.
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
    """Draw two interleaved half circles with noise, standardised, float32 ``[n, 2]``.

    This is the usual example of a density in the plane, like scikit-learn's ``make_moons``.
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, n)
    upper = rng.random(n) < 0.5
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[~upper] = [1.0, 0.5] - x[~upper]
    x += rng.normal(0, 0.08, [n, 2])
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
