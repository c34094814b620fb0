"""Report of a run of time series as one HTML page, from what its folder holds."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

import tfp_maf
from tfp_maf.experiments.page import environment, write
from tfp_maf.experiments.run import METRICS
from tfp_maf.experiments.time_run import NOISE, TimeRun

TEMPLATE = "time_page.html.jinja"
LEAST = 12
FIGURES = {
    "fan": (
        "A forecast of the test part",
        "The past, and bands that hold shares of 200 paths that continue it, by the number of "
        "steps. The red line is what came next.",
    ),
    "likelihood": ("Likelihood along time", "Each step of the validation and test parts."),
    "learning_curve": ("Learning curve", "Mean log-likelihood of a step after each epoch."),
}


def write_page(folder: str, output: str | None) -> int:
    """Write the report of a run of time series, and return the exit status.

    Args:
        folder: folder of the run.
        output: file to write, or None for ``report.html`` in the folder.

    Raises:
        OSError: there is no such run, or the file cannot be written.
        ValueError: the run is damaged.
    """
    run = TimeRun.open(folder)
    return write(run.run, output, lambda: render(run))


def render(run: TimeRun) -> str:
    """Return the page of a run."""
    config, columns = run.run.config, run.columns
    rows = " / ".join(f"{count:,}" for count in config["data"]["rows"].values())
    model = config["model"]
    about = {
        "Source": run.source,
        "Columns": ", ".join(columns.modelled),
        "Given": ", ".join((*columns.axis.periods, *columns.given)) or "nothing",
        "Step": columns.axis.step_text,
        "Rows to train / validate / test": f"{rows}, in time order",
        "Model": f"{model['conditional']}, given {model['past']} steps through {model['encoder']}",
    }
    held_out = run.held_out().dropna(subset=["log_prob"])
    least = held_out.nsmallest(LEAST, "log_prob")
    least = least[[name for name in least if not name.startswith(NOISE)]]
    cells = least.assign(log_prob=least["log_prob"].map("{:.3f}".format))
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            name=run.run.folder.name,
            now=f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
            version=tfp_maf.__version__,
            about=about,
            notes=config["notes"],
            scores=_scores(run.run.folder / METRICS),
            figures={title: _figure(run, name, text) for name, (title, text) in FIGURES.items()},
            least={"columns": list(cells.columns), "rows": cells.to_numpy().tolist()},
        )
    )


def _scores(path: Path) -> dict[str, Any]:
    """Return the evaluations of the model and the baseline, by what they are of."""
    try:
        metrics = json.loads(path.read_text())
        found = {f"this model, {n}": metrics[n] for n in ("validation", "test") if n in metrics}
        for name, row in metrics["baselines"].items():
            found[f"{name.replace('_', ' ')} ({row['order']}), test"] = row
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); train again") from None
    return found


def _figure(run: TimeRun, name: str, text: str) -> dict[str, str]:
    """Return a figure of the run as a data URI, or why it is left out."""
    path = run.run.folder / "plots" / f"{name}.png"
    if not path.is_file():
        return {"left_out": f"there is no {path.name}; draw it with tfp-maf plot"}
    data = base64.b64encode(path.read_bytes()).decode()
    return {"uri": f"data:image/png;base64,{data}", "text": text}
