"""What happened in each epoch of a training."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass
class History:
    """One entry an epoch, and how the training ended.

    Attributes:
        train: mean log-likelihood of the epoch's training batches, in nats, batch
            norm in training mode.
        validation: that of the validation rows after the epoch, in evaluation mode.
        seconds: since the training began, validation included.
        untrained: the validation log-likelihood before the first step.
        best_epoch: whose weights the flow now has; 0 is the untrained flow.
        stopped: ``"patience"``, ``"max_epochs"``, ``"interrupted"`` or ``"diverged"``.
        milliseconds_per_step: the median call's, compilation and validation left out;
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
        """How many were completed."""
        return len(self.validation)

    @property
    def best_validation(self) -> float:
        """The validation log-likelihood of the weights that the flow now has."""
        return self.validation[self.best_epoch - 1] if self.best_epoch else self.untrained

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
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
        """Columns ``epoch, train, validation, seconds``, a row an epoch."""
        return pd.DataFrame(
            {
                "epoch": range(1, self.epochs + 1),
                "train": self.train,
                "validation": self.validation,
                "seconds": self.seconds,
            }
        )
