"""Parts of a run's report: each measures something, and returns what the page shows of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns import date_columns
from tfp_maf.data_prep.columns.category_columns import CategoryColumn
from tfp_maf.data_prep.columns.date_columns import DateColumn
from tfp_maf.data_prep.columns.number_columns import NumberColumn
from tfp_maf.data_prep.columns.schema import Column
from tfp_maf.estimators import conditionals
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.evaluation import marginals as distances
from tfp_maf.evaluation import privacy as nearness
from tfp_maf.evaluation.calibration import BAND, BINS, Calibration
from tfp_maf.experiments.page_data import MOST_ROWS, Compared, features, has_number
from tfp_maf.plotting import report as figures
from tfp_maf.plotting.figures import MOST_COLUMNS, MOST_POINTS

MOST_FIGURES = 60  # columns that are drawn one by one
MOST_COPIES = 100_000  # training rows that samples are compared with, cell by cell
UNLIKELY = 10  # rows that are listed
MOST_CELLS = 20  # of a listed row
TO_BLAME = -2.0  # nats below a usual value
# Flows of one layer, whose noise is the normal score of each number given those before it.
ONE_LAYER = ("build_made", "build_made_mog", "build_gaussian", "build_gaussian_mixture")


def likelihood(metrics: dict[str, Any]) -> dict[str, Any]:
    """Tabulate the log-likelihoods of a run's metrics, and the weights of its members."""
    base, parts = metrics["baselines"], metrics.get("test_parts") or {}
    mixture = base.get("gaussian_mixture") or {}
    of_numbers = [
        ("standard normal", base.get("standard_normal")),
        ("untrained flow", metrics.get("untrained")),
        ("Gaussian with full covariance", base.get("gaussian")),
        (f"mixture of {mixture.get('components', '')} Gaussians", base.get("gaussian_mixture")),
    ]
    of_numbers = [(name, values) for name, values in of_numbers if values is not None]
    whole = [("model", metrics["test"]), ("model, validation rows", metrics.get("validation"))]
    if not parts:
        groups = [_group("Rows", whole, of_numbers)]
    else:
        categories, numbers = parts.values()
        groups = [_group("Rows as a whole", whole, [])]
        if of_numbers:
            groups.append(_group("Numbers given the categories", [("model", numbers)], of_numbers))
        independent = [("each category on its own", base["categories"])]
        groups.append(_group("Categories", [("model", categories)], independent))
    return {"groups": groups, "members": metrics.get("models", {}), "units": metrics["units"]}


def _group(title: str, own: list[Any], baselines: list[Any]) -> dict[str, Any]:
    """Return rows of the table, and the gain over the best baseline."""
    rows = [(name, values) for name, values in [*own, *baselines] if values is not None]
    finite = [(v["mean"], name) for name, v in baselines if v["mean"] is not None]
    mean = own[0][1]["mean"]
    gain = None
    if finite and mean is not None:
        best, name = max(finite)
        gain = {"nats": mean - best, "name": name}
    return {"title": title, "rows": rows, "gain": gain}


def learning(history: pd.DataFrame) -> dict[str, Any]:
    """Draw the learning curve of each model."""
    return {"curves": [_curve(str(n), c) for n, c in history.groupby("model", sort=False)]}


def _curve(name: str, curve: pd.DataFrame) -> dict[str, Any]:
    finite = curve[np.isfinite(curve["validation"])]
    best = None
    if len(finite):
        highest = finite.loc[finite["validation"].idxmax()]
        best = {"epoch": int(highest["epoch"]), "nats": float(highest["validation"])}
    figure = figures.embedded(figures.plot_learning(curve))
    return {"name": name, "epochs": len(curve), "best": best, "figure": figure}


def marginals(compared: Compared) -> dict[str, Any]:
    """Compare each column of test rows and samples, and pairs of numbers."""
    schema = compared.model.schema
    drawn = [_marginal(compared, column) for column in schema.columns[:MOST_FIGURES]]
    return {
        "columns": drawn,
        "all_columns": len(schema.columns),
        "test": len(compared.test),
        "train": len(compared.train),
        "samples": len(compared.sample_cells),
        "given": schema.given,
        "pairs": _pairs(compared),
    }


def _marginal(compared: Compared, column: Column) -> dict[str, Any]:
    tables = (compared.test_cells, compared.sample_cells, compared.train_cells)
    cells = [frame[column.name] for frame in tables]
    missing = [float(each.isna().mean()) for each in cells[:2]]
    shown = {"name": column.name, "missing": missing if max(missing) > 0 else None, "note": ""}
    if isinstance(column, CategoryColumn):
        return shown | {"is_category": True} | _of_categories(cells)
    drawn = (
        _of_dates(column, cells) if isinstance(column, DateColumn) else _of_numbers(column, cells)
    )
    return shown | {"is_category": False} | drawn


def _of_categories(cells: list[pd.Series]) -> dict[str, Any]:
    figure = figures.plot_categories(*(distances.shares_of(each) for each in cells[:2]))
    return {
        "figure": figures.embedded(figure),
        "samples": distances.distance_of_categories(cells[0], cells[1]),
        "train": distances.distance_of_categories(cells[0], cells[2]),
    }


def _of_dates(column: DateColumn, cells: list[pd.Series]) -> dict[str, Any]:
    times = [date_columns.parsed(each, column.format) for each in cells]
    figure = figures.embedded(figures.plot_times(*times[:2]))
    return {"figure": figure} | _distances([_seconds(each) for each in times])


def _of_numbers(column: NumberColumn, cells: list[pd.Series]) -> dict[str, Any]:
    values = [each.to_numpy(np.float64, na_value=np.nan) for each in cells]
    figure = figures.embedded(figures.plot_numbers(*values[:2], step=column.step))
    edges = figures.edges_of(values[0], column.step)
    data, samples = (figures.share_outside(each, edges) for each in values[:2])
    note = f"outside of the axis: data {data:.1%}, samples {samples:.1%}"
    return {"figure": figure, "note": note * (data + samples > 0)} | _distances(values)


def _distances(values: list[np.ndarray]) -> dict[str, float | None]:
    """Return the distances of the first numbers to the other two."""
    return {
        "samples": distances.distance_of_numbers(values[0], values[1]),
        "train": distances.distance_of_numbers(values[0], values[2]),
    }


def _seconds(times: pd.Series) -> np.ndarray:
    since = (times - date_columns.MONDAY) / pd.Timedelta(seconds=1)
    return since.to_numpy(np.float64, na_value=np.nan)


def _pairs(compared: Compared) -> dict[str, Any] | None:
    """Draw pairs of numbers, or return None if there are fewer than two, or too few rows."""
    model = compared.model
    columns = [c.name for c in model.schema.columns if isinstance(c, NumberColumn)]
    shown = columns[:MOST_COLUMNS]
    if len(shown) < 2:
        return None
    whole = [_whole(cells[shown]) for cells in (compared.test_cells, compared.sample_cells)]
    count = min(map(len, whole))
    if count < 2:
        return None
    whole = [values[:count] for values in whole]  # more samples would hide the data
    labels = dict(zip(model.scaler.columns, model.scaler.labels, strict=True))
    names = [labels.get(name, name) for name in shown]
    figure = figures.plot_number_pairs(*whole, columns=names)
    return {
        "figure": figures.embedded(figure, "png"),
        "shown": len(shown),
        "all": len(columns),
        "rows": count,
        "drawn": MOST_POINTS,
    }


def _whole(cells: pd.DataFrame) -> np.ndarray:
    """Return the rows that have a number in every column, ``[N, D]``."""
    values = [cells[name].to_numpy(np.float64, na_value=np.nan) for name in cells]
    stacked = np.stack(values, axis=1)
    return stacked[np.isfinite(stacked).all(axis=1)]


def calibration(compared: Compared) -> dict[str, Any]:
    """Evaluate each conditional of the heaviest member on the numbers that test rows have."""
    model = compared.model
    if not model.members:
        return {"columns": [], "empty": []}
    noise = model.noise(compared.test)
    there = has_number(model.schema, compared.test.codes)[:, ~model.given_numbers]
    places = np.flatnonzero(~model.given_numbers)
    names = [model.schema.number_names[place] for place in places]
    drawn: list[dict[str, Any]] = []
    empty = []
    for place, name in enumerate(names[:MOST_FIGURES]):
        values = noise[there[:, place], place]
        if not np.isfinite(values).any():
            empty.append(name)
            continue
        found = Calibration.of(values)
        figure = figures.embedded(figures.plot_calibration(found))
        drawn.append({"name": name, "found": found, "figure": figure})
    return {
        "columns": drawn,
        "empty": empty,
        "all_columns": len(names),
        "member": model.heaviest.name,
        "weight": model.heaviest.weight,
        "is_one_layer": model.heaviest.flow.builder in ONE_LAYER,
        "bins": BINS,
        "band": BAND,
        "expected_outside": (1 - BAND) * BINS * len(drawn),
        "outside": sum(each["found"].outside for each in drawn),
    }


def unlikely(compared: Compared) -> dict[str, Any]:
    """List the least likely test rows, with the columns to blame."""
    model, rows, places = compared.model, compared.all_test, compared.test_places
    log_prob = model.log_prob(rows)
    order = np.argsort(np.where(np.isfinite(log_prob), log_prob, -np.inf))[:UNLIKELY]
    blamed, why = _blamed(model, compared, order)
    chosen = rows[order]
    cells = model.cells(chosen.z, chosen.codes)
    listed = [
        {
            "number": None if places is None else int(places[row]) + 1,
            "log_prob": float(log_prob[row]) if np.isfinite(log_prob[row]) else None,
            "blamed": blamed[place] if blamed else [],
            "cells": [(n, _shown(v)) for n, v in list(cells.iloc[place].items())[:MOST_CELLS]],
        }
        for place, row in enumerate(order)
    ]
    return {
        "rows": listed,
        "of": len(rows),
        "why": why,
        "median": _median(log_prob),
        "limit": TO_BLAME,
        "more_cells": max(0, cells.shape[1] - MOST_CELLS),
    }


def _blamed(
    model: TableModel, compared: Compared, order: np.ndarray
) -> tuple[list[list[tuple[str, float]]], str]:
    """Return the columns to blame for each row, or why they can't be found."""
    if model.schema.given:
        return [], "The model has given columns, for which the columns to blame can't be found."
    if len(model.schema.columns) < 2:
        return [], "The model has a single column, so there is no other to blame."
    found = conditionals.surprises(model, compared.all_test[order], conditionals.parts_of(model))
    blamed = []
    for place in range(len(order)):
        of_row = sorted((float(values[place]), name) for name, values in found.items())
        blamed.append([(name, value) for value, name in of_row[:3] if value < TO_BLAME])
    return blamed, ""


def _median(log_prob: np.ndarray) -> float | None:
    median = float(np.median(log_prob))
    return median if np.isfinite(median) else None


def _shown(cell: Any) -> str:
    """Return a cell as text."""
    if pd.isna(cell):
        return "missing"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def privacy(compared: Compared) -> dict[str, Any]:
    """Compare the distances of samples and test rows to the nearest training row."""
    schema = compared.model.schema
    train, test, samples = (
        features(schema, rows) for rows in (compared.train, compared.test, compared.samples)
    )
    known = compared.all_train[:MOST_COPIES]
    all_cells = compared.model.cells(known.z, known.codes)
    found = nearness.Privacy(
        nearness.nearest(train, samples),
        nearness.nearest(train, test),
        nearness.copied(all_cells, compared.sample_cells),
        nearness.copied(all_cells, compared.test_cells),
    )
    figure = figures.plot_distances(found.samples, found.held_out, threshold=found.threshold)
    return {
        "found": found,
        "level": nearness.LEVEL,
        "medians": (float(np.median(found.samples)), float(np.median(found.held_out))),
        "rows": (len(train), len(samples), len(test)),
        "compared": len(all_cells),
        "is_capped": len(compared.all_train) > MOST_ROWS,
        "given": schema.given,
        "figure": figures.embedded(figure),
    }
