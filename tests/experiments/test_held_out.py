"""Held-out rows take no part in preparation, but where the paper says so (GAS: all rows)."""

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep import hepmass, miniboone, power, table

RNG = np.random.default_rng(0)


def power_file(folder, *, spoil):
    """400 minutes; the authors' shuffle says which of them are the test."""
    rows = np.abs(RNG.normal(size=[400, 7])).round(3) + 1
    order = np.arange(400)
    np.random.RandomState(42).shuffle(order)
    if spoil:
        rows[order[-40:]] *= 7
    lines = [
        f"16/12/2006;{m // 60:02}:{m % 60:02}:00;" + ";".join(f"{v:.3f}" for v in row)
        for m, row in enumerate(rows)
    ]
    (folder / power.FILE).write_text("\n".join([power.HEADER, *lines]) + "\n")
    return power.load(folder)


def hepmass_files(folder, *, spoil):
    names = ["# label", *hepmass.FEATURES]
    for name, factor in [("1000_train.csv", 1), ("1000_test.csv", 7 if spoil else 1)]:
        x = np.hstack([np.ones([200, 1]), factor * RNG.normal(size=[200, 27])])
        pd.DataFrame(x, columns=names).to_csv(folder / name, index=False)
    return hepmass.load(folder)


def neutrinos(folder, *, spoil):
    x = RNG.normal(size=[200, 50])
    x[-20:] *= 7 if spoil else 1
    text = "\n".join(" ".join(map(repr, map(float, row))) for row in x)
    (folder / miniboone.FILE).write_text(f"200 0\n{text}\n")
    return miniboone.load(folder)


def own_table(folder, *, spoil):
    x = RNG.normal(size=[200, 3])
    x[np.random.default_rng(0).permutation(200)[-20:]] *= 7 if spoil else 1
    pd.DataFrame(x, columns=["a", "b", "c"]).to_csv(folder / "t.csv", index=False)
    return table.load(folder / "t.csv")


@pytest.mark.parametrize("load", [power_file, hepmass_files, neutrinos, own_table])
def test_test_rows_change_nothing_but_themselves(load, tmp_path):
    splits = []
    for spoil in (False, True):
        RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
        splits.append(load(tmp_path, spoil=spoil))
    clean, spoiled = splits
    np.testing.assert_array_equal(clean.train, spoiled.train)
    np.testing.assert_array_equal(clean.validation, spoiled.validation)
    np.testing.assert_array_equal(clean.scaler.scale, spoiled.scaler.scale)
    assert np.abs(spoiled.test).max() > 1.5 * np.abs(clean.test).max()
