"""The command ``tfp-maf reproduce``: the paper's models on one data set, and its results table.

The paper is Papamakarios et al. 2017 (arXiv 1705.07057), section 4.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfp_maf.data_prep.files import make_folder, replaced_when_whole, write_json
from tfp_maf.data_prep.splits import Splits
from tfp_maf.experiments.datasets import DATA_FOLDER, load_splits
from tfp_maf.experiments.run import METRICS
from tfp_maf.flows.catalogue import MODELS, UNCONDITIONAL
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.paper import table as results
from tfp_maf.paper.protocol import Interrupted, data_fingerprint, train_model
from tfp_maf.paper.published import DATASETS
from tfp_maf.plotting import figures
from tfp_maf.utils.console import say

NETWORKS = ("hidden_units", "activation", "log_scale_bound")
COMMAND = "command.json"
SAMPLES = 50
SAMPLES_PER_LABEL = 8


def reproduce(
    name: str,
    *,
    data: str | None,
    out: str | None,
    models: Sequence[str],
    seed: int,
    networks: dict[str, Any],
    options: dict[str, Any],
) -> int:
    """Train each model that is not finished yet, and write the results table and figures.

    Args:
        name: name of the data set, a key of :data:`tfp_maf.paper.published.DATASETS`.
        data: folder with its files; ``data/NAME`` by default.
        out: folder to write to; ``results/NAME`` by default. Models in it are resumed or kept.
        models: names of models; by default all unconditional ones that suit the data.
        seed: seed of weights and shuffles.
        networks: ``hidden_units``, ``activation`` and ``log_scale_bound``, where they replace the
            data set's.
        options: options of :func:`tfp_maf.fit` that replace the paper's.

    Returns:
        The exit status: 0, 2 if a model diverged, or 130 if interrupted.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: a model does not suit the data, or ``out`` holds models with other settings.
    """
    dataset = DATASETS[name]
    used = {n: getattr(dataset, n) for n in NETWORKS} | networks
    folder = Path(out or Path("results") / name)
    splits = load_splits(name, data or str(DATA_FOLDER / name), seed=seed)
    rows = {part: len(getattr(splits, part)) for part in ("train", "validation", "test")}
    say(f"{splits.source}: {rows['train']:,} / {rows['validation']:,} / {rows['test']:,} rows")
    make_folder(folder)
    chosen = list(models) or [m for m in UNCONDITIONAL if _why_not(m, splits) is None]
    for model in chosen:
        unfit = _why_not(model, splits)
        if unfit is not None:
            raise ValueError(f"{model}: {unfit}")
    status = 0
    for model in chosen:
        say(f"{MODELS[model].label}:")
        try:
            metrics = train_model(
                model, splits, folder / model, networks=used, seed=seed, options=options
            )
        except Interrupted:
            say("interrupted: repeat the command to resume; at most ten seconds are lost")
            return 130
        test = metrics["test"]
        say(
            f"  test {test['mean']:.2f} ± {test['two_standard_errors']:.2f} nats after "
            f"{metrics['epochs']} epochs, {metrics['stopped']}"
        )
        status = 2 if metrics["stopped"] == "diverged" else status
        command = _command(name, model, seed=seed, networks=networks, options=options)
        write_json(folder / model / COMMAND, {"command": command})
        _write(folder, name, splits, rows, seed=seed)
        if splits.space is not None:
            _write_samples(folder, model, load_flow(folder / model), splits)
    say(f"written to {folder}")
    return status


def _why_not(model: str, splits: Splits) -> str | None:
    """Return the reason why a model does not suit a data set, or None."""
    if MODELS[model].is_conditional and splits.labels is None:
        return f"{splits.source} has no labels to condition on"
    if MODELS[model].is_of_images and splits.space is None:
        return f"{splits.source} has no images: it is for mnist and cifar10"
    if model.startswith("nsf") and splits.space is not None:
        return "splines act between -3 and 3, but most pixel logits lie outside"
    return None


def _done(folder: Path, splits: Splits, *, seed: int) -> dict[str, Any]:
    """Return the metrics of all finished models with this data and seed, in the paper's order.

    They are read from each model's own files, so that several commands can share one folder.
    """
    expected = {"data": json.loads(json.dumps(data_fingerprint(splits))), "seed": seed}
    done = {}
    for model in MODELS:
        path = folder / model / METRICS
        if not path.is_file():
            continue
        try:
            metrics = json.loads(path.read_text())
            if any(metrics[name] != value for name, value in expected.items()):
                say(f"{path.parent} has other data or another seed: left out of the table")
                continue
            _ = metrics["test"]["mean"], metrics["parameters"], metrics["epochs"]
            command = folder / model / COMMAND
            done[model] = metrics | (json.loads(command.read_text()) if command.is_file() else {})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error!r}); delete {path.parent}") from None
    return done


def _command(
    name: str, model: str, *, seed: int, networks: dict[str, Any], options: dict[str, Any]
) -> str:
    """Return the command that trains this model alone, without the folder options."""
    words = ["tfp-maf", "reproduce", name, "--models", model, "--seed", str(seed)]
    for option, value in (networks | options).items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{option.replace('_', '-')}", text]
    return shlex.join(words)


def _write(folder: Path, name: str, splits: Splits, rows: dict[str, int], *, seed: int) -> None:
    done = _done(folder, splits, seed=seed)
    write_json(folder / "results.json", {"dataset": name, "rows": rows, "models": done})
    title = f"{name.upper()}, {rows['train']:,} training and {rows['test']:,} test rows"
    notes = [
        "Mean test log-likelihood ± two standard errors; epochs: the best of all; parameters:",
        "unmasked ones. The published values are for the networks that the authors chose; ours,",
        "and the command for each row, are in results.json.",
    ]
    published = DATASETS[name].train_rows
    if rows["train"] != published:
        notes.append(f"They are for {published:,} training rows, so they are not comparable.")
    table = results.markdown(done, DATASETS[name], title=title, notes=notes)
    with replaced_when_whole(folder / "results.md") as file:
        file.write(table)
    results.figure(done, DATASETS[name], title=title).savefig(folder / "results.png", dpi=120)


def _write_samples(folder: Path, model: str, flow: Flow, splits: Splits) -> None:
    """Write a figure of samples as images, one row per label for a conditional model."""
    assert splits.space is not None
    count = flow.conditioning.num_labels
    columns = SAMPLES_PER_LABEL if count else 10
    labels = [label for label in range(count) for _ in range(columns)]
    samples = flow.sample(len(labels) or SAMPLES, condition=labels or None, seed=0)
    images = splits.space.to_pixels(samples.numpy())
    figure = figures.plot_images(images, columns=columns, title=f"Samples, {MODELS[model].label}")
    figure.savefig(folder / f"samples_{model}.png", dpi=120)
