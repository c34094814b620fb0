"""Masked attention: what each position sees, by literal masks, perturbation and Jacobian."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_maf.networks.attention import (
    MaskedAttention,
    attend,
    causal_mask,
    local_mask_1d,
    local_mask_2d,
)

MASKS = {
    "exclusive": causal_mask(6, mask_type="exclusive"),
    "inclusive": causal_mask(6),
    "local 1-D": local_mask_1d(6, block=2, memory=1),
    "local 2-D": local_mask_2d((2, 3), block=(1, 2), memory=(1, 0), mask_type="exclusive"),
}
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


def attention(mask, *, width=8, heads=2, seed=0, **options):
    rng = np.random.default_rng(seed)
    return MaskedAttention(width, heads=heads, mask=mask, rng=rng, dtype="float64", **options)


def inputs(n=3, length=6, width=8, seed=1):
    return tf.constant(np.random.default_rng(seed).normal(size=[n, length, width]))


def test_literal_masks():
    np.testing.assert_array_equal(
        causal_mask(3, mask_type="exclusive"), [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    )
    np.testing.assert_array_equal(causal_mask(3), [[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    # Blocks {0, 1}, {2, 3}, {4}; each sees one position before its block.
    np.testing.assert_array_equal(
        local_mask_1d(5, block=2, memory=1),
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 1, 1]],
    )


def test_a_literal_local_mask_of_an_image():
    """What pixel (2, 2) of 4 x 4 sees: its block of 2 x 2 starts at (2, 2)."""
    mask = local_mask_2d((4, 4), block=(2, 2), memory=(1, 1))
    seen = mask[2 * 4 + 2].reshape(4, 4)
    np.testing.assert_array_equal(seen, [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]])
    assert not (mask & ~causal_mask(16)).any()
    whole = local_mask_2d((4, 4), block=(4, 4), memory=(0, 0), mask_type="exclusive")
    np.testing.assert_array_equal(whole, causal_mask(16, mask_type="exclusive"))


@every_mask
def test_the_jacobian_is_the_mask(mask):
    layer, x = attention(mask), inputs(1)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        outputs = tf.unstack(layer(x)[0])
    reached = np.stack([np.abs(tape.gradient(y, x)[0]).max(axis=-1) for y in outputs]) > 0
    # The query is the position's own: it chooses among keys where there are two or more.
    chooses = mask.sum(axis=1, keepdims=True) > 1
    np.testing.assert_array_equal(reached, mask | (chooses & np.eye(6, dtype=bool)))


@every_mask
def test_keys_reach_the_positions_of_the_mask_only(mask):
    """Queries apart from keys: the Jacobian by the context is the mask, its diagonal included."""
    layer, x, context = attention(mask, context_width=5), inputs(1), inputs(1, width=5, seed=2)
    before = layer(x, context)
    for j in range(6):
        moved = context + 3.0 * tf.one_hot([j], 6, dtype=tf.float64)[..., None]
        changed = np.abs(layer(x, moved) - before)[0].max(axis=-1) > 0
        np.testing.assert_array_equal(changed, mask[:, j])


def test_who_sees_nothing_gets_the_output_of_zeros():
    layer = attention(MASKS["exclusive"])
    expected = layer.output(tf.zeros([3, 8], tf.float64))
    np.testing.assert_array_equal(layer(inputs())[:, 0], expected)
    assert np.isfinite(layer(inputs() * 1e6)).all()


def test_weights_of_equal_keys_are_a_mean_over_what_is_seen():
    values = tf.constant([[[1.0], [3.0], [8.0]]])
    zeros = tf.zeros_like(values)
    np.testing.assert_allclose(attend(zeros, zeros, values, causal_mask(3))[0, :, 0], [1, 2, 4])


@every_mask
def test_it_is_that_of_keras(mask):
    ours, x = attention(mask, heads=4), inputs()
    theirs = tf_keras.layers.MultiHeadAttention(num_heads=4, key_dim=2, dtype="float64")
    theirs(x, x)
    shapes = [tuple(weight.shape) for weight in theirs.weights]
    values = [
        value
        for layer in (ours.query, ours.key, ours.value, ours.output)
        for value in (layer.kernel.numpy(), layer.bias.numpy())
    ]
    theirs.set_weights([v.reshape(s) for v, s in zip(values, shapes, strict=True)])
    expected = theirs(x, x, attention_mask=mask[None])
    seeing = mask.any(axis=1)  # Keras lets who may see nothing see everything
    np.testing.assert_allclose(ours(x).numpy()[:, seeing], expected.numpy()[:, seeing], atol=1e-12)


@every_mask
def test_step_by_step_with_a_cache_it_is_the_same(mask):
    layer, x, context = attention(mask, context_width=5), inputs(), inputs(width=5, seed=2)
    cache, outputs = layer.empty_cache(3), []
    for t in range(6):
        output, cache = layer.step(x[:, t], cache, tf.constant(t), context[:, t])
        outputs.append(output)
    np.testing.assert_allclose(tf.stack(outputs, axis=1), layer(x, context), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: attention(MASKS["inclusive"], heads=3), "heads=3 does not divide width=8"),
        (lambda: causal_mask(0), "length must be a positive integer"),
        (lambda: causal_mask(3, mask_type="both"), "mask_type must be one of"),
        (lambda: local_mask_1d(3, block=0, memory=0), "block must be a positive integer"),
        (lambda: local_mask_1d(3, block=1, memory=-1), "memory must not be negative, got -1"),
        (lambda: local_mask_2d((3, 3), block=(1,), memory=(1, 1)), "block must be two sizes"),
    ],
)
def test_invalid_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
