"""Our results beside those of the paper's tables, as Markdown and as a figure."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from tfp_maf.flows.catalogue import REPRODUCED
from tfp_maf.paper.published import DataSet

Metrics = dict[str, dict[str, Any]]


def markdown(models: Metrics, dataset: DataSet, *, title: str, notes: list[str]) -> str:
    """Return a Markdown table with one row per model.

    Args:
        models: metrics by name of the model, in the order of the rows.
        dataset: the data set with the published results.
        title: heading of the table.
        notes: lines of text below the table.
    """
    has_bits = any("bits_per_dimension" in metrics for metrics in models.values())
    head = ["model", "test, nats", "published", "parameters", "epochs", "seconds"]
    if has_bits:
        head.insert(2, "bits per dimension")
    rows = [head, ["---"] * len(head)]
    for name, metrics in models.items():
        published = dataset.test.get(name)
        row = [
            REPRODUCED[name].label,
            _with_error(metrics["test"]),
            "" if published is None else f"{published:g}",
            f"{metrics['parameters'] - metrics['masked']:,}",
            _epochs(metrics),
            f"{metrics['seconds']:,.0f}",
        ]
        if has_bits:
            row.insert(2, f"{metrics['bits_per_dimension']['mean']:.3f}")
        rows.append(row)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"# {title}", "", *lines, "", *notes]) + "\n"


def _epochs(metrics: dict[str, Any]) -> str:
    if metrics["stopped"] in ("closed form", "diverged"):
        return str(metrics["stopped"])
    ended = "" if metrics["stopped"] == "patience" else f", {metrics['stopped']}"
    return f"{metrics['best_epoch']} of {metrics['epochs']}{ended}"


def _with_error(evaluation: dict[str, Any]) -> str:
    return f"{evaluation['mean']:.2f} ± {evaluation['two_standard_errors']:.2f}"


def figure(models: Metrics, dataset: DataSet, *, title: str) -> Figure:
    """Plot our test log-likelihoods with error bars beside the published ones.

    Args:
        models: metrics by name of the model, in order from top to bottom.
        dataset: the data set with the published results.
        title: title of the figure.
    """
    drawn = Figure(figsize=(7, 0.7 + 0.35 * len(models)), layout="constrained")
    axis = drawn.subplots()
    places = range(len(models))
    axis.errorbar(
        [metrics["test"]["mean"] for metrics in models.values()],
        places,
        xerr=[metrics["test"]["two_standard_errors"] for metrics in models.values()],
        fmt="o",
        color="C0",
        label="tfp_maf, ± two standard errors",
    )
    published = [(dataset.test[name], i) for i, name in enumerate(models) if name in dataset.test]
    if published:
        axis.plot(*zip(*published, strict=True), "x", color="C1", label="published")
    axis.set_yticks(places, [REPRODUCED[name].label for name in models])
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.set(xlabel="test log-likelihood, nats per event", title=title)
    axis.legend()
    return drawn
