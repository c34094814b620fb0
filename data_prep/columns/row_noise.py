"""Noise that is a function of a row's own values: equal rows get equal noise, wherever they stand.

Dequantised values and fills need noise, and yet a row's score must not depend on the rows around
it, on their order or on the file it is in.
"""

from __future__ import annotations

import numpy as np

# Constants of the generator splitmix64 (Steele, Lea and Flood 2014).
STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def keys(values: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return a random-looking number, uint64 ``[N]``, for each row of ``[N, D]``."""
    values = np.asarray(values, np.float64)
    bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)  # one NaN, one zero
    result = np.full(len(values), np.uint64(seed), np.uint64)
    for place in range(values.shape[1]):
        result = _mixed(result ^ bits[:, place], place + 1)
    return result


def uniform(row_keys: np.ndarray, stream: int) -> np.ndarray:
    """Return one uniform number within (0, 1) per key ``[N]``; streams are independent."""
    mixed = _mixed(row_keys, 2 * stream + 1_000_003)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(row_keys: np.ndarray, stream: int) -> np.ndarray:
    """Return one standard normal number per key ``[N]`` (Box and Muller 1958)."""
    radius = np.sqrt(-2 * np.log(uniform(row_keys, 2 * stream + 500_009)))
    return radius * np.cos(2 * np.pi * uniform(row_keys, 2 * stream + 500_010))


def _mixed(state: np.ndarray, place: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        state = state + STEP * np.uint64(place)
        state = (state ^ (state >> np.uint64(30))) * FIRST
        state = (state ^ (state >> np.uint64(27))) * SECOND
        return state ^ (state >> np.uint64(31))
