"""Commands on a run of time series: evaluate, score, anomalies, forecast, plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_maf.data_prep.files import write_table
from tfp_maf.data_prep.time_table import PARTS, TimeSeries, TimeTable
from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.experiments.held_out import possible_rate
from tfp_maf.experiments.report import report
from tfp_maf.experiments.time_plots import write_plots
from tfp_maf.experiments.time_run import NOISE, TimeRun, steps_frame
from tfp_maf.experiments.time_train import scored
from tfp_maf.time_series.detection import (
    Scored,
    Thresholds,
    alarm_rates,
    finite_windows,
    runs_of,
)
from tfp_maf.time_series.flow import TimeFlow
from tfp_maf.time_series.parts import parts_of
from tfp_maf.time_series.sampling import sample_paths
from tfp_maf.utils.console import say, warnings_said

SHOWN = 10


def score_steps(model: TimeFlow, table: TimeTable) -> list[tuple[TimeSeries, Scored]]:
    """Return each series of a table with likelihood and noise of its steps, NaN where none.

    Raises:
        ValueError: no series has two rows.
    """
    parts = parts_of(table, None, past=model.past)
    stretches = [part.stretch for part in parts]
    if not stretches:
        raise ValueError(f"{table.source}: no row has one before it: there is nothing to score")
    found = []
    for part, some, of_noise in zip(
        parts, model.log_probs(stretches), model.noises(stretches), strict=True
    ):
        steps = len(part.series)
        log_prob, noise = np.full(steps, np.nan), np.full([steps, model.event_size], np.nan)
        log_prob[part.places], noise[part.places] = some, of_noise
        found.append((part.series, Scored(log_prob, noise)))
    return found


def evaluate(run: TimeRun, table: TimeTable, *, is_own: bool) -> int:
    """Print the mean log-likelihood per step of a table, or of the run's own parts."""
    model = run.model()
    if is_own:
        steps = scored(model, table, {n: parts_of(table, n, past=model.past) for n in PARTS})
        found = {name: each["log_prob"].to_numpy() for name, each in steps.groupby("part")}
    else:
        found = {table.source: np.concatenate([x.log_prob for _, x in score_steps(model, table)])}
    for name, log_prob in found.items():
        report(str(name), Evaluation.of(_some(log_prob[np.isfinite(log_prob)], table)))
    return 0


def score(run: TimeRun, table: TimeTable, output: str) -> int:
    """Write the log-likelihood of each row of a table, in time order; empty where it has none."""
    model = run.model()
    frames = [
        steps_frame(
            table.columns,
            series.name,
            series.steps[series.is_row],
            {"log_prob": found.log_prob[series.is_row]},
        )
        for series, found in score_steps(model, table)
    ]
    _tell_starts(model)
    frame = pd.concat(frames, ignore_index=True)
    _some(frame["log_prob"].dropna().to_numpy(), table)
    none = int(frame["log_prob"].isna().sum()) - len(frames)
    if none > 0:
        say(f"{none} rows have no score, as a value is missing")
    write_table(Path(output), frame)
    say(f"{len(frame)} rows written to {output}")
    return 0


def anomalies(
    run: TimeRun, table: TimeTable, output: str | None, *, false_alarms: float, width: int | None
) -> int:
    """Print the steps of a table that are unlikely given their past, and untypical windows.

    A score is compared to those before it, at first to the run's held-out time, and flagged if it
    is among the ``false_alarms`` most unusual of them. A rate that held-out windows, which are
    fewer than steps, cannot tell is raised to the lowest that they can.
    """
    model = run.model()
    width = model.past if width is None else width
    held_out = _held_out(run)
    every = [each for parts in held_out.values() for each in parts]
    count = len(finite_windows(every, width=width))
    if count > 1:  # else the thresholds are refused
        false_alarms = possible_rate(false_alarms, count, of=f"windows of {width} steps")
    thresholds = Thresholds.of(every, width=width, false_alarms=false_alarms)
    say(
        f"compared to the {len(thresholds.steps)} scores before it, held-out time at first, "
        f"a step is an anomaly beyond a share of {false_alarms:.2%}: below {thresholds.step:.3f} "
        f"nats at first; a window of {width} beyond {thresholds.window:.2f} times the usual reach"
    )
    say(_expected(held_out, width=width, false_alarms=false_alarms))
    _tell_starts(model)
    frames = []
    for series, scored_steps in score_steps(model, table):
        is_step, is_window = thresholds.flags(scored_steps)
        _tell(table, series, scored_steps.log_prob, is_step, is_window, thresholds)
        rows = series.is_row
        values = {
            "log_prob": scored_steps.log_prob[rows],
            "window_distance": thresholds.distances(scored_steps)[rows],
            "anomaly": is_step[rows].astype(int),
            "window_anomaly": is_window[rows].astype(int),
        }
        frames.append(steps_frame(table.columns, series.name, series.steps[rows], values))
    if output is not None:
        write_table(Path(output), pd.concat(frames, ignore_index=True))
        say(f"written to {output}")
    return 0


def _held_out(run: TimeRun) -> dict[str, list[Scored]]:
    """Return the scored steps of validation and test, a series each."""
    frame = run.held_out()
    keys = [] if run.columns.series is None else [run.columns.series]
    noise = [name for name in frame if name.startswith(NOISE)]
    found: dict[str, list[Scored]] = {"validation": [], "test": []}
    for (part, *_), each in frame.groupby(["part", *keys], sort=False):
        scored_steps = Scored(each["log_prob"].to_numpy(), each[noise].to_numpy(float))
        found[str(part)].append(scored_steps)
    return found


def _expected(held_out: dict[str, list[Scored]], *, width: int, false_alarms: float) -> str:
    """Return how often there are false alarms on later time, in words."""
    count = sum(np.isfinite(each.log_prob).sum() for each in held_out["validation"])
    try:
        step, window = alarm_rates(
            held_out["validation"], held_out["test"], width=width, false_alarms=false_alarms
        )
    except ValueError as error:
        return f"how many false alarms to expect is unknown: {error}"
    return (
        f"expect false alarms as on the test part after the validation part alone: {step:.2%} of "
        f"the steps and {window:.2%} of the windows were flagged. The validation part holds no "
        f"more than {int(count // width)} windows that do not overlap, and time drifts"
    )


def _tell(
    table: TimeTable,
    series: TimeSeries,
    log_prob: np.ndarray,
    is_step: np.ndarray,
    is_window: np.ndarray,
    thresholds: Thresholds,
) -> None:
    """Print a series' least likely steps, and the windows that are anomalies."""
    name = f"{series.name}: " if series.name else ""
    times = table.columns.axis.times(series.steps)
    say(f"{name}{is_step.sum()} of {np.isfinite(log_prob).sum()} steps are anomalies")
    order = np.argsort(np.where(is_step, log_prob, np.inf))[: min(SHOWN, int(is_step.sum()))]
    for place in order:
        say(f"  {_time(times[place])}  {log_prob[place]:12.3f}")
    windows = runs_of(is_window, width=thresholds.width)
    say(f"{name}{len(windows)} stretches of time are anomalies")
    means = [np.nanmean(log_prob[first : last + 1]) for first, last in windows]
    for i in np.argsort(means)[:SHOWN]:
        first, last = windows[i]
        say(f"  {_time(times[first])} to {_time(times[last])}  mean {means[i]:.3f}")


def forecast(
    run: TimeRun,
    table: TimeTable,
    output: str,
    *,
    steps: int,
    paths: int,
    quantiles: Sequence[float],
    seed: int,
) -> int:
    """Write paths, or their quantiles, that go on from the end of each series of a table.

    Columns that are given must be known for the steps to forecast: rows at the end of the table
    that hold them, and none of the modelled columns.

    Raises:
        ValueError: given columns are not known for so many steps.
    """
    model = run.model()
    starts = [_Start.of(table, name, steps=steps, past=model.past) for name in _names(table)]
    drawn: dict[str, np.ndarray] = {}
    with warnings_said(table.source):
        for length in dict.fromkeys(len(start.past) for start in starts):
            same = [start for start in starts if len(start.past) == length]
            found = sample_paths(
                model,
                np.stack([start.past for start in same]),
                steps=steps,
                paths=paths,
                known=np.stack([start.known for start in same]),
                seed=seed,
            )
            drawn |= dict(zip([start.name for start in same], found, strict=True))
    frames = [
        _written(table, each.name, each.ahead, table.columns.rounded(drawn[each.name]), quantiles)
        for each in starts
    ]
    frame = pd.concat(frames, ignore_index=True)
    write_table(Path(output), frame)
    first, last = (_time(each) for each in (frame["time"].min(), frame["time"].max()))
    say(f"{steps} steps from {first} to {last}, {paths} paths, written to {output}")
    return 0


def _names(table: TimeTable) -> list[str]:
    return list(dict.fromkeys(series.name for series in table.series))


@dataclass(frozen=True)
class _Start:
    """Where the forecast of a series begins.

    Attributes:
        name: of the series.
        past: values ``[T, D]``, noise added to rounded ones.
        known: inputs of the past and of the steps to forecast, ``[T + steps, K]``.
        ahead: numbers of the steps to forecast.
    """

    name: str
    past: np.ndarray
    known: np.ndarray
    ahead: np.ndarray

    @classmethod
    def of(cls, table: TimeTable, name: str, *, steps: int, past: int) -> _Start:
        series = [each for each in table.series if each.name == name][-1]
        end, known = _known_ahead(table, series, steps)
        begin = max(end - past, 0)
        x = table.columns.dequantised(series)[begin:end]
        return cls(name, x, known[begin:], series.steps[0] + end + np.arange(steps))


def _known_ahead(table: TimeTable, series: TimeSeries, steps: int) -> tuple[int, np.ndarray]:
    """Return the place of the first step to forecast, and what is known up to the last one."""
    columns = table.columns
    there = np.flatnonzero(np.isfinite(series.x).any(axis=1))
    if len(there) == 0:
        raise ValueError(f"{table.source}: a series {series.name!r} has no values")
    end = int(there[-1]) + 1
    ahead = len(series) - end
    if columns.given and ahead < steps:
        raise ValueError(
            f"{table.source} knows {', '.join(columns.given)} for {ahead} steps after the last "
            f"value, but {steps} are to be forecast: add rows with the given columns only"
        )
    grid = series.steps[0] + np.arange(end + steps)
    given = np.full([end + steps, series.given.shape[1]], np.nan)
    shared = min(len(series), len(given))
    given[:shared] = series.given[:shared]
    blank = TimeSeries(series.name, grid, given[:, :0], given, np.zeros(len(grid), bool))
    return end, columns.known(blank)


def _written(
    table: TimeTable, name: str, steps: np.ndarray, paths: np.ndarray, quantiles: Sequence[float]
) -> pd.DataFrame:
    """Return paths ``[N, steps, D]`` under each other, or a row of quantiles per step."""
    columns = table.columns
    if quantiles:
        found = np.quantile(paths, quantiles, axis=0)
        values = {
            f"{column}_{level:g}": found[i, :, place]
            for place, column in enumerate(columns.modelled)
            for i, level in enumerate(quantiles)
        }
        return steps_frame(columns, name, steps, values)
    frames = [
        steps_frame(
            columns,
            name,
            steps,
            {"path": i + 1, **{c: path[:, place] for place, c in enumerate(columns.modelled)}},
        )
        for i, path in enumerate(paths)
    ]
    return pd.concat(frames, ignore_index=True)


def plot(run: TimeRun, table: TimeTable) -> int:
    """Redraw the run's figures."""
    held_out = run.held_out()
    if table.columns.axis.is_clock:
        held_out["time"] = pd.to_datetime(held_out["time"])
    write_plots(run.run, table, run.model(), held_out)
    say(f"figures written to {run.run.folder / 'plots'}")
    return 0


def _tell_starts(model: TimeFlow) -> None:
    """Say that the first rows of each series are scored without all of their past."""
    say(
        f"the first step of each series has no past, and no score; the next {model.past - 1} have "
        f"less past than the model takes, and may score lower: put earlier rows before them"
    )


def _some(log_prob: np.ndarray, table: TimeTable) -> np.ndarray:
    if len(log_prob) == 0:
        raise ValueError(f"{table.source}: no step has all its values: there is nothing to score")
    return log_prob


def _time(value: object) -> str:
    if isinstance(value, (np.datetime64, pd.Timestamp)):
        return str(pd.Timestamp(value))
    return f"{value:.12g}"
