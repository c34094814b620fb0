"""Figures of attention: which pixels a pixel attends to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

# Not seen, seen, and the pixel itself.
COLOURS = ListedColormap(["white", "C0", "C3"])


def plot_attention(
    masks: dict[str, np.ndarray], *, shape: tuple[int, int], pixels: Sequence[tuple[int, int]]
) -> Figure:
    """Plot what pixels of an image may attend to, one row per mask and one column per pixel.

    Args:
        masks: by title, booleans ``[height * width, height * width]``, queries by keys.
        shape: height and width; positions are in raster order.
        pixels: row and column of each query, counted from 0.
    """
    figure = Figure(figsize=(2 * len(pixels), 2 * len(masks) + 0.3), layout="constrained")
    axes = figure.subplots(len(masks), len(pixels), squeeze=False)
    for row, (title, mask) in zip(axes, masks.items(), strict=True):
        for axis, (y, x) in zip(row, pixels, strict=True):
            seen = np.array(mask[y * shape[1] + x], int).reshape(shape)
            seen[y, x] = 2
            axis.pcolormesh(seen, cmap=COLOURS, vmin=0, vmax=2, edgecolors="lightgrey")
            axis.invert_yaxis()
            axis.set(aspect="equal", xticks=[], yticks=[], title=f"pixel ({y}, {x})")
        row[0].set_ylabel(title)
    return figure
