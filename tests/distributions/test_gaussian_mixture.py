"""Gaussian mixtures as flows: scikit-learn's density, as conditionals."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.mixture import GaussianMixture

import tfp_maf
from tfp_maf.flows.gaussian_mixture import build_gaussian_mixture, fit_gaussian_mixture

RNG = np.random.default_rng(0)
X = np.concatenate(
    [RNG.normal(size=(400, 3)), RNG.normal(size=(300, 3)) @ RNG.normal(size=(3, 3)) * 0.3 + 2]
)
RNG.shuffle(X)


@pytest.fixture(scope="module")
def fitted():
    flow = fit_gaussian_mixture(X[:600], X[600:], components=(1, 2), dtype="float64")
    base = flow.base
    theirs = GaussianMixture(2)
    theirs.weights_, theirs.means_ = tf.nn.softmax(base.logits).numpy(), base.means.numpy()
    factors = base.factors.numpy()
    theirs.precisions_cholesky_ = np.linalg.inv(factors).transpose(0, 2, 1)
    return flow, theirs


def test_the_density_is_scikit_learns(fitted):
    flow, theirs = fitted
    assert flow.arguments["components"] == 2
    np.testing.assert_allclose(flow.log_prob(X), theirs.score_samples(X), atol=1e-9)
    conditionals = flow.base.conditionals(tf.constant(X))
    np.testing.assert_allclose(tf.reduce_sum(conditionals, axis=1), flow.log_prob(X), atol=1e-9)
    for compiles in (False, True):
        graph = tf.function(flow.log_prob, jit_compile=compiles)
        np.testing.assert_allclose(graph(tf.constant(X)), flow.log_prob(X), atol=1e-9)


def test_the_first_conditional_is_the_marginal_and_integrates_to_one(fitted):
    flow, _ = fitted
    grid = np.linspace(-12, 14, 4001)
    rows = np.zeros([len(grid), 3])
    for place in range(3):
        rows[:, :] = X[5]
        rows[:, place] = grid
        density = np.exp(flow.base.conditionals(tf.constant(rows))[:, place])
        assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-6)


def test_samples_and_noise(fitted):
    flow, _ = fitted
    drawn = flow.sample(20_000, seed=0).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.2)
    noise = flow.noise(drawn).numpy()
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(3), atol=0.04)
    np.testing.assert_array_equal(flow.sample(5, seed=0), drawn[:5])


def test_a_mixture_is_saved_and_refuses_conditions(fitted, tmp_path):
    flow, _ = fitted
    flow.save(tmp_path)
    np.testing.assert_array_equal(tfp_maf.load_flow(tmp_path).log_prob(X), flow.log_prob(X))
    with pytest.raises(ValueError, match="takes no condition"):
        build_gaussian_mixture(2, num_labels=3)
    with pytest.raises(ValueError, match="no Gaussian mixture can be fitted"):
        fit_gaussian_mixture(np.full([1, 2], np.nan), X[:5, :2])
