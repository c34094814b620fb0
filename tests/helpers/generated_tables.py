"""Tables of every kind of column, and what ``tfp-maf train`` would make of them.

Each ends in a model with finite numbers, or in one clear ValueError. Networks are kept for each
number of columns, so that thousands can be tried.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
import tf_keras
from hypothesis import strategies as st

import tfp_maf
from tfp_maf.data_prep import table
from tfp_maf.data_prep.splits import Splits
from tfp_maf.evaluation import baselines
from tfp_maf.training.distributed import Workers
from tfp_maf.training.objective import StepSettings
from tfp_maf.training.steps import make_steps

BATCH = 10
FILE = "rows.csv"
COLUMNS = {
    "normal": lambda rng, n, others: rng.normal(size=n),
    "uniform": lambda rng, n, others: rng.uniform(-3, 8, size=n),
    "heavy": lambda rng, n, others: rng.standard_cauchy(size=n),
    "constant": lambda rng, n, others: np.full(n, 0.1),
    "nearly constant": lambda rng, n, others: 1e8 + rng.normal(size=n) * 1e-9,
    "one outlier": lambda rng, n, others: np.where(np.arange(n) == n // 2, 1e12, 0.0),
    "duplicate": lambda rng, n, others: others[0] * -3 + 7,
    "collinear": lambda rng, n, others: others[0] - 2 * others[-1],
    "nearly collinear": lambda rng, n, others: others[0] + 1e-4 * rng.normal(size=n),
    "binary": lambda rng, n, others: rng.integers(0, 2, n),
    "discrete": lambda rng, n, others: rng.integers(0, 5, n),
    "whole": lambda rng, n, others: rng.integers(-(2**62), 2**62, n),
    "huge": lambda rng, n, others: rng.normal(size=n) * 1e300,
    "large": lambda rng, n, others: rng.normal(size=n) * 1e30,
    "tiny": lambda rng, n, others: rng.normal(size=n) * 1e-30,
    "vanishing": lambda rng, n, others: rng.normal(size=n) * 1e-300,
    "text": lambda rng, n, others: np.array(["a", "b"])[rng.integers(0, 2, n)],
    "true or false": lambda rng, n, others: rng.integers(0, 2, n).astype(bool),
    "a hole": lambda rng, n, others: np.where(np.arange(n) == n // 2, np.nan, 1.0 * np.arange(n)),
    "infinite": lambda rng, n, others: np.where(np.arange(n) == n // 2, np.inf, np.arange(n)),
    "empty": lambda rng, n, others: np.full(n, np.nan),
}  # fmt: skip
ORDINARY = ("normal", "uniform", "heavy", "discrete", "binary", "nearly collinear", "large", "tiny")
ROWS = st.sampled_from([0, 1, 2, 9, 20, *[60, 200] * 4])


@st.composite
def tables(draw: Any) -> pd.DataFrame:
    """One to four columns; mostly ordinary ones, so that many tables train."""
    n, rng = draw(ROWS), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = st.one_of(st.sampled_from(ORDINARY), st.sampled_from(sorted(COLUMNS)))
    columns: list[np.ndarray] = []
    for name in draw(st.lists(kind, min_size=1, max_size=4)):
        numbers = [c for c in columns if c.dtype.kind in "if"] or [rng.normal(size=n)]
        with np.errstate(all="ignore"):
            columns.append(np.asarray(COLUMNS[name](rng, n, numbers)))
    return pd.DataFrame({f"c{i}": column for i, column in enumerate(columns)})


def outcome(frame: pd.DataFrame) -> str:
    """``"model"``, or the error's text without names and numbers.

    Raises:
        AssertionError: numbers that are not finite, or an error that does not name the file.
        Exception: another one, or a warning of NumPy's, is a bug.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        frame.to_csv(path, index=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                splits = table.load(path)
                _train(splits)
        except ValueError as error:
            said = str(error)
            assert "\n" not in said
            assert len(said) < 500, said
            assert FILE in said or "singular" in said, said
            said = re.sub(r"'[^']*'", "'...'", said.replace(str(path), FILE))
            return re.sub(r"[-+]?[\d,.]+(e[-+]?\d+)?", "N", said)
    return "model"


def _train(splits: Splits) -> None:
    """What ``train`` does, with three steps of a small network."""
    for part in ("train", "validation", "test"):
        rows = splits.rows(part)
        assert np.isfinite(rows.log_det + rows.to_units).all()
        assert (rows.codes >= 0).all()
    if not splits.train.shape[1]:  # nothing but categories
        return
    assert np.isfinite(baselines.gaussian(splits.train, splits.test).mean)
    flow, steps, start = _network(splits.train.shape[1])
    flow.set_weights(start)
    tfp_maf.set_batch_statistics(flow, splits.train)
    rows = np.resize(splits.train, [3 * BATCH, splits.train.shape[1]])
    _, bad_step = steps.run(tf.constant(rows), 3)
    assert bad_step == -1
    tfp_maf.set_batch_statistics(flow, splits.train)
    assert np.isfinite(tfp_maf.evaluate(flow, splits.validation).mean)
    assert all(np.isfinite(w).all() for w in flow.get_weights())


@lru_cache
def _network(width: int) -> tuple[Any, Any, list[np.ndarray]]:
    flow = tfp_maf.build_maf(width, num_layers=2, hidden_units=(8,), activation="tanh")
    adam = tf_keras.optimizers.Adam(2e-3, global_clipnorm=5.0, jit_compile=False)
    settings = StepSettings(BATCH, 1e-6, jit_compile=False)
    return flow, make_steps(flow, adam, settings, workers=Workers()), flow.get_weights()
