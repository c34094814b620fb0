"""Simulated data: a stand-in for the GAS file ``ethylene_CO.txt``, and two moons.

The stand-in is **not** the published data, and its log-likelihoods are not comparable with those of
the blog post or the paper. It has the published file's format, and takes these facts from the
publisher's description and from the post's glimpse of the file:

- sixteen metal-oxide sensors, four of each of four types, at the published channels;
- CO of 0 to 600 ppm and ethylene of 0 to 20 ppm, for 80 to 120 s each; one gas rises, falls or is
  switched off while the other stays as it is;
- responses that decay with two time constants, 15 to 25 s and 45 to 60 s;
- readings of the same order of magnitude, with the second half of the channels starting high.

How alike the sensors are was chosen such that the post's rule, caret's ``findCorrelation``, keeps
the columns that it kept in the published file: those of types TGS-2600 and TGS-2620 nearly repeat
each other, two of TGS-2602 do, and those of TGS-2610 differ.

The simulation omits turbulence of the gas flow, cross-sensitivity that is not a power law, sensor
saturation and ageing, humidity and temperature, and the published file's noise spectrum, gaps and
outliers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import gas
from tfp_maf.data_prep.files import replaced_when_whole

SECONDS = 42_082.6  # duration of the published file, which has 100 rows per second
STEP_SECONDS = (80.0, 120.0)  # shortest and longest duration of a concentration
MOST_PPM = (600.0, 20.0)  # highest concentrations of CO and ethylene
FALL_SECONDS = ((15.0, 25.0), (45.0, 60.0))  # ranges of the two time constants of decay
# First readings in the published file, and how fast the high ones fall: from the post's glimpse.
FIRST_READINGS = (
    *(-50, -2, -42, 1, -4, -29, -13, -3),
    *(55140, 50670, 9626, 9763, 24544, 21421, 7651, 6928),
)
START_SECONDS = 0.7
NOISE = (6.0, 0.01)  # standard deviation at reading 0, and per unit of the reading


@dataclass(frozen=True)
class SensorType:
    """One type of sensor: where it is, and how it responds to the gases.

    Attributes:
        name: Name of the type.
        channels: Its channels, counted from 0.
        ethylene: Share of ethylene in each sensor's reading at the highest concentrations of both.
        speed: Each sensor's time constants, relative to its type's.
        gain: Reading at the highest concentrations of both gases.
        exponents: Powers of the concentrations of CO and ethylene.
        rise: Time constant of rising responses, in seconds.
        falls: Time constants of falling responses, in seconds.
    """

    name: str
    channels: tuple[int, int, int, int]
    ethylene: tuple[float, float, float, float]
    speed: tuple[float, float, float, float]
    gain: float
    exponents: tuple[float, float]
    rise: float
    falls: tuple[float, float]


# Shares and speeds were found by a random search: with them the post's rule keeps the columns that
# it kept in the published file, and the paper's rule keeps as many.
SENSOR_TYPES = (
    SensorType(
        "TGS-2602",
        channels=(0, 1, 8, 9),
        ethylene=(0.965, 0.796, 0.658, 0.673),
        speed=(1.46, 1.8, 1.0, 1.0),
        gain=30_000.0,
        exponents=(0.7, 0.5),
        rise=6.0,
        falls=(18.0, 52.0),
    ),
    SensorType(
        "TGS-2600",
        channels=(2, 3, 10, 11),
        ethylene=(0.455, 0.452, 0.481, 0.474),
        speed=(1.0, 1.0, 1.0, 1.0),
        gain=8_000.0,
        exponents=(0.5, 0.6),
        rise=8.0,
        falls=(20.0, 52.0),
    ),
    SensorType(
        "TGS-2610",
        channels=(4, 5, 12, 13),
        ethylene=(0.221, 0.451, 0.359, 0.088),
        speed=(1.61, 0.65, 1.8, 0.6),
        gain=16_000.0,
        exponents=(0.6, 0.8),
        rise=12.0,
        falls=(21.0, 53.0),
    ),
    SensorType(
        "TGS-2620",
        channels=(6, 7, 14, 15),
        ethylene=(0.516, 0.444, 0.572, 0.453),
        speed=(1.0, 1.0, 1.0, 1.0),
        gain=6_000.0,
        exponents=(0.5, 0.6),
        rise=8.0,
        falls=(20.0, 52.0),
    ),
)


def write_ethylene_co(path: str | Path, *, rows: int, seed: int = 0) -> Path:
    """Write a simulated file in exactly the format of UCI's ``ethylene_CO.txt``.

    The sixteen sensors have fixed sensitivities and time constants. A sensor's steady reading is
    ``gain (a CO^p + b ethylene^q)``. It is approached exponentially, faster upwards than downwards,
    in two components of different speed, and overlaid with slow drift and white noise.

    Args:
        path: File to write; an existing file is replaced only once the new one is complete.
        rows: Number of rows. They always span the published 11.7 hours, so fewer rows than the
            published 4,208,261 are further apart in time than a hundredth of a second.
        seed: Seed of concentrations, drift and noise; the same seed and number of rows give the
            same file.

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
    levels = _concentrations(rng, len(starts) + 1)
    table = np.column_stack([seconds, levels[step], _readings(rng, seconds, step, levels)])
    with replaced_when_whole(path) as file:
        file.write(gas.HEADER + "\n")
        np.savetxt(file, table, fmt="%.2f")
    return path


def _concentrations(rng: np.random.Generator, steps: int) -> np.ndarray:
    """Draw concentrations ``[steps, 2]`` that start at 0, of which one changes at each step.

    From 0, a gas rises; otherwise it rises, falls or is switched off, equally often.
    """
    levels = np.zeros([steps, 2])
    for step in range(1, steps):
        levels[step] = levels[step - 1]
        which = rng.integers(2)
        level, most = levels[step, which], MOST_PPM[which]
        choices = [rng.uniform(level, most), rng.uniform(0, level), 0.0]
        levels[step, which] = choices[rng.integers(3)] if level > 0 else choices[0]
    return levels


def _readings(
    rng: np.random.Generator, seconds: np.ndarray, step: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Simulate readings ``[rows, 16]`` of the four types of sensors."""
    first = np.array(FIRST_READINGS)
    readings = np.empty([len(seconds), len(gas.SENSORS)])
    for kind in SENSOR_TYPES:
        readings[:, kind.channels] = _responses(kind, seconds, step, levels / MOST_PPM)
    hours = seconds[:, None] / 3600
    period, phase = rng.uniform(0.5, 3.0, len(first)), rng.uniform(0, 2 * np.pi, len(first))
    readings *= 1 + 0.01 * np.sin(2 * np.pi * hours / period + phase)
    floor, share = NOISE
    readings += np.hypot(floor, share * readings) * rng.standard_normal(readings.shape)
    return readings + np.where(first > 1000, np.exp(-seconds[:, None] / START_SECONDS), 1.0) * first


def _responses(
    kind: SensorType, seconds: np.ndarray, step: np.ndarray, relative: np.ndarray
) -> np.ndarray:
    """Compute responses ``[rows, 4]`` of one type's sensors to concentrations from 0 to 1."""
    ethylene, speed = np.array(kind.ethylene), np.array(kind.speed)
    weights = np.stack([1 - ethylene, ethylene], axis=1)
    target = kind.gain * (weights * relative[:, None] ** kind.exponents).sum(axis=-1)
    fast, slow = (
        _relax(target, seconds, step, rise=kind.rise * speed, fall=np.clip(fall * speed, *bounds))
        for fall, bounds in zip(kind.falls, FALL_SECONDS, strict=True)
    )
    return 0.6 * fast + 0.4 * slow


def _relax(
    target: np.ndarray, seconds: np.ndarray, step: np.ndarray, *, rise: np.ndarray, fall: np.ndarray
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
