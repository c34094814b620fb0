"""The commands ``tfp-maf train`` and ``tfp-maf plot``, after parsing of the command line."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns.number_columns import NumberColumn
from tfp_maf.data_prep.files import naming
from tfp_maf.data_prep.reading.raw_files import STDIN
from tfp_maf.data_prep.splits import Splits
from tfp_maf.estimators.candidates import CANDIDATES, MIXTURE, Candidate, names_for
from tfp_maf.estimators.fit_table import FittedTable, fit_table
from tfp_maf.estimators.table_model import CATEGORIES, Member, TableModel
from tfp_maf.evaluation import baselines
from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.experiments import run as runs
from tfp_maf.experiments.datasets import reload_splits
from tfp_maf.experiments.held_out import write_held_out
from tfp_maf.experiments.post import train_as_the_post
from tfp_maf.experiments.prepare import Job, Prepared, cleared_up, prepare
from tfp_maf.experiments.report import TITLE_WIDTH, UNITS, report
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.settings import Experiment
from tfp_maf.experiments.table_options import TableOptions
from tfp_maf.experiments.tensorboard import Watcher
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian_mixture import COMPONENTS, fit_gaussian_mixture
from tfp_maf.plotting import figures
from tfp_maf.training.distributed import Workers, strategy_here
from tfp_maf.training.history import History
from tfp_maf.training.loop import TrainingDiverged, fit
from tfp_maf.utils.console import say, shows

MOST_LINES = 30  # about a table that are printed
NETWORK = ("num_layers", "hidden_units", "activation")


def train(job: Job, *, budget: float | None, tensorboard: bool, as_json: bool) -> int:
    """Train or resume a run, write its folder, print its metrics, and return the exit status.

    Args:
        job: the experiment, its options and, if they are loaded already, its rows.
        budget: seconds for all models of a table together.
        tensorboard: whether to write TensorBoard logs.
        as_json: whether to print the metrics as JSON at the end.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the data or an option is invalid, or training diverged.
    """
    workers = Workers.of(strategy_here(say) if job.distribute else None)
    is_first = workers.index == 0
    prepared = job.prepared or prepare(job, is_first=is_first)
    with cleared_up(prepared.run, is_first=is_first):
        status = _train_in(job, prepared, budget=budget, tensorboard=tensorboard, workers=workers)
        if as_json:
            say((prepared.run.folder / runs.METRICS).read_text(), always=True)
        return status


def _train_in(
    job: Job,
    prepared: Prepared,
    *,
    budget: float | None,
    tensorboard: bool,
    workers: Workers,
) -> int:
    """Build and train; the first worker also writes the run, the others only take steps."""
    experiment, options, seed = job.experiment, job.options, job.seed
    run, splits = prepared.run, prepared.splits
    bare = TableModel.untrained(splits)
    candidates = _candidates(experiment, bare)
    metrics: dict[str, Any] = {}
    if workers.index > 0:
        say(f"worker {workers.index} of {workers.count}: the first one writes {run.folder}")
    else:
        metrics = _begin(run, bare, splits, experiment, candidates, options, seed)

    def watch(name: str, flow: Flow) -> Any:
        if workers.index > 0:
            return None
        if len(candidates) > 1:
            say(f"training {name}")
        elif name in [candidate.name for candidate in candidates]:
            metrics["untrained"] = report("untrained flow, test", _untrained(flow, bare, splits))
        logs = run.folder / runs.LOGS / ("." if len(candidates) == 1 else name)
        return Watcher(logs, flow, splits=splits) if tensorboard else None

    failure = None
    try:
        result = fit_table(
            splits,
            candidates,
            seed=seed,
            budget=budget,
            checkpoints=run.checkpoints,
            progress=shows() and workers.index == 0,
            on_begin=watch,
            trainer=_as_the_post if experiment.recipe == "post" else fit,
            strategy=workers.strategy,
        )
    except TrainingDiverged as error:
        failure, result = error, error.fitted  # type: ignore[attr-defined]
    if workers.index > 0:
        for name, history in result.histories.items():
            say(f"{name}: {history.epochs} epochs, stopped: {history.stopped}")
    else:
        _finish(run, splits, result, metrics, experiment, seed)
    if failure is not None:
        raise failure
    return 130 if result.stopped == "interrupted" else 0


def _as_the_post(flow: Flow, train: Any, validation: Any, **options: Any) -> History:
    """Train with the post's loop, whose validation rows are its test rows."""
    return train_as_the_post(
        flow,
        train,
        validation,
        learning_rate=options["learning_rate"],
        batch_size=options["batch_size"],
        epochs=options["max_epochs"],
        line=say,
    )


def _candidates(experiment: Experiment, bare: TableModel) -> list[Candidate]:
    """Return the densities to try, with the user's settings."""
    if experiment.name != "table":
        return [Candidate("maf", "build_maf", experiment.model, experiment.training)]
    size = bare.number_condition_size
    names = list(experiment.models) or names_for(
        int((~bare.given_numbers).sum()), condition_size=size
    )
    if MIXTURE in names and size:
        raise ValueError(
            f"--model {MIXTURE} takes no condition, and this table has categories or given columns"
        )
    network = {n: getattr(experiment, n) for n in NETWORK if n in experiment.changed}
    training = {n: v for n, v in experiment.training.items() if n in experiment.changed}
    return [CANDIDATES[name].replaced(network, training) for name in names]


def _begin(
    run: Run,
    bare: TableModel,
    splits: Splits,
    experiment: Experiment,
    candidates: Sequence[Candidate],
    options: TableOptions,
    seed: int,
) -> dict[str, Any]:
    """Write the run's configuration, print the baselines that take no time, and return metrics."""
    columns = [] if splits.schema is None else splits.schema.describe()
    for lines in (splits.notes, columns):
        for line in lines[:MOST_LINES]:
            say(line)
        if len(lines) > MOST_LINES:
            say(f"and {len(lines) - MOST_LINES} lines more: see {run.folder / runs.CONFIG}")
    config = _config(experiment, splits, candidates, options=options, seed=seed)
    if run.has_checkpoint:
        _check_same(run, config)
    run.write(runs.CONFIG, config)
    say(
        f"{config['data']['source']}: {config['data']['rows']}, seed {seed}, tensorflow "
        f"{config['versions']['tensorflow']} on {', '.join(config['devices'])}"
    )
    say(f"log-likelihoods in {UNITS}:")
    metrics = {"experiment": experiment.name, "data": config["data"], "units": UNITS}
    metrics["baselines"] = _baselines(bare, splits)
    run.checkpoints.mkdir(exist_ok=True)
    return metrics


def _check_same(run: Run, config: dict[str, Any]) -> None:
    """Check that a run is resumed with its own options and data; the stopping rule may change.

    Raises:
        ValueError: an option or the data differ; the message names which.
    """
    ends = {"max_epochs", "patience"}
    before = TableOptions.from_json(run.config).to_json() | run.config
    table = ("drop", "weight", "given", "missing", "continuous", "schema", "reading")
    for name in ("experiment", "recipe", "data", *table, "seed", "model", "training", "scaler"):
        old, new = json.loads(json.dumps([before.get(name), config[name]]))
        if isinstance(old, dict) and isinstance(new, dict):
            old, new = _flat(old), _flat(new)
            keys = [key for key in {**old, **new} if key.rpartition(" ")[2] not in ends]
            differing = [key for key in keys if old.get(key) != new.get(key)]
            old, new = ({key: of.get(key) for key in differing} for of in (old, new))
        if old != new:
            raise ValueError(f"--resume: {run.folder} was trained with {name} {old}, not {new}")


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings by model and name: ``{"maf": {"l2": 0}}`` becomes ``{"maf l2": 0}``."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        inner = value if isinstance(value, dict) else {"": value}
        result |= {f"{name} {key}".strip(): each for key, each in inner.items()}
    return result


def _finish(
    run: Run,
    splits: Splits,
    result: FittedTable,
    metrics: dict[str, Any],
    experiment: Experiment,
    seed: int,
) -> None:
    """Write model, history, metrics and figures of a training run, however it ended."""
    model = result.model
    if result.stopped == "interrupted":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would lose the results
        say("interrupted: writing the best epoch so far; --resume continues the training run")
    for name, why in result.failures.items():
        say(f"{name} is left out: {why}")
    model.save(run.folder)
    history = runs.joined({name: each.frame for name, each in result.histories.items()})
    run.write_history(history)
    metrics["baselines"] |= _mixture_baseline(experiment, splits, result, seed)
    metrics["models"] = _members(result)
    scores = {part: model.log_prob(splits.rows(part)) for part in ("validation", "test")}
    for part, values in scores.items():
        metrics[part] = report(f"trained model, {part}", Evaluation.of(values))
    if model.categories is not None:
        test = splits.rows("test")
        metrics["test_parts"] = {
            "categories, log-probability": report(
                "  categories alone, test", Evaluation.of(model.category_log_prob(test))
            ),
            "numbers given the categories, log-density": report(
                "  numbers given categories, test", Evaluation.of(model.number_log_prob(test))
            ),
        }
    write_held_out(run.folder, scores, {part: splits.rows(part) for part in scores})
    metrics |= _training_metrics(result, seed)
    run.write(runs.METRICS, metrics)
    _write_plots(run, model, splits, history, metrics["baselines"])
    name = f"{metrics['heaviest_model']}: " if len(result.histories) > 1 else ""
    say(
        f"trained for {metrics['train_seconds']:.0f} s; {name}epoch {metrics['epochs']} was the "
        f"last, {metrics['best_epoch']} the best, stopped: {metrics['stopped']}; written to "
        f"{run.folder}"
    )
    if metrics["stopped"] == "max_epochs" and experiment.recipe is None:
        say(
            f"cut short by --max-epochs {experiment.max_epochs}, before the stopping rule ended "
            f"it; --resume with more continues"
        )


def _members(result: FittedTable) -> dict[str, Any]:
    """Print and return each candidate's validation log-likelihood and weight."""
    weights = {member.name: member.weight for member in result.model.members}
    values = {}
    for name, mean in result.validation.items():
        weight = weights.get(name, 0.0)
        if len(result.validation) > 1:
            say(f"  {name + ', validation':{TITLE_WIDTH}} {mean:10.3f}, weight {weight:.2f}")
        values[name] = {"validation": mean, "weight": weight}
    return values | {name: {"failed": why} for name, why in result.failures.items()}


def _untrained(flow: Flow, bare: TableModel, splits: Splits) -> Evaluation:
    from tfp_maf.training.batch_statistics import set_batch_statistics

    train, test = splits.rows("train"), splits.rows("test")
    set_batch_statistics(flow, bare.numbers(train), condition=bare.number_condition(train))
    untrained = TableModel(bare.schema, bare.scaler, None, [Member("untrained", flow)])
    return Evaluation.of(untrained.number_log_prob(test))


def _config(
    experiment: Experiment,
    splits: Splits,
    candidates: Sequence[Candidate],
    *,
    options: TableOptions,
    seed: int,
) -> dict[str, Any]:
    as_given = splits.simulated or splits.source == STDIN
    source = splits.source if as_given else str(Path(splits.source).resolve())
    rows = {name: len(splits.rows(name)) for name in ("train", "validation", "test")}
    return {
        "experiment": experiment.name,
        "recipe": experiment.recipe,
        "data": {"source": source, "simulated": splits.simulated, "rows": rows},
        **options.to_json(),
        "left_out": list(splits.left_out),
        "described": None if splits.schema is None else splits.schema.to_json(),
        "notes": list(splits.notes),
        "seed": seed,
        "model": {candidate.name: candidate.arguments for candidate in candidates},
        "training": {candidate.name: candidate.training for candidate in candidates},
        "scaler": splits.scaler.to_json(),
        "versions": runs.versions(),
        "devices": runs.devices(),
    }


def _baselines(bare: TableModel, splits: Splits) -> dict[str, Any]:
    """Print and return the baselines of the numbers, and of the categories, each on its own."""
    train, test = splits.rows("train"), splits.rows("test")
    result: dict[str, Any] = {}
    codes = [bare.codes(rows) for rows in (train, test)]
    sizes = np.array(list(bare.schema.category_sizes.values()), int)[~bare.given_codes]
    if len(sizes):
        independent = baselines.independent_categories(*codes, sizes=sizes)
        result["categories"] = report("categories, independent, test", independent)
    z, t = bare.numbers(train), bare.numbers(test)
    if not z.shape[1]:
        return result
    of = _of_numbers(bare)
    for name, rows, part in (("_train", z, train), ("", t, test)):
        value = baselines.standard_normal(rows, log_det=part.log_det)
        result[f"standard_normal{name}"] = report(
            f"standard normal{of}, {name[1:] or 'test'}", value
        )
    try:
        gaussian = baselines.gaussian(z, t, log_det=test.log_det)
        result["gaussian"] = report(f"full-covariance Gaussian{of}, test", gaussian)
    except ValueError:
        say("no Gaussian baseline: there are too few rows for a covariance")
        result["gaussian"] = None
    return result


def _of_numbers(model: TableModel) -> str:
    """Return what a baseline's title adds where a table has categories, too."""
    return "" if model.given_codes.all() else " of the numbers"


def _mixture_baseline(
    experiment: Experiment, splits: Splits, result: FittedTable, seed: int
) -> dict[str, Any]:
    """Print and return the Gaussian mixture's score, as a baseline, or None if there is none.

    It takes as long as some training runs, so it comes after them, unless it is one of the models.
    """
    model = result.model
    train, validation, test = (splits.rows(n) for n in ("train", "validation", "test"))
    z, v, t = (model.numbers(rows) for rows in (train, validation, test))
    if not z.shape[1]:
        return {}
    member = next((each for each in result.candidates if each.name == MIXTURE), None)
    try:
        if member is None and result.stopped == "interrupted":
            raise KeyboardInterrupt
        if member is None:
            is_table = experiment.name == "table"
            counts = COMPONENTS if is_table else (experiment.mixture_components,)
            member = Member(MIXTURE, fit_gaussian_mixture(z, v, components=counts, seed=seed))
        value = Evaluation.of(member.log_prob(t, None) + test.log_det)
        components = member.flow.arguments["components"]
        plural = "s" if components > 1 else ""
        title = f"mixture of {components} Gaussian{plural}{_of_numbers(model)}, test"
        return {MIXTURE: report(title, value) | {"components": components}}
    except (ValueError, KeyboardInterrupt) as error:
        say(f"no Gaussian mixture: {error or 'interrupted'}")
        return {MIXTURE: None}


def _training_metrics(result: FittedTable, seed: int) -> dict[str, Any]:
    """Return the metrics of the training run of the heaviest member."""
    weights = {member.name: member.weight for member in result.model.members}
    trained = [name for name in result.histories if name in weights] or list(result.histories)
    chosen = max(trained, key=lambda name: weights.get(name, 0.0), default=None)
    history = History(float("nan")) if chosen is None else result.histories[chosen]
    step = history.milliseconds_per_step
    seconds = sum(each.seconds[-1] for each in result.histories.values() if each.seconds)
    stopped = "interrupted" if result.stopped == "interrupted" else history.stopped
    return {
        "heaviest_model": chosen,
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "stopped": stopped,
        "lowest_validation": min(history.validation, default=None),
        "train_seconds": seconds,
        "milliseconds_per_step": step if math.isfinite(step) else None,
        "seed": seed,
        "versions": runs.versions(),
    }


def plot(folder: str) -> int:
    """Redraw the run's figures, and return the exit status."""
    run = Run.open(folder)
    config, history = run.config, run.history
    model = TableModel.load(folder, scaler=run.scaler)
    _write_plots(run, model, reload_splits(config), history, {})
    say(f"figures written to {run.folder / 'plots'}")
    return 0


def _write_plots(
    run: Run,
    model: TableModel,
    splits: Splits,
    history: pd.DataFrame,
    references: dict[str, Any],
) -> None:
    lines = {
        name.replace("_", " "): value["mean"]
        for name, value in references.items()
        if value is not None and name.startswith("gaussian")
    }
    rows = splits.rows("test")[: figures.MOST_POINTS * 5]
    drawn = {"learning_curve": _learning_curve(history, lines)}
    if model.members:
        names = model.schema.number_names
        places = np.flatnonzero(~model.given_numbers)
        noise_names = [names[place] for place in places]
        drawn["noise"] = figures.plot_noise(model.noise(rows), columns=noise_names)
        if not model.schema.given:
            drawn["samples"] = _pairs(model, splits, rows)
    folder = run.folder / "plots"
    with naming(folder):
        folder.mkdir(exist_ok=True)
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png", dpi=120)


def _learning_curve(history: pd.DataFrame, references: dict[str, float]) -> Any:
    """Return the curve of one model, or the validation curves of several."""
    of_numbers = history[history["model"] != CATEGORIES]
    if of_numbers["model"].nunique() < 2:
        return figures.plot_history(
            of_numbers if len(of_numbers) else history, references=references
        )
    curves: dict[str, Sequence[float]] = {
        str(name): list(each["validation"]) for name, each in of_numbers.groupby("model")
    }
    return figures.plot_curves(curves, xlabel="epoch", ylabel="validation log-likelihood (nats)")


def _pairs(model: TableModel, splits: Splits, rows: Any) -> Any:
    """Return the pairs of the numbers of held-out rows, with samples over them."""
    columns = [column for column in model.schema.columns if isinstance(column, NumberColumn)]
    labels = dict(zip(splits.scaler.columns, splits.scaler.labels, strict=True))
    sampled = model.sample_standard(figures.MOST_POINTS, seed=0)
    parts = []
    for z, codes in ((rows.z, rows.codes), sampled):
        frame = model.cells(z, codes)
        values = frame[[column.name for column in columns]].astype(float).to_numpy()
        whole = np.isfinite(values).all(axis=1)
        parts.append(values[whole] if whole.sum() > 1 else np.nan_to_num(values))
    return figures.plot_pairs(*parts, columns=[labels[column.name] for column in columns])
