import numpy as np
import pytest

from tfp_maf.estimators.quantile_curve import QuantileCurve

RNG = np.random.default_rng(0)


def test_a_fraction_lies_below_the_curve_everywhere():
    u = RNG.uniform(-10, 0, 4_000)
    scores = np.abs(u) * 3 + (1 + np.abs(u)) * RNG.normal(size=4_000)
    curve = QuantileCurve.fit(u, scores, quantile=0.1)
    for low in (-10, -8, -6, -4, -2):
        here = (low <= u) & (u < low + 2)
        assert np.mean(scores[here] < curve(u[here])) == pytest.approx(0.1, abs=0.035)
    exact = np.abs(u) * 3 - 1.2816 * (1 + np.abs(u))  # the normal quantile of 0.1
    assert np.abs(curve(u) - exact).mean() < 0.5


def test_beyond_its_ends_it_is_constant_and_json_keeps_it():
    curve = QuantileCurve(np.array([0.0, 1.0]), np.array([2.0, 4.0]))
    np.testing.assert_allclose(curve([-5, 0.5, 9]), [2, 3, 4])
    again = QuantileCurve.from_json(curve.to_json())
    np.testing.assert_array_equal(again.knots, curve.knots)
    np.testing.assert_array_equal(again.values, curve.values)
    assert QuantileCurve.constant(3.0)([1, 2]).tolist() == [3, 3]


def test_few_or_equal_quantities_have_fewer_knots():
    curve = QuantileCurve.fit(np.zeros(9), np.arange(9.0), quantile=0.5)
    assert len(curve.knots) == 1
    assert curve([7.0]) == pytest.approx(4)


def test_errors():
    with pytest.raises(ValueError, match="one quantity per score"):
        QuantileCurve.fit(np.zeros(3), np.zeros(4), quantile=0.1)
    with pytest.raises(ValueError, match="not finite"):
        QuantileCurve.fit(np.zeros(2), np.array([1, np.nan]), quantile=0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        QuantileCurve.fit(np.zeros(3), np.zeros(3), quantile=1.0)
    with pytest.raises(ValueError, match="must increase"):
        QuantileCurve.from_json({"knots": [1, 0], "values": [1, 2]})
    with pytest.raises(ValueError, match="as many values"):
        QuantileCurve.from_json({"knots": [1], "values": [1, 2]})
