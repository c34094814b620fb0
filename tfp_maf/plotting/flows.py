"""Figures of flows: chain of bijectors, network connections, single layers, density in 2D."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow_probability as tfp
from matplotlib.figure import Figure

from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.flows.flow import Flow

tfb = tfp.bijectors
KINDS = {
    "MAF": (tfb.MaskedAutoregressiveFlow, "C0"),
    "batch norm": (BatchNormalization, "C1"),
    "permute": (tfb.Permute, "C2"),
}


def kind_of(bijector: object) -> str:
    """Return the label of a bijector in these figures."""
    return next((kind for kind, (of, _) in KINDS.items() if isinstance(bijector, of)), "other")


def plot_chain(flows: dict[str, Flow]) -> Figure:
    """Plot the bijectors of named flows as boxes, from data on the left to noise on the right."""
    figure = Figure(figsize=(9, 0.9 * len(flows) + 0.6), layout="constrained")
    axis = figure.subplots()
    longest = max(len(flow.bijectors) for flow in flows.values())
    for y, (name, flow) in enumerate(flows.items()):
        boxes = ["data", *map(kind_of, flow.bijectors), "noise"]
        for x, kind in enumerate(boxes):
            colour = KINDS[kind][1] if kind in KINDS else "lightgrey"
            style = {"boxstyle": "round", "facecolor": colour, "alpha": 0.6}
            axis.text(x, -y, kind.replace(" ", "\n"), ha="center", va="center", size=8, bbox=style)
        axis.text(-0.8, -y, name, ha="right", va="center")
    axis.set(xlim=(-2.2, longest + 1.6), ylim=(-len(flows) + 0.4, 0.6))
    axis.axis("off")
    return figure


def plot_paths(masks: Sequence[np.ndarray], *, outputs: Sequence[str]) -> Figure:
    """Plot a masked network as a graph of the connections from inputs to outputs.

    Args:
        masks: masks ``[n_in, n_out]`` of all layers, the first layer's first.
        outputs: names of the last layer's units.
    """
    figure = Figure(figsize=(7, 0.5 * max(m.shape[0] for m in masks) + 1), layout="constrained")
    axis = figure.subplots()
    widths = [masks[0].shape[0], *(mask.shape[1] for mask in masks)]
    height = max(widths)
    places = [(np.arange(n) + 0.5) * height / n for n in widths]
    for layer, mask in enumerate(masks):
        for i, j in np.argwhere(mask):
            axis.plot(
                [layer, layer + 1],
                [-places[layer][i], -places[layer + 1][j]],
                color="C0",
                linewidth=0.8,
                alpha=0.6,
            )
    for layer, of_layer in enumerate(places):
        axis.scatter(np.full(len(of_layer), layer), -of_layer, s=60, color="C1", zorder=2)
    for i, y in enumerate(places[0]):
        axis.text(-0.08, -y, f"$x_{i + 1}$", ha="right", va="center")
    for name, y in zip(outputs, places[-1], strict=True):
        axis.text(len(masks) + 0.08, -y, name, ha="left", va="center")
    axis.set_xlim(-0.4, len(masks) + 0.8)
    axis.axis("off")
    return figure


def plot_layers(flow: Flow, *, rows: int = 2000, seed: int = 0) -> Figure:
    """Plot how the flow maps noise to data, layer by layer; colour is the angle of the noise.

    The points are shown after each autoregressive layer; batch normalisation and permutations are
    applied in between, but not shown.

    Args:
        flow: a flow over two dimensions.
        rows: number of points.
        seed: seed of the noise.
    """
    x = np.random.default_rng(seed).normal(size=[rows, 2]).astype(np.float32)
    angle = np.arctan2(x[:, 1], x[:, 0])
    frames = [("noise", x)]
    masked = 0
    for bijector in reversed(flow.bijectors):
        x = bijector.forward(x).numpy()
        if kind_of(bijector) == "MAF":
            masked += 1
            frames.append((f"after MAF layer {masked}", x))
    columns = min(len(frames), 4)
    lines = -(-len(frames) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.5 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, (title, dots) in zip(axes, frames, strict=False):
        axis.scatter(dots[:, 0], dots[:, 1], c=angle, cmap="twilight", s=1)
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=6)
    for axis in axes[len(frames) :]:
        axis.axis("off")
    return figure


def plot_density(flow: Flow, data: np.ndarray, *, title: str = "") -> Figure:
    """Plot a flow's density over the plane beside rows ``[N, 2]`` of data."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    low, high = data.min(axis=0) - 0.5, data.max(axis=0) + 0.5
    x, y = np.meshgrid(np.linspace(low[0], high[0], 150), np.linspace(low[1], high[1], 150))
    grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    density = np.exp(chunked_log_prob(flow, grid)).reshape(x.shape)
    image = left.pcolormesh(x, y, density, cmap="viridis", rasterized=True)
    figure.colorbar(image, ax=left, label="density")
    right.scatter(data[:2000, 0], data[:2000, 1], s=1, color="C0")
    left.set(xlabel="$x_1$", ylabel="$x_2$", title=title or "the flow's density")
    right.set(xlabel="$x_1$", title="data")
    return figure
