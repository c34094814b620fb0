"""Distributions of levels: probabilities that sum to one, by enumeration."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.distributions.pixels import (
    BinaryPixels,
    CategoricalPixels,
    LogisticPixels,
    pixels_of,
)

tfd = tfp.distributions
CASES = {
    "binary": BinaryPixels(),
    "binary, three colours": BinaryPixels(3),
    "categorical": CategoricalPixels(5),
    "categorical, three colours": CategoricalPixels(4, 3),
    "logistic": LogisticPixels(256, components=3),
    "logistic, three colours": LogisticPixels(6, 3, components=3),
    "logistic, two levels": LogisticPixels(2, components=2),
}
every_case = pytest.mark.parametrize("pixels", CASES.values(), ids=CASES)


def outputs_of(pixels, n, spread=2.0, seed=0):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(0, spread, [n, pixels.outputs]))


def every_pixel(pixels):
    return np.array(list(itertools.product(range(pixels.levels), repeat=pixels.channels)), float)


@every_case
@pytest.mark.parametrize("spread", [0.1, 2.0, 30.0])
def test_probabilities_sum_to_one(pixels, spread):
    every = every_pixel(pixels)
    outputs = outputs_of(pixels, 7, spread)
    log_prob = tf.reduce_sum(pixels.conditionals(outputs[:, None], every), axis=-1)
    assert not np.isnan(log_prob).any()
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(log_prob), axis=1), 1, atol=1e-9)


@every_case
def test_the_probabilities_of_all_levels_are_those_of_each(pixels):
    outputs = outputs_of(pixels, 1)
    for pixel in every_pixel(pixels)[:: max(1, pixels.levels**pixels.channels // 50)]:
        x = tf.constant(pixel[None])
        found = pixels.conditionals(outputs, x)[0]
        for colour in range(pixels.channels):
            known = tf.where(tf.range(pixels.channels) < colour, x, 0)  # later ones unknown
            of_all = pixels.log_probabilities(outputs, known, colour)[0]
            np.testing.assert_allclose(np.exp(of_all).sum(), 1, atol=1e-9)
            np.testing.assert_allclose(of_all[int(pixel[colour])], found[colour], atol=1e-9)


def test_logistic_masses_are_those_of_tfps_quantized_logistic():
    pixels = LogisticPixels(256, components=1)
    mean, log_scale = 0.21, -2.5
    outputs = tf.constant([[0.0, mean, log_scale]], tf.float64)
    levels = np.arange(256.0)
    found = pixels.conditionals(outputs, levels[:, None])[:, 0]
    # TFP's has levels of the distance one, as tfd.PixelCNN has.
    scale = np.exp(log_scale) * 127.5
    low = np.float64((mean + 1) * 127.5)
    theirs = tfd.QuantizedDistribution(
        tfd.TransformedDistribution(
            tfd.Logistic(low, scale), tfp.bijectors.Shift(np.float64(-0.5))
        ),
        low=np.float64(0),
        high=np.float64(255),
    )
    np.testing.assert_allclose(found, theirs.log_prob(levels), atol=1e-8)


def test_logistic_masses_are_finite_where_the_mean_is_far_off_and_have_gradients():
    pixels = LogisticPixels(256, components=1)
    outputs = tf.constant([[0.0, 30.0, -12.0], [0.0, -30.0, 90.0]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        found = pixels.conditionals(outputs, tf.constant([[3.0], [200.0]]))
    assert np.isfinite(found).all()
    assert np.isfinite(tape.gradient(found, outputs)).all()


def test_g_and_b_depend_on_the_colours_before_them():
    pixels = LogisticPixels(6, 3, components=2)
    outputs = outputs_of(pixels, 1)
    for colour in range(3):
        base = pixels.log_probabilities(outputs, tf.zeros([1, 3], tf.float64), colour)
        for changed in range(3):
            other = tf.one_hot([changed], 3, on_value=4.0, off_value=0.0, dtype=tf.float64)
            moved = np.abs(pixels.log_probabilities(outputs, other, colour) - base).max() > 1e-6
            assert moved == (changed < colour)


def test_a_binary_logit_is_that_of_white():
    found = BinaryPixels().conditionals(tf.constant([[2.0]]), tf.constant([[1.0]]))
    np.testing.assert_allclose(found, tfd.Bernoulli(logits=2.0).log_prob(1)[None, None], atol=1e-6)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="binary pixels have 2 levels, got levels=3"):
        pixels_of("binary", levels=3, channels=1, components=1)
    with pytest.raises(ValueError, match="'binary', 'categorical' or 'logistic', got 'normal'"):
        pixels_of("normal", levels=2, channels=1, components=1)
    with pytest.raises(ValueError, match="levels"):
        CategoricalPixels(0)
    with pytest.raises(ValueError, match="at least 2 levels"):
        LogisticPixels(1)
