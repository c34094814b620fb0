"""What all tests share: quiet TensorFlow, real data where they are, a small trained flow."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most time goes into compiling what runs once: XLA leaves out what makes programs fast.
# tests/xla/test_optimised.py compiles as users do.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
# Commands that tests run leave nothing in the user's folder.
os.environ.setdefault("TFP_MAF_COMPILE_CACHE", "0")

import numpy as np
import pytest
from local_server import server  # noqa: F401  a fixture
from rows import chain_rows, idx


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("TFP_MAF_DATA")
    if not folder:
        pytest.skip("TFP_MAF_DATA does not name a folder of real data")
    return Path(folder)


@pytest.fixture(scope="session")
def trained():
    """A MAF(2) after two epochs on curved rows of four columns, and those rows."""
    import tfp_maf

    x, _ = chain_rows(1000, 4, seed=0)
    flow = tfp_maf.build_maf(4, num_layers=2, hidden_units=(16, 12))
    history = tfp_maf.fit(flow, x[:800], x[800:], learning_rate=1e-2, max_epochs=2, progress=False)
    return flow, x, history


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
