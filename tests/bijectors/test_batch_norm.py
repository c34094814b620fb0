import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from rows import chain_rows, jacobian

import tfp_maf
from tfp_maf.bijectors.batch_norm import EPSILON, BatchNormalization
from tfp_maf.experiments.pitfalls import (
    build_with_tfps_batch_norm,
    log_prob_by,
    train_with_tfps_batch_norm,
)

tfb, tfd = tfp.bijectors, tfp.distributions

BATCH = (np.random.default_rng(0).normal(size=[50, 2]) * [3, 2] + [1, -2]).astype(np.float32)


def transformed(bijector):
    return tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(2)), bijector)


def true_log_prob(batch):
    """By hand in float64: log N((y - m) / sqrt(v + eps)) - 1/2 log |v + eps|."""
    batch = batch.astype(np.float64)
    variance = batch.var(axis=0) + EPSILON
    noise = (batch - batch.mean(axis=0)) / np.sqrt(variance)
    return (-0.5 * noise**2 - 0.5 * np.log(2 * np.pi) - 0.5 * np.log(variance)).sum(axis=1)


def test_density_is_right_where_tfps_is_wrong():
    ours = transformed(BatchNormalization()).log_prob(BATCH)
    theirs = transformed(tfb.BatchNormalization()).log_prob(BATCH)
    np.testing.assert_allclose(ours, true_log_prob(BATCH), atol=1e-4)
    # TFP takes the log-determinant of the stored variance: 1, a hundredth replaced by the batch's.
    stored = 0.99 + 0.01 * BATCH.var(axis=0)
    error = 0.5 * np.log((BATCH.var(axis=0) + 1e-3) / (stored + 1e-3)).sum()
    assert error > 1.5
    np.testing.assert_allclose(theirs - true_log_prob(BATCH), error, atol=1e-2)


def test_tfps_formula_until_0_15_was_right():
    """It adds the inverse log-determinant, which takes the batch's variance."""
    by_inverse = log_prob_by("inverse", transformed(tfb.BatchNormalization()))(BATCH)
    np.testing.assert_allclose(by_inverse, true_log_prob(BATCH), atol=2e-3)  # its eps is 1e-3
    assert float(tf.reduce_mean(by_inverse)) == pytest.approx(-4.5408, abs=1e-4)
    by_forward = log_prob_by("forward", transformed(tfb.BatchNormalization()))(BATCH)
    assert float(tf.reduce_mean(by_forward)) == pytest.approx(-2.8855, abs=1e-4)


@pytest.mark.parametrize("order", ["paper", "post"])
def test_a_whole_stack_by_either_formula(order):
    """In evaluation both are the same density; in training they differ."""
    options = {"num_layers": 2, "hidden_units": [8], "order": order, "activation": "relu"}
    stack = build_with_tfps_batch_norm(2, **options)
    training = [log_prob_by(formula, stack)(BATCH) for formula in ("inverse", "forward")]
    assert not np.allclose(*training, atol=0.5)
    for bijector in stack.bijector.bijectors:
        if isinstance(bijector, tfb.BatchNormalization):
            bijector._training = False
    rows = BATCH + np.float32(0)  # a new array: the bijectors remember the old one's noise
    evaluation = [log_prob_by(formula, stack)(rows) for formula in ("inverse", "forward")]
    np.testing.assert_allclose(*evaluation, atol=1e-4)


def test_training_by_the_old_formula_scores_test_rows():
    x, _ = chain_rows(600, 2, seed=0)
    plain = build_with_tfps_batch_norm(
        2, num_layers=2, hidden_units=[8], batch_norm=False, permute=False
    )
    assert [type(b).__name__ for b in plain.bijector.bijectors] == ["MaskedAutoregressiveFlow"] * 2
    stack = build_with_tfps_batch_norm(2, num_layers=2, hidden_units=[8], order="post")
    scores = train_with_tfps_batch_norm(
        stack,
        x[:500],
        learning_rate=1e-2,
        batch_size=100,
        epochs=3,
        formula="inverse",
        test=x[500:],
    )
    assert len(scores) == 3
    assert scores[2] > scores[0]


def test_log_det_is_that_of_the_map_with_the_statistics_held():
    """Slogdet of d inverse / d y over a fixed batch, whose statistics are constants."""
    bijector = BatchNormalization()
    y = tf.constant(BATCH)
    bijector.inverse(y)  # builds, and stores this batch's statistics
    bijector.batchnorm.gamma.assign([1.7, 0.4])
    evaluation = BatchNormalization(bijector.batchnorm, training=False)
    slogdet = np.linalg.slogdet(jacobian(evaluation.inverse, y))[1]
    training = BatchNormalization(bijector.batchnorm, training=True)
    x = training.inverse(y)
    np.testing.assert_allclose(
        np.full(50, training.inverse_log_det_jacobian(y, event_ndims=1)), slogdet, atol=1e-5
    )
    np.testing.assert_allclose(
        np.full(50, -training.forward_log_det_jacobian(x, event_ndims=1)), slogdet, atol=1e-5
    )


def test_statistics_are_updated_once_a_step():
    bijector = BatchNormalization()
    bijector.batchnorm.build([None, 2])
    bijector.batchnorm.momentum = 0.5  # a second update would show
    transformed(bijector).log_prob(BATCH)
    np.testing.assert_allclose(bijector.batchnorm.moving_mean, 0.5 * BATCH.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        bijector.batchnorm.moving_variance, 0.5 + 0.5 * BATCH.var(axis=0), rtol=1e-4
    )


def test_statistics_are_updated_once_a_compiled_step_of_a_flow():
    flow = tfp_maf.build_maf(2, num_layers=2, hidden_units=[8])
    norms = [b.batchnorm for b in flow.bijectors if isinstance(b, BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.5
    seen = flow.bijectors[0].inverse(BATCH).numpy()  # what the first normalisation sees
    tf.function(flow.training_distribution.log_prob, jit_compile=True)(tf.constant(BATCH))
    np.testing.assert_allclose(norms[0].moving_mean, 0.5 * seen.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(norms[0].moving_variance, 0.5 + 0.5 * seen.var(axis=0), rtol=1e-4)


def test_evaluation_changes_no_statistics():
    flow = tfp_maf.build_maf(2, num_layers=2, hidden_units=[8])
    before = flow.get_weights()
    flow.log_prob(BATCH)
    flow.sample(10, seed=0)
    for old, new in zip(before, flow.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("order", ["paper", "post"])
def test_one_pass_gives_the_statistics_of_one_batch_of_everything(order):
    x, _ = chain_rows(997, 3, seed=1)
    by_pass, by_batch = (
        tfp_maf.build_maf(3, num_layers=3, hidden_units=[8], order=order) for _ in range(2)
    )
    # Any numbers will do, as lists or in another precision.
    tfp_maf.set_batch_statistics(by_pass, x.astype(np.float64).tolist(), chunk_size=100)
    by_batch.training_distribution.log_prob(x)
    for ours, theirs in zip(by_pass.get_weights(), by_batch.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        by_pass.log_prob(x), by_pass.training_distribution.log_prob(x), atol=1e-3
    )


# The same for both: a known density, MAF(5), Adam, batches of 200.
KNOWN = {"batch_size": 200, "learning_rate": 5e-3}
HIDDEN = [32, 32]


@pytest.mark.parametrize("event_size", [2, 4])
def test_maf_reaches_the_entropy_of_a_known_density(event_size):
    train, _ = chain_rows(50_000, event_size, seed=0)
    validation, _ = chain_rows(5_000, event_size, seed=1)
    test, true_log_prob = chain_rows(10_000, event_size, seed=2)
    flow = tfp_maf.build_maf(event_size, num_layers=5, hidden_units=HIDDEN)
    tfp_maf.fit(flow, train, validation, max_epochs=8, halve_after=1, progress=False, **KNOWN)
    gap = true_log_prob.mean() - tfp_maf.evaluate(flow, test).mean
    # The mean of log p - log q over p's own rows estimates a divergence: not below zero.
    assert -0.01 < gap < 0.05


@pytest.mark.parametrize("event_size", [2, 4])
def test_tfps_own_fails_on_the_same_density(event_size):
    train, _ = chain_rows(50_000, event_size, seed=0)
    test, true_log_prob = chain_rows(10_000, event_size, seed=2)
    distribution = build_with_tfps_batch_norm(event_size, num_layers=5, hidden_units=HIDDEN)
    train_with_tfps_batch_norm(distribution, train, epochs=2, **KNOWN)
    log_prob = distribution.log_prob(test).numpy()
    gap = true_log_prob.mean() - log_prob.mean(dtype=np.float64)
    assert not gap < 1.0  # NaN, or far off
