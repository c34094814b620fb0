"""Report of a run as one HTML page, which needs no other file and no network."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

import tfp_maf
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.files import replaced_when_whole
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.experiments import page_sections as sections
from tfp_maf.experiments import run as runs
from tfp_maf.experiments.datasets import reload_splits
from tfp_maf.experiments.page_data import Compared
from tfp_maf.experiments.run import Run
from tfp_maf.utils.console import say, shows

PAGE, TEMPLATE = "report.html", "page.html.jinja"


def write_page(folder: str, output: str | None) -> int:
    """Write the report of a run, and return the exit status.

    Parts that need what is no longer there, such as the data, are left out; the page says why.

    Args:
        folder: folder of the run.
        output: file to write, or None for ``report.html`` in the folder.

    Raises:
        OSError: there is no such run, or the file cannot be written.
        ValueError: the run is damaged.
    """
    run = Run.open(folder)
    return write(run, output, lambda: render(run, TableModel.load(folder, scaler=run.scaler)))


def write(run: Run, output: str | None, make: Callable[[], str]) -> int:
    """Make the page of a run and write it; see :func:`write_page`.

    Args:
        run: the run.
        output: file to write, or None for ``report.html`` in the run's folder.
        make: returns the page; not called if it could not be written.
    """
    path = run.folder / PAGE if output is None else Path(output)
    _check_writable(path)
    text = make()
    with replaced_when_whole(path) as file:
        file.write(text)
    say(f"report written to {path}")
    return 0


def _check_writable(path: Path) -> None:
    """Raise OSError if the page could not be written, before it is made."""
    if path.is_dir():
        raise IsADirectoryError(f"can't write {path}: it is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"can't write {path}: permission denied")


def render(run: Run, model: TableModel) -> str:
    """Return the page of a run."""
    config = run.config
    compared, why = _compared(config, model)
    of_data: dict[str, Callable[[Compared], dict[str, Any]]] = {
        "marginals": sections.marginals,
        "calibration": sections.calibration,
        "unlikely": sections.unlikely,
        "privacy": sections.privacy,
    }
    parts = {
        "likelihood": _part("likelihood", lambda: sections.likelihood(_metrics(run))),
        "learning": _part("learning curves", lambda: sections.learning(_history(run))),
    }
    for name, section in of_data.items():
        if compared is None:
            parts[name] = {"left_out": why}
        else:
            parts[name] = _part(name, lambda section=section: section(compared))  # type: ignore
    return environment().get_template(TEMPLATE).render(about=_about(run, config, model), **parts)


def _compared(config: dict[str, Any], model: TableModel) -> tuple[Compared | None, str]:
    """Return the rows to compare, or why there are none."""
    try:
        return Compared.of(model, reload_splits(config, progress=shows())), ""
    except (OSError, ValueError) as error:
        say(f"the parts that need the data are left out: {error}")
        return None, str(error)


def _part(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a part of the page shows, or why it is left out."""
    try:
        return make()
    except (OSError, ValueError) as error:
        say(f"{name}: left out: {error}")
        return {"left_out": str(error)}


def _history(run: Run) -> pd.DataFrame:
    _check_there(run.folder / runs.HISTORY)
    return run.history


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: the training run has not ended")


def _metrics(run: Run) -> dict[str, Any]:
    path = run.folder / runs.METRICS
    _check_there(path)
    try:
        values = json.loads(path.read_text())
        _ = values["test"]["mean"], dict(values["baselines"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error!r})") from None
    return values


def _about(run: Run, config: dict[str, Any], model: TableModel) -> dict[str, Any]:
    """Return what the page says about the run itself."""
    data, schema = config["data"], model.schema
    return {
        "name": run.folder.resolve().name,
        "source": data["source"],
        "simulated": data["simulated"],
        "rows": data["rows"],
        "notes": config.get("notes", []),
        "columns": _columns(schema),
        "derived": [(rule.name, rule.describe()) for rule in schema.derived],
        "left_out": config["left_out"],
        "seed": config["seed"],
        "models": config.get("model", {}),
        "versions": config.get("versions", {}),
        "devices": config.get("devices", []),
        "times": _times(run),
        "now": _time(datetime.datetime.now().timestamp()),
        "version": tfp_maf.__version__,
    }


def _columns(schema: Schema) -> list[tuple[str, str]]:
    """Return name and description of each column that is modelled."""
    return [
        (column.name, column.describe() + ", given" * (column.name in schema.given))
        for column in schema.columns
    ]


def _times(run: Run) -> dict[str, str]:
    """Return when the run began and ended, by the times of its files."""
    files = {"began": run.folder / runs.CONFIG, "ended": run.folder / runs.METRICS}
    return {name: _time(path.stat().st_mtime) for name, path in files.items() if path.is_file()}


def _time(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def environment() -> jinja2.Environment:
    """Return the templates' environment, with the filters that they use."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfp_maf.experiments", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"nats": _nats, "percent": _percent, "count": _count}
    return environment


def _nats(value: float | None) -> str:
    return "not finite" if value is None else f"{value:,.3f}".replace("-", "\N{MINUS SIGN}")


def _percent(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.1%}"


def _count(value: int) -> str:
    return f"{value:,}"
