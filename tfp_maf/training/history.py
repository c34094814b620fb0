"""History of a training run, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass
class History:
    """Record of a training run: one entry per epoch, and the reason why it stopped.

    Attributes:
        train: mean log-likelihood of the epoch's training batches, in nats, batch
            norm in training mode.
        validation: that of the validation rows after the epoch, in evaluation mode.
        seconds: time since the run began, validation included.
        untrained: the validation log-likelihood before the first step.
        best_epoch: number of the epoch whose weights the flow now has; 0 is the untrained flow.
        stopped: ``"patience"``, ``"max_epochs"``, ``"max_seconds"``, ``"interrupted"`` or
            ``"diverged"``.
        milliseconds_per_step: median over the calls, without compilation and validation;
            NaN before the second call.
    """

    untrained: float
    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = "max_epochs"
    milliseconds_per_step: float = float("nan")

    @property
    def epochs(self) -> int:
        """Number of epochs completed."""
        return len(self.validation)

    @property
    def best_validation(self) -> float:
        """Validation log-likelihood of the weights that the flow now has."""
        return self.validation[self.best_epoch - 1] if self.best_epoch else self.untrained

    @property
    def waited(self) -> int:
        """Number of epochs since the best one."""
        return self.epochs - self.best_epoch

    def __str__(self) -> str:
        if not self.epochs:
            return f"untrained, validation {self.untrained:.3f}"
        return (
            f"train {self.train[-1]:.3f}, validation {self.validation[-1]:.3f}, "
            f"best {self.best_validation:.3f} at epoch {self.best_epoch}"
        )

    @property
    def frame(self) -> pd.DataFrame:
        """Table with columns ``epoch, train, validation, seconds``, one row per epoch."""
        return pd.DataFrame(
            {
                "epoch": range(1, self.epochs + 1),
                "train": self.train,
                "validation": self.validation,
                "seconds": self.seconds,
            }
        )
