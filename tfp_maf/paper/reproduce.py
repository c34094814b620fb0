"""The command ``tfp-maf reproduce``: the paper's models on one data set, and its results table.

The paper is Papamakarios et al. 2017 (arXiv 1705.07057), section 4.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfp_maf.data_prep import cifar10, digits, imagenet64, mnist
from tfp_maf.data_prep.files import make_folder, replaced_when_whole, write_json
from tfp_maf.data_prep.splits import Splits
from tfp_maf.experiments.datasets import DATA_FOLDER, load_splits
from tfp_maf.experiments.run import METRICS
from tfp_maf.flows.catalogue import OF_IMAGES, REPRODUCED, UNCONDITIONAL
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.paper import table as results
from tfp_maf.paper.protocol import Interrupted, data_fingerprint, train_model
from tfp_maf.paper.published import IMAGES
from tfp_maf.paper.published import REPRODUCED as DATA_SETS
from tfp_maf.plotting import figures
from tfp_maf.utils.console import say

COMMAND = "command.json"
LEVEL_LOADERS: dict[str, Callable[[str], Splits]] = {
    "mnist": mnist.load_levels,
    "mnist_binary": mnist.load_binary,
    "cifar10": cifar10.load_levels,
    "digits": digits.load,
    "imagenet64": imagenet64.load_levels,
}
SAMPLES = 50
SAMPLES_PER_LABEL = 8
LABELS_DRAWN = 10


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
        name: name of the data set, a key of :data:`tfp_maf.paper.published.REPRODUCED`.
        data: folder with its files; ``data/NAME`` by default.
        out: folder to write to; ``results/NAME`` by default. Models in it are resumed or kept.
        models: names of models; by default all unconditional ones that suit the data.
        seed: seed of weights and shuffles.
        networks: ``hidden_units``, ``activation`` and ``log_scale_bound``, where they replace the
            data set's, or a model's of images.
        options: options of :func:`tfp_maf.fit` that replace the paper's.

    Returns:
        The exit status: 0, 2 if a model diverged, or 130 if interrupted.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: a model does not suit the data, or ``out`` holds models with other settings.
    """
    folder = Path(out or Path("results") / name)
    source = data or str(DATA_FOLDER / name)
    loaded = _load(name, source, seed=seed, models=models)
    rows = {}
    for splits in loaded.values():
        rows = {part: len(getattr(splits, part)) for part in ("train", "validation", "test")}
        say(f"{splits.source}: {rows['train']:,} / {rows['validation']:,} / {rows['test']:,} rows")
    make_folder(folder)
    of_all = OF_IMAGES if name in IMAGES else UNCONDITIONAL
    chosen = list(models) or [m for m in of_all if _why_not(m, loaded) is None]
    for model in chosen:
        unfit = _why_not(model, loaded)
        if unfit is not None:
            raise ValueError(f"{model}: {unfit}")
    status = 0
    for model in chosen:
        say(f"{REPRODUCED[model].label}:")
        splits = loaded[REPRODUCED[model].of_levels]
        own = DATA_SETS[name].networks_of(model, of_levels=REPRODUCED[model].of_levels)
        try:
            metrics = train_model(
                model, splits, folder / model, networks=own | networks, seed=seed, options=options
            )
        except Interrupted:
            say("interrupted: repeat the command to resume")
            return 130
        test = metrics["test"]
        say(
            f"  test {test['mean']:.2f} ± {test['two_standard_errors']:.2f} nats after "
            f"{metrics['epochs']} epochs, {metrics['stopped']}"
        )
        status = 2 if metrics["stopped"] == "diverged" else status
        command = _command(name, model, seed=seed, networks=networks, options=options)
        write_json(folder / model / COMMAND, {"command": command})
        _write(folder, name, loaded, rows, seed=seed)
        if splits.space is not None:
            _write_samples(folder, model, load_flow(folder / model), splits)
    say(f"written to {folder}")
    return status


def _load(name: str, source: str, *, seed: int, models: Sequence[str]) -> dict[bool, Splits]:
    """Load a data set for flows (False) and for models of levels (True), whichever are wanted."""
    kinds = {REPRODUCED[model].of_levels for model in models} or {name in IMAGES}
    loaded = {}
    if True in kinds and name in LEVEL_LOADERS:
        loaded[True] = LEVEL_LOADERS[name](source)
    if name not in IMAGES and (False in kinds or not loaded):
        loaded[False] = load_splits(name, source, seed=seed)
    return loaded or {True: LEVEL_LOADERS[name](source)}


def _why_not(model: str, loaded: dict[bool, Splits]) -> str | None:
    """Return the reason why a model does not suit a data set, or None."""
    if REPRODUCED[model].of_levels not in loaded:
        if True in loaded:
            return f"a density is not for levels; choose from {', '.join(OF_IMAGES)}"
        return "it models images, and these are none"
    splits = loaded[REPRODUCED[model].of_levels]
    if REPRODUCED[model].is_conditional and splits.labels is None:
        return f"{splits.source} has no labels to condition on"
    if REPRODUCED[model].is_of_images and splits.space is None:
        return f"{splits.source} has no images: it is for mnist, cifar10 and imagenet64"
    if model.startswith("nsf") and splits.space is not None:
        return "splines act between -3 and 3, but most pixel logits lie outside"
    return None


def _done(folder: Path, loaded: dict[bool, Splits], *, seed: int) -> dict[str, Any]:
    """Return the metrics of all finished models with this data and seed, in the paper's order.

    They are read from each model's own files, so that several commands can share one folder.
    """
    data = {kind: json.loads(json.dumps(data_fingerprint(s))) for kind, s in loaded.items()}
    done = {}
    for model in REPRODUCED:
        path = folder / model / METRICS
        if not path.is_file():
            continue
        try:
            metrics = json.loads(path.read_text())
            expected = data.get(REPRODUCED[model].of_levels, metrics["data"])
            if metrics["data"] != expected or metrics["seed"] != seed:
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
        words.append(f"--{option.replace('_', '-')}")
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return shlex.join(words)


def _write(
    folder: Path, name: str, loaded: dict[bool, Splits], rows: dict[str, int], *, seed: int
) -> None:
    done = _done(folder, loaded, seed=seed)
    write_json(folder / "results.json", {"dataset": name, "rows": rows, "models": done})
    title = f"{name.upper()}, {rows['train']:,} training and {rows['test']:,} test rows"
    notes = [
        "Mean test log-likelihood ± two standard errors; epochs: the best of all; parameters:",
        "unmasked ones. The published values are for the networks that the authors chose; ours,",
        "and the command for each row, are in results.json.",
    ]
    if {REPRODUCED[model].of_levels for model in done} == {True, False}:
        notes += [
            "Nats of PixelCNNs and their kin are logarithms of probabilities of levels, those of",
            "flows of densities of logits; only bits per dimension compare.",
        ]
    published = DATA_SETS[name].train_rows
    if rows["train"] != published:
        notes.append(f"They are for {published:,} training rows, so they are not comparable.")
    table = results.markdown(done, DATA_SETS[name], title=title, notes=notes)
    with replaced_when_whole(folder / "results.md") as file:
        file.write(table)
    results.figure(done, DATA_SETS[name], title=title).savefig(folder / "results.png", dpi=120)


def _write_samples(folder: Path, model: str, flow: Flow, splits: Splits) -> None:
    """Write a figure of samples as images, a row for each of ten labels of a conditional model."""
    assert splits.space is not None
    count = min(flow.conditioning.num_labels, LABELS_DRAWN)
    columns = SAMPLES_PER_LABEL if count else 10
    labels = [label for label in range(count) for _ in range(columns)]
    samples = flow.sample(len(labels) or SAMPLES, condition=labels or None, seed=0)
    images = splits.space.to_pixels(samples.numpy())
    figure = figures.plot_images(
        images, columns=columns, title=f"Samples, {REPRODUCED[model].label}"
    )
    figure.savefig(folder / f"samples_{model}.png", dpi=120)
