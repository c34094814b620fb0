import json

import numpy as np
import pytest

from tfp_maf.data_prep.splits import Scaler, Splits, last_tenths


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal([5.0, -200.0, 0.1], [3.0, 40.0, 0.01], [200, 3])


def normal_log_prob(x, mean, scale):
    return (-0.5 * ((x - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)).sum(-1)


def test_standardised_and_back(rows):
    scaler = Scaler.fit(rows, ["a", "b", "c"])
    z = scaler.standardise(rows)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0, dtype=np.float64), 1, atol=1e-6)
    back = scaler.unstandardise(z)
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, rows, rtol=1e-5, atol=1e-5)


def test_ddof(rows):
    np.testing.assert_allclose(Scaler.fit(rows, "abc").scale, rows.std(axis=0))
    np.testing.assert_allclose(Scaler.fit(rows, "abc", ddof=1).scale, rows.std(axis=0, ddof=1))


def test_log_det_turns_a_log_density_into_the_users_units(rows):
    scaler = Scaler.fit(rows, "abc")
    np.testing.assert_allclose(scaler.log_det, -np.log(rows.std(axis=0)).sum())
    in_standard_units = normal_log_prob(scaler.standardise(rows), 0.0, 1.0)
    in_user_units = normal_log_prob(rows, rows.mean(axis=0), rows.std(axis=0))
    np.testing.assert_allclose(in_standard_units + scaler.log_det, in_user_units, atol=1e-4)


def test_density_in_user_units_integrates_to_one():
    scaler = Scaler.fit(np.random.default_rng(1).normal(7.0, 20.0, [50, 1]), ["a"])
    x = np.linspace(-200, 200, 4001)[:, None]
    log_prob = normal_log_prob(scaler.standardise(x), 0.0, 1.0) + scaler.log_det
    assert abs(np.exp(log_prob).sum() * 0.1 - 1) < 1e-4


def test_json_round_trip(rows):
    scaler = Scaler.fit(rows, ["a", "b", "c"])
    again = Scaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert again.columns == scaler.columns
    np.testing.assert_array_equal(again.mean, scaler.mean)
    np.testing.assert_array_equal(again.scale, scaler.scale)
    np.testing.assert_array_equal(again.standardise(rows), scaler.standardise(rows))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1])  # .1's computed deviation is not 0
def test_a_constant_column_is_named(rows, value):
    rows[:, 1] = value
    with pytest.raises(ValueError, match="column 'b' is constant and has no density"):
        Scaler.fit(rows, "abc")


@pytest.mark.filterwarnings("ignore:overflow")
def test_values_that_can_not_be_standardised(rows):
    with pytest.raises(ValueError, match="'c' has values too large"):
        Scaler.fit(rows * [1, 1, 1e300], "abc")
    with pytest.raises(ValueError, match="'a' has values too close"):
        Scaler.fit(rows * [1e-300, 1, 1], "abc")


@pytest.mark.parametrize(
    ("n", "sizes"), [(11, (9, 1, 1)), (19, (17, 1, 1)), (20, (17, 1, 2)), (1000, (810, 90, 100))]
)
def test_last_tenths(n, sizes):
    x = np.arange(2.0 * n).reshape(n, 2)
    parts = last_tenths(x)
    assert tuple(map(len, parts)) == sizes
    np.testing.assert_array_equal(np.concatenate(parts), x)  # in order, each row once
    assert all(np.shares_memory(part, x) for part in parts)


def test_sizes_of_the_papers_data_sets():
    for n, sizes in [
        (2_049_280, (1_659_917, 184_435, 204_928)),
        (1_052_065, (852_174, 94_685, 105_206)),
    ]:
        assert tuple(map(len, last_tenths(np.empty([n, 1], np.int8)))) == sizes


@pytest.mark.parametrize("n", [0, 1, 9, 10])
def test_too_few_rows(n):
    with pytest.raises(ValueError, match=f"{n} rows are too few to split: at least 11"):
        last_tenths(np.zeros([n, 2]))


@pytest.mark.parametrize("scale", [[1.0], [1.0, 0.0], [1.0, float("nan")]])
def test_a_scaler_that_is_none_is_not_read(scale):
    with pytest.raises(ValueError, match="scale"):
        Scaler.from_json({"columns": ["a", "b"], "mean": [0.0, 0.0], "scale": scale})


def test_units_are_kept_and_shown():
    rows = np.random.default_rng(0).normal(size=[20, 2])
    scaler = Splits.in_tenths(rows, ["a", "b"], units=["V", "kW"], source="x").scaler
    again = Scaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert again.units == ("V", "kW")
    assert again.labels == ["a (V)", "b (kW)"]
    assert Scaler.fit(rows, "ab").labels == ["a", "b"]
    with pytest.raises(ValueError, match="2 columns, but 1 units"):
        Scaler.from_json(scaler.to_json() | {"units": ["V"]})
