"""Figures of masks, learning curves, samples over data, images, and noise.

Each function returns a ``matplotlib.figure.Figure`` outside pyplot's global state:
``figure.savefig(path)`` writes it, and a notebook displays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

MOST_POINTS = 2000  # in a scatter plot; more would only hide each other
MOST_COLUMNS = 8  # in a pair plot; more would be illegible


def plain(text: str) -> str:
    """Return a text, such as a column's name, that Matplotlib does not take for a formula."""
    return text.replace("$", r"\$")


def plot_masks(masks: Sequence[np.ndarray], *, titles: Sequence[str] | None = None) -> Figure:
    """Plot masks ``[n_in, n_out]`` side by side, dark where input and output are connected."""
    figure = Figure(figsize=(3 * len(masks), 3), layout="constrained")
    axes = figure.subplots(1, len(masks), squeeze=False)[0]
    for i, (axis, mask) in enumerate(zip(axes, masks, strict=True)):
        axis.pcolormesh(
            np.asarray(mask, float),
            cmap="Blues",
            vmin=0,
            vmax=1,
            edgecolors="lightgrey",
            linewidth=0.5 if mask.size < 2500 else 0,
        )
        axis.invert_yaxis()
        axis.set_aspect("equal")
        axis.set(xlabel="output", ylabel="input", title=titles[i] if titles else f"layer {i + 1}")
        for ticks, labels, size in [
            (axis.set_xticks, axis.set_xticklabels, mask.shape[1]),
            (axis.set_yticks, axis.set_yticklabels, mask.shape[0]),
        ]:
            shown = np.arange(0, size, max(1, size // 8))
            ticks(shown + 0.5)
            labels(shown + 1)
    return figure


def plot_kernels(kernels: Sequence[np.ndarray], *, titles: Sequence[str]) -> Figure:
    """Plot masks of convolutions, or receptive fields, ``[height, width]`` side by side.

    Dark is what is seen, relative to the most that is; white is what is not.
    """
    figure = Figure(figsize=(2.2 * len(kernels), 2.5), layout="constrained")
    axes = figure.subplots(1, len(kernels), squeeze=False)[0]
    for axis, kernel, title in zip(axes, kernels, titles, strict=True):
        shown = np.asarray(kernel, float)
        axis.pcolormesh(
            shown, cmap="Blues", vmin=0, vmax=max(shown.max(), 1e-30), edgecolors="lightgrey"
        )
        axis.invert_yaxis()
        axis.set_aspect("equal")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_title(title, fontsize=9)
    return figure


def plot_history(history: pd.DataFrame, *, references: dict[str, float] | None = None) -> Figure:
    """Plot the learning curve: training and validation log-likelihood per epoch, in nats.

    Args:
        history: columns ``epoch, train, validation``, as in ``History.frame``.
        references: further log-likelihoods by name, drawn as dashed lines.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    style: dict[str, Any] = {"linewidth": 1.2, "marker": "o" if len(history) < 3 else None}
    for i, name in enumerate(["train", "validation"]):
        axis.plot(history["epoch"], history[name], label=name, color=f"C{i}", **style)
    for i, (name, value) in enumerate((references or {}).items()):
        axis.axhline(value, linestyle="--", linewidth=1, color=f"C{i + 2}", label=name)
    # The steep rise of the first two epochs would flatten the rest of the curve.
    values = [*history["train"][2:], *history["validation"][2:], *(references or {}).values()]
    finite = [value for value in values if np.isfinite(value)]
    if finite and max(finite) > min(finite):
        axis.set_ylim(min(finite) - 0.05 * np.ptp(finite), max(finite) + 0.05 * np.ptp(finite))
    axis.set(xlabel="epoch", ylabel="log-likelihood (nats per event)")
    axis.legend()
    return figure


def plot_curves(curves: dict[str, Sequence[float]], *, xlabel: str, ylabel: str) -> Figure:
    """Plot named curves of one value per epoch; the axis cuts off low values of early epochs."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    styles = ["-", "--", ":", "-."]
    for i, (name, values) in enumerate(curves.items()):
        epochs = range(1, len(values) + 1)
        style = styles[i // 4 % len(styles)]
        axis.plot(epochs, values, label=name, color=f"C{i % 4}", linestyle=style)
    finite = np.array([v for values in curves.values() for v in values if np.isfinite(v)])
    if len(finite):
        low, high = np.percentile(finite, [10, 100])
        axis.set_ylim(low - 0.05 * (high - low) - 1e-3, high + 0.05 * (high - low) + 1e-3)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(fontsize=7)
    return figure


def plot_pairs(
    data: np.ndarray, samples: np.ndarray, *, columns: Sequence[str], seed: int = 0
) -> Figure:
    """Plot samples over data: scatter plots of column pairs, histograms on the diagonal.

    Args:
        data, samples: rows ``[N, D]`` and ``[M, D]`` in the same units; at most 8 columns
            and 2,000 rows of each are drawn. Axes span the data's 0.1% to 99.9% quantiles.
        columns: names of the columns.
        seed: seed of the choice of rows.
    """
    rng = np.random.default_rng(seed)
    shown = min(len(columns), MOST_COLUMNS)
    figure = Figure(figsize=(1.6 * shown + 1, 1.6 * shown + 1), layout="constrained")
    axes = figure.subplots(shown, shown, squeeze=False)
    low, high = np.quantile(data[:, :shown], [0.001, 0.999], axis=0)
    # If a column's quantiles coincide, its axis limits must still differ in float64.
    margin = 0.05 * np.maximum(high - low, 1e-6 * np.maximum(abs(high), 1e-3))
    limits = np.stack([low - margin, high + margin], axis=1)
    sets = [("data", data, "C0"), ("samples", samples, "C1")]
    picked = [(n, x[rng.permutation(len(x))[:MOST_POINTS]], c) for n, x, c in sets]
    for i in range(shown):
        for j in range(shown):
            axis = axes[i, j]
            if j > i:
                axis.axis("off")
                continue
            for name, x, colour in picked:
                if i == j:
                    bins = np.linspace(limits[i, 0], limits[i, 1], 40)
                    # Explicit weights, as density=True gives NaN if no row is within the axis.
                    weights = np.full(len(x), 1 / (len(x) * (bins[1] - bins[0])))
                    axis.hist(x[:, i], bins, weights=weights, color=colour, alpha=0.5, label=name)
                else:
                    axis.scatter(x[:, j], x[:, i], s=1, color=colour, alpha=0.3, linewidths=0)
                    axis.set_ylim(*limits[i])
            axis.set_xlim(*limits[j])
            axis.tick_params(labelsize=6, labelbottom=i == shown - 1, labelleft=j == 0 and i > 0)
            if i == shown - 1:
                axis.set_xlabel(plain(columns[j]), fontsize=7)
            if j == 0:
                axis.set_ylabel(plain(columns[i]), fontsize=7)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper right")
    return figure


def plot_noise(noise: np.ndarray, *, columns: Sequence[str]) -> Figure:
    """Plot each dimension of the noise ``[N, D]`` of data rows against a standard normal.

    If the flow fits, the histograms follow the curve (Papamakarios et al. 2017, figure 1c).
    """
    width = min(4, noise.shape[1])
    height = -(-noise.shape[1] // width)
    figure = Figure(figsize=(2.5 * width, 2.2 * height), layout="constrained")
    axes = figure.subplots(height, width, squeeze=False).ravel()
    grid = np.linspace(-4, 4, 200)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    for axis, values, name in zip(axes, noise.T, columns, strict=False):
        axis.hist(values, np.linspace(-4, 4, 61), density=True, color="C0", alpha=0.6)
        axis.plot(grid, density, color="black", linewidth=1)
        outside = float((np.abs(values) > 4).mean())
        axis.set_title(f"u of {plain(name)} ({outside:.1%} beyond 4)", fontsize=7)
        axis.tick_params(labelsize=6)
    for axis in axes[noise.shape[1] :]:
        axis.axis("off")
    return figure


def plot_images(images: np.ndarray, *, columns: int, title: str) -> Figure:
    """Plot images ``[N, height, width]`` or ``[N, height, width, 3]`` of range 0 to 1 in a grid."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(0.6 * columns, 0.6 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, image in zip(axes, images, strict=False):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
    figure.suptitle(title)
    return figure
