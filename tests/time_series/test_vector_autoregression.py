"""Vector autoregression finds a known one; its density, noise and paths."""

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_normal
from series import FACTOR, FIRST, SECOND, var_series

from tfp_maf.time_series.vector_autoregression import VectorAutoregression, last_value
from tfp_maf.time_series.windows import Stretch


def stretch(x, first=0):
    return Stretch(x, np.empty([len(x), 0]), first)


@pytest.fixture(scope="module")
def fitted():
    x, log_p = var_series(12_000)
    return VectorAutoregression.of_best_order(
        [stretch(x[:9000])], [stretch(x[:10_000], 9000)], orders=(1, 2, 5)
    ), x, log_p  # fmt: skip


def test_it_finds_the_order_the_weights_and_the_density(fitted):
    model, x, log_p = fitted
    assert model.order == 2
    scale = model.scaling.scale
    found = model.weights[:4].reshape(2, 2, 2) / scale[:, None] * scale
    np.testing.assert_allclose(found[0].T, FIRST, atol=0.05)
    np.testing.assert_allclose(found[1].T, SECOND, atol=0.05)
    np.testing.assert_allclose(scale[:, None] * model.factor, FACTOR, atol=0.02)
    log_prob = model.step_log_prob(stretch(x, 10_000))
    assert log_prob.mean() == pytest.approx(log_p[10_000:].mean(), abs=0.005)
    assert kstest(model.noise(stretch(x, 10_000))[:, 1], "norm").pvalue > 0.001


def test_its_density_is_a_normals(fitted):
    model, x, _ = fitted
    z = model.scaling.standardised(x)
    given = np.concatenate([z[99], z[98], [1.0]])
    mean = model.scaling.in_units(given @ model.weights)
    factor = model.scaling.scale[:, None] * model.factor
    expected = multivariate_normal(mean, factor @ factor.T).logpdf(x[100])
    assert model.step_log_prob(stretch(x[:101], 100)) == pytest.approx(expected)


def test_paths_have_the_next_steps_moments(fitted):
    model, x, _ = fitted
    paths = model.sample_paths(x[None, :50], np.empty([1, 53, 0]), steps=3, paths=4000, seed=0)
    assert paths.shape == (1, 4000, 3, 2)
    mean = FIRST @ x[49] + SECOND @ x[48]
    np.testing.assert_allclose(paths[0, :, 0].mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(paths[0, :, 0].T), FACTOR @ FACTOR.T, atol=0.03)
    then = FIRST @ mean + SECOND @ x[49]
    np.testing.assert_allclose(paths[0, :, 1].mean(axis=0), then, atol=0.06)


def test_gaps_and_the_last_value(fitted):
    model, x, _ = fitted
    holed = x[:30].copy()
    holed[10] = np.nan
    found = model.step_log_prob(stretch(holed))
    assert np.isnan(found[10]) and np.isfinite(np.delete(found, 10)).all()
    np.testing.assert_array_equal(last_value(holed[None, :11], steps=2)[0, 0], [x[9], x[9]])
    with pytest.raises(ValueError, match="too few for an autoregression of 5"):
        VectorAutoregression.fit([stretch(x[:14])], order=5)


def test_orders_that_are_too_long_are_not_tried(fitted):
    _, x, _ = fitted
    short = [stretch(x[:20]), stretch(x[50:70])]
    model = VectorAutoregression.of_best_order(short, [stretch(x[:30], 20)], orders=(1, 2, 30))
    assert model.order in (1, 2)
    with pytest.raises(ValueError, match="too few for an autoregression of 30"):
        VectorAutoregression.of_best_order(short, short, orders=(30, 40))
