"""PixelSNAIL and the Image Transformer; tests of all models of images are in test_images.py."""

import numpy as np
import pytest
import tensorflow as tf
from image_models import shake, some

from tfp_maf.flows.image_attention import build_image_transformer, build_pixelsnail

SMALL = {"num_layers": 1, "features": 8, "heads": 2, "hidden_units": (12,), "dtype": "float64"}


def reached(model):
    """Which sites' outputs a site's values move, in one layer."""
    network = model.network
    x = tf.constant(some(model, 1))
    levels = network.sites.of_rows(x)
    before = network(levels)
    height, width = network.sites.grid
    moved = np.zeros([height * width] * 2, bool)
    for j in range(height * width):
        other = levels.numpy()
        other[0, j // width, j % width] = 1 - other[0, j // width, j % width]
        change = np.abs(network(tf.constant(other)) - before).max(axis=(0, -1, -2))
        moved[:, j] = change.ravel() > 0
    return moved


def test_an_image_transformer_sees_its_local_blocks_only():
    """4 x 4 pixels, blocks of 2 x 2, one row above and one column on either side.

    The input of a site is the site before it, so what is seen is shifted by one.
    """
    model = build_image_transformer((4, 4), levels=2, patch=1, block=(2, 2), memory=(1, 1), **SMALL)
    shake(model)
    seen = reached(model)[10].reshape(4, 4)  # the pixel (2, 2)
    # Inputs of (1, 1..3), (2, 1) and (2, 2) are the pixels before them.
    expected = np.zeros([4, 4], bool)
    expected[1, :3] = expected[2, 0] = expected[2, 1] = True
    np.testing.assert_array_equal(seen, expected)


def test_a_block_of_one_dimension_sees_what_came_before_it_in_raster_order():
    model = build_image_transformer((2, 4), levels=2, patch=1, block=(2,), memory=(1,), **SMALL)
    shake(model)
    seen = reached(model)
    for i in range(8):
        first = max(i // 2 * 2 - 1, 0)  # of the inputs, each the pixel before
        expected = [max(first - 1, 0) <= j < i for j in range(8)]
        np.testing.assert_array_equal(seen[i], expected, str(i))


def test_pixelsnail_sees_all_pixels_before_in_one_layer():
    """A narrow image whose far pixels no convolution reaches: they are 12 rows away."""
    model = build_pixelsnail((16, 2), levels=2, patch=1, **SMALL)
    shake(model)
    seen = reached(model)
    np.testing.assert_array_equal(np.triu(seen), 0)
    assert seen[-1, :8].all()


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (build_image_transformer, {"block": (0, 1)}, "block must be one length"),
        (build_image_transformer, {"block": (1, 1, 1)}, "block must be one length"),
        (build_image_transformer, {"block": (2.5, 2)}, "block must be one length"),
        (build_image_transformer, {"block": (2,)}, "memory must be as many .* as block has: 1"),
        (build_image_transformer, {"block": (2,), "memory": (-1,)}, "memory must be as many"),
        (build_image_transformer, {"memory": (1.9, 0.5)}, r"from 0, .* got \(1\.9, 0\.5\)"),
        (build_image_transformer, {"patch": 0}, "patch must be a positive integer"),
        (build_image_transformer, {"patch": "2"}, "patch must be a positive integer"),
        (build_image_transformer, {"patch": 3}, "patch=3 does not divide"),
        (build_image_transformer, {"block": (1, 1), "heads": 5}, "heads=5 does not divide"),
        (build_pixelsnail, {"heads": 5}, "heads=5 does not divide features=32"),
        (build_pixelsnail, {"features": 1, "heads": 1}, "features must be at least 2"),
        (build_pixelsnail, {"hidden_units": ()}, "hidden_units must be one size"),
    ],
)
def test_invalid_arguments_are_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build((4, 4), levels=2, **options)
