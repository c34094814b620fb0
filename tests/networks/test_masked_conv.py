"""Masks of convolutions, proven by perturbation and by Jacobian, and held against other masks."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tensorflow_probability.python.distributions import pixel_cnn

from tfp_maf.networks.masked_conv import (
    MaskedConvolution,
    convolution_mask,
    offsets_of,
    vertical_mask,
)
from tfp_maf.networks.masked_dense import gen_mask

RNG = np.random.default_rng


def layer(mask, seed=0, **options):
    return MaskedConvolution(mask, rng=RNG(seed), dtype="float64", **options)


def reached(network, height, width, channels):
    """Which outputs depend on which inputs, ``[outputs, inputs]``, both in raster order.

    By Jacobian, and again by changing one input after the other.
    """
    x = tf.constant(RNG(1).normal(size=[1, height, width, channels]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = network(x)
    size = height * width * channels
    slopes = np.abs(tape.jacobian(y, x).numpy().reshape(-1, size)) > 0
    before = np.asarray(y).ravel()
    moved = []
    for i in range(size):
        other = x.numpy().ravel()
        other[i] += 1.0
        moved.append(np.asarray(network(tf.reshape(other, x.shape))).ravel() != before)
    np.testing.assert_array_equal(slopes, np.stack(moved, axis=1))
    return slopes


def before(n, *, inclusive):
    """Values in raster order: each sees those before it."""
    return np.tril(np.ones([n, n], bool), 0 if inclusive else -1)


def test_masks_are_zero_after_the_centre():
    for mask_type, centre in (("A", 0), ("B", 1)):
        mask = convolution_mask((3, 3), 1, 1, mask_type=mask_type)[:, :, 0, 0]
        assert mask.tolist() == [[1, 1, 1], [1, centre, 0], [0, 0, 0]]
        mask = vertical_mask((3, 3), 1, 1, mask_type=mask_type)[:, :, 0, 0]
        assert mask.tolist() == [[1, 1, 1], [centre] * 3, [0, 0, 0]]


@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_at_the_centre_g_sees_r_and_b_sees_both(mask_type):
    mask = convolution_mask((1, 1), 3, 3, mask_type=mask_type, channels=3)[0, 0]
    of_r, of_g, of_b = mask.T.tolist()
    own = float(mask_type == "B")
    assert (of_r, of_g, of_b) == ([own, 0, 0], [1, own, 0], [1, 1, own])


@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_a_kernel_of_one_pixel_is_a_masked_dense_layer(mask_type):
    dense = {"A": "exclusive", "B": "inclusive"}[mask_type]
    mask = convolution_mask((1, 1), 6, 9, mask_type=mask_type, channels=3)
    np.testing.assert_array_equal(mask[0, 0], gen_mask(3, 6, 9, mask_type=dense).T)
    x = RNG(2).normal(size=[5, 1, 1, 6])
    found = MaskedConvolution(mask, rng=RNG(0), dtype="float64")
    expected = x[:, 0, 0] @ (mask[0, 0] * found.kernel.numpy()[0, 0])
    np.testing.assert_allclose(found(tf.constant(x))[:, 0, 0], expected, atol=1e-12)


@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_on_one_row_a_wide_kernel_connects_as_a_masked_dense_layer(mask_type):
    dense = {"A": "exclusive", "B": "inclusive"}[mask_type]
    network = layer(convolution_mask((1, 11), 1, 1, mask_type=mask_type))
    expected = gen_mask(6, 6, 6, mask_type=dense) > 0
    np.testing.assert_array_equal(reached(network, 1, 6, 1), expected)


def test_masks_are_those_of_tfd_pixelcnn():
    """Its stacks have kernels of the same shapes, whose constraints multiply by a mask."""
    ones = np.ones([5, 5, 2, 4])
    for mask_type, rows in (("A", (0, 2)), ("B", (0, 3))):
        theirs = pixel_cnn._make_kernel_constraint((5, 5), rows, (0, 5))(ones)
        np.testing.assert_array_equal(vertical_mask((5, 5), 2, 4, mask_type=mask_type), theirs)
    for mask_type, columns in (("A", (0, 2)), ("B", (0, 3))):
        theirs = pixel_cnn._make_kernel_constraint((1, 5), (0, 1), columns)(ones[:1])
        ours = convolution_mask((1, 5), 2, 4, mask_type=mask_type)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kernel_size", [(3, 3), (5, 3), (1, 5)])
def test_it_is_a_convolution_with_the_masked_kernel(kernel_size):
    mask = convolution_mask(kernel_size, 2, 4, mask_type="B", channels=2)
    found = layer(mask)
    found.kernel.assign(RNG(3).normal(size=mask.shape))  # what is masked is not zero
    found.bias.assign(RNG(4).normal(size=4))
    x = tf.constant(RNG(5).normal(size=[2, 5, 6, 2]))
    expected = tf.nn.conv2d(x, found.kernel * mask, 1, "SAME") + found.bias
    np.testing.assert_allclose(found(x), expected, atol=1e-12)


def stack(channels, seed=0):
    """Three layers of masked convolutions with a nonlinearity between them."""
    features = 2 * channels
    sizes = [(channels, features, "A"), (features, features, "B"), (features, channels, "B")]
    layers = [
        layer(convolution_mask((3, 3), m, n, mask_type=t, channels=channels), seed + i)
        for i, (m, n, t) in enumerate(sizes)
    ]

    def network(x):
        for each in layers:
            x = tf.tanh(each(x))
        return x

    return network, layers


@pytest.mark.parametrize("channels", [1, 3])
def test_no_value_sees_itself_or_a_later_one_whatever_happens_to_the_weights(channels):
    network, layers = stack(channels)
    variables = [v for each in layers for v in (each.kernel, each.bias)]

    def check():
        seen = reached(network, 3, 4, channels)
        assert not (seen & ~before(12 * channels, inclusive=False)).any()
        assert seen.any(axis=1)[1:].all()  # all but the first value see something

    check()
    # An optimizer that knows of no mask.
    optimizer = tf_keras.optimizers.Adam(0.05)
    x = tf.constant(RNG(6).normal(size=[8, 3, 4, channels]))
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((network(x) - x) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    check()
    for each in layers:
        each.kernel.assign(RNG(7).normal(size=each.kernel.shape))
    check()


def receptive_field(network, *, height, width, row, column):
    seen = reached(network, height, width, 1).reshape(height, width, height, width)
    return seen[row, column]


def test_a_single_stack_has_a_blind_spot_and_two_stacks_have_none():
    network, _ = stack(1)
    row, column = 5, 2
    options = {"height": 6, "width": 8, "row": row, "column": column}
    past = np.arange(6 * 8).reshape(6, 8) < row * 8 + column
    field = receptive_field(network, **options)
    # Each layer reaches one row up and one column to the right: what is further right is not seen,
    # although three layers reach three rows up and three columns to the side.
    near = np.zeros([6, 8], bool)
    near[2:, :6] = True
    missed = near & past & ~field
    assert missed[4, 4]
    assert missed.sum() == 3  # (4, 4), (4, 5) and (3, 5)

    sizes = [(1, 2, "A"), (2, 2, "B"), (2, 1, "B")]
    vertical = [layer(vertical_mask((3, 3), m, n, mask_type=t), 1) for m, n, t in sizes]
    horizontal = [layer(convolution_mask((1, 3), m, n, mask_type=t), 2) for m, n, t in sizes]

    def two_stacks(x):
        v = h = x
        for above, left in zip(vertical, horizontal, strict=True):
            v = above(v)
            h = tf.tanh(left(h) + v)
            v = tf.tanh(v)
        return h

    mended = receptive_field(two_stacks, **options)
    np.testing.assert_array_equal(mended, near & past)


def test_dilated_kernels_look_further_and_at_earlier_pixels_alone():
    mask = convolution_mask((3, 3), 1, 1, mask_type="A")
    dilated = layer(mask, 1, dilation=2)
    assert dilated.offsets == ((-2, -2), (-2, 0), (-2, 2), (0, -2))
    field = receptive_field(dilated, height=5, width=6, row=3, column=3)
    assert np.argwhere(field).tolist() == [[1, 1], [1, 3], [1, 5], [3, 1]]


def test_kernels_are_read_up_to_the_centre():
    assert len(offsets_of(convolution_mask((3, 3), 1, 1, mask_type="A"))) == 4
    assert len(offsets_of(convolution_mask((3, 3), 1, 1, mask_type="B"))) == 5
    # With colours, mask A looks at the centre, for G and B.
    assert len(offsets_of(convolution_mask((3, 3), 3, 3, mask_type="A", channels=3))) == 5
    assert offsets_of(vertical_mask((3, 1), 1, 1, mask_type="B")) == ((-1, 0), (0, 0))


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="mask_type must be 'A' or 'B', got 'C'"):
        convolution_mask((3, 3), 1, 1, mask_type="C")
    with pytest.raises(ValueError, match="kernel_size must be odd"):
        convolution_mask((2, 3), 1, 1, mask_type="A")
    with pytest.raises(ValueError, match="channels=3 does not divide n_out=4"):
        convolution_mask((3, 3), 3, 4, mask_type="A", channels=3)
    with pytest.raises(ValueError, match="sizes must be positive"):
        convolution_mask((3, 3), 0, 4, mask_type="A")
    with pytest.raises(ValueError, match="at least 3 rows"):
        vertical_mask((1, 3), 1, 1, mask_type="A")


def test_a_mask_that_hides_everything_leaves_the_bias():
    found = layer(convolution_mask((1, 1), 1, 2, mask_type="A"))
    found.bias.assign([1.0, 2.0])
    np.testing.assert_array_equal(found(tf.ones([1, 2, 1, 1], tf.float64)), [[[[1, 2]], [[1, 2]]]])
