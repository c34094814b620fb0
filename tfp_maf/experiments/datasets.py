"""Where the command line joins data preparation and flows: names and paths to splits."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import bsds300, cifar10, gas, hepmass, miniboone, mnist, power, simulate, table
from data_prep.splits import Splits
from tfp_maf.experiments.settings import EXPERIMENTS, STAND_IN_ROWS, Experiment

DATA_FOLDER = Path("data")
FILES = {"power": (power.FILE, power.PREPARED), "gas": (gas.FILE, gas.PREPARED)}
LOADERS: dict[str, Callable[..., Splits]] = {
    "power": power.load,
    "hepmass": hepmass.load,
    "miniboone": miniboone.load,
    "bsds300": bsds300.load,
    "mnist": mnist.load,
    "cifar10": cifar10.load,
}


def find_experiment(target: str) -> Experiment:
    """The experiment of that name, or one for the table at that path.

    Raises:
        ValueError: neither.
    """
    if target in EXPERIMENTS:
        return EXPERIMENTS[target]
    if Path(target).suffix or Path(target).exists():
        return Experiment()
    raise ValueError(
        f"{target!r} is neither an experiment ({', '.join(EXPERIMENTS)}) nor a table's path"
    )


def load_splits(
    experiment: str,
    source: str | None,
    *,
    drop: Sequence[str] = (),
    seed: int,
    progress: bool = True,
) -> Splits:
    """The splits of an experiment.

    Args:
        experiment: ``"table"``, or one of the paper's data sets.
        source: the raw file, or the folder it is in; by default ``data/EXPERIMENT``. For gas,
            without a file there, the simulated stand-in.
        drop: a table's columns to leave out.
        seed: of a table's shuffle and of the stand-in; the paper's sets keep the authors'.

    Raises:
        OSError, ValueError: no such file, or another format.
    """
    if experiment == "table":
        return table.load(str(source), drop=drop, seed=seed)
    if drop:
        raise ValueError(f"--drop is for tables; {experiment} has its own columns")
    folder = source or _folder(experiment)
    if experiment != "gas":
        return LOADERS[experiment](folder or DATA_FOLDER / experiment)
    if folder is None:
        return _stand_in(seed)
    return gas.load(folder, progress=progress)


def _folder(experiment: str) -> Path | None:
    """``data/EXPERIMENT`` or ``data``, where a data set's first file is in it."""
    folders = (DATA_FOLDER / experiment, DATA_FOLDER)
    files = FILES.get(experiment, ())
    return next((f for f in folders if any((f / name).is_file() for name in files)), None)


def _stand_in(seed: int) -> Splits:
    with tempfile.TemporaryDirectory() as folder:
        simulate.write_ethylene_co(Path(folder) / gas.FILE, rows=STAND_IN_ROWS, seed=seed)
        splits = gas.load(folder)
    return dataclasses.replace(
        splits, simulated=True, source=f"data_prep.simulate, {STAND_IN_ROWS} rows, seed {seed}"
    )


def reload_splits(config: dict[str, Any], *, progress: bool = True) -> Splits:
    """The splits that a run was trained on, from its ``config.json``.

    Raises:
        OSError, ValueError: the source is gone, or is not what it was.
    """
    data = config["data"]
    if data["simulated"]:
        splits = _stand_in(config["seed"])
    elif not Path(data["source"]).exists():
        raise FileNotFoundError(f"{data['source']}, which the run was trained on, is gone")
    else:
        splits = load_splits(
            config["experiment"],
            data["source"],
            drop=config["drop"],
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
