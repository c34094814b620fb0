"""A run: the folder that ``tfp-maf train`` writes and the other commands read."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from data_prep import text_files
from data_prep.files import make_folder, write_csv, write_json
from data_prep.splits import Scaler

CONFIG, METRICS, HISTORY = "config.json", "metrics.json", "history.csv"
CHECKPOINTS, TRAINING, LOGS = "checkpoints", "training.npz", "tensorboard"
PACKAGES = ("tfp_maf", "tensorflow", "tensorflow-probability", "tf_keras", "numpy")


@dataclass(frozen=True)
class Run:
    """Holds ``config.json, metrics.json, history.csv, checkpoints/, model/, plots/``."""

    folder: Path

    @classmethod
    def create(cls, folder: str | Path) -> Run:
        """A new run.

        Raises:
            OSError: the folder has something in it, or can't be written.
        """
        folder = Path(folder)
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(f"--out {folder} is not empty; give another folder, or remove it")
        return cls(make_folder(folder))

    @classmethod
    def resume(cls, folder: str | Path) -> Run:
        """One whose training was interrupted.

        Raises:
            OSError: no such run, or nothing in it to go on from.
        """
        run = cls.open(folder)
        if not run.checkpoint.is_file():
            raise FileNotFoundError(
                f"--resume: {folder} has no {CHECKPOINTS}/{TRAINING}: its training had not kept "
                f"anything yet; remove the folder and train again"
            )
        make_folder(folder)
        return run

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """An existing one.

        Raises:
            OSError: no such run.
        """
        folder = Path(folder)
        if not (folder / CONFIG).is_file():
            raise FileNotFoundError(f"{folder} is not a run of tfp-maf train: it has no {CONFIG}")
        return cls(folder)

    @property
    def checkpoint(self) -> Path:
        """Where its training is kept."""
        return self.folder / CHECKPOINTS / TRAINING

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Writes a JSON file."""
        write_json(self.folder / name, values)

    def write_history(self, history: pd.DataFrame) -> None:
        """Writes ``history.csv``."""
        write_csv(self.folder / HISTORY, history)

    @property
    def config(self) -> dict[str, Any]:
        """What was trained, on what.

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
        """Between the user's units and the flow's."""
        return Scaler.from_json(self.config["scaler"])

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch.

        Raises:
            OSError: no such file. ValueError: it is damaged.
        """
        path = self.folder / HISTORY
        try:
            frame = pd.read_csv(path, **text_files.EXACT)
            return frame[["epoch", "train", "validation", "seconds"]].astype(float)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path} is damaged ({error})") from None


def versions() -> dict[str, str]:
    """Of Python and of the packages that a number may hang on."""
    return {"python": platform.python_version()} | {n: metadata.version(n) for n in PACKAGES}


def devices() -> list[str]:
    """What TensorFlow computes on: ``CPU (2 threads)``, and each GPU's name."""
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return [f"CPU ({os.cpu_count()} threads)", *gpus]
