"""Guidance and denoising of samples."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_maf
from tfp_maf.flows.guidance import denoised, drop_labels, guided_sample
from tfp_maf.flows.tarflow import build_tarflow


def conditional():
    flow = build_tarflow(
        (2, 4), patch=2, num_blocks=2, layers=1, width=8, heads=2, num_labels=3, dtype="float64"
    )
    rng = np.random.default_rng(1)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(size=variable.shape, scale=0.2))
    return flow


def test_denoising_a_gaussian_is_its_posterior_mean():
    """y = x + e with y ~ N(m, S), e ~ N(0, N): E[x | y] = m + (S - N) S^-1 (y - m)."""
    rng, noise = np.random.default_rng(0), 0.5
    y = rng.normal(size=[400, 2]) @ [[2.0, 1.0], [0.0, 0.7]] + 3.0
    flow = tfp_maf.build_gaussian(2)
    tfp_maf.fit_gaussian(flow, y)
    covariance = np.cov(y.T, ddof=0)
    clean = covariance - np.diag((noise * flow.standardisation.scale.numpy()) ** 2)
    expected = y.mean(axis=0) + (y - y.mean(axis=0)) @ np.linalg.solve(covariance, clean)
    np.testing.assert_allclose(denoised(flow, y, noise), expected, atol=1e-3)
    np.testing.assert_allclose(denoised(flow, y, 0.0), y, atol=1e-5)


def test_denoising_is_in_units_of_the_standardised_columns():
    y = np.random.default_rng(0).normal(size=[400, 2]) * [1.0, 100.0]
    flow = build_tarflow((1, 2), patch=1, num_blocks=1, layers=1, width=4, heads=1)
    flow.standardise(y)
    z = (y - y.mean(axis=0)) / y.std(axis=0)  # the flow is N(0, I) of these: the score is -z
    expected = (z - 0.25 * z) * y.std(axis=0) + y.mean(axis=0)
    np.testing.assert_allclose(denoised(flow, y, 0.5), expected, rtol=1e-4, atol=1e-4)


def test_without_weight_guided_samples_are_plain_ones():
    flow, labels = conditional(), np.arange(6) % 2
    np.testing.assert_allclose(
        guided_sample(flow, labels, against=2, weight=0.0, seed=4),
        flow.sample(6, condition=labels, seed=4),
        atol=1e-12,
    )
    # Guidance away from itself changes nothing, whatever the weight.
    np.testing.assert_allclose(
        guided_sample(flow, np.full(6, 2), against=2, weight=3.0, seed=4),
        flow.sample(6, condition=np.full(6, 2), seed=4),
        atol=1e-12,
    )


def test_guidance_is_the_formula():
    """The last layer's, patch by patch, by its network without a cache."""
    flow, weight = conditional(), 1.5
    network = flow.bijectors[1].network
    u = tf.constant(np.random.default_rng(0).normal(size=[3, 8]))
    given, against = (tf.one_hot([k] * 3, 3, dtype=tf.float64) for k in (0, 2))
    x = np.zeros([3, 8])
    for t in range(2):
        (shift, log_scale), (other_shift, other_log_scale) = (
            network(tf.constant(x), condition) for condition in (given, against)
        )
        w = weight * t  # of two patches, the second has the whole weight
        shift += w * (shift - other_shift)
        log_scale += w * (log_scale - other_log_scale)
        patch = slice(4 * t, 4 * t + 4)
        x[:, patch] = (u * tf.exp(log_scale) + shift).numpy()[:, patch]
    found = network.from_noise(u, given, against=against, weight=weight)
    np.testing.assert_allclose(found, x, atol=1e-12)
    assert np.abs(found - network.from_noise(u, given)).max() > 1e-3


def test_labels_are_dropped():
    labels = np.arange(10_000) % 10
    dropped = drop_labels(labels, label=10, share=0.1, seed=0)
    is_any = dropped == 10
    assert 900 < is_any.sum() < 1100
    np.testing.assert_array_equal(dropped[~is_any], labels[~is_any])
    bytes_ = np.arange(256, dtype=np.uint8)  # which can't hold the label
    assert set(drop_labels(bytes_, label=256, share=1.0, seed=0)) == {256}


def test_invalid_arguments_are_refused():
    flow = conditional()
    with pytest.raises(ValueError, match="weight must be a finite number of at least 0"):
        guided_sample(flow, [0], against=1, weight=-1.0, seed=0)
    with pytest.raises(ValueError, match="not build_maf"):
        guided_sample(tfp_maf.build_maf(2), [0], against=1, weight=1.0, seed=0)
    with pytest.raises(ValueError, match="label 3"):
        guided_sample(flow, [3], against=1, weight=1.0, seed=0)
    with pytest.raises(ValueError, match="needs a conditional flow"):
        guided_sample(build_tarflow((2, 2), patch=1, width=4), [0], against=1, weight=1.0, seed=0)
    with pytest.raises(ValueError, match="noise must be a finite number of at least 0"):
        denoised(flow, np.zeros([1, 8]), -0.1, condition=[0])
    with pytest.raises(ValueError, match="condition must give one for each sample, got 1"):
        guided_sample(flow, 1, against=1, weight=1.0, seed=0)
    of_vectors = build_tarflow((2, 2), patch=1, width=4, condition_size=3)
    with pytest.raises(ValueError, match="condition must give one for each sample"):
        guided_sample(of_vectors, [0.1, 0.2, 0.3], against=[0, 0, 0], weight=1.0, seed=0)
    for labels in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match="labels must be at least 0 and below 2"):
            drop_labels(np.array(labels), label=2, share=0.1, seed=0)
    with pytest.raises(ValueError, match="labels must be integers, got float64"):
        drop_labels(np.array([0.5]), label=2, share=0.1, seed=0)
