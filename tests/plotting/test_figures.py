import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tfp_maf.networks import masked_dense
from tfp_maf.plotting import figures


def test_masks_are_drawn_as_they_are():
    degrees = [masked_dense.input_degrees(3)]
    degrees.append(masked_dense.hidden_degrees(degrees[0], 5, event_size=3))
    masks = masked_dense.made_masks(degrees)
    figure = figures.plot_masks(masks, titles=["hidden", "output"])
    assert [axis.get_title() for axis in figure.axes] == ["hidden", "output"]
    for axis, mask in zip(figure.axes, masks, strict=True):
        np.testing.assert_array_equal(axis.collections[0].get_array(), mask)


def test_the_learning_curve_shows_both_curves_and_the_baselines():
    history = pd.DataFrame({"epoch": [1, 2, 3], "train": [0.0, 1, 2], "validation": [0.0, 1, 1.5]})
    axis = figures.plot_history(history, references={"gaussian": -1.0}).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert set(lines) == {"train", "validation", "gaussian"}
    np.testing.assert_array_equal(lines["validation"], history["validation"])
    assert axis.get_xlabel() == "epoch"
    assert "nats" in axis.get_ylabel()


def test_pairs_show_at_most_eight_columns(tmp_path):
    data = np.random.default_rng(0).normal(size=[300, 10])
    figure = figures.plot_pairs(data, data + 1, columns=[f"c{i}" for i in range(10)])
    assert len(figure.axes) == 64
    assert figure.axes[8 * 7].get_xlabel() == "c0"
    assert figure.axes[8 * 7].get_ylabel() == "c7"
    figure.savefig(tmp_path / "pairs.png")


@pytest.mark.filterwarnings("error")
def test_pairs_of_columns_that_hardly_vary(tmp_path):
    """One row far out, and a column of 1e18 and a little: axes, not warnings."""
    data = np.random.default_rng(0).normal(size=[5000, 2]) * [1, 100] + [0, 1e18]
    data[0, 0] = 1e30
    figures.plot_pairs(data, data * 0, columns=["a", "b"]).savefig(tmp_path / "pairs.png")


def test_noise_is_drawn_beside_the_standard_normal():
    noise = np.random.default_rng(0).normal(size=[5000, 3])
    figure = figures.plot_noise(noise, columns=["a", "b", "c"])
    curve = figure.axes[0].lines[0].get_ydata()
    assert abs(curve.max() - 1 / np.sqrt(2 * np.pi)) < 1e-4
    assert figure.axes[2].get_title().startswith("u of c (0.0% beyond 4)")


def test_no_figure_is_left_to_pyplot():
    assert plt.get_fignums() == []
