"""Figures of time series: fans of forecasts, and likelihood along time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tfp_maf.plotting.figures import plain

BANDS = (0.95, 0.8, 0.5)


def plot_fan(
    times: Any,
    past: np.ndarray,
    paths: np.ndarray,
    *,
    truth: np.ndarray | None = None,
    columns: Sequence[str],
) -> Figure:
    """Plot each column's past, and quantile bands of the paths that go on from it.

    Args:
        times: of the past and the paths' steps, ``[T + steps]``.
        past: ``[T, D]``.
        paths: ``[N, steps, D]``.
        truth: what came next, ``[steps, D]``, or None.
        columns: names of the D columns.
    """
    count = len(past)
    figure = Figure(figsize=(9, 1.8 * len(columns) + 0.6), layout="constrained")
    axes = figure.subplots(len(columns), 1, squeeze=False, sharex=True)[:, 0]
    for i, (axis, name) in enumerate(zip(axes, columns, strict=True)):
        axis.plot(times[:count], past[:, i], color="black", linewidth=1, label="past")
        for band in BANDS:
            low, high = np.quantile(paths[:, :, i], [0.5 - band / 2, 0.5 + band / 2], axis=0)
            axis.fill_between(
                times[count:], low, high, color="tab:blue", alpha=0.22, linewidth=0,
                label=f"{band:.0%} of paths",
            )  # fmt: skip
        median = np.median(paths[:, :, i], axis=0)
        axis.plot(times[count:], median, color="tab:blue", linewidth=1, label="median")
        if truth is not None:
            axis.plot(
                times[count:], truth[:, i], color="tab:red", linewidth=1, label="what came next"
            )
        axis.set_ylabel(plain(name))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", fontsize=8, ncols=6)
    figure.autofmt_xdate()
    return figure


def plot_along_time(
    times: Any, log_prob: np.ndarray, *, threshold: float | None = None, marked: int = 10
) -> Figure:
    """Plot the log-likelihood of each step, with the least likely ones marked.

    Args:
        times: of the steps, ``[T]``.
        log_prob: ``[T]``, NaN where a step has none.
        threshold: drawn as a line, if there is one.
        marked: number of least likely steps to mark.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    axis = figure.subplots()
    axis.plot(times, log_prob, linewidth=0.5)
    there = np.flatnonzero(np.isfinite(log_prob))
    least = there[np.argsort(log_prob[there])[:marked]]
    axis.plot(times[least], log_prob[least], "o", color="tab:red", markersize=3, label="least")
    if threshold is not None:
        axis.axhline(threshold, color="grey", linestyle="--", linewidth=1, label="threshold")
    if len(there):  # one step far out would hide all others
        low, high = np.quantile(log_prob[there], [0.001, 1])
        axis.set_ylim(low - 0.3 * (high - low) - 1, high + 0.05 * (high - low) + 1)
    axis.set(ylabel="log-likelihood (nats per step)")
    axis.legend(loc="lower left", fontsize=7)
    figure.autofmt_xdate()
    return figure
