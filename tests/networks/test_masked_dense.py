import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability.python.bijectors import masked_autoregressive as tfp_masks

from tfp_maf.networks import masked_dense

INPUTS = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
# Printed in the post: the kernel before and after masking, and the layer's output.
POST_KERNEL = [
    [0, -0.7489589, -0.42214942, -0.6473454],
    [0, 0, -0.00557496, -0.46692933],
    [0, 0, 0, 1.00276807],
]
POST_OUTPUT = [
    [0, -0.7489589, -0.43329933, 1.42710014],
    [0, -2.9958356, -1.71647246, 1.09258015],
]


def test_slices_of_the_posts_example():
    assert masked_dense.gen_slices(3, 3, 4) == [
        (slice(1, None), slice(0, 1)),
        (slice(2, None), slice(1, 2)),
        (slice(3, None), slice(2, 3)),
    ]


def test_mask_of_the_posts_example():
    mask = masked_dense.gen_mask(3, 3, 4)
    np.testing.assert_array_equal(mask.T, [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]])


def test_layer_gives_the_posts_output():
    layer = masked_dense.MaskedDense(
        3, 4, exclusive=True, kernel_initializer=lambda shape: tf.constant(POST_KERNEL)
    )
    np.testing.assert_allclose(layer(INPUTS), POST_OUTPUT, rtol=0, atol=5e-8 * 10)


def test_layer_stays_masked_whatever_the_kernel_is():
    layer = masked_dense.MaskedDense(3, 4, exclusive=True)
    assert np.all(layer.kernel.numpy()[layer.mask.numpy() == 0] == 0)
    layer.kernel.assign(tf.ones([3, 4]))
    np.testing.assert_array_equal(layer(INPUTS), [[0, 1, 3, 6], [0, 4, 9, 15]])


def test_masks_equal_tfps_for_all_that_divide():
    compared = 0
    sizes = itertools.product(range(1, 7), range(1, 5), range(1, 5), ("exclusive", "inclusive"))
    for blocks, d_in, d_out, mask_type in sizes:
        n_in, n_out = blocks * d_in, blocks * d_out
        ours = masked_dense.gen_mask(blocks, n_in, n_out, mask_type=mask_type)
        theirs = tfp_masks._gen_mask(blocks, n_in, n_out, mask_type)
        np.testing.assert_array_equal(ours, theirs)
        compared += 1
    assert compared >= 190
    for n_out in range(3, 30):  # the last block takes the remainder, as in the post
        np.testing.assert_array_equal(
            masked_dense.gen_mask(3, 6, n_out), tfp_masks._gen_mask(3, 6, n_out)
        )
        compared += 1
    assert compared >= 200


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((3, 4, 6), "does not divide n_in=4"),
        ((3, 3, 2), "n_out=2 is less"),
        ((0, 3, 3), "positive"),
        ((3, 0, 3), "positive"),
    ],
)
def test_sizes_that_make_no_mask(sizes, message):
    with pytest.raises(ValueError, match=message):
        masked_dense.gen_mask(*sizes)


def test_unknown_mask_type():
    with pytest.raises(ValueError, match="mask_type"):
        masked_dense.gen_mask(3, 3, 3, mask_type="both")


def degrees_of(event_size, hidden_units, *, order="left-to-right", how="equal", seed=None):
    degrees = [masked_dense.input_degrees(event_size, order=order, seed=seed)]
    for units in hidden_units:
        degrees.append(
            masked_dense.hidden_degrees(
                degrees[-1], units, event_size=event_size, how=how, seed=seed
            )
        )
    return degrees


@pytest.mark.parametrize("hidden_units", [[], [7], [16, 9], [5, 5, 5]])
@pytest.mark.parametrize("event_size", [1, 2, 5])
@pytest.mark.parametrize("order", ["left-to-right", "right-to-left", "given"])
@pytest.mark.parametrize("how", ["equal", "random"])
def test_made_masks_equal_autoregressive_networks(event_size, hidden_units, order, how):
    if order == "given":
        order = np.random.RandomState(3).permutation(event_size) + 1
    if how == "random" and event_size == 1 and hidden_units:
        pytest.skip("TFP draws from an empty range here")
    network = tfp.bijectors.AutoregressiveNetwork(
        params=2,
        event_shape=[event_size],
        hidden_units=hidden_units,
        input_order=order,
        hidden_degrees=how,
    )
    np.random.seed(11)  # TFP draws from the global state
    network.build([None, event_size])
    degrees = [masked_dense.input_degrees(event_size, order=order)]
    rng = np.random.RandomState(11)
    for units in hidden_units:
        layer_seed = rng if how == "random" else None
        degrees.append(
            masked_dense.hidden_degrees(
                degrees[-1], units, event_size=event_size, how=how, seed=layer_seed
            )
        )
    ours = masked_dense.made_masks(degrees, params=2)
    assert len(ours) == len(network._masks)
    for mask, theirs in zip(ours, network._masks, strict=True):
        np.testing.assert_array_equal(mask, theirs)


@pytest.mark.parametrize("how", ["equal", "random"])
@pytest.mark.parametrize("order", ["left-to-right", "right-to-left", "random"])
def test_connectivity_is_that_of_the_order(how, order):
    degrees = degrees_of(6, [40, 30], order=order, how=how, seed=1)
    paths = masked_dense.connectivity(masked_dense.made_masks(degrees))
    place = degrees[0]
    np.testing.assert_array_equal(paths > 0, place[:, None] < place[None, :])


def test_connectivity_counts_paths_beyond_int64():
    masks = [np.ones([10, 10], int)] * 25
    assert masked_dense.connectivity(masks)[0, 0] == 10**24


def test_random_order_repeats_with_its_seed():
    first, again, other = (
        masked_dense.input_degrees(20, order="random", seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("order", ["sideways", [1, 2, 2], [0, 1, 2]])
def test_orders_that_are_none(order):
    with pytest.raises(ValueError, match="order must be"):
        masked_dense.input_degrees(3, order=order)


def test_unknown_hidden_degrees():
    with pytest.raises(ValueError, match="how must be"):
        masked_dense.hidden_degrees(np.arange(1, 4), 5, event_size=3, how="none")
