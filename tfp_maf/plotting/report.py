"""Small figures of a run's report, and their embedding in a page.

Names of columns stay out of them: the page shows them as its own text. Where a figure shows
texts of a table, ``$`` does not begin a formula.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib.dates
import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tfp_maf.evaluation.calibration import BINS, Calibration
from tfp_maf.evaluation.marginals import MISSING
from tfp_maf.plotting.figures import MOST_POINTS, plain, plot_history, plot_pairs

SIZE = (3.4, 2.3)  # inches
NUMBER_BINS = 30
MOST_BARS = 12
MOST_LETTERS = 22  # of a category's label
TAIL = 0.005  # of the data on either side, outside of a histogram
COLOURS = {"data": "C0", "samples": "C1"}


def embedded(figure: Figure, kind: str = "svg") -> str:
    """Return a figure as a data URI, of kind ``"svg"`` or ``"png"``.

    Texts of an SVG are left to the browser, which has letters that Matplotlib's font lacks.
    """
    buffer = io.BytesIO()
    options: Any = {"svg.fonttype": "none", "svg.hashsalt": "tfp_maf"}
    metadata = {"Date": None} if kind == "svg" else None
    with matplotlib.rc_context(options), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=110, metadata=metadata)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def plot_learning(history: pd.DataFrame) -> Figure:
    """Plot one model's learning curve."""
    figure = plot_history(history)
    figure.set_size_inches(5.0, 3.0)
    return figure


def plot_numbers(data: np.ndarray, samples: np.ndarray, *, step: float | None = None) -> Figure:
    """Plot histograms of two sets of numbers, finite ones, in shares per bin.

    The axis spans the data's 0.5% to 99.5% quantiles.

    Args:
        data, samples: the numbers ``[N]`` and ``[M]``.
        step: distance of neighbouring rounded values: each bin holds as many of them.
    """
    return _histogram({"data": data, "samples": samples}, edges_of(data, step))


def plot_times(data: pd.Series, samples: pd.Series) -> Figure:
    """Plot histograms of two sets of times, in shares per bin."""
    sets = {
        name: matplotlib.dates.date2num(times.dropna().to_numpy())
        for name, times in (("data", data), ("samples", samples))
    }
    figure = _histogram(sets, edges_of(sets["data"], None, tail=0))
    locator = AutoDateLocator(minticks=3, maxticks=6)
    axis = figure.axes[0]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return figure


def edges_of(data: np.ndarray, step: float | None, *, tail: float = TAIL) -> np.ndarray:
    """Return the edges of a histogram's bins for finite numbers ``[N]``."""
    data = data[np.isfinite(data)]
    if not len(data):
        return np.linspace(0, 1, NUMBER_BINS + 1)
    low = np.quantile(data, tail, method="lower")
    high = np.quantile(data, 1 - tail, method="higher")
    if step is not None:
        values = round((high - low) / step) + 1
        per_bin = -(-values // NUMBER_BINS)
        bins = -(-values // per_bin)
        return low - step / 2 + step * per_bin * np.arange(bins + 1)
    width = max(high - low, 1e-6 * max(abs(high), 1e-3))
    return np.linspace(low, low + width, NUMBER_BINS + 1)


def share_outside(values: np.ndarray, edges: np.ndarray) -> float:
    """Return the share of finite numbers ``[N]`` that are in no bin, 0 if there are none."""
    values = values[np.isfinite(values)]
    outside = (values < edges[0]) | (values > edges[-1])
    return float(outside.mean()) if len(values) else 0.0


def _histogram(sets: dict[str, Any], edges: np.ndarray) -> Figure:
    figure, axis = _small()
    finite = {name: values[np.isfinite(values)] for name, values in sets.items()}
    for name, values in finite.items():
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            axis.hist(values, edges, weights=weights, color=COLOURS[name], alpha=0.5, label=name)
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylabel("share", fontsize=7)
    if any(map(len, finite.values())):
        axis.legend(fontsize=6, frameon=False)
    return figure


def plot_number_pairs(data: np.ndarray, samples: np.ndarray, *, columns: Sequence[str]) -> Figure:
    """Plot pairs of numbers as :func:`plot_pairs` does, with larger points if there are few."""
    figure = plot_pairs(data, samples, columns=columns)
    size = float(np.clip(MOST_POINTS / len(data), 1, 8))
    for axis in figure.axes:
        for points in axis.collections:
            points.set(sizes=[size])
    return figure


def plot_categories(data: pd.Series, samples: pd.Series) -> Figure:
    """Plot bars of two sets of shares, by category; the rarest are put together.

    Few categories that are numbers are in their order, others by their share of the data.
    """
    names = list(data.index) + [name for name in samples.index if name not in data.index]
    values = pd.to_numeric(pd.Series(names).where(lambda each: each != MISSING), errors="coerce")
    if len(names) <= MOST_BARS and values.isna().sum() <= (MISSING in names):
        names = [names[place] for place in values.argsort()]
    bars = [(data.get(name, 0.0), samples.get(name, 0.0)) for name in names[:MOST_BARS]]
    labels = [plain(_shortened(name)) for name in names[:MOST_BARS]]
    if len(names) > MOST_BARS:
        rest = names[MOST_BARS:]
        bars.append(tuple(of.reindex(rest).fillna(0).sum() for of in (data, samples)))
        labels.append(f"{len(rest)} others")
    figure, axis = _small(height=max(SIZE[1], 0.9 + 0.24 * len(bars)))
    places = np.arange(len(bars))
    for place, (name, colour) in enumerate(COLOURS.items()):
        shares = [bar[place] for bar in bars]
        offset = 0.2 * (2 * place - 1)
        axis.barh(places + offset, shares, 0.4, color=colour, alpha=0.7, label=name)
    axis.set_yticks(places, labels, fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("share", fontsize=7)
    axis.legend(fontsize=6, frameon=False)
    return figure


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 3] + "..."


def plot_calibration(calibration: Calibration) -> Figure:
    """Plot the histogram of ``u`` with the band of chance."""
    figure, axis = _small()
    edges = np.linspace(0, 1, BINS + 1)
    axis.stairs(calibration.counts, edges, fill=True, color="C0", alpha=0.6)
    axis.axhspan(calibration.low, calibration.high, color="black", alpha=0.15, linewidth=0)
    axis.axhline(calibration.rows / BINS, color="black", linewidth=0.8)
    axis.set(xlim=(0, 1), ylim=(0, None))
    axis.set_xlabel("u", fontsize=7)
    axis.set_ylabel("rows", fontsize=7)
    return figure


def plot_distances(samples: np.ndarray, held_out: np.ndarray, *, threshold: float) -> Figure:
    """Plot the distribution functions of distances to the nearest training row."""
    figure, axis = _small(width=5.0, height=3.0)
    sets: Sequence[tuple[str, np.ndarray, str]] = (
        ("held-out rows", held_out, COLOURS["data"]),
        ("samples", samples, COLOURS["samples"]),
    )
    for name, distances, colour in sets:
        axis.ecdf(distances, label=name, color=colour)
    axis.axvline(threshold, linestyle="--", linewidth=0.8, color="black", label="5% of held-out")
    # Samples that are far off would flatten the rest.
    most = float(np.quantile(held_out, 0.99))
    limit = min(max(float(np.quantile(samples, 0.95)), most), 4 * most)
    axis.set_xlim(-0.03 * limit, 1.1 * limit or 1.0)
    axis.set_xlabel("distance to the nearest training row", fontsize=7)
    axis.set_ylabel("share of rows", fontsize=7)
    axis.legend(fontsize=7, frameon=False)
    return figure


def _small(*, width: float = SIZE[0], height: float = SIZE[1]) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis
