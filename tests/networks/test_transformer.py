"""The causal Transformer: token t's outputs depend on the tokens before it, and on no other."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_maf.networks.transformer import CausalTransformer


def network(condition_size=0, tokens=5):
    rng = np.random.default_rng(0)
    made = CausalTransformer(
        tokens,
        n_in=3,
        n_out=4,
        widths=[8, 8],
        heads=2,
        activation="gelu",
        condition_size=condition_size,
        rng=rng,
        dtype="float64",
    )
    for variable in made.trainable_variables:
        variable.assign_add(rng.normal(size=variable.shape, scale=0.1))
    return made


def inputs(n=2, tokens=5, size=3):
    return tf.constant(np.random.default_rng(1).normal(size=[n, tokens, size]))


def test_outputs_depend_on_the_tokens_before_only():
    made, x = network(), inputs()
    before = made(x)
    for j in range(5):
        moved = x + 2.0 * tf.one_hot([j], 5, dtype=tf.float64)[..., None]
        changed = np.abs(made(moved) - before).max(axis=(0, 2)) > 0
        np.testing.assert_array_equal(changed, np.arange(5) > j)


def test_the_jacobian_is_strictly_triangular():
    made, x = network(), inputs(1)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        outputs = tf.unstack(made(x)[0])
    reached = np.stack([np.abs(tape.gradient(y, x)[0]).max(axis=-1) for y in outputs]) > 0
    np.testing.assert_array_equal(reached, np.tri(5, k=-1, dtype=bool))


@pytest.mark.parametrize("condition_size", [0, 2])
def test_step_by_step_it_says_the_same(condition_size):
    made, x = network(condition_size), inputs()
    condition = inputs(2, 1, 2)[:, 0] if condition_size else None
    caches, before, outputs = made.empty_caches(2), tf.fill([2, 3], np.float64(9)), []
    for t in range(5):
        output, caches = made.step(before, caches, tf.constant(t), condition)
        outputs.append(output)
        before = x[:, t]
    np.testing.assert_allclose(tf.stack(outputs, axis=1), made(x, condition), atol=1e-12)


def test_a_condition_reaches_every_token():
    made, x = network(2), inputs()
    one, other = made(x, tf.zeros([2, 2], tf.float64)), made(x, tf.ones([2, 2], tf.float64))
    assert (np.abs(one - other).max(axis=(0, 2)) > 1e-3).all()
