"""Commands that use a trained run: evaluate, score, anomalies, sample, fill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.files import write_table
from tfp_maf.data_prep.splits import Rows
from tfp_maf.estimators import conditionals, fill_missing
from tfp_maf.estimators.anomaly import threshold_of
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.evaluation import outliers
from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.experiments.datasets import reload_splits
from tfp_maf.experiments.held_out import HELD_OUT, possible_rate, read_held_out
from tfp_maf.experiments.report import report
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.scoring import Scored, score_frame
from tfp_maf.experiments.table_input import TableInput
from tfp_maf.plotting import anomalies as anomaly_plots
from tfp_maf.utils.console import say, shows

SHOWN = 10  # maximum number of rows that `anomalies` prints
MOST_EVALUATIONS = 3_000_000  # of the density, to find the columns to blame
MOST_DRAWN = 30  # rows in the figure of the columns to blame


def load(folder: str | Path) -> tuple[Run, TableModel]:
    """Open a run and its model.

    Raises:
        OSError: there is no such run.
        ValueError: a file is damaged.
    """
    run = Run.open(folder)
    return run, TableModel.load(folder, scaler=run.scaler)


def evaluate_run(folder: str) -> int:
    """Print the mean log-likelihood of the run's test rows."""
    run, model = load(folder)
    rows = reload_splits(run.config, progress=shows()).rows("test")
    values = model.log_prob(rows, progress=shows())
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(f"test row {bad[0] + 1} has no finite log-likelihood: {values[bad[0]]}")
    say(f"{len(rows)} rows of the test split of {run.config['data']['source']}")
    _report(values, rows)
    return 0


def evaluate_table(source: TableInput) -> int:
    """Print the mean log-likelihood of the rows of a table.

    If the table says which rows are anomalies, the areas under the curves of the model and of other
    detectors are printed, too.
    """
    run, model = load(source.run.folder)
    scored = _scored(model, source)
    good = scored.is_scored
    if not good.any():
        raise ValueError(f"{source.data}: no row has a score: row 1, {scored.reasons[0]}")
    say(f"{good.sum()} rows of {source.data}")
    rows = scored.rows[good]
    _report(scored.log_prob[good] - rows.to_units, rows)
    if source.is_anomaly is not None:
        _detect(run, model, scored, source.is_anomaly)
    return 0


def _scored(model: TableModel, source: TableInput) -> Scored:
    """Score a table, and say which rows have no score."""
    scored = score_frame(model, source.frame, source.decimal, progress=shows())
    scored.say_reasons(source.data)
    return scored


def _report(values: np.ndarray, rows: Rows) -> None:
    report("columns standardised", Evaluation.of(values))
    report("columns in their own units", Evaluation.of(values + rows.to_units))


def _detect(run: Run, model: TableModel, scored: Scored, is_anomaly: np.ndarray) -> None:
    """Print how well the model and other detectors, trained on the same rows, find anomalies."""
    good = scored.is_scored
    train = reload_splits(run.config, progress=shows()).rows("train")
    features = [_features(model, rows) for rows in (train, scored.rows[good])]
    say(f"{is_anomaly[good].sum()} of {good.sum()} rows are anomalies")
    say(f"  {'detector':35} {'ROC AUC':>10} {'average precision':>18}")
    scores = {"this model": -scored.log_prob[good], **outliers.baselines(*features)}
    for name, values in scores.items():
        auc, precision = outliers.curves(is_anomaly[good], values)
        say(f"  {name:35} {auc:10.3f} {precision:18.3f}")


def _features(model: TableModel, rows: Rows) -> np.ndarray:
    """Return numbers and categories of rows, for detectors that take numbers only."""
    condition = model.number_condition(rows)
    numbers = model.numbers(rows)
    return numbers if condition is None else np.concatenate([numbers, condition], axis=1)


def score(source: TableInput, output: str) -> int:
    """Write ``log p(x)`` of each row of a table, in the user's units."""
    _, model = load(source.run.folder)
    scored = _scored(model, source)
    frame = pd.DataFrame({"log_prob": scored.log_prob})
    if not scored.is_scored.all():
        frame["reason"] = scored.reasons
    write_table(Path(output), frame)
    values = scored.log_prob[scored.is_scored]
    mean = f"mean {values.mean():.4f} nats, " if len(values) else ""
    say(f"{len(values)} scores, {mean}written to {output}")
    return 0


def anomalies(source: TableInput, output: str | None, *, false_alarms: float) -> int:
    """Print the rows of a table that are anomalies under the run's model, and write all scores.

    The threshold is set on the run's held-out rows, those of validation and test. A row that has no
    score, as it has a category or a value that the training rows never had, is an anomaly; one with
    a missing value is not.

    Args:
        source: the table.
        output: file to write scores, flags and each column's surprise to, or None.
        false_alarms: fraction of held-out rows below the threshold.
    """
    run, model = load(source.run.folder)
    scored = _scored(model, source)
    held_out = _held_out(run, model)
    false_alarms = possible_rate(false_alarms, len(held_out), of="rows")
    threshold = threshold_of(held_out, false_alarms)
    good = scored.is_scored
    missing = np.array(["is missing" in reason for reason in scored.reasons])
    unlikely = np.where(good, scored.log_prob < threshold, ~good & ~missing)
    say(
        f"{unlikely.sum()} of {len(unlikely)} rows of {source.data} score below {threshold:.3f} "
        f"nats (set on {len(held_out)} held-out rows, false-alarm rate {false_alarms:.2%})"
    )
    order = np.argsort(np.where(good, scored.log_prob, np.inf))
    blamed, places = _blamed(model, scored, order[: good.sum()], every=output is not None)
    for row in order[: min(SHOWN, (unlikely & good).sum())]:
        because = _because(blamed, np.flatnonzero(places == row))
        say(f"row {scored.frame.index[row] + 1:8}  {scored.log_prob[row]:12.3f}{because}")
    if output is not None:
        frame = pd.DataFrame({"log_prob": scored.log_prob, "anomaly": unlikely.astype(int)})
        if not good.all():
            frame["reason"] = scored.reasons
        for name, values in blamed.items():
            of_rows = np.full(len(frame), np.nan)
            of_rows[places] = values
            frame[f"surprise_{name}"] = of_rows
        write_table(Path(output), frame)
        say(f"written to {output}")
        shown = [row for row in order if unlikely[row] and good[row]][:MOST_DRAWN]
        if blamed and shown:
            at = [int(np.flatnonzero(places == row)[0]) for row in shown if row in places]
            values = np.array([[of[place] for of in blamed.values()] for place in at])
            figure = anomaly_plots.plot_surprises(
                values,
                rows=[int(scored.frame.index[row]) + 1 for row in shown],
                columns=list(blamed),
            )
            path = Path(output).with_suffix(".png")
            figure.savefig(path, dpi=120)
            say(f"the columns to blame are drawn in {path}")
    return 0


def _held_out(run: Run, model: TableModel) -> np.ndarray:
    """Return the log-likelihoods of held-out rows in their own units."""
    if (run.folder / HELD_OUT).is_file():
        return read_held_out(run.folder)
    rows = reload_splits(run.config).rows("validation")  # a release kept no scores
    return model.log_prob(rows) + rows.to_units


def _blamed(
    model: TableModel, scored: Scored, order: np.ndarray, *, every: bool
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return each column's surprise in the least likely rows, and the places of these rows.

    Args:
        model: the model.
        scored: the rows.
        order: places of the rows that have a score, the least likely first.
        every: whether all rows are wanted, as far as they can be had in reasonable time.
    """
    if model.schema.given or len(model.schema.columns) < 2 or not len(order):
        return {}, np.empty(0, int)
    parts = conditionals.parts_of(model)
    costs = sum(len(part.values) for part in parts)
    most = max(SHOWN, MOST_EVALUATIONS // costs) if every else SHOWN
    if every and most < len(order):
        say(f"the columns to blame are found for the {most} least likely rows only")
    places = order[:most]
    return conditionals.surprises(model, scored.rows[places], parts), places


def _because(blamed: dict[str, np.ndarray], place: np.ndarray) -> str:
    """Return the columns to blame for a row, in words."""
    if not blamed or not len(place):
        return ""
    of_row = sorted((float(values[place[0]]), name) for name, values in blamed.items())
    worst = [f"{name} ({value:.1f})" for value, name in of_row[:3] if value < -2]
    return f"  {', '.join(worst)}" if worst else ""


def sample(folder: str, n: int, seed: int | None, output: str, *, given: Any = None) -> int:
    """Write rows drawn from the run's model, in the user's columns, units and categories.

    Args:
        folder: folder of the run.
        n: number of rows.
        seed: of the draws.
        output: file to write.
        given: values of the given columns, by name, or None.
    """
    _, model = load(folder)
    frame = None if given is None else pd.DataFrame([given])
    drawn = model.sample(n, given=frame, seed=seed)
    write_table(Path(output), drawn)
    say(f"{n} samples written to {output}")
    return 0


def fill(source: TableInput, output: str, *, seed: int, draws: int) -> int:
    """Write a table with its missing cells drawn given the cells that are there.

    Args:
        source: the table.
        output: file to write; with several draws, a column ``draw`` counts them.
        seed: of the draws.
        draws: how often each row is filled.
    """
    _, model = load(source.run.folder)
    result = fill_missing.fill(
        model,
        source.frame,
        decimal=source.decimal,
        draws=draws,
        seed=seed,
        progress=shows(),
    )
    write_table(Path(output), result.frame)
    say(result.describe())
    say(f"written to {output}")
    return 0
