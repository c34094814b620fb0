import numpy as np
import pytest

import tfp_maf
from tfp_maf.data_prep import simulate
from tfp_maf.networks import masked_dense
from tfp_maf.plotting import figures
from tfp_maf.plotting import flows as flow_plots


@pytest.fixture(scope="module")
def flow():
    return tfp_maf.build_maf(2, num_layers=3, hidden_units=(8,))


def texts(axis):
    return [text.get_text().replace("\n", " ") for text in axis.texts]


def test_a_chain_is_drawn_from_the_data_to_the_noise(flow):
    post = tfp_maf.build_maf(2, num_layers=2, hidden_units=(8,), order="post")
    drawn = texts(flow_plots.plot_chain({"paper": flow, "post": post}).axes[0])
    repeated = ["MAF", "batch norm", "permute"]
    assert drawn[:11] == ["data", *repeated, *repeated, "MAF", "batch norm", "noise", "paper"]
    assert drawn[11:] == [
        "data",
        "batch norm",
        "MAF",
        "permute",
        "batch norm",
        "MAF",
        "noise",
        "post",
    ]


def test_paths_are_the_masks_connections():
    degrees = [masked_dense.input_degrees(3)]
    degrees.append(masked_dense.hidden_degrees(degrees[0], 4, event_size=3))
    masks = masked_dense.made_masks(degrees)
    axis = flow_plots.plot_paths(masks, outputs=["a", "b", "c"]).axes[0]
    assert len(axis.lines) == sum(int(mask.sum()) for mask in masks)
    assert texts(axis) == ["$x_1$", "$x_2$", "$x_3$", "a", "b", "c"]


def test_layers_end_at_the_flows_samples(flow):
    figure = flow_plots.plot_layers(flow, rows=50, seed=3)
    shown = [axis for axis in figure.axes if axis.collections]
    assert [axis.get_title() for axis in shown][::3] == ["noise", "after MAF layer 3"]
    noise, last = (axis.collections[0].get_offsets() for axis in (shown[0], shown[-1]))
    forward = flow.distribution.bijector.forward(np.asarray(noise, np.float32))
    np.testing.assert_allclose(last, forward, atol=1e-5)


def test_the_density_is_the_flows(flow):
    moons = simulate.two_moons(100)
    axis = flow_plots.plot_density(flow, moons).axes[0]
    mesh = axis.collections[0]
    x, y = mesh.get_coordinates()[:-1, :-1].reshape(-1, 2).T
    assert mesh.get_array().size == x.size == 150**2
    assert mesh.get_array().max() < 1


def test_two_moons_are_standardised_and_repeatable():
    moons = simulate.two_moons(2000)
    np.testing.assert_allclose(moons.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(moons.std(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(moons, simulate.two_moons(2000))
    assert (moons != simulate.two_moons(2000, seed=1)).any()


def test_curves_leave_the_first_fall_out():
    values = [-1000.0, *np.linspace(-5, 0, 30)]
    axis = figures.plot_curves({"a": values, "b": values}, xlabel="epoch", ylabel="nats").axes[0]
    assert axis.get_ylim()[0] > -10
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
