"""Receptive fields: what is before a pixel, without the blind spot of a single stack."""

import numpy as np
import pytest
from image_models import shaken

from tfp_maf.evaluation.receptive_field import receptive_field


@pytest.mark.parametrize(("name", "is_blind"), [("pixelcnn", True), ("gated", False)])
def test_a_single_stack_is_blind_to_some_pixels_before(name, is_blind):
    model = shaken(name, (8, 16))
    row, column = 7, 2
    seen = receptive_field(model.network, row, column) > 1e-12
    past = np.arange(8 * 16).reshape(8, 16) < row * 16 + column
    assert not (seen & ~past).any()
    # Kernels of 7 and twice 3 pixels reach 3 + 1 + 1 columns to the right. In a single stack the
    # two others must not leave the row: one row above, it reaches three.
    assert seen[6, column + 3]
    assert seen[6, column + 4] == seen[6, column + 5] == (not is_blind)


def test_a_pixel_of_a_patch_sees_those_before_it_in_its_patch():
    model = shaken("patch_made", (4, 4, 3))
    seen = receptive_field(model.network, 1, 2) > 1e-12
    expected = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    expected[1][2] = 1  # of its own colours, G sees R, and B both
    np.testing.assert_array_equal(seen, np.array(expected) > 0)
