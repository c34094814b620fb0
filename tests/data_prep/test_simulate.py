import re

import numpy as np
import pytest

from tfp_maf.data_prep import gas, simulate

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


@pytest.mark.parametrize(("column", "most"), [(1, 533), (2, 20)])
def test_gases_step_and_are_at_times_off(table, column, most):
    level = table[:, column]
    assert level[0] == 0
    assert 0.1 < (level == 0).mean() < 0.6
    assert level.min() == 0
    assert most * 0.9 < level.max() <= most
    jumps = np.flatnonzero(np.diff(level))
    # 80 to 120 s each, 10.5 s a row; now and then two in a row are off.
    assert 200 < len(jumps) < 530
    assert np.diff(jumps).min() >= 7


def test_sensors_follow_the_gases(table):
    gases, readings = table[:, 1:3] / [533, 20], table[:, 3:]
    clean = (gases == 0).all(axis=1)
    strong = gases.sum(axis=1) > 1
    assert clean.sum() > 100
    assert strong.sum() > 100
    assert (readings[strong].mean(axis=0) > 2 * readings[clean].mean(axis=0)).all()


def test_sensors_have_memory(table):
    """Just after both gases go off, readings are above those a little later."""
    clean = (table[:, 1:3] == 0).all(axis=1)
    starts = np.flatnonzero(~clean[:-7] & clean[1:-6] & clean[7:]) + 1
    assert len(starts) > 5
    readings = table[:, 3:]
    assert (readings[starts].mean(axis=0) > readings[starts + 5].mean(axis=0)).all()


def test_some_sensors_nearly_repeat_each_other(table):
    correlation = np.corrcoef(table[:, 3:].T)
    assert (correlation[np.triu_indices(16, 1)] > gas.PAPER_CUTOFF).any()
    assert len(gas.paper_columns(correlation)) > 1


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
