"""State of a training run, and the checkpoint that holds it."""

from __future__ import annotations

import dataclasses
import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from tfp_maf.flows.flow import Flow
from tfp_maf.training import checkpoints
from tfp_maf.training.history import History
from tfp_maf.training.objective import schedule_of

KEEP_EVERY = 10.0  # seconds between checkpoints: not every short epoch is worth a file


def fingerprint(rows: np.ndarray) -> list[int]:
    """Return the shape and CRC-32 of an array, by which a checkpoint recognises its data."""
    return [*rows.shape, zlib.crc32(np.ascontiguousarray(rows).data)]


def _plain(value: Any) -> Any:
    """Return a NumPy number as a Python number, and anything else as text."""
    return value.item() if isinstance(value, np.generic) else repr(value)


def _differing(stored: dict[str, Any], settings: dict[str, Any]) -> str | None:
    """Return the first setting, or part of one, that differs, with both values; None if none."""
    for name, value in settings.items():
        other = stored.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            parts = dict.fromkeys([*value, *other], "not given")  # other than None
            if part := _differing(parts | other, parts | value):
                return f"{name}: {part}"
        elif value != other:
            return f"{name} ({other}, now {value})"
    return None


class TrainingState:
    """State from which a training run resumes: weights, moments, best weights, history, shuffles.

    Args:
        flow, optimizer: whose variables are kept.
        rng: of the shuffles.
        settings: plain values; a checkpoint with others is refused.
    """

    def __init__(
        self,
        flow: Flow,
        optimizer: tf_keras.optimizers.Adam,
        rng: np.random.Generator,
        *,
        settings: dict[str, Any],
    ):
        self.flow, self.optimizer, self.rng = flow, optimizer, rng
        self.settings = json.loads(json.dumps(settings, default=_plain))  # as read
        self.history = History(untrained=float("nan"))
        self.best_weights = flow.get_weights()
        self.halved_at = 0
        self.step, self.total = 0, 0.0  # of the epoch under way, and their log-likelihoods
        self._shuffles = rng.bit_generator.state  # before the epoch's
        self._kept = -KEEP_EVERY

    def begin(self, untrained: float) -> None:
        """Start from the flow's current weights, whose validation score is ``untrained``."""
        self.history = History(untrained=untrained)
        self.best_weights = self.flow.get_weights()

    def begin_epoch(self) -> None:
        """Store the random state before the epoch's shuffle, so that the epoch can be resumed."""
        self._shuffles = self.rng.bit_generator.state

    def end_epoch(self, train: float, validation: float, *, seconds: float) -> None:
        """Record an epoch's scores, and the weights if they are the best so far."""
        self.step, self.total = 0, 0.0
        self._shuffles = self.rng.bit_generator.state
        best = self.history.best_validation
        self.history.train.append(train)
        self.history.validation.append(validation)
        self.history.seconds.append(seconds)
        if validation > best:
            self.history.best_epoch = self.history.epochs
            self.best_weights = self.flow.get_weights()

    @property
    def rate(self) -> float:
        """Learning rate at this step."""
        schedule = schedule_of(self.optimizer)
        if schedule is not None:
            return float(schedule(self.optimizer.iterations))
        return float(self.optimizer.learning_rate.numpy())

    def is_due(self, path: str | Path | None) -> bool:
        """Return whether a checkpoint is wanted and the last one is old enough."""
        return path is not None and time.monotonic() - self._kept >= KEEP_EVERY

    def keep(self, path: str | Path | None, *, at_once: bool = False) -> None:
        """Write the checkpoint, if one is wanted and the last one is old enough.

        Raises:
            OSError: If it can't be written.
        """
        if path is None or not (at_once or self.is_due(path)):
            return
        arrays = {
            "weights": self.flow.get_weights(),
            "best": self.best_weights,
            "optimizer": [v.numpy() for v in self.optimizer.variables],
        }
        values = {
            "settings": self.settings,
            "history": dataclasses.asdict(self.history),
            "halved_at": self.halved_at,
            # Not among the optimizer's variables.
            "learning_rate": self.rate,
            "step": self.step,
            "total": self.total,
            "shuffles": self._shuffles,
        }
        checkpoints.write(Path(path), arrays, values)
        self._kept = time.monotonic()

    def restore(self, path: str | Path | None) -> bool:
        """Restore the state that :meth:`keep` wrote; return False if there is no file yet.

        Raises:
            ValueError: If the file is damaged, or of a training run with other settings or data.
        """
        if path is None or not Path(path).exists():
            return False
        path = Path(path)
        arrays, values = checkpoints.read(path, ("weights", "best", "optimizer"))
        try:
            stored = values["settings"]
            if differing := _differing(stored, self.settings):
                raise ValueError(f"another {differing}")
            history = History(**values["history"])
            if not 0 <= history.best_epoch <= history.epochs:
                raise ValueError(f"best epoch {history.best_epoch} of {history.epochs}")
            for name, variables in (
                ("optimizer", self.optimizer.variables),
                ("weights", self.flow.variables),
                ("best", self.flow.variables),
            ):
                for variable, value in zip(variables, arrays[name], strict=True):
                    if tuple(variable.shape) != value.shape:
                        raise ValueError(f"{name} of shape {value.shape}, not {variable.shape}")
            for variable, value in zip(self.optimizer.variables, arrays["optimizer"], strict=True):
                variable.assign(value)
            self.flow.set_weights(arrays["weights"])
            self.history = history
            self.halved_at = int(values["halved_at"])
            if schedule_of(self.optimizer) is None:
                self.optimizer.learning_rate.assign(float(values["learning_rate"]))
            self.step, self.total = int(values["step"]), float(values["total"])
            self.rng.bit_generator.state = self._shuffles = values["shuffles"]
            self.best_weights = arrays["best"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is not of this training run: {error}; remove it to start again"
            ) from None
        return True
