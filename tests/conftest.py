"""What all tests share: quiet TensorFlow, real data where they are, a small trained flow."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("TFP_MAF_DATA")
    if not folder:
        pytest.skip("TFP_MAF_DATA does not name a folder of real data")
    return Path(folder)


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


@pytest.fixture(scope="session")
def trained():
    """A MAF(2) after two epochs on curved rows of four columns, and those rows."""
    import tfp_maf

    x, _ = chain_rows(1000, 4, seed=0)
    flow = tfp_maf.build_maf(4, num_layers=2, hidden_units=(16, 12))
    history = tfp_maf.fit(flow, x[:800], x[800:], learning_rate=1e-2, max_epochs=2, progress=False)
    return flow, x, history


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


@pytest.fixture
def digits(tmp_path) -> tuple[Path, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """A folder with a little MNIST of noise, and its images ``[N, 784]`` and labels by part."""
    rng = np.random.default_rng(5)
    parts = {}
    for part, prefix, n in [("train", "train", 60), ("test", "t10k", 10)]:
        images, labels = rng.integers(0, 256, [n, 28, 28]), rng.integers(0, 10, n)
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))
        parts[part] = images.reshape(n, 784), labels
    return tmp_path, parts
