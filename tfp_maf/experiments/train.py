"""The commands ``tfp-maf train`` and ``tfp-maf plot``, after parsing of the command line."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tfp_maf.data_prep.files import naming
from tfp_maf.data_prep.raw_files import STDIN
from tfp_maf.data_prep.reading import Reading
from tfp_maf.data_prep.splits import Splits
from tfp_maf.evaluation import baselines
from tfp_maf.evaluation.likelihood import Evaluation, evaluate
from tfp_maf.experiments import run as runs
from tfp_maf.experiments.datasets import find_experiment, load_splits, reload_splits
from tfp_maf.experiments.post import train_as_the_post
from tfp_maf.experiments.report import UNITS, report
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.settings import Experiment
from tfp_maf.experiments.tensorboard import Watcher
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.flows.maf import build_maf
from tfp_maf.plotting import figures
from tfp_maf.training.distributed import Workers, strategy_here
from tfp_maf.training.history import History
from tfp_maf.training.loop import TrainingDiverged, fit
from tfp_maf.utils.console import say, shows


def train(
    target: str,
    *,
    data: str | None,
    out: str | None,
    drop: Sequence[str],
    weight: str | None,
    reading: Reading,
    resume: bool,
    distribute: bool,
    tensorboard: bool,
    as_json: bool,
    recipe: str | None = None,
    seed: int,
    overrides: dict[str, Any],
) -> int:
    """Train or resume a run, write its folder, print its metrics, and return the exit status.

    Args:
        target: name of an experiment, or path of a table.
        data: raw file of a named experiment, or its folder.
        out: folder of the run; ``runs/`` and the target's name by default.
        drop: columns to leave out of a table.
        weight: column of a table that holds each row's weight.
        reading: what the user says about how to read a table.
        resume: whether to resume the interrupted run in ``out``.
        distribute: whether to train with the other workers listed in ``TF_CONFIG``.
        tensorboard: whether to write TensorBoard logs.
        as_json: whether to print the metrics as JSON at the end.
        recipe: ``"post"`` for gas prepared and trained on as in the blog post.
        seed: seed of weights, shuffles and of a table's split.
        overrides: fields of :class:`Experiment` to replace.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the data or an option is invalid, or training diverged.
    """
    workers = Workers.of(strategy_here(say) if distribute else None)
    experiment = find_experiment(target, recipe=recipe)
    if experiment.name == "table":
        if data is not None:
            raise ValueError("--data is for named experiments only; give just the path of a table")
        data = target
    folder = out or Path("runs") / ("stdin" if target == STDIN else Path(target).stem)
    if workers.index > 0:
        run = Run(Path(folder))
    else:
        run = Run.resume(folder) if resume else Run.create(folder)
    try:
        status = _train_in(
            run,
            experiment,
            data,
            drop=drop,
            weight=weight,
            reading=reading,
            tensorboard=tensorboard,
            seed=seed,
            overrides=overrides,
            workers=workers,
        )
        if as_json:
            say((run.folder / runs.METRICS).read_text(), always=True)
        return status
    except BaseException as error:
        if workers.index > 0:
            raise
        if not run.checkpoint.exists():  # no training to lose
            shutil.rmtree(run.folder)
        elif isinstance(error, OSError) and "--resume" not in str(error):
            raise OSError(f"{error}; --resume continues from the last checkpoint") from error
        raise


def _train_in(
    run: Run,
    experiment: Experiment,
    data: str | None,
    *,
    drop: Sequence[str],
    weight: str | None,
    reading: Reading,
    tensorboard: bool,
    seed: int,
    overrides: dict[str, Any],
    workers: Workers,
) -> int:
    """Load, build, train; the first worker also writes the run, the others only take steps."""
    experiment, splits = _load(
        experiment, data, drop=drop, weight=weight, reading=reading, seed=seed, overrides=overrides
    )
    flow = _build(experiment, splits, seed)
    metrics: dict[str, Any] = {}
    watcher = None
    if workers.index > 0:
        say(f"worker {workers.index} of {workers.count}: the first one writes {run.folder}")
    else:
        metrics = _begin(
            run, flow, splits, experiment, drop=drop, weight=weight, reading=reading, seed=seed
        )
        watcher = Watcher(run.folder / runs.LOGS, flow, splits=splits) if tensorboard else None
    failure = None
    try:
        history = _fit(run, flow, splits, experiment, seed, watcher=watcher, workers=workers)
    except TrainingDiverged as error:
        failure, history = error, error.history
    if workers.index > 0:
        say(f"{history.epochs} epochs, stopped: {history.stopped}")
    else:
        _finish(run, flow, splits, history, metrics, experiment, seed)
    if failure is not None:
        raise failure
    return 130 if history.stopped == "interrupted" else 0


def _begin(
    run: Run,
    flow: Flow,
    splits: Splits,
    experiment: Experiment,
    *,
    drop: Sequence[str],
    weight: str | None,
    reading: Reading,
    seed: int,
) -> dict[str, Any]:
    """Write the run's configuration, print the baselines, and return the metrics so far."""
    for note in splits.notes:
        say(note)
    config = _config(experiment, splits, drop=drop, weight=weight, reading=reading, seed=seed)
    if run.checkpoint.exists():
        _check_same(run, config)
    run.write(runs.CONFIG, config)
    say(
        f"{config['data']['source']}: {config['data']['rows']}, seed {seed}, tensorflow "
        f"{config['versions']['tensorflow']} on {', '.join(config['devices'])}"
    )
    say(f"log-likelihoods in {UNITS}:")
    metrics = {"experiment": experiment.name, "data": config["data"], "units": UNITS}
    metrics["baselines"] = _baselines(experiment, splits, seed)
    metrics["untrained"] = report("untrained flow, test", _untrained(flow, splits))
    run.checkpoint.parent.mkdir(exist_ok=True)
    return metrics


def _load(
    experiment: Experiment,
    data: str | None,
    *,
    drop: Sequence[str],
    weight: str | None,
    reading: Reading,
    seed: int,
    overrides: dict[str, Any],
) -> tuple[Experiment, Splits]:
    splits = load_splits(
        experiment.name,
        data,
        drop=drop,
        weight=weight,
        reading=reading,
        recipe=experiment.recipe,
        seed=seed,
        progress=shows(),
    )
    if splits.simulated:
        say("no data/ethylene_CO.txt: training on a simulated stand-in for the gas data")
    return dataclasses.replace(experiment, **overrides), splits


def _check_same(run: Run, config: dict[str, Any]) -> None:
    """Check that a run is resumed with its own options and data; the stopping rule may change.

    Raises:
        ValueError: an option or the data differ; the message names which.
    """
    ends = {"max_epochs", "patience"}
    before = {"reading": Reading().to_json()} | run.config
    data = ("experiment", "recipe", "data", "drop", "weight", "reading", "seed")
    for name in (*data, "model", "training", "scaler"):
        old, new = json.loads(json.dumps([before.get(name), config[name]]))
        if isinstance(old, dict):
            differing = [k for k in new if k not in ends and old.get(k) != new[k]]
            old, new = ({k: of.get(k) for k in differing} for of in (old, new))
        if old != new:
            raise ValueError(f"--resume: {run.folder} was trained with {name} {old}, not {new}")


def _build(experiment: Experiment, splits: Splits, seed: int) -> Flow:
    return build_maf(splits.train.shape[1], seed=seed, **experiment.model)


def _finish(
    run: Run,
    flow: Flow,
    splits: Splits,
    history: History,
    metrics: dict[str, Any],
    experiment: Experiment,
    seed: int,
) -> None:
    """Write model, history, metrics and figures of a training run, however it ended."""
    if history.stopped == "interrupted":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would lose the results
        say("interrupted: writing the best epoch so far; --resume continues the training run")
    flow.save(run.folder, scaler=splits.scaler)
    run.write_history(history.frame)
    metrics["validation"] = report("trained flow, validation", evaluate(flow, splits.validation))
    metrics["test"] = report("trained flow, test", evaluate(flow, splits.test))
    metrics |= _training_metrics(history, seed)
    run.write(runs.METRICS, metrics)
    _write_plots(run, flow, splits, history.frame, metrics["baselines"])
    say(
        f"{history.epochs} epochs in {metrics['train_seconds']:.0f} s, best epoch "
        f"{history.best_epoch}, stopped: {history.stopped}; written to {run.folder}"
    )
    if history.stopped == "max_epochs" and experiment.recipe is None:
        say(
            f"cut short by --max-epochs {experiment.max_epochs}: {experiment.patience} epochs "
            f"without a better validation score would have ended it; --resume with more continues"
        )


def _fit(
    run: Run,
    flow: Flow,
    splits: Splits,
    experiment: Experiment,
    seed: int,
    *,
    watcher: Watcher | None,
    workers: Workers,
) -> History:
    """Train the flow, or resume from its checkpoint; only the first worker shows progress."""
    if experiment.recipe == "post":
        return train_as_the_post(
            flow,
            splits.train,
            splits.test,
            learning_rate=experiment.learning_rate,
            batch_size=experiment.batch_size,
            epochs=experiment.max_epochs,
            line=say,
        )
    return fit(
        flow,
        splits.train,
        splits.validation,
        sample_weight=splits.weights,
        standardise=False,  # the splits' scaler has done it
        seed=seed,
        checkpoint=run.checkpoint,
        progress=shows() and workers.index == 0,
        on_epoch=watcher,
        strategy=workers.strategy,
        **experiment.training,
    )


def _untrained(flow: Flow, splits: Splits) -> Evaluation:
    from tfp_maf.training.batch_statistics import set_batch_statistics

    set_batch_statistics(flow, splits.train)
    return evaluate(flow, splits.test)


def _config(
    experiment: Experiment,
    splits: Splits,
    *,
    drop: Sequence[str],
    weight: str | None,
    reading: Reading,
    seed: int,
) -> dict[str, Any]:
    as_given = splits.simulated or splits.source == STDIN
    source = splits.source if as_given else str(Path(splits.source).resolve())
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        "experiment": experiment.name,
        "recipe": experiment.recipe,
        "data": {
            "source": source,
            "simulated": splits.simulated,
            "rows": {name: len(part) for name, part in parts.items()},
        },
        "drop": list(drop),
        "weight": weight,
        "reading": reading.to_json(),
        "left_out": list(splits.left_out),
        "seed": seed,
        "model": experiment.model,
        "training": experiment.training,
        "scaler": splits.scaler.to_json(),
        "versions": runs.versions(),
        "devices": runs.devices(),
    }


def _baselines(experiment: Experiment, splits: Splits, seed: int) -> dict[str, Any]:
    train, test = splits.train, splits.test
    result: dict[str, Any] = {
        "standard_normal_train": report("base, train", baselines.standard_normal(train)),
        "standard_normal": report("base, test", baselines.standard_normal(test)),
        "gaussian": report("full-covariance Gaussian, test", baselines.gaussian(train, test)),
        "gaussian_mixture": None,
    }
    mixture = baselines.gaussian_mixture(
        train, test, components=experiment.mixture_components, seed=seed
    )
    if mixture is None:
        say("no Gaussian mixture baseline: it needs pip install 'tfp_maf[baselines]'")
    else:
        name = f"mixture of {experiment.mixture_components} Gaussians, test"
        result["gaussian_mixture"] = report(name, mixture) | {
            "components": experiment.mixture_components
        }
    return result


def _training_metrics(history: History, seed: int) -> dict[str, Any]:
    step = history.milliseconds_per_step
    return {
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "lowest_validation": min(history.validation, default=None),
        "train_seconds": history.seconds[-1] if history.seconds else 0.0,
        "milliseconds_per_step": step if math.isfinite(step) else None,
        "seed": seed,
        "versions": runs.versions(),
    }


def plot(folder: str) -> int:
    """Redraw the run's figures, and return the exit status."""
    run = Run.open(folder)
    config, history = run.config, run.history
    flow = load_flow(folder, scaler=run.scaler)
    _write_plots(run, flow, reload_splits(config), history, {})
    say(f"figures written to {run.folder / 'plots'}")
    return 0


def _write_plots(
    run: Run, flow: Flow, splits: Splits, history: pd.DataFrame, references: dict[str, Any]
) -> None:
    lines = {
        name.replace("_", " "): value["mean"]
        for name, value in references.items()
        if value is not None and name.startswith("gaussian")
    }
    rows = splits.test[: figures.MOST_POINTS * 5]
    samples = flow.sample(figures.MOST_POINTS, seed=0).numpy()
    scaler = splits.scaler
    drawn = {
        "learning_curve": figures.plot_history(history, references=lines),
        "samples": figures.plot_pairs(
            scaler.unstandardise(rows), scaler.unstandardise(samples), columns=scaler.labels
        ),
        "noise": figures.plot_noise(flow.noise(rows).numpy(), columns=scaler.columns),
    }
    folder = run.folder / "plots"
    with naming(folder):
        folder.mkdir(exist_ok=True)
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png", dpi=120)
