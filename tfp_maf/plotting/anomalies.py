"""Figure of the columns to blame for unlikely rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tfp_maf.plotting.figures import plain

MOST_COLUMNS = 30


def plot_surprises(values: np.ndarray, *, rows: Sequence[int], columns: Sequence[str]) -> Figure:
    """Plot how unlikely each column's value is given the others, dark where it is to blame.

    Args:
        values: nats ``[N, D]``, negative where a value is less likely than usual.
        rows: numbers of the rows in their file.
        columns: names of the columns; those that are never to blame are left out of many.
    """
    order = np.argsort(values.min(axis=0))[:MOST_COLUMNS]
    kept = np.sort(order)
    shown = values[:, kept]
    figure = Figure(figsize=(2.5 + 0.4 * len(kept), 1.5 + 0.22 * len(rows)), layout="constrained")
    axis = figure.subplots()
    lowest = min(-1.0, float(shown.min()))
    image = axis.imshow(shown, cmap="Reds_r", vmin=lowest, vmax=0, aspect="auto")
    axis.set_xticks(range(len(kept)), [plain(columns[place][:20]) for place in kept], rotation=90)
    axis.set_yticks(range(len(rows)), [f"row {row}" for row in rows], fontsize=7)
    axis.tick_params(axis="x", labelsize=7)
    figure.colorbar(image, label="nats below a usual value")
    return figure
