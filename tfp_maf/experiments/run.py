"""Runs: the folders that ``tfp-maf train`` writes and the other commands read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.files import make_folder, write_csv, write_json
from tfp_maf.data_prep.splits import Scaler

CONFIG, METRICS, HISTORY = "config.json", "metrics.json", "history.csv"
CHECKPOINTS, LOGS = "checkpoints", "tensorboard"
PACKAGES = ("tfp_maf", "tensorflow", "tensorflow-probability", "tf_keras", "numpy")


@dataclass(frozen=True)
class Run:
    """Folder of one training run.

    It holds ``config.json``, ``metrics.json``, ``history.csv``, ``checkpoints/``, ``model/`` and
    ``plots/``.
    """

    folder: Path

    @classmethod
    def create(cls, folder: str | Path) -> Run:
        """Create the folder of a new run.

        Raises:
            OSError: the folder is not empty or cannot be written.
        """
        folder = Path(folder)
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(
                f"--out {folder} is not empty; choose another folder or delete it"
            )
        return cls(make_folder(folder))

    @classmethod
    def resume(cls, folder: str | Path) -> Run:
        """Open a run whose training was interrupted.

        Raises:
            OSError: there is no such run, or it has no checkpoint.
        """
        run = cls.open(folder)
        if not run.has_checkpoint:
            raise FileNotFoundError(
                f"--resume: {folder} has nothing in {CHECKPOINTS}: no checkpoint was written "
                f"before the run stopped; delete the folder and start again"
            )
        make_folder(folder)
        return run

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open an existing run.

        Raises:
            OSError: the folder is not a run.
        """
        folder = Path(folder)
        if not (folder / CONFIG).is_file():
            raise FileNotFoundError(f"{folder} is not a run of tfp-maf train: it has no {CONFIG}")
        return cls(folder)

    @property
    def checkpoints(self) -> Path:
        """Folder of the training checkpoints, one file per model."""
        return self.folder / CHECKPOINTS

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return any(self.checkpoints.glob("*.npz"))

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Write ``values`` to the JSON file ``name``."""
        write_json(self.folder / name, values)

    def write_history(self, history: pd.DataFrame) -> None:
        """Write ``history.csv``."""
        write_csv(self.folder / HISTORY, history)

    @property
    def config(self) -> dict[str, Any]:
        """Contents of ``config.json``: model, training settings, data and scaler.

        Raises:
            ValueError: the file is damaged.
        """
        path = self.folder / CONFIG
        try:
            values = json.loads(path.read_text())
            Scaler.from_json(values["scaler"])
            _ = [values[name] for name in ("experiment", "drop", "left_out", "seed")]
            _ = (
                values["data"]["source"],
                values["data"]["simulated"],
                values["data"]["rows"]["test"],
            )
        except (ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"{path} is damaged ({reason}); train again") from None
        return values

    @property
    def scaler(self) -> Scaler:
        """Scaler between the user's units and the flow's."""
        return Scaler.from_json(self.config["scaler"])

    @property
    def schema(self) -> Schema:
        """Description of the columns that the run's model knows."""
        described = self.config.get("described")  # a release knew plain numbers only
        return Schema.of_numbers(self.scaler) if described is None else Schema.from_json(described)

    @property
    def history(self) -> pd.DataFrame:
        """Learning curve, one row per epoch.

        Raises:
            OSError: the run has no ``history.csv``.
            ValueError: the file is damaged.
        """
        path = self.folder / HISTORY
        try:
            frame = pd.read_csv(path, **text_files.EXACT)
            numbers = frame[["epoch", "train", "validation", "seconds"]].astype(float)
            # A release wrote the curve of its one model without a name.
            return numbers.assign(model=frame.get("model", "maf"))
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path} is damaged ({error})") from None


def joined(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return learning curves under each other, with a column of the models' names."""
    frames = [frame.assign(model=name) for name, frame in histories.items()]
    columns = ["epoch", "train", "validation", "seconds", "model"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results may depend on."""
    return {"python": platform.python_version()} | {n: metadata.version(n) for n in PACKAGES}


def devices() -> list[str]:
    """Return the devices that TensorFlow uses: ``CPU (2 threads)`` and the name of each GPU."""
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return [f"CPU ({os.cpu_count()} threads)", *gpus]
