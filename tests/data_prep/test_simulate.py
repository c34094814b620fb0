import re

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep import gas, simulate
from tfp_maf.data_prep.find_correlation import find_correlation

ROWS = 4000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return simulate.write_ethylene_co(tmp_path_factory.mktemp("gas") / gas.FILE, rows=ROWS)


@pytest.fixture(scope="module")
def table(path):
    return np.loadtxt(path, skiprows=1)


def test_format_is_the_published_files(path):
    header, *lines = path.read_text().splitlines()
    assert header == (
        "Time (seconds), CO conc (ppm), Ethylene conc (ppm), sensor readings (16 channels)"
    )
    assert len(lines) == ROWS
    row = re.compile(r"-?\d+\.\d\d( -?\d+\.\d\d){18}")
    assert all(row.fullmatch(line) for line in lines)


def test_time(table):
    seconds = table[:, 0]
    assert seconds[0] == 0
    assert abs(seconds[-1] - 42_082) < 1
    assert (np.diff(seconds) > 0).all()


@pytest.mark.parametrize(("column", "most"), [(1, 600), (2, 20)])
def test_gases_step_and_are_at_times_off(table, column, most):
    level = table[:, column]
    assert level[0] == 0
    assert 0.1 < (level == 0).mean() < 0.6
    assert level.min() == 0
    assert most * 0.9 < level.max() <= most
    jumps = np.flatnonzero(np.diff(level))
    # One of the two changes every 80 to 120 s, 7 rows or more.
    assert 150 < len(jumps) < 270
    assert np.diff(jumps).min() >= 7


def test_one_gas_changes_at_a_time_in_every_way(table):
    level = table[:, 1:3]
    before, after = level[:-1], level[1:]
    changes = before != after
    assert changes.any(axis=1).sum() > 350
    assert not changes.all(axis=1).any()
    for gas_of, other in ((0, 1), (1, 0)):
        rows = np.flatnonzero(changes[:, gas_of])
        old, new = before[rows, gas_of], after[rows, gas_of]
        ways = {"on": old == 0, "up": (old > 0) & (new > old), "off": new == 0}
        ways["down"] = (new > 0) & (new < old)
        for chosen in ways.values():
            for other_is_off in (True, False):
                assert ((before[rows[chosen], other] == 0) == other_is_off).any()


def test_sensors_follow_the_gases(table):
    gases, readings = table[:, 1:3] / [600, 20], table[:, 3:]
    clean = (gases == 0).all(axis=1)
    strong = (gases > 0.5).all(axis=1)
    assert clean.sum() > 100
    assert strong.sum() > 100
    assert (readings[strong].mean(axis=0) > 2 * readings[clean].mean(axis=0)).all()


def test_sensors_have_memory(table):
    """Just after both gases go off, readings are above those a little later."""
    clean = (table[:, 1:3] == 0).all(axis=1)
    starts = np.flatnonzero(~clean[:-7] & clean[1:-6] & clean[7:]) + 1
    assert len(starts) > 3
    readings = table[:, 3:]
    assert (readings[starts].mean(axis=0) > readings[starts + 5].mean(axis=0)).all()


def test_responses_decay_with_two_time_constants():
    """From full concentrations to clean air: fast at first, then slowly."""
    seconds = np.arange(0.0, 400.0, 0.1)
    levels = np.array([[1.0, 1.0], [0.0, 0.0]])
    for kind in simulate.SENSOR_TYPES:
        step = (seconds >= 200).astype(int)
        falling = simulate._responses(kind, seconds, step, levels)[step == 1]
        early, late = (-1 / np.gradient(np.log(falling), 0.1, axis=0)[i] for i in (1, -2))
        assert (early > 15).all()
        assert (early < 35).all()
        assert (late > 40).all()
        assert (late < 60).all()


def test_the_first_readings_are_like_the_posts_glimpse(table):
    low, high = np.split(table[0, 3:], [8])
    assert (np.abs(low) < 100).all()
    np.testing.assert_allclose(
        high, [55139.95, 50669.5, 9626.26, 9762.62, 24544.02, 21420.68, 7650.61, 6928.42], rtol=0.01
    )
    highest = table[:, 3:].max(axis=0)
    assert (highest > 3e3).all()
    assert (highest < 6e4).all()


def test_the_published_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "SECONDS", 9.99)
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=1000)
    table = np.loadtxt(path, skiprows=1)
    np.testing.assert_allclose(np.diff(table[:, 0]), 0.01, atol=1e-6)
    # In the post's glimpse, the fourteenth sensor falls by 1.6 % from row to row.
    np.testing.assert_allclose(table[9, 15] / table[0, 15], 20836 / 24544, atol=0.05)


def test_sensors_of_a_type_nearly_repeat_each_other(table):
    correlation = np.corrcoef(table[:, 3:].T)
    types = {kind.name: np.ix_(kind.channels, kind.channels) for kind in simulate.SENSOR_TYPES}
    places = sorted(channel for kind in simulate.SENSOR_TYPES for channel in kind.channels)
    assert places == list(range(16))
    assert correlation[types["TGS-2600"]].min() > gas.POST_CUTOFF
    without_itself = correlation[types["TGS-2620"]] - np.eye(4)
    assert (without_itself.max(axis=0) > gas.POST_CUTOFF).all()
    assert correlation[8, 9] > gas.POST_CUTOFF
    other = correlation[types["TGS-2610"]][np.triu_indices(4, 1)]
    assert other.max() < gas.PAPER_CUTOFF


@pytest.mark.parametrize("rows", [2000, 6000])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_posts_rule_chooses_the_posts_columns(tmp_path, rows, seed):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=rows, seed=seed)
    frame = pd.DataFrame(np.loadtxt(path, skiprows=1)[:, 3:], columns=gas.SENSORS)
    dropped = find_correlation(frame, cutoff=gas.POST_CUTOFF, names=True)
    assert tuple(frame.columns.drop(dropped)) == gas.POST_COLUMNS
    assert len(gas.paper_columns(frame.corr().to_numpy())) == 8


def test_the_seed_decides_the_file(path, tmp_path):
    same = simulate.write_ethylene_co(tmp_path / "same.txt", rows=ROWS, seed=0)
    assert same.read_bytes() == path.read_bytes()
    other = simulate.write_ethylene_co(tmp_path / "other.txt", rows=ROWS, seed=1)
    assert other.read_bytes() != path.read_bytes()


def test_one_row(tmp_path):
    path = simulate.write_ethylene_co(str(tmp_path / "one.txt"), rows=1)
    assert len(path.read_text().splitlines()) == 2


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        simulate.write_ethylene_co(tmp_path / "none" / gas.FILE, rows=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [0, -3])
def test_no_rows(tmp_path, rows):
    with pytest.raises(ValueError, match=f"rows must be at least 1, got {rows}"):
        simulate.write_ethylene_co(tmp_path / gas.FILE, rows=rows)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=10)
    old = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savetxt", full)
    with pytest.raises(OSError, match="no space left"):
        simulate.write_ethylene_co(path, rows=20)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
