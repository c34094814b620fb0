import numpy as np

from tfp_maf.networks.attention import causal_mask
from tfp_maf.plotting.attention import plot_attention


def test_a_pixel_and_what_it_sees_have_their_colours():
    masks = {"before": causal_mask(6, mask_type="exclusive"), "and itself": causal_mask(6)}
    figure = plot_attention(masks, shape=(2, 3), pixels=[(0, 0), (1, 1)])
    drawn = [np.asarray(axis.collections[0].get_array()).tolist() for axis in figure.axes]
    assert drawn == 2 * [[[2, 0, 0], [0, 0, 0]], [[1, 1, 1], [1, 2, 0]]]
    assert [axis.get_ylabel() for axis in figure.axes] == ["before", "", "and itself", ""]
