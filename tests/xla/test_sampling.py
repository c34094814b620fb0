"""Sampling in one network pass a layer against TFP's D passes."""

import numpy as np
import pytest
import tensorflow as tf
from affine_flows import OPTIONS, shaken

from tfp_maf.networks.masked_dense import made_masks
from tfp_maf.xla import sampling

NOISE = np.random.default_rng(0).normal(size=[50, 5])


def one_pass(flow, u):
    return flow.compiled.data(tf.constant(u, flow.dtype)).numpy()


# Without hidden units rows grow to 1e5, where 1e-5 says nothing; they are in the next test.
@pytest.mark.parametrize("options", OPTIONS[:-1])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_it_is_the_inverse_that_takes_d_passes(options, dtype, tolerance):
    flow = shaken(**options, dtype=dtype)
    naive = flow.distribution.bijector.forward(tf.constant(NOISE, dtype)).numpy()
    assert 0.5 < np.abs(naive - NOISE).max() < 100
    np.testing.assert_allclose(one_pass(flow, NOISE), naive, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("event_size", [1, 2, 3, 33, 50])
@pytest.mark.parametrize("hidden_units", [[], [1], [8], [70], [40, 9]])
def test_any_number_of_features_and_units(event_size, hidden_units):
    """Fewer units than degrees, one unit, one feature; one group of degrees and several."""
    # Sigmoid is not 0 at 0: places without a unit must not count.
    flow = shaken(event_size, num_layers=2, hidden_units=hidden_units, activation="sigmoid")
    u = np.random.default_rng(1).normal(size=[20, event_size])
    naive = flow.distribution.bijector.forward(tf.constant(u)).numpy()
    assert np.abs(naive - u).max() > 0.02
    np.testing.assert_allclose(one_pass(flow, u), naive, rtol=1e-9, atol=1e-10)


def test_a_plan_computes_each_unit_once():
    of_units = [np.array([1, 1, 2, 4, 4, 4])]
    plan = sampling.Plan.of(of_units, 5)
    assert (plan.first, plan.groups, plan.size) == (1, 1, 4)
    assert plan.units[0].tolist() == [[0, 1, 6], [2, 6, 6], [6, 6, 6], [3, 4, 5]]
    masks = made_masks([np.arange(1, 6), *of_units], params=2)
    assert [d.tolist() for d in sampling.degrees_of_masks(masks)] == [of_units[0].tolist()]


def test_flow_sample_takes_it():
    flow = shaken(dtype="float32")
    noise = np.random.default_rng(3).normal(size=[120, 5])
    samples = flow.sample(120, seed=3).numpy()
    np.testing.assert_allclose(samples, one_pass(flow, noise), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(flow.sample(30, seed=3), samples[:30], rtol=1e-5, atol=1e-5)


def test_samples_have_gradients_under_a_tape_and_in_a_function():
    flow = shaken(dtype="float32")
    with tf.GradientTape() as tape:
        samples = flow.sample(20, seed=3)
        total = tf.reduce_sum(samples)
    gradients = tape.gradient(total, flow.trainable_variables)
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in gradients)
    np.testing.assert_allclose(samples, flow.sample(20, seed=3), rtol=1e-4, atol=1e-4)
    in_function = tf.function(lambda: flow.sample(20, seed=3))()
    np.testing.assert_allclose(samples, in_function, rtol=1e-4, atol=1e-4)
