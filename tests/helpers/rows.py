"""Rows of a known density, Jacobians, small files."""

from __future__ import annotations

import struct
import subprocess
import time
from pathlib import Path

import numpy as np


def chain_rows(n: int, event_size: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows ``[n, D]`` of a curved density, and their exact log p ``[n]``.

    ``x_1 ~ N(0, 1)`` and ``x_i = sin(1.5 x_{i-1}) + .5 e_i`` with ``e_i ~ N(0, 1)``.
    """
    noise = np.random.default_rng(seed).standard_normal([n, event_size])
    x = noise.copy()
    for i in range(1, event_size):
        x[:, i] = np.sin(1.5 * x[:, i - 1]) + 0.5 * noise[:, i]
    log_prob = -0.5 * (noise**2).sum(axis=1) - 0.5 * event_size * np.log(2 * np.pi)
    return x.astype(np.float32), log_prob - (event_size - 1) * np.log(0.5)


def jacobian(function, x) -> np.ndarray:
    """``d function(x)_i / d x_j`` of each row, ``[N, D, D]``."""
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        outputs = tf.unstack(function(x), axis=-1)
    return np.stack([tape.gradient(output, x) for output in outputs], axis=1)


def wait_for(path: Path, process: subprocess.Popen, *, seconds: float = 120) -> None:
    """Until a file is there; fails if the process that is to write it has ended."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, f"ended with status {process.returncode}"
        assert time.monotonic() < end, f"no {path} after {seconds} s"
        time.sleep(0.05)


def idx(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes: zero, zero, type, dimensions; sizes; values."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()
