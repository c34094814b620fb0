"""The table and the figures of a benchmark's figures: ``python report.py results/speed``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

OURS = "tfp_maf"
TITLES = {
    "train_ms": "training step, ms",
    "log_prob_100": "log_prob of 100 rows, ms",
    "log_prob_10000": "log_prob of 10,000 rows, ms",
    "sample_100": "100 samples, ms",
    "sample_10000": "10,000 samples, ms",
    "first_step_s": "start to first step, s",
    "peak_mb": "peak memory, MB",
}
# The cases of the growth tables; one thread, torch libraries not compiled, one round.
GROWTH = {
    "features": "5 layers of [512], batch 100, one thread, torch not compiled",
    "layers": "[100, 100], 8 features, batch 100, one thread, torch not compiled",
    "batch": "10 layers of [100, 100], 8 features, one thread, torch not compiled",
}
# Okabe and Ito's colours, told apart by most colour-blind readers.
COLOURS = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#0072B2"]
MARKERS = "osD^v<>"

Figures = dict[str, dict[str, dict[str, float]]]


def number(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(by_library: dict[str, dict[str, float]]) -> list[str]:
    """Markdown rows: a figure a row, a library a column, ours over the fastest peer last."""
    libraries = list(by_library)
    lines = ["| | " + " | ".join(libraries) + " | ours / best peer |"]
    lines.append("|---" * (len(libraries) + 2) + "|")
    for figure, title in TITLES.items():
        values = [by_library[library].get(figure) for library in libraries]
        peers = [
            v for v, name in zip(values, libraries, strict=True) if v is not None and name != OURS
        ]
        ours = by_library.get(OURS, {}).get(figure)
        ratio = f"{ours / min(peers):.2f}" if ours is not None and peers else "-"
        lines.append(f"| {title} | " + " | ".join(map(number, values)) + f" | {ratio} |")
    return lines


def keys_of(figures: Figures, quantity: str) -> list[str]:
    """The cases in which one quantity grows."""
    return [key for key in figures if key.startswith(quantity + " ")]


def growth_table(figures: Figures, quantity: str) -> list[str]:
    """Markdown rows: how figures grow with one quantity."""
    keys = keys_of(figures, quantity)
    names = {name for key in keys for by in figures[key].values() for name in by}
    lines = []
    for figure in ("train_ms", "sample_100", "naive_sample_100"):
        if figure not in names:
            continue
        title = TITLES.get(figure, "100 samples by TFP's D passes, XLA, ms")
        values = [key.split()[1] for key in keys]
        lines += [
            "",
            f"{title}, by {quantity} ({GROWTH[quantity]}):",
            "",
            "| | " + " | ".join(values) + " |",
        ]
        lines.append("|---" * (len(values) + 1) + "|")
        for library in dict.fromkeys(name for key in keys for name in figures[key]):
            row = [figures[key].get(library, {}).get(figure) for key in keys]
            if any(value is not None for value in row):
                lines.append(f"| {library} | " + " | ".join(map(number, row)) + " |")
    return lines


def plot_growth(figures: Figures, out: Path) -> None:
    """Training and sampling against each quantity, one line a library."""
    panels = [
        ("features", "train_ms"),
        ("features", "sample_100"),
        ("layers", "train_ms"),
        ("batch", "train_ms"),
    ]
    fig, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
    for ax, (quantity, figure) in zip(axes.flat, panels, strict=True):
        draw_lines(ax, figures, quantity, figure)
        ax.set(xlabel=quantity, ylabel=TITLES[figure])
    fig.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=7,
        fontsize="small",
    )
    fig.savefig(out, dpi=110)
    plt.close(fig)


def draw_lines(ax: Any, figures: Figures, quantity: str, figure: str) -> None:
    """One line a library, on logarithmic axes."""
    names = (name for key in keys_of(figures, quantity) for name in figures[key])
    for i, library in enumerate(dict.fromkeys(names)):
        draw_line(ax, figures, quantity, (library, figure), (library, COLOURS[i], MARKERS[i]))
    ax.set(xscale="log", yscale="log")
    ax.grid(alpha=0.3)


def draw_line(
    ax: Any,
    figures: Figures,
    quantity: str,
    what: tuple[str, str],
    style: tuple[str, str, str],
) -> None:
    """A library's figure against a quantity, in a label, colour and marker."""
    (library, figure), (label, colour, marker) = what, style
    points = [
        (int(key.split()[1]), figures[key][library][figure])
        for key in keys_of(figures, quantity)
        if figure in figures[key].get(library, {})
    ]
    if points:
        x, y = zip(*sorted(points), strict=True)
        ax.plot(x, y, color=colour, marker=marker, label=label, linewidth=1.5)


def plot_sampling(figures: Figures, out: Path) -> None:
    """One pass a layer against D passes: 100 samples, by features."""
    fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
    for figure, style in [
        ("naive_sample_100", ("D passes a layer (TFP's inverse)", COLOURS[1], "s")),
        ("sample_100", ("one pass a layer (tfp_maf)", COLOURS[6], "o")),
    ]:
        draw_line(ax, figures, "features", (OURS, figure), style)
    ax.set(xscale="log", yscale="log", xlabel="features D", ylabel="100 samples, ms")
    ax.grid(alpha=0.3)
    ax.legend()
    fig.savefig(out, dpi=110)
    plt.close(fig)


def write_report(out: Path) -> None:
    """``out.json`` to ``out.md``, ``out_growth.png`` and ``out_sampling.png``."""
    result = json.loads(out.with_suffix(".json").read_text())
    figures: Figures = result["figures"]
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    lines = [f"Least of {result['rounds']} rounds (memory: most; growth: one round); {machine}."]
    for key in [key for key in figures if key.startswith("main")]:
        threads = key.split()[1]
        lines += ["", f"MAF(10) [100, 100], 8 features, batch 100, {threads} thread(s):", ""]
        lines += table(figures[key])
    quantities = [q for q in ("features", "layers", "batch") if any(q in key for key in figures)]
    for quantity in quantities:
        lines += growth_table(figures, quantity)
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")
    if quantities:
        plot_growth(figures, out.with_name(out.name + "_growth.png"))
        plot_sampling(figures, out.with_name(out.name + "_sampling.png"))


if __name__ == "__main__":
    write_report(Path(sys.argv[1]))
