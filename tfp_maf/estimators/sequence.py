"""Density of short sequences of one length: a time-conditional flow whose past is the whole clip.

``log p(x_1..x_T) = sum_t log p(x_t | x_1..x_{t-1}, t)``: a frame ``x_t`` of D features is the event
of a conditional MAF, whose condition is the frames before it and its place. The blog post
"Experimenting with autoregressive flows in TensorFlow Probability" asks for layers better suited to
audio than MADE: a MADE over all T D features ignores that they are the same D features at T times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.time_series.flow import TimeFlow
from tfp_maf.time_series.sampling import sample_paths
from tfp_maf.time_series.windows import training_rows
from tfp_maf.training.history import History
from tfp_maf.utils.checks import check_positive_integer

MODEL: dict[str, Any] = {
    "num_layers": 5,
    "hidden_units": (128, 128),
    "activation": "relu",
    "log_scale_bound": 3.0,
}


class SequenceFlow:
    """Density over sequences ``[T, D]``.

    Attributes:
        frames, features: T and D.
        model: the :class:`~tfp_maf.TimeFlow` of a frame given those before it, and its place.

    Args:
        frames, features: T and D.
        past: number of previous frames that a frame is conditional on; all by default.
        seed: seed of the initial weights.
        options: options of :func:`tfp_maf.build_maf` that replace :data:`MODEL`.

    Raises:
        ValueError: a size is not a positive integer.
    """

    def __init__(
        self, frames: int, features: int, *, past: int | None = None, seed: int = 0, **options: Any
    ):
        for name, value in (("frames", frames), ("features", features)):
            check_positive_integer(name, value)
        past = max(frames - 1, 1) if past is None else past
        self._set(
            TimeFlow(
                features,
                past=past,
                known_size=frames,
                conditional="maf",
                encoder="window",
                length=frames,
                seed=seed,
                **(MODEL | options),
            )
        )

    def _set(self, model: TimeFlow) -> None:
        self.model, self.frames, self.features = model, model.layout.length, model.event_size

    def _rows(self, x: Any, name: str = "x") -> np.ndarray:
        """Return sequences ``[N, T, D]`` as windows, one each.

        Raises:
            ValueError: the sequences have another shape, or a value is not finite.
        """
        shape = list(np.shape(x))
        if len(shape) != 3 or shape[1:] != [self.frames, self.features]:
            raise ValueError(
                f"{name} must have shape [N, {self.frames}, {self.features}], got {shape}"
            )
        if not np.isfinite(x).all():
            raise ValueError(f"{name} must be finite numbers")
        place = np.eye(self.frames)
        return np.concatenate([self.model.rows(self.model.stretch(each, place)) for each in x])

    def fit(self, train: np.ndarray, validation: np.ndarray, **options: Any) -> History:
        """Maximise the mean log-likelihood per frame with :func:`tfp_maf.fit`.

        Args:
            train, validation: sequences ``[N, T, D]`` and ``[M, T, D]``.
            options: options of :func:`tfp_maf.fit`; a batch is of sequences.

        Returns:
            The history, with log-likelihoods per frame.
        """
        parts = [
            training_rows([self._rows(part, name)], self.model.layout)
            for part, name in ((train, "train"), (validation, "validation"))
        ]
        return self.model.fit_rows(*parts, **options)

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-likelihoods ``[N]`` of whole sequences ``[N, T, D]``, in nats.

        Raises:
            ValueError: the sequences have another shape, or a value is not finite.
        """
        return self.model.density.step_log_prob(self._rows(x)).sum(axis=1)

    def sample(self, n: int, *, seed: int | None = None) -> np.ndarray:
        """Draw sequences ``[n, T, D]``, frame by frame.

        Raises:
            ValueError: ``n`` is not a positive integer.
        """
        check_positive_integer("n", n)
        drawn = int(np.random.default_rng(seed).integers(2**31))
        nothing = np.empty([1, 0, self.features])
        place = np.eye(self.frames)[None]
        return sample_paths(
            self.model, nothing, steps=self.frames, paths=n, known=place, seed=drawn
        )[0]

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        self.model.save(folder)

    @classmethod
    def load(cls, folder: str | Path) -> SequenceFlow:
        """Load a density that :meth:`save` wrote.

        Raises:
            OSError: the folder holds no saved density.
            ValueError: a file is damaged.
        """
        loaded = cls.__new__(cls)
        loaded._set(TimeFlow.load(folder))
        return loaded
