"""Lookup of experiments and loading of their splits, by name or by path of a table."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep import (
    bsds300,
    cifar10,
    gas,
    hepmass,
    imagenet64,
    miniboone,
    mnist,
    power,
    simulate,
    table,
)
from tfp_maf.data_prep.reading.raw_files import STDIN
from tfp_maf.data_prep.splits import Splits
from tfp_maf.experiments.settings import (
    EXPERIMENTS,
    GAS_AS_THE_POST,
    STAND_IN_ROWS,
    Experiment,
)
from tfp_maf.experiments.table_options import TableOptions

DATA_FOLDER = Path("data")
FILES = {"power": (power.FILE, power.PREPARED), "gas": (gas.FILE, gas.PREPARED)}
LOADERS: dict[str, Callable[..., Splits]] = {
    "power": power.load,
    "hepmass": hepmass.load,
    "miniboone": miniboone.load,
    "bsds300": bsds300.load,
    "mnist": mnist.load,
    "cifar10": cifar10.load,
    "imagenet64": imagenet64.load,
}


def find_experiment(target: str, *, recipe: str | None = None) -> Experiment:
    """Return the experiment of that name, or the default one for a table's path.

    Args:
        target: name of an experiment, or path of a table.
        recipe: ``"post"`` for gas as in the blog post.

    Raises:
        ValueError: ``target`` is neither a known name nor a path, or has no such recipe.
    """
    if recipe is not None:
        if (target, recipe) != ("gas", "post"):
            raise ValueError(f"--recipe {recipe} does not apply to `train {target}`")
        return GAS_AS_THE_POST
    if target in EXPERIMENTS:
        return EXPERIMENTS[target]
    if target == STDIN or Path(target).suffix or Path(target).exists():
        return Experiment()
    raise ValueError(
        f"{target!r} is neither an experiment ({', '.join(EXPERIMENTS)}) nor the path of a table"
    )


def load_splits(
    experiment: str,
    source: str | None,
    *,
    options: TableOptions | None = None,
    recipe: str | None = None,
    seed: int,
    progress: bool = True,
) -> Splits:
    """Load the splits of an experiment.

    Args:
        experiment: ``"table"``, or the name of one of the paper's data sets.
        source: the raw file or the folder that contains it; by default ``data/EXPERIMENT`` or
            ``data``. If gas has no file there, its simulated stand-in is used.
        options: what the user says about a table.
        recipe: ``"post"`` for gas prepared as in the blog post; by default, as in the paper.
        seed: seed of a table's shuffle, of the post's split and of the stand-in; the paper's
            splits have no seed.
        progress: whether to show a progress bar while reading.

    Raises:
        OSError: the file does not exist or cannot be read.
        ValueError: the file has another format, or has options of tables.
    """
    options = options or TableOptions()
    if experiment == "table":
        return table.load(str(source), seed=seed, **options.keywords)
    changed = options.changed()
    if "reading" in changed:
        raise ValueError(
            f"options of reading, such as --separator, are for tables only; the format of "
            f"{experiment} is fixed"
        )
    if changed:
        raise ValueError(
            f"--{changed[0]} is for tables only; the columns of {experiment} are fixed"
        )
    folder = source or _folder(experiment)
    if experiment != "gas":
        return LOADERS[experiment](folder or DATA_FOLDER / experiment)
    if folder is None:
        return _stand_in(seed, recipe=recipe)
    return _gas(folder, recipe=recipe, seed=seed, progress=progress)


def _folder(experiment: str) -> Path | None:
    """Return ``data/EXPERIMENT`` or ``data``, whichever contains the data set's raw file."""
    folders = (DATA_FOLDER / experiment, DATA_FOLDER)
    files = FILES.get(experiment, ())
    return next((f for f in folders if any((f / name).is_file() for name in files)), None)


def _gas(folder: str | Path, *, recipe: str | None, seed: int, progress: bool) -> Splits:
    """Load the gas data as in the paper or, with recipe ``"post"``, as in the post.

    The post trains on a whole random half of the rows and validates on the other. The validation
    rows are then the test rows, which choose nothing: there is no stopping rule.
    """
    if recipe is None:
        return gas.load(folder, progress=progress)
    splits = gas.load(folder, recipe="post", cutoff=gas.POST_CUTOFF, seed=seed, progress=progress)
    half = np.concatenate([splits.train, splits.validation])
    return dataclasses.replace(splits, train=half, validation=splits.test)


def _stand_in(seed: int, *, recipe: str | None) -> Splits:
    with tempfile.TemporaryDirectory() as folder:
        simulate.write_ethylene_co(Path(folder) / gas.FILE, rows=STAND_IN_ROWS, seed=seed)
        splits = _gas(folder, recipe=recipe, seed=seed, progress=False)
    return dataclasses.replace(
        splits, simulated=True, source=f"data_prep.simulate, {STAND_IN_ROWS} rows, seed {seed}"
    )


def reload_splits(config: dict[str, Any], *, progress: bool = True) -> Splits:
    """Reload the splits that a run was trained on.

    Args:
        config: contents of the run's ``config.json``.
        progress: whether to show a progress bar while reading.

    Raises:
        OSError: the source no longer exists.
        ValueError: the source has changed since.
    """
    data = config["data"]
    if data["simulated"]:
        splits = _stand_in(config["seed"], recipe=config.get("recipe"))
    elif data["source"] == STDIN:
        raise FileNotFoundError(
            "the run was trained on standard input, which cannot be read again; train on a file"
        )
    elif not Path(data["source"]).exists():
        raise FileNotFoundError(f"{data['source']}, which the run was trained on, no longer exists")
    else:
        splits = load_splits(
            config["experiment"],
            data["source"],
            options=TableOptions.from_json(config),
            recipe=config.get("recipe"),
            seed=config["seed"],
            progress=progress,
        )
    expected = config["scaler"]
    same = list(splits.scaler.columns) == expected["columns"] and np.allclose(
        [splits.scaler.mean, splits.scaler.scale], [expected["mean"], expected["scale"]], rtol=1e-9
    )
    if not same or len(splits.test) != data["rows"]["test"]:
        raise ValueError(f"{data['source']} has changed since the run was trained")
    return splits
