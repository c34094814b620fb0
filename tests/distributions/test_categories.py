"""MADE of categories: probabilities that sum to one, in every context."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfp_maf
from tfp_maf.flows.categories import build_categories

SIZES = (2, 3, 4)
ALL = np.array(list(itertools.product(*map(range, SIZES))), np.float64)


def shaken(condition_size=0):
    flow = build_categories(
        SIZES, hidden_units=(12, 9), activation="tanh", condition_size=condition_size
    )
    rng = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(0, 0.5, variable.shape))
    return flow


def chain(n, seed=0):
    """Codes of which each depends on the one before."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 2, n)
    second = first + rng.integers(0, 2, n)
    return np.stack([first, second, second + rng.integers(0, 2, n)], axis=1).astype(float)


@pytest.mark.parametrize("condition", [None, [0.3, -1.0]])
def test_probabilities_sum_to_one_in_every_context(condition):
    flow = shaken(0 if condition is None else 2)
    eager = flow.log_prob(ALL, condition)
    assert np.exp(eager).sum() == pytest.approx(1, abs=1e-5)
    for compiles in (False, True):
        graph = tf.function(lambda x: flow.log_prob(x, condition), jit_compile=compiles)
        np.testing.assert_allclose(graph(tf.constant(ALL, tf.float32)), eager, atol=1e-5)
    np.testing.assert_allclose(flow.log_prob(ALL[3], condition), eager[3], atol=1e-6)
    assert flow.log_prob(ALL[:0], condition).shape == [0]
    np.testing.assert_allclose(
        flow.log_prob(ALL.reshape(4, 6, 3), condition).numpy().ravel(), eager, atol=1e-6
    )


@pytest.mark.parametrize("condition_size", [0, 2])
def test_a_category_depends_on_those_before_it_alone(condition_size):
    flow = shaken(condition_size)
    condition = tf.zeros([1, 2]) if condition_size else None
    x = tf.constant([[1.0, 2.0, 3.0]])
    before = flow.base.logits(x, condition)
    for changed in range(3):
        other = tf.tensor_scatter_nd_update(x, [[0, changed]], [0.0])
        after = flow.base.logits(other, condition)
        moved = [
            bool((abs(a - b) > 1e-6).numpy().any()) for a, b in zip(before, after, strict=True)
        ]
        assert moved == [place > changed for place in range(3)]


def test_a_condition_reaches_the_first_category_through_hidden_units():
    flow = shaken(2)
    c = tf.constant([[0.5, -1.0]])
    with tf.GradientTape() as outer:
        outer.watch(c)
        with tf.GradientTape() as tape:
            tape.watch(c)
            log_prob = flow.base.logits(tf.constant(ALL[:1], tf.float32), c)[0][0, 0] ** 3
        slope = tape.gradient(log_prob, c)
    assert np.abs(slope).min() > 0
    assert outer.gradient(slope, c) is not None


def test_samples_have_the_probabilities_and_training_finds_them(tmp_path):
    flow = build_categories(SIZES, hidden_units=(16,))
    train, validation = chain(3000), chain(500, seed=1)
    history = tfp_maf.fit(
        flow, train, validation, standardise=False, learning_rate=1e-2, max_epochs=5, progress=False
    )
    assert history.best_validation == pytest.approx(-3 * np.log(2), abs=0.05)
    drawn = flow.sample(8000, seed=0).numpy()
    frequencies = np.array([(drawn == row).all(axis=1).mean() for row in ALL])
    np.testing.assert_allclose(frequencies, np.exp(flow.log_prob(ALL)), atol=0.025)
    flow.save(tmp_path)
    again = tfp_maf.load_flow(tmp_path)
    np.testing.assert_array_equal(again.log_prob(ALL), flow.log_prob(ALL))
    np.testing.assert_array_equal(again.sample(5, seed=1), flow.sample(5, seed=1))
    scores = flow.noise(chain(4000, seed=2)).numpy()
    assert np.abs(scores.mean(axis=0)).max() < 0.1


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="sizes"):
        build_categories([2, 0])
    with pytest.raises(ValueError, match="hidden_units"):
        build_categories([2], hidden_units=(0,))
