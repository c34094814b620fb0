"""Every encoder of the past: no step sees the future, and a cache gives what one pass gives."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_maf.networks.causal_convolution import dilations_of
from tfp_maf.networks.past import ENCODERS, PastWindow, build_encoder, delayed

PAST, SIZE, STEPS = 6, 3, 11
every_encoder = pytest.mark.parametrize("kind", sorted(ENCODERS))


def built(kind, **options):
    if kind != "window":
        options["rng"] = np.random.default_rng(0)
    encoder = build_encoder(kind, SIZE, past=PAST, **options)
    rng = np.random.default_rng(1)
    for weight in encoder.weights:  # biases as well
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return encoder


def inputs(n=4):
    return np.random.default_rng(2).normal(size=[n, STEPS, SIZE]).astype(np.float32)


@every_encoder
def test_a_context_sees_its_past_and_nothing_else(kind):
    encoder, x = built(kind), inputs()
    before = encoder(tf.constant(x)).numpy()
    for changed in range(STEPS):
        y = x.copy()
        y[:, changed] += 3
        moved = (encoder(tf.constant(y)).numpy() != before).any(axis=(0, 2))
        end = STEPS if kind == "gru" else min(changed + PAST, STEPS)
        assert moved[changed:end].all()
        assert not moved[:changed].any() and not moved[end:].any()


@every_encoder
def test_step_by_step_gives_the_same(kind):
    encoder, x = built(kind), inputs()
    at_once, cache = encoder(tf.constant(x)).numpy(), encoder.empty(len(x))
    for t in range(STEPS):
        context, cache = encoder.step(cache, tf.constant(x[:, t]))
        np.testing.assert_allclose(context, at_once[:, t], atol=2e-6)


@every_encoder
def test_gradients_reach_every_weight(kind):
    encoder = built(kind)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(encoder(tf.constant(inputs())) ** 2)
    for gradient in tape.gradient(total, encoder.weights):
        assert tf.convert_to_tensor(gradient).numpy().any()


@every_encoder
def test_weights_are_arguments(kind):
    encoder, x = built(kind), tf.constant(inputs())
    zeros = [tf.zeros_like(weight) for weight in encoder.weights]
    if kind != "window":
        assert not np.asarray(encoder(x, zeros)).any()
        assert np.asarray(encoder(x)).any()


@pytest.mark.parametrize("past", [1, 2, 3, 5, 8, 60])
def test_dilations_see_exactly_the_past(past):
    dilations = dilations_of(past)
    assert 1 + sum(dilations) == past
    lags = {0}
    for dilation in dilations:
        lags |= {lag + dilation for lag in lags}
    assert lags == set(range(past))


def test_a_window_has_the_latest_step_first():
    window = PastWindow(3, past=2, columns=2)
    x = inputs(1)
    context = window(tf.constant(x)).numpy()[0]
    np.testing.assert_array_equal(context[4], [*x[0, 4, :2], *x[0, 3, :2]])
    np.testing.assert_array_equal(context[0], [*x[0, 0, :2], 0, 0])
    np.testing.assert_array_equal(delayed(tf.constant(x), 0), x)


def test_bad_arguments():
    with pytest.raises(ValueError, match="encoder must be"):
        build_encoder("lstm", 3, past=2)
    with pytest.raises(ValueError, match="past must be a positive integer"):
        build_encoder("window", 3, past=0)
    with pytest.raises(ValueError, match="heads=4 must divide size=30"):
        build_encoder("attention", 3, past=2, size=30, rng=np.random.default_rng(0))
