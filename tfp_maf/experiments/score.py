"""Commands that use a trained run: evaluate, score, anomalies, sample."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep import table
from tfp_maf.data_prep.files import write_csv
from tfp_maf.data_prep.reading import Reading
from tfp_maf.data_prep.splits import first_not_finite
from tfp_maf.estimators.anomaly import AnomalyDetector
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.evaluation.likelihood import Evaluation, chunked_log_prob
from tfp_maf.experiments.datasets import reload_splits
from tfp_maf.experiments.report import report
from tfp_maf.experiments.run import Run
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.utils.console import say

SHOWN = 10  # maximum number of rows that `anomalies` prints


def evaluate_run(folder: str, data: str | None) -> int:
    """Print the mean log-likelihood of the run's test rows, or of the rows of a table."""
    run = Run.open(folder)
    config, scaler = run.config, run.scaler
    flow = load_flow(folder, scaler=run.scaler)
    z = reload_splits(config).test if data is None else _read(run, data)
    result = Evaluation.of(
        finite_log_prob(flow, z, data or config["data"]["source"], progress=True)
    )
    say(f"{result.rows} rows of {data or 'the test split of ' + config['data']['source']}")
    report("columns standardised", result)
    in_units = dataclasses.replace(result, mean=result.mean + scaler.log_det)
    report("columns in their own units", in_units)
    return 0


def score(folder: str, data: str, output: str) -> int:
    """Write ``log p(x)`` of each row of a table, in the user's units."""
    run = Run.open(folder)
    flow = load_flow(folder, scaler=run.scaler)
    z = _read(run, data)
    values = finite_log_prob(flow, z, data, progress=True) + run.scaler.log_det
    write_csv(Path(output), pd.DataFrame({"log_prob": values}))
    say(f"{len(values)} scores, mean {values.mean():.4f} nats, written to {output}")
    return 0


def anomalies(folder: str, data: str, output: str | None, *, false_alarms: float) -> int:
    """Print the rows of a table that are anomalies under the run's flow, and write all scores.

    The threshold is the one of :class:`AnomalyDetector`, calibrated on the run's validation rows.

    Args:
        folder: folder of the run.
        data: path of the table.
        output: CSV file to write scores and flags to, or None.
        false_alarms: fraction of validation rows below the threshold.
    """
    run = Run.open(folder)
    flow, log_det = load_flow(folder, scaler=run.scaler), run.scaler.log_det
    z = _read(run, data)
    detector = AnomalyDetector(Whitening.identity(z.shape[1]), [flow])
    held_out = detector.score(reload_splits(run.config).validation)
    threshold = detector.calibrate(held_out, false_alarms=false_alarms)
    scores = finite_log_prob(flow, z, data, progress=True)
    unlikely = scores < threshold
    say(
        f"{unlikely.sum()} of {len(z)} rows of {data} score below {threshold + log_det:.3f} nats "
        f"(set on {len(held_out)} validation rows, false-alarm rate {false_alarms:.2%})"
    )
    for row in np.argsort(scores)[: min(SHOWN, unlikely.sum())]:
        say(f"row {row + 1:8}  {scores[row] + log_det:12.3f}")
    if output is not None:
        frame = pd.DataFrame({"log_prob": scores + log_det, "anomaly": unlikely.astype(int)})
        write_csv(Path(output), frame)
        say(f"written to {output}")
    return 0


def sample(folder: str, n: int, seed: int | None, output: str) -> int:
    """Write rows drawn from the run's flow, in the user's units."""
    run = Run.open(folder)
    flow = load_flow(folder, scaler=run.scaler)
    x = run.scaler.unstandardise(flow.sample(n, seed=seed).numpy())
    write_csv(Path(output), pd.DataFrame(x, columns=list(run.scaler.columns)))
    say(f"{n} samples written to {output}")
    return 0


def _read(run: Run, data: str) -> np.ndarray:
    rows = table.read_rows(
        data,
        run.scaler.columns,
        left_out=run.config["left_out"],
        reading=Reading.from_json(run.config.get("reading")),
    )
    return standardised(run, rows, data)


def standardised(run: Run, rows: np.ndarray, data: str) -> np.ndarray:
    """Standardise rows ``[N, D]`` as the run's training rows were.

    Raises:
        ValueError: a value overflows float32; the message names its row and column.
    """
    scaler = run.scaler
    z = scaler.standardise(rows)
    bad = first_not_finite(z)
    if bad is not None:
        row, column = bad
        raise ValueError(
            f"{data}: row {row + 1}, column {scaler.columns[column]!r}: {rows[row, column]} is too "
            f"far from the training data for float32"
        )
    return z


def finite_log_prob(flow: Flow, z: np.ndarray, data: str, *, progress: bool = False) -> np.ndarray:
    """Return ``log p(z)`` of standardised rows ``[N, D]``, all of them finite.

    Args:
        flow: the flow to score with.
        z: the rows.
        data: name of their source, for the error message.
        progress: whether to show a progress bar.

    Raises:
        ValueError: a log-likelihood is not finite; the message names the row.
    """
    values = chunked_log_prob(flow, z, progress=progress)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(
            f"{data}: row {bad[0] + 1} is too far from the training data: its log_prob is "
            f"{values[bad[0]]} in float32"
        )
    return values
