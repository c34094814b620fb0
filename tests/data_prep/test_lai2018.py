"""Exchange rates and electricity in their published form, from generated files."""

import gzip

import numpy as np
import pytest

from tfp_maf.data_prep import lai2018, time_table


def written(folder, name, x, form):
    with gzip.open(folder / f"{name}.gz", "wt") as file:
        np.savetxt(file, x, fmt=form, delimiter=",")
    return folder / f"{name}.gz"


@pytest.fixture
def rates():
    changes = np.random.default_rng(0).normal(size=[100, 8])
    return np.exp(0.005 * np.cumsum(changes, axis=0)).round(6)


def test_exchange_rates(tmp_path, rates):
    path = written(tmp_path, lai2018.EXCHANGE, rates, "%.6f")
    found = lai2018.load_exchange(path)
    (series,) = found.series
    np.testing.assert_allclose(series.x, rates)
    assert [found.count(part) for part in time_table.PARTS] == [60, 20, 20]
    assert found.columns.modelled == tuple(f"rate_{i}" for i in range(1, 9))
    assert found.columns.known(series).shape == (100, 0)
    (tmp_path / lai2018.EXCHANGE).write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    np.testing.assert_array_equal(lai2018.load_exchange(tmp_path).series[0].x, series.x)


def test_electricity_has_the_hours_of_its_years(tmp_path):
    hours = np.arange(400)[:, None]
    x = np.random.default_rng(0).poisson(30 + 20 * np.sin(2 * np.pi * hours / 24), [400, 321])
    found = lai2018.load_electricity(written(tmp_path, lai2018.ELECTRICITY, x, "%d"))
    axis = found.columns.axis
    assert (axis.step_text, axis.periods) == ("1 h", ("day", "week"))
    assert str(axis.times([25])[0]).startswith("2012-01-02T01:00")
    assert str(axis.times([26_303])[0]).startswith("2014-12-31T23:00")
    assert (found.columns.resolution == 1).all()
    assert found.series[0].x.shape == (400, 321)


def test_files_that_are_others(tmp_path, rates):
    with pytest.raises(FileNotFoundError):
        lai2018.load_exchange(tmp_path)
    path = written(tmp_path, lai2018.EXCHANGE, rates[:, :7], "%.6f")
    with pytest.raises(ValueError, match="should have 8 columns, but has 7"):
        lai2018.load_exchange(path)
    path.write_bytes(written(tmp_path, "whole.txt", rates, "%.6f").read_bytes()[:-300])
    with pytest.raises(ValueError, match="damaged or truncated gzip file"):
        lai2018.load_exchange(path)
    with pytest.raises(ValueError, match="20 rows are too few"):
        lai2018.load_exchange(written(tmp_path, lai2018.EXCHANGE, rates[:20], "%.6f"))
    rates[:70, 2] = 1.5
    with pytest.raises(ValueError, match="'rate_3' has one value only in training"):
        lai2018.load_exchange(written(tmp_path, lai2018.EXCHANGE, rates, "%.6f"))
