"""The learning rates of the other libraries in time_to_quality.py."""

from __future__ import annotations

import numpy as np


def rates(case: dict, steps: int) -> np.ndarray:
    """Rate of each step, and of the one after the last: up a line, then down a cosine to 0."""
    warm_up = steps // 20
    step = np.arange(steps + 1)
    fall = 0.5 * (1 + np.cos(np.pi * (step - warm_up) / (steps - warm_up)))
    return case["rate"] * np.where(step < warm_up, step / warm_up, fall)
