"""Training on a table in time order: the command ``tfp-maf train TABLE --time COLUMN``."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.files import make_folder, write_csv
from tfp_maf.data_prep.splits import Scaler
from tfp_maf.data_prep.time_table import PARTS, TimeTable
from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.experiments import run as runs
from tfp_maf.experiments.prepare import cleared_up
from tfp_maf.experiments.report import report
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.time_plots import write_plots
from tfp_maf.experiments.time_run import MODEL, STEPS, TimeOptions, noise_columns, steps_frame
from tfp_maf.time_series.flow import TimeFlow
from tfp_maf.time_series.parts import Part, parts_of
from tfp_maf.time_series.vector_autoregression import VectorAutoregression
from tfp_maf.training.history import History
from tfp_maf.training.loop import TrainingDiverged
from tfp_maf.utils.console import say, shows

NETWORK = ("num_layers", "hidden_units", "activation")
CHECKPOINT = "time_flow.npz"


def train(
    run: Run,
    table: TimeTable,
    options: TimeOptions,
    *,
    past: int,
    conditional: str,
    encoder: str,
    settings: dict[str, Any],
    budget: float | None,
    seed: int,
    as_json: bool,
) -> int:
    """Train or resume a run, write its folder, print its metrics, and return the exit status.

    Args:
        run: its folder.
        table: in time order.
        options: with which the table was loaded.
        past: number of steps that a step is conditional on.
        conditional, encoder: see :class:`TimeFlow`.
        settings: options of the networks and of :func:`tfp_maf.fit` that the user gave.
        budget: seconds of training.
        seed: of weights and shuffles.
        as_json: whether to print the metrics as JSON at the end.

    Raises:
        OSError: the folder cannot be written.
        ValueError: the data or an option is invalid, or training diverged.
    """
    with cleared_up(run, is_first=True):
        parts = {name: parts_of(table, name, past=past) for name in PARTS}
        none = [name for name in ("train", "validation") if not parts[name]]
        if none:
            raise ValueError(f"{table.source}: no row of the {none[0]} part has one before it")
        network = {name: value for name, value in settings.items() if name in NETWORK}
        training = {name: value for name, value in settings.items() if name not in NETWORK}
        for each in (*(f"{table.source}: {note}" for note in table.notes), _sizes(table)):
            say(each)
        model = TimeFlow(
            len(table.columns.modelled),
            past=past,
            known_size=parts["train"][0].stretch.known.shape[1],
            conditional=conditional,
            encoder=encoder,
            seed=seed,
            **network,
        )
        metrics: dict[str, Any] = {"baselines": _baseline(parts)}
        checkpoint = make_folder(run.checkpoints) / CHECKPOINT
        began = time.perf_counter()
        failure: TrainingDiverged | None = None
        try:
            history = model.fit(
                *([p.stretch for p in parts[name]] for name in ("train", "validation")),
                max_seconds=budget,
                seed=seed,
                progress=shows(),
                checkpoint=checkpoint,
                **training,
            )
        except TrainingDiverged as error:
            failure, history = error, error.history
        if history.stopped == "interrupted":
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would lose the results
            say("interrupted: writing the best epoch so far; --resume continues the training run")
        metrics |= {"seconds": time.perf_counter() - began, **_summary(history)}
        run.write(runs.CONFIG, _config(table, options, model, training, seed))
        model.save(run.folder / MODEL)
        run.write_history(history.frame.assign(model=conditional))
        steps = scored(model, table, parts)
        for name in ("validation", "test"):
            found = steps.loc[steps["part"] == name, "log_prob"].dropna().to_numpy()
            if len(found):
                metrics[name] = report(f"trained model, {name}", Evaluation.of(found))
        for text in _warnings(history, metrics, budget):
            say(text)
        run.write(runs.METRICS, metrics)
        write_csv(run.folder / STEPS, steps)
        write_plots(run, table, model, steps)
        say(
            f"trained for {metrics['seconds']:.0f} s; epoch {history.epochs} was the last, "
            f"{history.best_epoch} the best, stopped: {history.stopped}; written to {run.folder}"
        )
        if as_json:
            say((run.folder / runs.METRICS).read_text(), always=True)
        if failure is not None:
            raise failure
    return 130 if history.stopped == "interrupted" else 0


def scored(model: TimeFlow, table: TimeTable, parts: dict[str, list[Part]]) -> pd.DataFrame:
    """Return the steps of validation and test, rows of the table, with likelihood and noise."""
    both = [(name, part) for name in ("validation", "test") for part in parts[name]]
    stretches = [part.stretch for _, part in both]
    frames = []
    for (name, part), found, noise in zip(
        both, model.log_probs(stretches), model.noises(stretches), strict=True
    ):
        places = part.places
        kept = part.series.is_row[places]
        frames.append(
            steps_frame(
                table.columns,
                part.series.name,
                part.series.steps[places[kept]],
                {"part": name, "log_prob": found[kept], **noise_columns(noise[kept])},
            )
        )
    return pd.concat(frames, ignore_index=True)


def _sizes(table: TimeTable) -> str:
    counts = " / ".join(f"{table.count(name):,}" for name in PARTS)
    columns = ", ".join(table.columns.modelled)
    return (
        f"{len(table.series)} series of {columns}, a step of {table.columns.axis.step_text}; "
        f"{counts} rows to train, validate and test, in time order"
    )


def _baseline(parts: dict[str, list[Part]]) -> dict[str, Any]:
    """Print and return the vector autoregression's test log-likelihood; empty if it can't be."""
    train, validation, test = ([p.stretch for p in parts[name]] for name in PARTS)
    try:
        model = VectorAutoregression.of_best_order(train, validation)
    except (ValueError, np.linalg.LinAlgError) as error:
        say(f"no vector autoregression: {error}")
        return {}
    found = np.concatenate([model.step_log_prob(stretch) for stretch in test])
    found = found[np.isfinite(found)]
    if len(found) == 0:
        return {}
    name = f"vector autoregression ({model.order}), test"
    return {"vector_autoregression": report(name, Evaluation.of(found)) | {"order": model.order}}


def _warnings(history: History, metrics: dict[str, Any], budget: float | None) -> list[str]:
    """Return what speaks against the model: training cut short, a baseline that is better."""
    found = []
    if history.stopped == "max_seconds" and history.best_epoch > 0.8 * history.epochs:
        found.append(
            f"the budget of {budget:g} s ended training after {history.epochs} epochs, the first "
            f"of {history.seconds[0]:.0f} s, to compile; the model was still getting better"
        )
    baseline = metrics["baselines"].get("vector_autoregression")
    if baseline is not None and "test" in metrics and metrics["test"]["mean"] < baseline["mean"]:
        found.append(
            "the vector autoregression is better than the model: the rows may be too few for a "
            "network, or the budget too small"
        )
    return found


def _summary(history: History) -> dict[str, Any]:
    step = history.milliseconds_per_step
    return {
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "milliseconds_per_step": step if math.isfinite(step) else None,
    }


def _config(
    table: TimeTable, options: TimeOptions, model: TimeFlow, training: dict[str, Any], seed: int
) -> dict[str, Any]:
    map_ = model.innovations
    scaler = Scaler(table.columns.modelled, map_.mean, map_.scale)
    return {
        "experiment": "time",
        "data": {
            "source": str(Path(table.source).resolve()),
            "simulated": False,
            "rows": {name: table.count(name) for name in PARTS},
        },
        "drop": list(options.drop),
        "left_out": [],
        "notes": list(table.notes),
        "reading": options.reading.to_json(),
        "time": table.columns.to_json(),
        "seed": seed,
        "model": model.settings,
        "training": training,
        "scaler": scaler.to_json(),
        "versions": runs.versions(),
        "devices": runs.devices(),
    }
