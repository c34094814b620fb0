"""Tables of every kind of column end in a model or in one clear error.

``python tests/benchmarks/tables.py`` tries 10,000.
"""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")

import generated_tables
from tallies import tally

from tfp_maf.data_prep import table


def test_a_model_or_a_clear_error():
    found = tally(generated_tables.tables(), generated_tables.outcome, examples=150)
    assert found["model"] > 75
    assert 1 < len(found) < 8  # few errors, each for many tables


def test_a_total_is_the_sum_of_all_its_parts(tmp_path):
    """A part that is a thousandth of another one, too."""
    rng = np.random.default_rng(0)
    parts = np.round(rng.lognormal([9.0, 6.0, 2.0, 1.0], 1.0, [80, 4]))
    frame = pd.DataFrame(parts, columns=list("abcd"))
    frame["total"] = frame.sum(axis=1)
    frame["e"] = rng.normal(size=80)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (rule,) = table.load(tmp_path / "rows.csv").schema.derived
    assert rule.offset == 0
    assert rule.weights == dict.fromkeys("abcd", 1)


def test_columns_linear_in_two_others_are_named(tmp_path):
    x = np.random.default_rng(0).normal(size=[400, 4])
    frame = pd.DataFrame(x, columns=list("abcd"))
    frame["e"] = 3 * frame["a"] - 2 * frame["c"] + 1
    frame.to_csv(tmp_path / "rows.csv", index=False)
    splits = table.load(tmp_path / "rows.csv")
    assert splits.notes == (
        "column 'e': follows from others, 1 +3 'a' -2 'c'; restored in samples",
    )
    assert splits.train.shape[1] == 4
    frame["e"] += 1e-3 * np.random.default_rng(1).normal(size=400)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    assert table.load(tmp_path / "rows.csv").train.shape[1] == 5
