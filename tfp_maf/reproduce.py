"""``tfp-maf reproduce``: the paper's models on one of its data sets, and its table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.files import replaced_when_whole
from data_prep.splits import Splits
from tfp_maf import plotting, results
from tfp_maf.datasets import DATA_FOLDER, load_splits
from tfp_maf.flow import Flow
from tfp_maf.paper import DATASETS, MODELS, UNCONDITIONAL
from tfp_maf.protocol import Interrupted, train_model, write_json
from tfp_maf.quiet import say
from tfp_maf.runs import make_folder
from tfp_maf.saving import load_flow

NETWORKS = ("hidden_units", "activation", "log_scale_bound")
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
    """Trains each model unless it is done already, and writes table and figures; exit status.

    Args:
        name: of :data:`tfp_maf.paper.DATASETS`.
        data: the folder with its files; ``data/NAME`` by default.
        out: the folder to write to; ``results/NAME`` by default. The same one again goes on.
        models: names; by default all that are not conditional.
        seed: of weights and shuffles.
        networks: ``hidden_units``, ``activation``, ``log_scale_bound``, in place of the data set's.
        options: of :func:`tfp_maf.fit`, in place of the paper's.
    """
    dataset = DATASETS[name]
    used = {n: getattr(dataset, n) for n in NETWORKS} | networks
    chosen = list(models) or list(UNCONDITIONAL)
    folder = make_folder(out or Path("results") / name)
    splits = load_splits(name, data or str(DATA_FOLDER / name), seed=seed)
    rows = {part: len(getattr(splits, part)) for part in ("train", "validation", "test")}
    say(f"{splits.source}: {rows['train']:,} / {rows['validation']:,} / {rows['test']:,} rows")
    done = _read(folder / "results.json", name)
    for model in chosen:
        say(f"{MODELS[model].label}:")
        try:
            done[model] = train_model(
                model,
                splits,
                folder / model,
                networks=used,
                seed=seed,
                options=options,
            )
        except Interrupted:
            say("interrupted: the same command goes on from here")
            return 130
        test = done[model]["test"]
        say(
            f"  test {test['mean']:.2f} ± {test['two_standard_errors']:.2f} nats after "
            f"{done[model]['epochs']} epochs, {done[model]['stopped']}"
        )
        done[model]["command"] = _command(
            name, model, seed=seed, networks=networks, options=options
        )
        done = {model: done[model] for model in MODELS if model in done}
        _write(folder, name, splits, done, rows)
        if splits.space is not None:
            _write_samples(folder, model, load_flow(folder / model), splits)
    say(f"written to {folder}")
    return 0


def _read(path: Path, name: str) -> dict[str, Any]:
    """The models of an earlier table in the same folder."""
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text())
        dataset, models = values["dataset"], values["models"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); remove it") from None
    if dataset != name:
        raise ValueError(f"{path} is of {dataset}, not {name}; give another --out")
    return dict(models)


def _command(
    name: str, model: str, *, seed: int, networks: dict[str, Any], options: dict[str, Any]
) -> str:
    """What trains this model alone; folders are the reader's own."""
    words = ["tfp-maf", "reproduce", name, "--models", model, "--seed", str(seed)]
    for option, value in (networks | options).items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{option.replace('_', '-')}", text]
    return shlex.join(words)


def _write(
    folder: Path, name: str, splits: Splits, done: dict[str, Any], rows: dict[str, int]
) -> None:
    write_json(folder / "results.json", {"dataset": name, "rows": rows, "models": done})
    title = f"{name.upper()}, {rows['train']:,} training and {rows['test']:,} test rows"
    notes = ["Mean test log-likelihood ± two standard errors; parameters without masked ones."]
    table = results.markdown(done, DATASETS[name], title=title, notes=notes)
    with replaced_when_whole(folder / "results.md") as file:
        file.write(table)
    results.figure(done, DATASETS[name], title=title).savefig(folder / "results.png", dpi=120)


def _write_samples(folder: Path, model: str, flow: Flow, splits: Splits) -> None:
    """Samples as images: a row a label for a conditional model."""
    assert splits.space is not None
    count = flow.conditioning.num_labels
    columns = SAMPLES_PER_LABEL if count else 10
    labels = [label for label in range(count) for _ in range(columns)]
    samples = flow.sample(len(labels) or SAMPLES, condition=labels or None, seed=0)
    images = splits.space.to_pixels(samples.numpy())
    figure = plotting.plot_images(images, columns=columns, title=f"Samples, {MODELS[model].label}")
    figure.savefig(folder / f"samples_{model}.png", dpi=120)
