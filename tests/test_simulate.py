import re

import numpy as np
import pytest

from data_prep import gas, simulate


def test_the_format_is_the_published_files(tmp_path):
    path = simulate.write_ethylene_co(tmp_path / "x.txt", rows=200)
    header, *rows = path.read_text().splitlines()
    assert header == gas.HEADER
    assert len(rows) == 200
    assert all(re.fullmatch(r"(-?\d+\.\d\d)( -?\d+\.\d\d){18}", row) for row in rows)


def test_gases_step_and_sensors_follow(tmp_path):
    table = np.loadtxt(simulate.write_ethylene_co(tmp_path / "x", rows=20_000), skiprows=1)
    seconds, levels, sensors = table[:, 0], table[:, 1:3], table[:, 3:]
    assert seconds[0] == 0
    assert (np.diff(seconds) > 0).all()
    changes = (np.diff(levels, axis=0) != 0).any(axis=1)
    assert 300 < changes.sum() < 600  # a step lasts 80 to 120 s of 42,083
    for gas_level in levels.T:
        assert 0.2 < (gas_level == 0).mean() < 0.5
    clean, both = (levels == 0).all(axis=1), (levels > levels.mean(axis=0)).all(axis=1)
    assert (sensors[both].mean(axis=0) > sensors[clean].mean(axis=0)).all()


def test_the_seed_makes_the_file(tmp_path):
    one, again, other = (
        simulate.write_ethylene_co(tmp_path / name, rows=50, seed=seed).read_bytes()
        for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert one == again != other


def test_nothing_to_write_to(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        simulate.write_ethylene_co(tmp_path / "no" / "x", rows=5)
    with pytest.raises(ValueError, match="rows must be at least 1"):
        simulate.write_ethylene_co(tmp_path / "x", rows=0)
    assert list(tmp_path.iterdir()) == []
