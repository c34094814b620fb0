import re
import subprocess
import sys

import numpy as np
import pytest

from data_prep import gas, power, simulate


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return simulate.write_ethylene_co(tmp_path_factory.mktemp("gas") / gas.FILE, rows=1000, seed=1)


@pytest.fixture(scope="module")
def sensors(file):
    return np.loadtxt(file, skiprows=1)[:, 3:]


def picked(sensors, columns):
    return sensors[:, [gas.SENSORS.index(name) for name in columns]]


def test_paper_is_in_file_order_and_standardised_by_all_rows(file, sensors):
    splits = gas.load(file)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (810, 90, 100)
    x = picked(sensors, splits.scaler.columns)
    z = np.concatenate([splits.train, splits.validation, splits.test])
    np.testing.assert_allclose(z, (x - x.mean(axis=0)) / x.std(axis=0, ddof=1), atol=1e-5)
    np.testing.assert_allclose(splits.scaler.unstandardise(z), x, atol=1e-2)


def test_paper_columns_are_those_of_the_authors_loop(file, sensors):
    """Drops the first column with a twin, and starts over (numpy.corrcoef, signed)."""
    left = list(gas.SENSORS)
    while True:
        correlation = np.corrcoef(picked(sensors, left).T)
        twins = [i for i in range(len(left)) if (correlation[i] > 0.98).sum() > 1]
        if not twins:
            break
        del left[twins[0]]
    assert 0 < len(left) < 16
    assert list(gas.load(file).scaler.columns) == left


def test_only_positive_correlation_counts():
    correlation = np.eye(16)
    correlation[0, 1] = correlation[1, 0] = -0.999
    correlation[4, 9] = correlation[9, 4] = 0.981
    correlation[5, 6] = correlation[6, 5] = 0.979
    assert gas.paper_columns(correlation) == [s for s in gas.SENSORS if s != "X8"]


def test_post_keeps_its_columns_and_a_random_half(file, sensors):
    splits = gas.load(file, recipe="post", seed=3)
    assert splits.scaler.columns == ("X4", "X5", "X8", "X9", "X13", "X16", "X17", "X18")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (450, 50, 500)
    x = picked(sensors, splits.scaler.columns)
    z = np.concatenate([splits.train, splits.validation, splits.test])
    back = splits.scaler.unstandardise(z)
    np.testing.assert_allclose(np.sort(back, axis=0), np.sort(x, axis=0), atol=1e-2)
    assert abs(back - x).max() > 1  # shuffled


def test_chunks_change_nothing(file, monkeypatch):
    whole = gas.load(file)
    monkeypatch.setattr(gas, "CHUNK", 37)
    chunked = gas.load(file)
    np.testing.assert_allclose(chunked.train, whole.train, atol=1e-6)
    assert chunked.scaler.columns == whole.scaler.columns


def test_memory_a_row_is_that_of_the_real_file_in_two_gib(tmp_path):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=1000)
    lines = path.read_text().splitlines(keepends=True)
    with path.open("a") as out:
        for _ in range(399):
            out.writelines(lines[1:])
    code = (
        "import resource, sys\nfrom data_prep import gas\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak()\ngas.load(sys.argv[1])\nprint(before, peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    before, more = map(int, done.stdout.split())
    assert before + more / 400_000 * 4_208_261 < 2 * 2**30


def row_with(text, file, folder):
    """The file with ``text`` for the second row's fifth field."""
    lines = file.read_text().splitlines()
    lines[2] = " ".join([*lines[2].split()[:4], text, *lines[2].split()[5:]])
    path = folder / gas.FILE
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("text", ["abc", "nan", "inf"])
def test_a_value_that_is_none_is_named(text, file, tmp_path):
    path = row_with(text, file, tmp_path)
    with pytest.raises(ValueError, match=re.escape(f"{path}: row 2, column 'X5'")):
        gas.load(path)


def test_bad_files(file, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        gas.load(tmp_path)
    path = tmp_path / gas.FILE
    for text, message in [
        ("", "is empty"),
        (power.HEADER + "\n1;2\n", "is not UCI's ethylene_CO.txt"),
        (gas.HEADER + "\n", "cut short|no rows"),
        (file.read_text()[:-40], "last line is cut short"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            gas.load(path)


def test_a_constant_sensor_is_named(file, tmp_path):
    table = np.loadtxt(file, skiprows=1)
    table[:, 3 + 4] = 7.0
    np.savetxt(tmp_path / gas.FILE, table, fmt="%.2f", header=gas.HEADER, comments="")
    with pytest.raises(ValueError, match="'X8' is constant"):
        gas.load(tmp_path)


def test_unknown_recipe(file):
    with pytest.raises(ValueError, match="'paper' or 'post'"):
        gas.load(file, recipe="mine")
